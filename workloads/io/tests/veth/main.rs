//! AF_XDP, kernel sockets and packet sockets end to end, over veth pairs in fresh network namespaces.
//!
//! Needs root. Without it every case says `SKIPPED` and passes, or fails when
//! `STEERBENCH_REQUIRE_ALL_TIERS=1`.

extern crate steerbench_io as pktio;

mod between;
mod echo;
mod handoff;
mod ledger;
mod notes;
mod overflow;
mod packet;
mod ports;
mod rig;
mod udp_queue;
