//! `pcap`: a raw socket as libpcap drives it where it has no ring.
//!
//! A compiled filter decides what is copied and cuts it to the snap length, each call that receives also
//! tells where the frame came from, and what is sent goes by `send` (`pcap_inject`). The filter is that of
//! the expression `ip or ip6`. What it refuses is in none of the socket's counters: it was not for us.

use std::io;

use libc::sock_filter;
use packet::ethernet::{IPV4, IPV6};

use super::group::{Group, invalid};
use super::plain::{Part, PlainConfig, PlainIo};
use crate::bpf::{IS, LOAD_HALF, RETURN, branch, step};

/// Opens one thread's sockets, which deliver IPv4 and IPv6 frames, at most `snap_len` bytes of each. A frame
/// that is longer counts in [`IoCounters::truncated`](crate::IoCounters::truncated): it cannot be forwarded.
///
/// # Errors
/// A snap length of 0; when a device is not there, or the process may not open packet sockets.
pub fn open(config: &PlainConfig, snap_len: u32) -> io::Result<Group<PlainIo>> {
    if snap_len == 0 {
        return Err(invalid("a snap length of 0 lets nothing in"));
    }
    config.open(&[Part {
        filter: Some(internet(snap_len).to_vec()),
        share: None,
        sender: true,
    }])
}

/// Lets `snap_len` bytes of IPv4 and IPv6 frames in.
pub(super) const fn internet(snap_len: u32) -> [sock_filter; 5] {
    const TAKE: u8 = 3;
    const LEAVE: u8 = 4;
    [
        step(LOAD_HALF, 12),
        branch(1, IS, IPV4 as u32, TAKE, 2),
        branch(2, IS, IPV6 as u32, TAKE, LEAVE),
        step(RETURN, snap_len),
        step(RETURN, 0),
    ]
}
