//! Whatever the network does, every request ends on exactly one line of the ledger.

use std::sync::Arc;

use model::{Schedule, WorkloadSpec};
use proptest::prelude::*;

use super::fake::{FakeClock, FakeNet, Faults, Truth};
use super::server::{Cut, Server};
use super::workload;
use crate::addressing::Destinations;
use crate::drive::drive;
use crate::engine::Engine;
use crate::phases::Phases;
use crate::rules::Rules;
use crate::tally::Tallied;
use crate::trace::{Recorder, Trace};
use crate::{Mode, Pacing, Protocol, Recording};

pub(super) const TIMEOUT_NS: u64 = 1_000_000;
pub(super) const WHOLE: Cut = Cut {
    chunk: 1400,
    message_per_key: false,
};
pub(super) const PHASES: Phases = Phases {
    start_ns: 50_000,
    warmup_ns: 1_000_000,
    measure_ns: 4_000_000,
    grace_ns: 500_000,
};

pub(super) fn rules(protocol: Protocol, mode: Mode) -> Rules {
    Rules {
        mode,
        protocol,
        timeout_ns: TIMEOUT_NS,
        // Longer than the slowest datagram, so that every late reply is heard.
        quiet_ns: 3 * TIMEOUT_NS,
        linger_ns: 20 * TIMEOUT_NS,
        interval_ns: 500_000,
        echo: false,
        scatter: None,
        sealing: None,
    }
}

fn trial(spec: &WorkloadSpec, cut: Cut, faults: Faults, protocol: Protocol) -> (Tallied, Truth) {
    let schedule = Arc::new(Schedule::generate(spec, PHASES.scheduled_ns()).unwrap());
    let clock = FakeClock::default();
    let server = Server::preloaded(schedule.keyspace(), cut);
    let mut net = FakeNet::new(clock.clone(), server, faults, TIMEOUT_NS, spec.seed);
    let destinations = Arc::new(Destinations::One(11211));
    let witness = Recorder::new(&schedule, PHASES.start_ns, PHASES.scheduled_ns()).unwrap();
    let rules = rules(protocol, Mode::Open);
    let mut engine = Engine::new(schedule, |_| true, destinations, rules, PHASES, witness);
    let cpu_ns = drive(&mut engine, &mut net, &clock, Pacing::Sleep).unwrap();
    let (tally, trace) = engine.finish(cpu_ns);
    agree(&tally, &trace.unwrap());
    (tally, net.truth)
}

/// The trace tells the same story as counts and histograms.
fn agree(tally: &Tallied, trace: &Trace) {
    let ledger = &tally.ledger;
    let sent: Vec<_> = trace
        .0
        .iter()
        .filter_map(|t| Some((t, t.sent_ns?)))
        .collect();
    let replied = sent.iter().filter(|(t, _)| t.reply_ns.is_some());
    assert_eq!(trace.0.len() as u64, ledger.offered);
    assert_eq!(sent.len() as u64, ledger.sent);
    assert_eq!(replied.count() as u64, ledger.answered + ledger.late);
    let mut latency = Recording::new();
    for (traced, sent_ns) in sent {
        let in_time = |reply_ns: &u64| reply_ns - sent_ns < TIMEOUT_NS;
        if let Some(reply_ns) = traced.reply_ns.filter(in_time)
            && PHASES.offset_in_measure(traced.intended_ns).is_some()
        {
            latency.record(reply_ns - traced.intended_ns);
        }
    }
    assert_eq!(latency.latency(), tally.latency);
}

