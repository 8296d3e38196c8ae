//! Work that is injected into the steering program changes its time and none of its decisions.

#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod support;

#[expect(dead_code, reason = "this target needs a part of what the tests share")]
#[path = "../../fixtures/mod.rs"]
mod fixtures;

use fixtures::table::fixtures;
use loader::{Notes, Steer, SteerConfig, SteerOptions, TestRun};
use steering::Policy;
use support::{NOWHERE, PORT, loaded};

fn steer(note: Option<Notes>, cost_ns: u32) -> Option<Steer> {
    let config = SteerConfig {
        policy: Policy::Key,
        queues: 1,
        owners: 2,
        members: 2,
        server_port: PORT,
        ports: 1,
        hot_keys: 0,
    };
    loaded(Steer::load_with(&config, &SteerOptions { note, cost_ns }))
}

#[test]
fn decisions_are_what_they_are_without_it() {
    for note in [None, Some(Notes::default())] {
        let (Some(plain), Some(slow)) = (steer(note, 0), steer(note, 500)) else {
            return;
        };
        let (before, slow_before) = (plain.counters().unwrap(), slow.counters().unwrap());
        assert_eq!(before, slow_before, "calibration leaves no trace");
        for fixture in fixtures().into_iter().filter(|f| f.frame.len() >= 14) {
            let run = |steer: &Steer| steer.test_run(&fixture.frame, 1, NOWHERE).unwrap();
            let decided = |run: TestRun| (run.verdict, run.data);
            assert_eq!(
                decided(run(&plain)),
                decided(run(&slow)),
                "{}",
                fixture.description
            );
        }
        assert_eq!(plain.counters().unwrap(), slow.counters().unwrap());
    }
}

#[test]
fn more_is_asked_for_and_more_is_done() {
    let mut before = 0;
    for cost_ns in [250, 2_000, 20_000] {
        let Some(steer) = steer(None, cost_ns) else {
            return;
        };
        let burn = steer.burn().expect("what was calibrated");
        assert_eq!(burn.asked_ns, cost_ns);
        assert!(burn.rounds > before && burn.obtained_ns > 0, "{burn:?}");
        before = burn.rounds;
    }
    let Some(plain) = steer(None, 0) else { return };
    assert_eq!(plain.burn(), None);
}
