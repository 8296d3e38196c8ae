//! The ledger of packet trials, from counters.

use spec::Spec;
use sys::cpu::{Cpu, CpuId, Topology};

use super::super::agents::{Counted, Programs};
use super::*;
use crate::agents::serving::Counts;
use crate::plan::{self, Machine, Planned};

fn plan(topology: &str, processor: &str, system: &str) -> FramePlan {
    let text = format!(
        "name: ledger\n\
         topology: {{kind: {topology}, queues: 1}}\n\
         systems: [{system}]\n\
         traffic: {{processor: {processor}}}\n\
         phases: {{warmup: 0 s, measure: 100 ms, timeout: 50 ms}}\n"
    );
    let spec = Spec::parse(&text, "ledger").unwrap_or_else(|error| panic!("{error}"));
    let cpu = |id| Cpu {
        id: CpuId(id),
        siblings: vec![CpuId(id)],
        llc: (0..8).map(CpuId).collect(),
        node: 0,
    };
    let machine = Machine {
        cpus: (0..8).collect(),
        topology: Topology::new((0..8).map(cpu).collect()),
    };
    let trial = spec::expand(&spec).remove(0);
    match plan::plan(&trial, &machine, plan::PORT) {
        Ok(Planned::Frames(plan)) => *plan,
        other => panic!("{other:?}"),
    }
}

fn row(scope: &str, name: &str, value: u64) -> CounterRow {
    CounterRow {
        scope: scope.to_owned(),
        name: name.to_owned(),
        value,
    }
}

fn loss(reason: &str, frames: u64) -> Loss {
    Loss {
        reason: reason.to_owned(),
        counter: format!("counter of {reason}"),
        frames,
    }
}

fn whole(lab: Vec<CounterRow>, routers: Vec<Counters>, arrived: u64) -> AtRest {
    AtRest {
        lab,
        counted: Counted {
            routers,
            programs: Programs {
                path: Counts::default(),
                receiver: Counts {
                    executed: arrived,
                    ..Counts::default()
                },
            },
        },
    }
}

fn lines(ledger: &Ledger) -> Vec<(&str, u64)> {
    let lines = ledger.drops.iter();
    lines
        .map(|drop| (drop.reason.as_str(), drop.requests))
        .collect()
}

#[test]
fn times_of_recovery_are_those_since_the_earlier_reading() {
    let counted = |times: &[(u64, u64)]| Counters {
        recovery_ns: times.iter().copied().collect(),
        ..Counters::default()
    };
    let earlier = counted(&[(700, 5), (900, 1)]);
    let now = counted(&[(700, 5), (900, 2), (1_200, 4)]);
    let times = since(&now, &earlier).recovery_ns;
    assert_eq!(times, [(900, 1), (1_200, 4)].into());
}

#[test]
fn every_frame_ends_in_one_line() {
    let lab = vec![
        row("sender host", "sender0 ethtool tx_queue_0_xdp_xmit", 900),
        row(
            "sender host",
            "sender0 ethtool tx_queue_0_xdp_xmit_errors",
            90,
        ),
        row("sender host", "sender0 tx_dropped", 90),
        row("router host", "router0 ethtool rx_queue_0_drops", 7),
        row("router host", "router0 tx_dropped", 1_000),
        row("router host", "router1 tx_dropped", 25),
        row("receiver host", "receiver0 tx_dropped", 1_000),
    ];
    let system = Counters {
        losses: vec![loss("rx_ring_full", 30)],
        retried: 5,
        ..Counters::default()
    };
    let ledger = one_way(
        &plan("chain", "router", "netslice"),
        (1_000, 990),
        &whole(lab.clone(), vec![system.clone()], 850),
    );
    assert_eq!(
        (ledger.offered, ledger.unsent, ledger.sent),
        (1_000, 100, 900)
    );
    assert_eq!((ledger.answered, ledger.timed_out), (850, 50));
    // A socket's full ring is in rx_queue_0_drops as well, and counted once.
    assert_eq!(lines(&ledger), [("rx_ring_full", 30), ("router_link", 20)]);
    assert!(ledger.closes(), "{:?}", ledger.check());

    let ledger = one_way(
        &plan("chain", "router", "kernel_forward"),
        (990, 990),
        &whole(lab, vec![system], 843),
    );
    let expected = [
        ("router_device", 7),
        ("rx_ring_full", 30),
        ("router_link", 20),
    ];
    assert_eq!(lines(&ledger), expected);
    assert!(ledger.closes(), "{:?}", ledger.check());
}

