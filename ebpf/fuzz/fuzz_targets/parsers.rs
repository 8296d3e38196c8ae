//! Feeds arbitrary frames to the parsers. The properties are those of the stable smoke test.

#![no_main]

#[path = "../properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|frame: &[u8]| properties::check(frame));
