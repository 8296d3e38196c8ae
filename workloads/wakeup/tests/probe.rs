//! What a probe does, not how fast: every notification arrives once, limits hold, cells that make
//! no sense are refused.

use std::time::{Duration, Instant};

use sys::cpu::{Cpu, CpuId, PairClass, Topology, affinity};
use wakeup::{
    Cell, Ended, IDLE_GAP_NS, MeasureError, Mechanism, Mode, ProbeSpec, Refusal, cells, measure,
};

const MECHANISMS: [Mechanism; 4] = [
    Mechanism::Eventfd,
    Mechanism::Futex,
    Mechanism::Pipe,
    Mechanism::Spin,
];
const MODES: [Mode; 2] = [Mode::Idle, Mode::BackToBack];

fn spec(samples: u64, time_limit_ns: u64) -> ProbeSpec {
    ProbeSpec {
        mechanisms: MECHANISMS.to_vec(),
        modes: MODES.to_vec(),
        samples,
        time_limit_ns,
        total_limit_ns: None,
    }
}

/// The cells of this machine.
fn here(spec: &ProbeSpec) -> Vec<Cell> {
    let topology = Topology::read().expect("sysfs lists the CPUs");
    cells(
        spec,
        &topology,
        &affinity(None).expect("a thread knows its CPUs"),
    )
}

/// Two sockets with two cores of two hardware threads each.
fn two_sockets() -> (Topology, Vec<CpuId>) {
    let ids: Vec<_> = (0..8).map(CpuId).collect();
    let cpus = ids.iter().map(|&id| Cpu {
        id,
        siblings: vec![CpuId(id.0 & !1), CpuId(id.0 | 1)],
        llc: (id.0 & !3..(id.0 & !3) + 4).map(CpuId).collect(),
        node: id.0 / 4,
    });
    (Topology::new(cpus.collect()), ids)
}

#[test]
fn every_notification_arrives_once() {
    for cell in here(&spec(300, 10_000_000_000))
        .iter()
        .filter(|cell| cell.refusal.is_none())
    {
        let result = measure(cell).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(result.samples, 300, "{cell}");
        assert_eq!(result.histogram.len(), 300, "{cell}");
        assert_eq!(result.ended, Ended::Samples, "{cell}");
        assert_eq!(result.notified, result.delivered, "{cell}");
        assert!(result.notified > 301, "{cell}: it must warm up");
        assert!(
            result.histogram.min() > 0,
            "{cell}: a notification takes time"
        );
        if cell.mode == Mode::Idle {
            assert!(
                result.elapsed_ns >= 299 * IDLE_GAP_NS,
                "{cell}: the gaps are kept"
            );
        }
    }
}

#[test]
fn a_cell_ends_at_its_time_limit_with_what_it_has() {
    // Long enough for some notifications where others have the CPUs most of the time.
    for cell in here(&spec(u64::MAX, 200_000_000))
        .iter()
        .filter(|cell| cell.refusal.is_none())
    {
        let began = Instant::now();
        let result = measure(cell).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(result.ended, Ended::TimeLimit, "{cell}");
        assert!(result.samples > 0, "{cell}");
        assert_eq!(result.samples, result.histogram.len(), "{cell}");
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{cell}: {:?}",
            began.elapsed()
        );
    }
}

#[test]
fn spinning_on_one_cpu_is_refused() {
    let (topology, all) = two_sockets();
    let refused: Vec<_> = cells(&spec(1, 1), &topology, &all)
        .into_iter()
        .filter(|cell| cell.refusal.is_some())
        .collect();
    assert_eq!(refused.len(), MODES.len());
    for cell in refused {
        assert_eq!(
            (cell.mechanism, cell.pair_class),
            (Mechanism::Spin, PairClass::SameCpu)
        );
        assert_eq!(cell.writer, cell.reader);
        match measure(&cell) {
            Err(MeasureError::Refused(reason)) => assert_eq!(reason, Refusal::SpinOnOneCpu),
            other => panic!("{cell} gave {other:?}"),
        }
    }
}

#[test]
fn every_pair_class_of_the_machine_has_its_cells() {
    let (topology, all) = two_sockets();
    let all_cells = cells(&spec(1, 1), &topology, &all);
    let classes = [
        PairClass::SameCpu,
        PairClass::SmtSibling,
        PairClass::SameLlc,
        PairClass::RemoteNode,
    ];
    for class in classes {
        let count = all_cells
            .iter()
            .filter(|cell| cell.pair_class == class)
            .count();
        assert_eq!(count, MECHANISMS.len() * MODES.len(), "{class:?}");
    }
    assert_eq!(
        all_cells.len(),
        classes.len() * MECHANISMS.len() * MODES.len()
    );
    let ids: std::collections::BTreeSet<_> = all_cells.iter().map(Cell::id).collect();
    assert_eq!(ids.len(), all_cells.len(), "names are unique");
    assert!(ids.contains("wakeup-eventfd-remote_node-back_to_back"));
    let one = cells(&spec(1, 1), &topology, &all[..1]);
    assert!(
        one.iter().all(|cell| cell.pair_class == PairClass::SameCpu),
        "one CPU, one class"
    );
}

#[test]
fn all_cells_together_keep_the_total_limit() {
    let (topology, all) = two_sockets();
    let limited = ProbeSpec {
        total_limit_ns: Some(3_000_000_000),
        ..spec(1, 1_000_000_000)
    };
    let cells = cells(&limited, &topology, &all);
    let total: u64 = cells
        .iter()
        .filter(|cell| cell.refusal.is_none())
        .map(|cell| cell.time_limit_ns)
        .sum();
    assert_eq!(total, 3_000_000_000);
    let loose = ProbeSpec {
        total_limit_ns: Some(u64::MAX),
        ..limited
    };
    assert!(
        wakeup::cells(&loose, &topology, &all)
            .iter()
            .all(|cell| cell.time_limit_ns == 1_000_000_000)
    );
}

#[test]
fn a_cpu_that_does_not_exist_is_an_error_and_no_hang() {
    let cell = here(&spec(10, 1_000_000_000)).remove(0);
    for (writer, reader) in [(cell.writer, CpuId(1023)), (CpuId(1023), cell.reader)] {
        let cell = Cell {
            writer,
            reader,
            ..cell.clone()
        };
        assert!(
            matches!(measure(&cell), Err(MeasureError::Io { .. })),
            "{cell}"
        );
    }
}

#[test]
fn cells_travel_as_json() {
    for cell in here(&spec(10, 1_000_000_000)) {
        let text = serde_json::to_string(&cell).expect("plain data");
        assert_eq!(
            serde_json::from_str::<Cell>(&text).expect("what was written"),
            cell
        );
    }
}