/// What holds of every trial.
pub(super) fn check(tally: &Tallied, truth: &Truth) {
    let (ledger, measured) = (&tally.ledger, &tally.measured);
    ledger.check().unwrap();
    assert_eq!(ledger.sent, truth.accepted);
    assert_eq!(ledger.noreply, truth.noreply);
    assert_eq!(ledger.answered, truth.in_time, "{ledger:?} {truth:?}");
    assert_eq!(ledger.late, truth.late, "{ledger:?} {truth:?}");
    assert_eq!(ledger.partial, truth.partial, "{ledger:?} {truth:?}");
    assert_eq!(ledger.timed_out, truth.late + truth.partial + truth.silent);
    // Copies that are still on the wire when the trial ends are not heard.
    assert!(ledger.duplicates <= truth.copies, "{ledger:?} {truth:?}");
    assert_eq!(
        (ledger.unknown, ledger.wrong_values, ledger.malformed),
        (0, 0, 0),
        "{ledger:?}"
    );

    assert_eq!(tally.latency.histogram().len(), measured.answered);
    let by_interval: u64 = tally
        .intervals
        .iter()
        .map(|i| i.latency.histogram().len())
        .sum();
    assert_eq!(by_interval, measured.answered);
    assert_eq!(measured.requests, measured.answered + measured.unanswered);
    assert!(measured.requests < ledger.offered, "warmup is not measured");
    assert!(measured.used.sched.run_ns > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn ledgers_close(
        seed: u64,
        rate in 20_000.0..200_000.0f64,
        lose_request in 0u64..20,
        lose_reply in 0u64..20,
        duplicate in 0u64..30,
        delay in 0u64..20,
        full in 0u64..60,
        chunk in prop_oneof![Just(1400usize), 20usize..200],
        full_from_ns in prop_oneof![3 => Just(None), 1 => (0u64..6_000_000).prop_map(Some)],
        noreply_ratio in prop_oneof![Just(0.0), 0.0..1.0f64],
        protocol in prop_oneof![Just(Protocol::Ascii), Just(Protocol::Meta)],
    ) {
        let spec = WorkloadSpec { noreply_ratio, ..workload(rate, seed) };
        let faults = Faults { lose_request, lose_reply, duplicate, delay, full, full_from_ns, in_order: false };
        let cut = Cut { chunk, message_per_key: false };
        let (tally, truth) = trial(&spec, cut, faults, protocol);
        check(&tally, &truth);
    }
}

#[test]
fn a_clean_network_answers_all_with_right_values() {
    for protocol in [Protocol::Ascii, Protocol::Meta, Protocol::Binary] {
        let spec = workload(100_000.0, 3);
        let (tally, truth) = trial(&spec, WHOLE, Faults::default(), protocol);
        check(&tally, &truth);
        let ledger = &tally.ledger;
        assert_eq!((ledger.unsent, ledger.timed_out, ledger.errors), (0, 0, 0));
        assert!(ledger.hits > 0 && ledger.misses > 0, "{ledger:?}");
        // The fake answers within 1 to 251 us.
        assert!(tally.latency.histogram().max() < 300_000);
        assert!(tally.send_lag.quantile(0.9, 0).unwrap() < 1_000);
        assert!(tally.latency.quantile(0.5, 0).unwrap() > 1000);
    }
}

#[test]
fn multi_gets_are_complete_at_their_end_however_they_are_cut() {
    let cuts = [(1400, false), (97, false), (1400, true), (97, true)];
    for (chunk, message_per_key) in cuts {
        let spec = WorkloadSpec {
            keys_per_get: 7,
            ..workload(50_000.0, 11)
        };
        let cut = Cut {
            chunk,
            message_per_key,
        };
        // Messages of one reply carry nothing that would restore their order.
        let faults = Faults {
            in_order: true,
            ..Faults::default()
        };
        let (tally, truth) = trial(&spec, cut, faults, Protocol::Ascii);
        check(&tally, &truth);
        let ledger = &tally.ledger;
        assert_eq!(
            (ledger.answered, ledger.duplicates),
            (ledger.offered, 0),
            "{cut:?}"
        );
        assert_eq!((ledger.hits + ledger.misses) % 7, 0, "{cut:?} {ledger:?}");
        assert!(
            ledger.hits > ledger.offered && ledger.misses > ledger.offered,
            "{ledger:?}"
        );
    }
}

#[test]
fn a_dead_transmit_path_leaves_requests_unsent_and_measured() {
    let faults = Faults {
        full_from_ns: Some(3_000_000),
        ..Faults::default()
    };
    let (tally, truth) = trial(&workload(100_000.0, 5), WHOLE, faults, Protocol::Ascii);
    check(&tally, &truth);
    let (ledger, measured) = (&tally.ledger, &tally.measured);
    assert!(ledger.unsent > 100, "{ledger:?}");
    assert_eq!(measured.unanswered, ledger.unsent);
    assert_eq!(tally.latency.quantile(0.99, measured.unanswered), None);
}

#[test]
fn late_sends_are_sent_late_and_count_from_their_intended_time() {
    // The path takes one request on average, and is then full until a reply comes or 50 us pass.
    let faults = Faults {
        full: 50,
        ..Faults::default()
    };
    let (tally, truth) = trial(&workload(300_000.0, 6), WHOLE, faults, Protocol::Ascii);
    check(&tally, &truth);
    let lag = tally.send_lag.quantile(0.9, 0).unwrap();
    assert!(lag > 5_000, "{lag} {:?}", tally.ledger);
    assert!(tally.latency.quantile(0.9, 0).unwrap() >= lag);
}
