//! The closed loop: never more under way than its depth, each end sends the next, and the ledger
//! closes whatever the network does.

use std::sync::Arc;

use model::{Schedule, WorkloadSpec};
use proptest::prelude::*;

use super::conservation::{PHASES, TIMEOUT_NS, WHOLE, check, rules};
use super::fake::{FakeClock, FakeNet, Faults, Truth};
use super::server::Server;
use super::workload;
use crate::addressing::Destinations;
use crate::drive::drive;
use crate::engine::Engine;
use crate::tally::Tallied;
use crate::{Addressing, Client, ClientConfig, ClientError, Mode, Pacing, Protocol};

/// Shorter than what a trial sends, so that the sequence starts over.
const SEQUENCE: u32 = 300;

fn trial(depth: u32, seed: u64, faults: Faults) -> (Tallied, Truth) {
    let schedule = Arc::new(Schedule::sequence(&workload(1.0, seed), SEQUENCE).unwrap());
    let clock = FakeClock::default();
    let server = Server::preloaded(schedule.keyspace(), WHOLE);
    let mut net = FakeNet::new(clock.clone(), server, faults, TIMEOUT_NS, seed);
    let destinations = Arc::new(Destinations::One(11211));
    let rules = rules(Protocol::Ascii, Mode::Closed { depth });
    let mut engine = Engine::new(schedule, |_| true, destinations, rules, PHASES, ());
    let cpu_ns = drive(&mut engine, &mut net, &clock, Pacing::Sleep).unwrap();
    (engine.finish(cpu_ns).0, net.truth)
}

#[test]
fn as_many_are_under_way_as_the_depth_says() {
    for depth in [1, 8, 64] {
        let (tally, truth) = trial(depth, 3, Faults::default());
        check(&tally, &truth);
        let ledger = &tally.ledger;
        assert_eq!(truth.most_under_way, depth as usize);
        assert_eq!((ledger.unsent, ledger.timed_out), (0, 0), "{ledger:?}");
        assert!(ledger.offered > u64::from(depth), "{ledger:?}");
    }
}

/// The fake answers after 1 to 251 us, 126 us in the mean, and the phases last 5 ms.
#[test]
fn depth_1_is_a_ping_pong() {
    let (tally, truth) = trial(1, 5, Faults::default());
    check(&tally, &truth);
    let latency = tally.latency.histogram();
    let spent_ns = latency.mean() * latency.len() as f64;
    let measure_ns = PHASES.measure_ns as f64;
    // One at a time: the latencies fill the phase and nothing else does.
    assert!(
        spent_ns > 0.9 * measure_ns && spent_ns < 1.1 * measure_ns,
        "{spent_ns}"
    );
    assert_eq!(
        tally.send_lag.histogram().len(),
        0,
        "nothing was due at a time"
    );
}

#[test]
fn a_timeout_sends_the_next_as_a_reply_does() {
    let faults = Faults {
        lose_request: 100,
        ..Faults::default()
    };
    let (tally, truth) = trial(4, 6, faults);
    check(&tally, &truth);
    // The phases last five timeouts.
    assert_eq!(tally.ledger.offered, 4 * 5);
    assert_eq!(tally.ledger.timed_out, tally.ledger.offered);
}

#[test]
fn what_the_transmit_path_never_took_is_unsent_once() {
    let faults = Faults {
        full_from_ns: Some(3_000_000),
        ..Faults::default()
    };
    let (tally, truth) = trial(8, 7, faults);
    check(&tally, &truth);
    assert_eq!((tally.ledger.unsent, tally.measured.unanswered), (1, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn ledgers_close(
        seed: u64,
        depth in 1u32..100,
        lose_request in 0u64..20,
        lose_reply in 0u64..20,
        duplicate in 0u64..30,
        delay in 0u64..20,
        full in 0u64..60,
    ) {
        let faults = Faults { lose_request, lose_reply, duplicate, delay, full, ..Faults::default() };
        let (tally, truth) = trial(depth, seed, faults);
        check(&tally, &truth);
        prop_assert!(tally.ledger.unsent <= 1);
    }
}

#[test]
fn threads_share_a_depth_completely() {
    for (depth, threads) in [(1u32, 1u16), (7, 3), (64, 5), (65_536, 16)] {
        let shares =
            (0..threads).map(
                |thread| match (Mode::Closed { depth }).share(thread, threads) {
                    Mode::Closed { depth } => depth,
                    Mode::Open | Mode::Held { .. } | Mode::Saturate => {
                        panic!("a closed loop stays closed")
                    }
                },
            );
        let shares: Vec<u32> = shares.collect();
        assert_eq!(shares.iter().sum::<u32>(), depth);
        assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
    }
}

#[test]
fn loops_that_cannot_be_closed_are_refused() {
    let refuses = |config: ClientConfig, spec: &WorkloadSpec, word: &str| {
        let sequence = Schedule::sequence(spec, SEQUENCE).unwrap();
        let Err(ClientError::Config(reason)) = Client::new(config, sequence) else {
            panic!("{word} was accepted")
        };
        assert!(reason.contains(word), "{reason} lacks {word}");
    };
    let spec = workload(1.0, 8);
    let mut closed = super::loopback::config(Addressing::Server { port: 9 }, spec.flows);
    closed.mode = Mode::Closed { depth: 1 };
    let threads = ClientConfig {
        threads: 2,
        ..closed.clone()
    };
    refuses(threads, &spec, "depth 1");
    let traced = ClientConfig {
        trace: true,
        ..closed.clone()
    };
    refuses(traced, &spec, "trace");
    let silent = WorkloadSpec {
        noreply_ratio: 0.5,
        ..spec
    };
    refuses(closed, &silent, "noreply");
}
