//! The `experiment` binary.

fn main() {}
