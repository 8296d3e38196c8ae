//! The steering decision: request parsers, key hash, partition table, policies.
//!
//! The same functions run in the XDP program, in the servers (to recognise a misroute), in the
//! clients (MICA's partitions, RSS emulation) and in the tests. Everything is pure: what the
//! kernel's shell has to fetch (receive queue, table entry) comes in as an argument.

#![no_std]

pub mod binary;
pub mod channel;
pub mod divert;
pub mod flow;
pub mod forward;
pub mod frame;
pub mod hash;
pub mod in_kernel;
pub mod layout;
pub mod link_note;
pub mod note;
pub mod order;
#[cfg(not(target_arch = "bpf"))]
mod partition;
mod plain;
pub mod policy;
pub mod reason;
pub mod reply;
pub mod request;
pub mod rpc;
pub mod rss;
pub mod sealed;
pub mod table;
mod words;

pub use hash::{MAX_KEY_LEN, hash_bytes, hash_key};
pub use note::KeyNote;
pub use order::Order;
#[cfg(not(target_arch = "bpf"))]
pub use partition::{PartitionTable, passed_on};
pub use policy::{Inputs, Policy, Situation, Verdict, refused, steer, steer_noting, steer_payload};
pub use reason::Drop;
pub use request::{Located, locate_key};
pub use table::{SLOTS, Table, slot_of};
