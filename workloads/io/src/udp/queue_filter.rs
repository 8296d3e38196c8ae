//! A classic BPF program that sends a datagram to the socket of its receive queue.
//!
//! `SKF_AD_QUEUE` yields the packet's raw queue mapping. Over veth (measured on Linux 6.18, with and
//! without XDP, and held by the end-to-end test) that is the receive queue itself, since the
//! sender's choice of transmit queue stays in the packet. Drivers of NICs record the receive queue
//! plus 1 (`skb_record_rx_queue`), which turns the owners by one place: each queue still has
//! exactly one. On loopback the value is 0 for everything, so that one socket would get all.

#![expect(
    unsafe_code,
    reason = "attaching a socket filter is a raw socket option"
)]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use libc::{sock_filter, sock_fprog};

const LOAD_WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const MODULO: u16 = (libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K) as u16;
const RETURN_VALUE: u16 = (libc::BPF_RET | 0x10) as u16;

const QUEUE: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_QUEUE) as u32;

const fn step(code: u16, k: u32) -> sock_filter {
    sock_filter {
        code,
        jt: 0,
        jf: 0,
        k,
    }
}

/// Makes the group of `socket` choose member `receive queue % owners`.
pub(super) fn attach(socket: &OwnedFd, owners: u16) -> io::Result<()> {
    let mut program = [
        step(LOAD_WORD, QUEUE),
        step(MODULO, u32::from(owners)),
        step(RETURN_VALUE, 0),
    ];
    let filter = sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the filter points to a live program of the length it states; the kernel copies it.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            (&raw const filter).cast(),
            size_of::<sock_fprog>() as libc::socklen_t,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
