//! AF_XDP by hand on libc: rings, UMEM, sockets, and the mesh that steering needs.
//!
//! Why by hand: no maintained crate offers several sockets on one UMEM across several queues
//! under a licence that fits. What the kernel allows decides the shape (kernel
//! `Documentation/networking/af_xdp.rst`; `net/xdp/xsk.c`):
//!
//! - A frame that arrived on (device, rx queue q) can only be redirected to a socket bound to
//!   the same (device, q). Steering to K owners over Q queues therefore takes Q x K sockets,
//!   `index = rx_queue * K + owner`, and each owner polls its Q rings ([`mesh`]).
//! - RX and TX rings have one producer and one consumer, so they belong to one owner. FILL and
//!   COMPLETION exist once per (device, queue) and all owners need them: a lock that is only
//!   tried guards them ([`feeder`]).
//! - All sockets share one UMEM ([`umem`]), so that a request can be handed to another owner
//!   as a token and be answered in place by that owner's socket on the same queue.
//! - The same UMEM may serve another (device, queue), which then has FILL and COMPLETION rings of its own: so the
//!   ports of a slice share one, and a frame leaves by another device than it came by without a copy ([`ports`]).

pub mod feeder;
pub mod kernel_ring;
mod lane;
pub mod mesh;
mod mesh_io;
mod outlet;
#[cfg(test)]
mod plain;
pub mod ports;
mod ports_io;
mod probe;
pub mod ring;
pub mod socket;
mod supply;
pub mod umem;
pub mod wire;
mod witness;

pub use kernel_ring::RxWatch;
pub use mesh::{Mesh, MeshConfig};
pub use mesh_io::{MeshFrame, MeshIo};
pub use ports::{ChunkLedger, PortDevice, Ports, PortsConfig};
pub use ports_io::PortFrame;
pub use probe::XskProbe;
pub use socket::{BindMode, Obtained};
pub use witness::{RingUse, Witness};
