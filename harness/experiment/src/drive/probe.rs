//! One cell of the wakeup probe, measured by an agent and recorded.

use std::time::Duration;

use anyhow::Result;
use record::{Percentiles, ProbeRecord, ProbeStatus, RunFolder, SCHEMA_VERSION, Timestamp};
use spec::{Mechanism, Probe, ProbeMode, WakeupProbe};
use sys::cpu::Topology;
use wakeup::{Cell, ProbeSpec};

use crate::agents::probe::Times;
use crate::lab::Agent;

/// Beyond a cell's own time limit.
const SLACK: Duration = Duration::from_secs(10);

/// Every cell of the spec's probes, refused ones included.
pub(crate) fn cells(probes: &[Probe]) -> Result<Vec<Cell>> {
    let topology = Topology::read()?;
    let allowed = sys::cpu::affinity(None)?;
    Ok(probes
        .iter()
        .flat_map(|probe| match probe {
            Probe::Wakeup(wakeup) => wakeup::cells(&in_its_words(wakeup), &topology, &allowed),
        })
        .collect())
}

fn in_its_words(probe: &WakeupProbe) -> ProbeSpec {
    let mechanism = |mechanism: &Mechanism| match mechanism {
        Mechanism::Eventfd => wakeup::Mechanism::Eventfd,
        Mechanism::Futex => wakeup::Mechanism::Futex,
        Mechanism::Pipe => wakeup::Mechanism::Pipe,
        Mechanism::Spin => wakeup::Mechanism::Spin,
    };
    let mode = |mode: &ProbeMode| match mode {
        ProbeMode::Idle => wakeup::Mode::Idle,
        ProbeMode::BackToBack => wakeup::Mode::BackToBack,
    };
    ProbeSpec {
        mechanisms: probe.mechanisms.iter().map(mechanism).collect(),
        modes: probe.modes.iter().map(mode).collect(),
        samples: probe.samples.0,
        time_limit_ns: probe.time_limit.as_nanos(),
        total_limit_ns: probe.total_limit.map(|limit| limit.as_nanos()),
    }
}

/// Measures `cell` and records it; returns one line about it.
pub(crate) fn run(cell: &Cell, folder: &mut RunFolder) -> Result<String> {
    let name = cell.id();
    let record = |status, samples| ProbeRecord {
        schema_version: SCHEMA_VERSION,
        cell_id: name.clone(),
        mechanism: cell.mechanism.name().to_owned(),
        pair_class: cell.pair_class.name().to_owned(),
        mode: cell.mode.name().to_owned(),
        writer_cpu: Some(cell.writer.0),
        reader_cpu: Some(cell.reader.0),
        samples,
        time: Percentiles::default(),
        status,
    };
    if folder.probes().iter().any(|done| done.cell_id == name) {
        return Ok(format!("{name}: recorded already"));
    }
    if let Some(refusal) = &cell.refusal {
        folder.record_probe(record(ProbeStatus::Refused(refusal.to_string()), 0), None)?;
        return Ok(format!("{name}: refused: {refusal}"));
    }
    let started = Timestamp::now();
    let mut agent = Agent::<Cell, Times>::start("probe", None)?;
    let within = Duration::from_nanos(cell.time_limit_ns) + SLACK;
    let times = agent.ask(cell, within)?.histogram()?;
    let took = Timestamp::now()
        .system_time()
        .duration_since(started.system_time());
    let measured = (&times, started, took.unwrap_or_default());
    let recorded = folder.record_probe(record(ProbeStatus::Ok, times.len()), Some(measured))?;
    Ok(format!("{name}: {} samples", recorded.samples))
}
