//! The fuzz target's properties on stable Rust: every fixture, cut everywhere and with every byte
//! changed in turn.

use std::thread;

#[path = "../../fixtures/mod.rs"]
mod fixtures;
#[path = "../../fuzz/properties.rs"]
mod properties;

use fixtures::table::{Expected, Fixture, by_argument, by_function, fixtures, sealed};

#[test]
fn fixtures_cut_and_changed() {
    let all = [fixtures(), sealed(), by_function(), by_argument()].concat();
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let steered: u32 = thread::scope(|scope| {
        let parts = all.chunks(all.len().div_ceil(cpus));
        let threads: Vec<_> = parts
            .map(|part| scope.spawn(move || cut_and_changed(part.to_vec())))
            .collect();
        let ended = threads.into_iter().map(|thread| thread.join());
        ended.map(|steered| steered.expect("each holds")).sum()
    });
    assert!(steered > 50, "{steered} fixtures have a key");
}

/// Checks the fixtures; of how many the program finds a key.
fn cut_and_changed(part: Vec<Fixture>) -> u32 {
    let mut steered = 0;
    for fixture in part {
        steered += u32::from(matches!(fixture.expected, Expected::Key(_)));
        assert!(!fixture.description.is_empty());
        let mut frame = fixture.frame;
        for end in 0..=frame.len() {
            properties::check(&frame[..end]);
        }
        for at in 0..frame.len() {
            let byte = frame[at];
            for changed in [0, b' ', b'\r', 0xff, byte ^ 1, byte ^ 0x80] {
                frame[at] = changed;
                properties::check(&frame);
            }
            frame[at] = byte;
        }
    }
    steered
}
