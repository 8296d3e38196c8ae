//! `raw_socket`: one PF_PACKET socket a device, one system call to receive a frame and one to send it.
//!
//! What NetSlices calls the conventional raw socket (section 2). Its calls are `recvmsg` and `send`: a plain
//! `recv` would keep from us what stands beside a frame (the VLAN tag that the kernel took out, the checksum
//! that its sender left open), so that it could not be forwarded as it came.

use std::io;

use super::group::Group;
use super::plain::{Part, PlainConfig, PlainIo};

/// Opens one thread's raw sockets, which receive all frames of all queues of their devices.
///
/// # Errors
/// When a device is not there, or the process may not open packet sockets.
pub fn open(config: &PlainConfig) -> io::Result<Group<PlainIo>> {
    config.open(&[Part::default()])
}
