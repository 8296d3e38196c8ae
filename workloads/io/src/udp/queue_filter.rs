//! A classic BPF program that sends a datagram to the socket of its receive queue.
//!
//! `SKF_AD_QUEUE` yields the packet's raw queue mapping: 0 when nothing was recorded, else the
//! receive queue plus 1 (kernel `skb_record_rx_queue`); the end-to-end test over veth holds
//! this. An index outside the group makes the kernel fall back to its flow hash, which is what a
//! datagram without a recorded queue gets.

#![expect(
    unsafe_code,
    reason = "attaching a socket filter is a raw socket option"
)]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use libc::{sock_filter, sock_fprog};

const LOAD_WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const SUBTRACT: u16 = (libc::BPF_ALU | libc::BPF_SUB | libc::BPF_K) as u16;
const MODULO: u16 = (libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K) as u16;
const RETURN_VALUE: u16 = (libc::BPF_RET | 0x10) as u16;
const RETURN_CONSTANT: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

const QUEUE: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_QUEUE) as u32;

const fn step(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// Makes the group of `socket` choose member `receive queue % owners`.
pub(super) fn attach(socket: &OwnedFd, owners: u16) -> io::Result<()> {
    let mut program = [
        step(LOAD_WORD, 0, 0, QUEUE),
        step(JUMP_IF_EQUAL, 3, 0, 0),
        step(SUBTRACT, 0, 0, 1),
        step(MODULO, 0, 0, u32::from(owners)),
        step(RETURN_VALUE, 0, 0, 0),
        step(RETURN_CONSTANT, 0, 0, u32::MAX),
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
