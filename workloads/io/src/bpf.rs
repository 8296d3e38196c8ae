//! Classic BPF programs for sockets (linux/filter.h): steps, and how a socket gets a program.

#![expect(
    unsafe_code,
    reason = "attaching a program to a socket is a raw socket option"
)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{sock_filter, sock_fprog};

/// Loads the word, half word or byte at offset `k` of the packet, or a number beside the packet ([`QUEUE`]).
pub(crate) const LOAD_WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
pub(crate) const LOAD_HALF: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_ABS) as u16;
pub(crate) const LOAD_BYTE: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
/// Loads the packet's length.
pub(crate) const LOAD_LEN: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_LEN) as u16;
/// Divides by `k` and keeps what is left over.
pub(crate) const MODULO: u16 = (libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K) as u16;
/// Goes on `k` steps after the next one.
pub(crate) const GO: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
/// Whether the number is `k`; is `k` or more; has bits of `k`.
pub(crate) const IS: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
pub(crate) const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
pub(crate) const HAS_BITS: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
/// Ends with the number loaded; with `k`.
pub(crate) const RETURN_VALUE: u16 = (libc::BPF_RET | libc::BPF_A) as u16;
pub(crate) const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// Where [`LOAD_WORD`] finds the packet's raw queue mapping.
pub(crate) const QUEUE: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_QUEUE) as u32;

/// A step that does not branch.
pub(crate) const fn step(code: u16, k: u32) -> sock_filter {
    branch_over(code, k, 0, 0)
}

/// The step at place `at`, which goes on at place `yes` or `no`, both behind it.
pub(crate) const fn branch(at: u8, code: u16, k: u32, yes: u8, no: u8) -> sock_filter {
    branch_over(code, k, yes - at - 1, no - at - 1)
}

const fn branch_over(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// Gives a socket a program by `option`: `SO_ATTACH_FILTER` (which replaces an earlier one),
/// `SO_ATTACH_REUSEPORT_CBPF`.
pub(crate) fn attach(
    socket: BorrowedFd<'_>,
    option: libc::c_int,
    program: &[sock_filter],
) -> io::Result<()> {
    let mut steps = program.to_vec();
    let filter = sock_fprog {
        len: steps.len() as u16,
        filter: steps.as_mut_ptr(),
    };
    // SAFETY: the filter points to a live program of the length it states; the kernel copies it.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
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
