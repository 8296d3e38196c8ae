//! The fuzz target's properties on stable Rust: every fixture, cut everywhere and with every byte
//! changed in turn.

#[path = "../../fixtures/mod.rs"]
mod fixtures;
#[path = "../../fuzz/properties.rs"]
mod properties;

use fixtures::table::{Expected, by_argument, by_function, fixtures, sealed};

#[test]
fn fixtures_cut_and_changed() {
    let mut steered = 0;
    for fixture in [fixtures(), sealed(), by_function(), by_argument()].concat() {
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
    assert!(steered > 50, "{steered} fixtures have a key");
}
