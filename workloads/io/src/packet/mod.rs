//! The kernel's packet sockets (PF_PACKET) as I/O of packet processors: the rivals that NetSlices compares
//! itself with, and what one would pick today.
//!
//! | back end | receives | sends | copies in the process |
//! |---|---|---|---|
//! | [`raw_socket`] | `recvmsg`, a call a frame | `send` | none |
//! | [`raw_parallel`] | as above, several sockets a device | `send` | none |
//! | [`pcap`] | as above, by a filter with a snap length | `send` | none |
//! | [`pcap_mmap`] | ring of TPACKET_V2 | `send` | none |
//! | [`packet_mmap_v3`] | ring of TPACKET_V3, fanout | ring of TPACKET_V3 | one, into the transmit ring |
//! | [`dispatch`] | one reader, by any of these | `send`, by the workers | one, out of a reader's ring |
//!
//! The kernel copies every frame once on receipt (into a buffer or ring of ours) and once when it is sent. All of
//! them:
//!
//! - deliver a frame as it was on the wire: the VLAN tag is put back, an open checksum filled in;
//! - never deliver what the host itself sends;
//! - leave the kernel's own stack its copy of each frame received: the namespace must neither forward nor
//!   answer it (no addresses, `ip_forward` 0);
//! - need offloads off that make frames longer than the device's MTU
//!   ([`sys::ethtool::single_frames`]): such a frame is longer than a buffer or than the next device takes, and
//!   is counted as truncated or refused;
//! - count a frame that is lost for want of room in [`Drop::PacketSocket`](crate::drops::Drop::PacketSocket),
//!   by PACKET_STATISTICS. What a filter refuses is not in there. A refusal of the transmit path
//!   ([`IoCounters::transmit_refused`](crate::IoCounters::transmit_refused)) for a full queue of veth counts in
//!   the device's `tx_dropped` as well, and is told apart
//!   ([`IoCounters::device_refused`](crate::IoCounters::device_refused)).

mod arrival;
mod blocks;
pub mod dispatch;
mod group;
mod mapping;
mod memory;
mod nobody;
pub mod packet_mmap_v3;
pub mod pcap;
pub mod pcap_mmap;
mod plain;
pub mod raw_parallel;
pub mod raw_socket;
mod ring;
mod share;
mod slots;
mod socket;
mod transmit;
mod transmit_ring;

pub use group::{Group, Obtained, PacketProbe, Rings};
pub use memory::OwnFrame;
pub use nobody::nobody;
pub use plain::{PlainConfig, PlainIo};
pub use ring::{RingFrame, RingIo};