#[test]
fn a_frame_that_vanishes_is_a_remainder() {
    let lab = vec![row(
        "sender host",
        "sender0 ethtool tx_queue_0_xdp_xmit",
        10,
    )];
    let plan = plan("chain", "router", "netslice");
    let ledger = one_way(&plan, (10, 10), &whole(lab, vec![Counters::default()], 9));
    assert_eq!(ledger.remainder(), 1);
}

#[test]
fn repairs_that_are_lost_and_frames_that_are_recovered_are_no_missing_frames() {
    let lab = vec![
        row("sender host", "sender0 ethtool tx_queue_0_xdp_xmit", 1_000),
        row("egress host", "egress1 tx_dropped", 1),
    ];
    // Behind the first router 4 frames and 3 repairs were lost, of which frames 3 were recovered.
    let counted = |numbers: &[(&str, u64)]| {
        let counter = |(name, value): &(&str, u64)| Counter {
            scope: "slice-0".to_owned(),
            name: (*name).to_owned(),
            value: *value,
        };
        numbers.iter().map(counter).collect()
    };
    let egress = Counters {
        all: counted(&[(DATA_SENT, 1_000), (REPAIRS_SENT, 375)]),
        ..Counters::default()
    };
    let ingress = Counters {
        recovered: 3,
        all: counted(&[(DATA_RECEIVED, 996), (REPAIRS_RECEIVED, 372)]),
        ..Counters::default()
    };
    let plan = plan("pair", "{maelstrom: {loss: 1 %}}", "netslice");
    let mut whole = whole(lab, vec![egress, ingress], 999);
    whole.counted.programs.path.related = vec![(LOST.to_owned(), 6)];
    let ledger = one_way(&plan, (1_000, 1_000), &whole);
    assert_eq!((ledger.timed_out, ledger.further_parts), (1, 6));
    assert!(ledger.closes(), "{:?}", ledger.check());
    assert_eq!(coded(&plan, &whole).lost, 4);
}

#[test]
fn what_a_system_counted_is_told_as_its_change() {
    let counted = |sent, lost| Counters {
        sent,
        losses: vec![loss("no_route", lost)],
        ..Counters::default()
    };
    let change = since(&counted(50, 4), &counted(20, 1));
    assert_eq!((change.sent, change.lost()), (30, 3));
}

#[test]
fn devices_stand_still_when_no_queue_took_a_frame() {
    let taken = |value| {
        [row(
            "router host",
            "router0 ethtool rx_queue_0_xdp_packets",
            value,
        )]
    };
    assert_eq!(frames_moved(&taken(5), &taken(5)), 0);
    assert_eq!(frames_moved(&taken(5), &taken(9)), 4);
}

#[test]
fn the_link_between_two_routers_carried_whole_frames() {
    let lab = || {
        vec![
            row("egress host", "egress0 tx_bytes", 9_000),
            row("egress host", "egress1 tx_bytes", 3_000),
            row("egress host", "egress1 tx_packets", 2),
        ]
    };
    let bytes = |topology, processor| {
        let whole = whole(lab(), vec![Counters::default(); 2], 2);
        link_bytes(&plan(topology, processor, "netslice"), &whole)
    };
    assert_eq!(bytes("pair", "ipsec"), Some(3_028));
    assert_eq!(bytes("chain", "router"), None);
}
