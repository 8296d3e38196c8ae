//! The router against the kernel: its tables, its forwarding, its packets, in network namespaces.
//!
//! Needs root. Without it every case says `SKIPPED` and passes, or fails when `STEERBENCH_REQUIRE_ALL_TIERS=1`.

mod agreement;
mod linux;
mod mirror;
mod neighbours;
mod packets;
mod rig;
mod told;
mod wire;
