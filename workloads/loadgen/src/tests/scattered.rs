//! Gets that are sent as several datagrams: one line of the ledger each, whatever becomes of those.

use std::sync::Arc;

use model::{Op, Schedule, WorkloadSpec};
use proptest::prelude::*;

use super::conservation::{PHASES, TIMEOUT_NS, WHOLE, rules};
use super::fake::{FakeClock, FakeNet, Faults, Truth};
use super::server::{Cut, Server};
use super::workload;
use crate::addressing::Destinations;
use crate::drive::drive;
use crate::engine::Engine;
use crate::rules::Rules;
use crate::scatter::Scattering;
use crate::tally::Tallied;
use crate::{
    Addressing, Client, ClientConfig, ClientError, Holds, Mode, Pacing, Protocol, Scatter,
};

const OWNERS: u16 = 3;

fn wide(rate_rps: f64, seed: u64) -> WorkloadSpec {
    WorkloadSpec {
        keys_per_get: 7,
        ..workload(rate_rps, seed)
    }
}

/// Runs a trial of gets in several datagrams; also how many datagrams its offered requests are.
fn trial(holds: Holds, mode: Mode, cut: Cut, faults: Faults, seed: u64) -> (Tallied, Truth, u64) {
    let spec = wide(50_000.0, seed);
    let schedule = match mode {
        Mode::Closed { .. } => Schedule::sequence(&spec, 300),
        Mode::Open | Mode::Held { .. } | Mode::Saturate => {
            Schedule::generate(&spec, PHASES.scheduled_ns())
        }
    };
    let schedule = Arc::new(schedule.unwrap());
    let scatter = Scatter {
        owners: OWNERS,
        holds,
    };
    let scattering = Arc::new(Scattering::new(scatter, schedule.keyspace()).unwrap());
    let datagrams = |planned| scattering.parts(&schedule, planned).count().max(1) as u64;
    let datagrams = schedule.requests.iter().map(datagrams).sum();
    let clock = FakeClock::default();
    let server = Server::preloaded(schedule.keyspace(), cut);
    let mut net = FakeNet::new(clock.clone(), server, faults, TIMEOUT_NS, seed);
    let destinations = Arc::new(Destinations::One(11211));
    let rules = Rules {
        scatter: Some(scattering),
        ..rules(Protocol::Ascii, mode)
    };
    let mut engine = Engine::new(schedule, |_| true, destinations, rules, PHASES, ());
    let cpu_ns = drive(&mut engine, &mut net, &clock, Pacing::Sleep).unwrap();
    (engine.finish(cpu_ns).0, net.truth, datagrams)
}

/// Every request is on one line, and what was lost of it is told by datagrams.
fn check(tally: &Tallied, truth: &Truth) {
    let ledger = &tally.ledger;
    ledger.check().unwrap();
    assert_eq!(ledger.datagrams, truth.accepted, "{ledger:?} {truth:?}");
    assert_eq!(ledger.late, truth.late, "{ledger:?} {truth:?}");
    assert_eq!(ledger.partial, truth.partial, "{ledger:?} {truth:?}");
    assert_eq!(
        ledger.timed_out + ledger.further_parts,
        truth.late + truth.partial + truth.silent,
        "{ledger:?} {truth:?}"
    );
    assert!(ledger.duplicates <= truth.copies, "{ledger:?} {truth:?}");
    assert_eq!(
        (ledger.unknown, ledger.wrong_values, ledger.malformed),
        (0, 0, 0),
        "{ledger:?}"
    );
    let measured = &tally.measured;
    assert_eq!(measured.requests, measured.answered + measured.unanswered);
    assert_eq!(tally.latency.histogram().len(), measured.answered);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn ledgers_close(
        seed: u64,
        holds in prop_oneof![Just(Holds::OwnKeys), Just(Holds::AllKeys)],
        mode in prop_oneof![Just(Mode::Open), (1u32..60).prop_map(|depth| Mode::Closed { depth })],
        lose_request in 0u64..20,
        lose_reply in 0u64..20,
        duplicate in 0u64..30,
        delay in 0u64..20,
        full in 0u64..20,
        chunk in prop_oneof![Just(1400usize), 20usize..200],
    ) {
        let faults = Faults { lose_request, lose_reply, duplicate, delay, full, ..Faults::default() };
        let cut = Cut { chunk, message_per_key: false };
        let (tally, truth, _) = trial(holds, mode, cut, faults, seed);
        check(&tally, &truth);
    }
}

