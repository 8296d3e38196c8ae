//! `recvmmsg` and `sendmmsg` over boxed buffers.

#![expect(
    unsafe_code,
    reason = "batched socket calls take arrays of raw pointers"
)]

use std::io;
use std::os::fd::RawFd;
use std::{mem, ptr};

use libc::{iovec, mmsghdr};

use super::pool::Buffer;

/// Datagrams per system call.
pub(super) const BATCH: usize = 32;

/// A socket address as the kernel wrote it: room for the longer of IPv4's and IPv6's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    bytes: [u8; size_of::<libc::sockaddr_in6>()],
    len: u8,
}

impl Peer {
    const EMPTY: Self = Self {
        bytes: [0; size_of::<libc::sockaddr_in6>()],
        len: 0,
    };
}

/// Buffers waiting for datagrams, with the structures that point to them.
#[derive(Debug)]
pub(super) struct Incoming {
    buffers: Vec<Buffer>,
    peers: Box<[Peer; BATCH]>,
    iovecs: Box<[iovec; BATCH]>,
    headers: Box<[mmsghdr; BATCH]>,
}

// SAFETY: the raw pointers lead to the boxes and buffers that the structure itself owns, which
// do not move with it.
unsafe impl Send for Incoming {}

impl Incoming {
    pub(super) fn new(allocate: impl FnMut() -> Buffer) -> Self {
        // SAFETY: both are plain structures for which zero (null, empty) is a value.
        let (iovecs, headers) = unsafe {
            (
                Box::new(mem::zeroed::<[iovec; BATCH]>()),
                Box::new(mem::zeroed()),
            )
        };
        let mut incoming = Self {
            buffers: std::iter::repeat_with(allocate).take(BATCH).collect(),
            peers: Box::new([Peer::EMPTY; BATCH]),
            iovecs,
            headers,
        };
        for slot in 0..BATCH {
            incoming.arm(slot);
        }
        incoming
    }

    fn arm(&mut self, slot: usize) {
        let buffer = &mut self.buffers[slot];
        self.iovecs[slot] = iovec {
            iov_base: buffer.as_mut_ptr().cast(),
            iov_len: buffer.len(),
        };
        let header = &mut self.headers[slot].msg_hdr;
        header.msg_name = self.peers[slot].bytes.as_mut_ptr().cast();
        header.msg_namelen = self.peers[slot].bytes.len() as libc::socklen_t;
        header.msg_iov = &raw mut self.iovecs[slot];
        header.msg_iovlen = 1;
        header.msg_flags = 0;
    }

    /// Receives up to a batch. `take` gets each datagram's buffer, length and sender, and
    /// returns the buffer that replaces it. Returns how many came, and how many of them
    /// were longer than a buffer and were skipped.
    pub(super) fn receive(
        &mut self,
        socket: RawFd,
        mut take: impl FnMut(&mut Buffer, usize, Peer),
    ) -> io::Result<(usize, usize)> {
        // SAFETY: `arm` left each header pointing to live buffers of the lengths stated.
        let received = unsafe {
            libc::recvmmsg(
                socket,
                self.headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        if received < 0 {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                Some(libc::EAGAIN | libc::EINTR | libc::ECONNREFUSED) => Ok((0, 0)),
                _ => Err(error),
            };
        }
        let received = received as usize;
        let mut skipped = 0;
        for slot in 0..received {
            let header = &self.headers[slot];
            if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
                skipped += 1;
            } else {
                let mut peer = self.peers[slot];
                peer.len = header.msg_hdr.msg_namelen as u8;
                take(&mut self.buffers[slot], header.msg_len as usize, peer);
            }
            self.arm(slot);
        }
        Ok((received, skipped))
    }
}

/// A datagram to be sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) socket: RawFd,
    pub(super) buffer: Buffer,
    pub(super) home: u16,
    pub(super) len: usize,
    pub(super) peer: Peer,
    /// No further datagram of the same reply follows.
    pub(super) last: bool,
}

/// Sends the first datagrams of `out` that go through the same socket, at most a batch. Returns
/// how many the kernel took, at least one.
///
/// # Errors
/// Why it refused the first one.
pub(super) fn send(out: &mut [Outgoing]) -> io::Result<usize> {
    let Some(socket) = out.first().map(|first| first.socket) else {
        return Ok(0);
    };
    // SAFETY: both are plain structures for which zero (null, empty) is a value.
    let (mut iovecs, mut headers) = unsafe {
        (
            mem::zeroed::<[iovec; BATCH]>(),
            mem::zeroed::<[mmsghdr; BATCH]>(),
        )
    };
    let mut count = 0;
    for datagram in out
        .iter_mut()
        .take(BATCH)
        .take_while(|datagram| datagram.socket == socket)
    {
        iovecs[count] = iovec {
            iov_base: datagram.buffer.as_mut_ptr().cast(),
            iov_len: datagram.len,
        };
        let header = &mut headers[count].msg_hdr;
        header.msg_name = datagram.peer.bytes.as_mut_ptr().cast();
        header.msg_namelen = libc::socklen_t::from(datagram.peer.len);
        header.msg_iov = &raw mut iovecs[count];
        header.msg_iovlen = 1;
        count += 1;
    }
    // SAFETY: each of the first `count` headers points to live buffers of the lengths stated.
    let sent = unsafe {
        libc::sendmmsg(
            socket,
            headers.as_mut_ptr(),
            count as libc::c_uint,
            libc::MSG_DONTWAIT,
        )
    };
    if sent < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(sent as usize)
    }
}
