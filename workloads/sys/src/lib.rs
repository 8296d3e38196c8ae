//! Linux as the experiments need it: namespaces, links, NAPI threads, pinning, clocks and
//! accounting, each behind a small typed function.
//!
//! Everything acts on the calling thread's network namespace unless it says otherwise; agents call
//! [`netns::unshare_here`] first and then simply use the rest. Netlink is spoken synchronously, one
//! socket per call: set-up is not a hot path, and a socket belongs for ever to the namespace in which
//! it was opened, so that keeping one would be a trap.
//!
//! `unsafe` is confined to the modules that say so at their top ([`netns`], [`process`], [`mem`],
//! [`shared`], [`sockets`] and the ioctl file of [`ethtool`]).

pub mod account;
pub mod clock;
pub mod cpu;
pub mod device;
pub mod environment;
mod error;
pub mod ethtool;
pub mod journal;
pub mod link;
pub mod lock;
pub mod mem;
pub mod napi;
mod netlink;
pub mod netns;
pub mod privilege;
pub mod process;
pub mod shared;
pub mod sockets;
pub mod sysctl;
pub mod tables;
pub mod tasks;
pub mod xfrm;