#[test]
fn all_keys_of_all_owners_are_answered_and_counted_once() {
    for holds in [Holds::OwnKeys, Holds::AllKeys] {
        let (tally, truth, datagrams) = trial(holds, Mode::Open, WHOLE, Faults::default(), 12);
        check(&tally, &truth);
        let ledger = &tally.ledger;
        assert_eq!((ledger.answered, ledger.duplicates), (ledger.offered, 0));
        assert_eq!(ledger.datagrams, datagrams);
        assert!(datagrams > 2 * ledger.offered, "{ledger:?}");
        assert_eq!((ledger.hits + ledger.misses) % 7, 0, "{ledger:?}");
        assert!(ledger.hits > ledger.offered && ledger.misses > ledger.offered);
    }
}

/// A request that was sent in part when the transmit path died is unsent, once.
#[test]
fn a_dead_transmit_path_leaves_whole_requests_unsent() {
    for mode in [Mode::Open, Mode::Closed { depth: 8 }] {
        let mut most_begun = 0;
        for full_from_ns in (2_000_000..2_400_000).step_by(20_000) {
            let faults = Faults {
                full: 50,
                full_from_ns: Some(full_from_ns),
                ..Faults::default()
            };
            let (tally, truth, _) = trial(Holds::OwnKeys, mode, WHOLE, faults, 5);
            let ledger = &tally.ledger;
            ledger.check().unwrap();
            assert!(ledger.unsent > 0, "{ledger:?}");
            assert_eq!((ledger.answered, ledger.timed_out), (ledger.sent, 0));
            // The datagrams of the one that was begun; nobody waits for answers to them any more.
            let begun = truth.accepted - ledger.datagrams;
            assert!(begun < u64::from(OWNERS), "{ledger:?} {truth:?}");
            assert!(ledger.unknown <= begun, "{ledger:?} {truth:?}");
            most_begun = most_begun.max(begun);
        }
        assert!(most_begun > 0, "no request was begun when the path died");
    }
}

#[test]
fn what_cannot_be_gathered_is_refused() {
    let spec = wide(1.0, 8);
    let base = super::loopback::config(Addressing::Server { port: 9 }, spec.flows);
    let scatter = Some(Scatter {
        owners: 2,
        holds: Holds::OwnKeys,
    });
    let base = ClientConfig { scatter, ..base };
    let refused = [
        (
            "trace",
            ClientConfig {
                trace: true,
                ..base.clone()
            },
        ),
        (
            "echo",
            ClientConfig {
                echo: true,
                ..base.clone()
            },
        ),
        (
            "held",
            ClientConfig {
                mode: Mode::Held { requests: 9 },
                ..base.clone()
            },
        ),
        (
            "by turns",
            ClientConfig {
                addressing: Addressing::Turns {
                    base_port: 9,
                    owners: 2,
                },
                ..base.clone()
            },
        ),
    ];
    for (word, config) in refused {
        let sequence = Schedule::sequence(&spec, 300).unwrap();
        assert!(sequence.requests.iter().any(|one| one.op == Op::Get));
        let Err(ClientError::Config(reason)) = Client::new(config, sequence) else {
            panic!("{word} was accepted")
        };
        assert!(reason.starts_with("scatter: "), "{word}: {reason}");
    }
}
