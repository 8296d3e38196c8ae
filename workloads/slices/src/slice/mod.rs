//! The slice: the paper's abstraction and its programming interface (NetSlices, section 3).
//!
//! [`Slices::attach`] is what loading the kernel module is in the paper: it places the slices on the machine's CPUs, takes
//! the devices' packets away from the network stack, and tells the devices where to bring them. [`Slices::open`] is the
//! opening of `/dev/netslice-N`. A [`Slice`] is read and written by one thread: packet by packet, or arrays of
//! packets at a time; blocking, or not. Packets of one port and slice keep their order.
//!
//! | the paper | here |
//! |---|---|
//! | `open("/dev/netslice-1")` | [`Slices::open`] |
//! | `read`, `write` | [`Slice::read`], [`Slice::write`] |
//! | NETSLICE_RW_MULTI_SET, then `read`, `write` of an array | [`Slice::read_batch`], [`Slice::write_batch`] |
//! | `poll`, O_NONBLOCK | [`Slice::poll`], [`Slice::set_nonblocking`] |
//! | `struct netslice_iov` | [`Message`], its `flags` [`Flags`] |
//! | NETSLICE_CPUMASK_GET, and `sched_setaffinity` | [`Slice::cpus`], [`Slice::run_here`] |
//! | setting the masks | [`Slices::set_cpus`] |
//! | NETSLICE_TX_CSUM_SET | [`Slice::set_tx_checksums`] |
//! | NETSLICE_NOROUTE_SET | [`Slices::open`] with [`Chosen`]; with routes, as is the paper's default: [`Routed`] |
//! | select_queue | the socket is bound to the slice's queue |
//!
//! `read` and `write` copy each packet, as the paper's do. Who would rather not uses [`Slice::io`]: frames are handed
//! out in the memory that they were received into, changed there and sent on.
//!
//! The paper's Figure 2, but for the includes, is `examples/figure2.rs`; its loop:
//!
//! ```no_run
//! use slices::slice::{Crossed, Message, Slices, SlicesConfig};
//!
//! # fn scan(_packet: &[u8]) {}
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let devices = vec!["left0".to_owned(), "right0".to_owned()];
//! let mut slices = Slices::attach(&SlicesConfig::new(devices, 1), None)?;
//! let mut slice = slices.open(0, Crossed)?;
//! slice.run_here()?;
//! let mut messages = vec![Message::with_capacity(2048); 256];
//! loop {
//!     let count = slice.read_batch(&mut messages)?;
//!     for message in &messages[..count] {
//!         scan(message.bytes());
//!     }
//!     let mut written = 0;
//!     while written < count {
//!         written += slice.write_batch(&messages[written..count])?;
//!     }
//! }
//! # }
//! ```
//!
//! A slice that routes refuses single packets (`HostUnreachable`), a first one to a neighbour that is still to be resolved among
//! them. That is no reason to end: [`Routed`] shows the loop that goes on with the next.

mod channel;
pub mod checksum;
mod message;
mod route;
mod routed;
mod set;

pub use channel::Slice;
pub use message::{Flags, Message};
pub use pktio::frame::Port;
pub use route::{Chosen, Crossed, Decision, Route};
pub use routed::Routed;
pub use set::{Error, Slices, SlicesConfig, own_addresses};
pub use steering::divert::Kept;
