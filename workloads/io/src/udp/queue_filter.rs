//! A classic BPF program that sends a datagram to the socket of its receive queue.
//!
//! `SKF_AD_QUEUE` yields the packet's raw queue mapping. Over veth (measured on Linux 6.18, with and
//! without XDP, and held by the end-to-end test) that is the receive queue itself, since the
//! sender's choice of transmit queue stays in the packet. Drivers of NICs record the receive queue
//! plus 1 (`skb_record_rx_queue`), which turns the owners by one place: each queue still has
//! exactly one. On loopback the value is 0 for everything, so that one socket would get all.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::bpf;

/// Makes the group of `socket` choose member `receive queue % owners`.
pub(super) fn attach(socket: &OwnedFd, owners: u16) -> io::Result<()> {
    let program = [
        bpf::step(bpf::LOAD_WORD, bpf::QUEUE),
        bpf::step(bpf::MODULO, u32::from(owners)),
        bpf::step(bpf::RETURN_VALUE, 0),
    ];
    bpf::attach(socket.as_fd(), libc::SO_ATTACH_REUSEPORT_CBPF, &program)
}
