//! Packet systems between a sender and a receiver, each in a network namespace: every design forwards, in order, and
//! what it does not forward is in one line of its ledger.
//!
//! Needs root. Without it every case says `SKIPPED` and passes, or fails when `STEERBENCH_REQUIRE_ALL_TIERS=1`.

mod chain;
mod errors;
mod forwarding;
mod isolation;
mod overload;
mod pair;
mod processors;
mod routed;
mod settings;
mod traffic;
