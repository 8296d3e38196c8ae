//! The cells of the wakeup probe, measured by agents, round by round, and recorded.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use record::{
    Percentiles, ProbeRecord, ProbeRound, ProbeStatus, RunFolder, SCHEMA_VERSION, Timestamp,
};
use spec::{Mechanism, Probe, ProbeMode, WakeupProbe};
use sys::cpu::Topology;
use wakeup::{Cell, ProbeSpec};

use crate::agents::probe::Times;
use crate::lab::Agent;

/// Beyond a cell's own time limit.
const SLACK: Duration = Duration::from_secs(10);

/// One cell in one round.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    cell: Cell,
    /// The round, counted from 1.
    round: u32,
    /// The cell's rounds.
    of: u32,
}

impl Step {
    /// The cell's name, and the round where there are several.
    pub(crate) fn name(&self) -> String {
        match self.of {
            1 => self.cell.id(),
            of => format!("{}, round {} of {of}", self.cell.id(), self.round),
        }
    }
}

/// Every cell of the spec's probes in every round, refused cells once; in each round all cells of
/// a probe take their turn.
pub(crate) fn steps(probes: &[Probe]) -> Result<Vec<Step>> {
    let topology = Topology::read()?;
    let allowed = sys::cpu::affinity(None)?;
    let mut steps = Vec::new();
    for Probe::Wakeup(probe) in probes {
        let cells = wakeup::cells(&in_its_words(probe), &topology, &allowed);
        steps.extend((1..=probe.rounds).flat_map(|round| {
            let here = cells
                .iter()
                .filter(move |cell| round == 1 || cell.refusal.is_none());
            here.map(move |cell| Step {
                cell: cell.clone(),
                round,
                of: probe.rounds,
            })
        }));
    }
    Ok(steps)
}

/// The rounds of one run that were measured by this process.
#[derive(Debug, Default)]
pub(crate) struct Rounds(BTreeMap<String, Vec<ProbeRound>>);

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
        samples: probe.samples.0.div_ceil(u64::from(probe.rounds)),
        time_limit_ns: probe.time_limit.as_nanos() / u64::from(probe.rounds),
        total_limit_ns: probe
            .total_limit
            .map(|limit| limit.as_nanos() / u64::from(probe.rounds)),
    }
}

/// Takes one step and records its cell with the rounds so far; returns one line about it. A cell
/// of which an earlier process recorded only some rounds is measured anew.
pub(crate) fn run(step: &Step, rounds: &mut Rounds, folder: &mut RunFolder) -> Result<String> {
    let Step { cell, of, .. } = step;
    let name = step.name();
    let record = |status| ProbeRecord {
        schema_version: SCHEMA_VERSION,
        cell_id: cell.id(),
        mechanism: cell.mechanism.name().to_owned(),
        pair_class: cell.pair_class.name().to_owned(),
        mode: cell.mode.name().to_owned(),
        writer_cpu: Some(cell.writer.0),
        reader_cpu: Some(cell.reader.0),
        samples: 0,
        time: Percentiles::default(),
        rounds: Vec::new(),
        status,
    };
    if folder
        .probes()
        .iter()
        .any(|done| done.cell_id == cell.id() && complete(done, *of))
    {
        return Ok(format!("{name}: recorded already"));
    }
    if let Some(refusal) = &cell.refusal {
        folder.record_probe(record(ProbeStatus::Refused(refusal.to_string())), &[])?;
        return Ok(format!("{name}: refused: {refusal}"));
    }
    let started = Timestamp::now();
    let mut agent = Agent::<Cell, Times>::start("probe", None)?;
    let within = Duration::from_nanos(cell.time_limit_ns) + SLACK;
    let times = agent.ask(cell, within)?.histogram()?;
    let took = Timestamp::now()
        .system_time()
        .duration_since(started.system_time());
    let line = format!("{name}: {} samples", times.len());
    let rounds = rounds.0.entry(cell.id()).or_default();
    rounds.push(ProbeRound {
        times,
        started,
        length: took.unwrap_or_default(),
    });
    folder.record_probe(record(ProbeStatus::Ok), rounds)?;
    Ok(line)
}

/// Whether a recorded cell needs nothing more.
fn complete(record: &ProbeRecord, rounds: u32) -> bool {
    match record.status {
        ProbeStatus::Refused(_) => true,
        ProbeStatus::Ok => record.rounds.len().max(1) as u64 >= u64::from(rounds),
    }
}

#[cfg(test)]
mod tests {
    use spec::{Count, Duration as Length};

    use super::*;

    #[test]
    fn cells_take_turns_and_share_samples_and_time_among_their_rounds() {
        let probe = Probe::Wakeup(WakeupProbe {
            mechanisms: vec![Mechanism::Eventfd, Mechanism::Spin],
            modes: vec![ProbeMode::Idle],
            samples: Count(100),
            time_limit: Length(30_000),
            total_limit: None,
            rounds: 3,
        });
        let steps = steps(&[probe]).expect("this machine has CPUs");
        let refused = steps.iter().filter(|step| step.cell.refusal.is_some());
        assert!(refused.clone().all(|step| step.round == 1));
        let measured: Vec<&Step> = steps
            .iter()
            .filter(|step| step.cell.refusal.is_none())
            .collect();
        let each = measured.len() / 3;
        assert!(each > 0 && measured.len() == 3 * each);
        for (index, step) in measured.iter().enumerate() {
            assert_eq!(step.round as usize, index / each + 1);
            assert_eq!(step.cell, measured[index % each].cell);
            assert_eq!((step.cell.samples, step.cell.time_limit_ns), (34, 10_000));
        }
        assert!(steps[0].name().ends_with("round 1 of 3"));
    }
}
