//! Whole servers behind real packets: every system over loopback UDP, TCP and, with privilege, over
//! veth pairs in fresh namespaces, by kernel sockets and AF_XDP.
//!
//! What cannot run here says `SKIPPED` and passes, or fails when `STEERBENCH_REQUIRE_ALL_TIERS=1`.

mod cable;
mod client;
mod coherence;
mod herd;
mod hot_keys;
mod kernel_steering;
mod loopback;
mod multi_key;
mod netcache;
mod overload;
mod responses;
mod scans;
mod scenario;
mod sealed;
mod service;
mod tcp;
mod veth;
