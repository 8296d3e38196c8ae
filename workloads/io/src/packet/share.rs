//! Which of several threads a frame belongs to: by its transport source port, in user space and as a
//! classic BPF program, or by its receive queue, which only the program can see.
//!
//! Both rules give every frame exactly one thread, whatever it holds: what has no source port goes to the
//! first. So do IPv4 packets with options and fragments, for a program has neither loops nor, where a
//! load lies behind the frame's end, any way on. The source port is the only field that is sure to differ
//! between a generator's flows. `SKF_AD_RXHASH` is no rule here: over veth it is what the sender's socket
//! left beside the packet, and 0 of packet sockets and AF_XDP.

use libc::sock_filter;
use packet::Packet as _;
use packet::ethernet::{self, Link};
use packet::{ipv6, udp};

use crate::bpf::{
    AT_LEAST, GO, HAS_BITS, IS, LOAD_BYTE, LOAD_HALF, LOAD_LEN, LOAD_WORD, MODULO, QUEUE, RETURN,
    branch, step,
};

/// IP protocol number of TCP.
const TCP: u8 = 6;
/// First byte of an IPv4 header without options.
const PLAIN_IPV4: u8 = 0x45;
/// "More fragments" and the offset, in an IPv4 header.
const FRAGMENT: u32 = 0x3fff;
/// The length that lets a whole frame in.
const WHOLE: u32 = u32::MAX;

/// One of several threads, and how many they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) thread: u16,
    pub(super) threads: u16,
}

impl Share {
    /// The shares of all threads.
    pub(super) fn all(threads: u16) -> impl Iterator<Item = Self> {
        (0..threads).map(move |thread| Self { thread, threads })
    }

    /// Whether the frame is this thread's by its source port.
    pub(super) fn has(self, frame: &[u8]) -> bool {
        thread_of(frame, self.threads) == self.thread
    }

    /// Lets in what is this thread's by its source port. The kernel shows it frames without their outer
    /// VLAN tag, so it agrees with [`has`](Self::has) but for frames that have another tag below that.
    pub(super) fn by_source_port(self) -> [sock_filter; 24] {
        const IPV6: u8 = 13;
        const DIVIDE: u8 = 20;
        const TAKE: u8 = 22;
        const LEAVE: u8 = 23;
        let other = if self.thread == 0 { TAKE } else { LEAVE };
        [
            step(LOAD_HALF, 12),
            branch(1, IS, u32::from(ethernet::IPV4), 2, IPV6),
            step(LOAD_LEN, 0),
            branch(3, AT_LEAST, 14 + 20 + 2, 4, other),
            step(LOAD_BYTE, 14),
            branch(5, IS, u32::from(PLAIN_IPV4), 6, other),
            step(LOAD_HALF, 14 + 6),
            branch(7, HAS_BITS, FRAGMENT, other, 8),
            step(LOAD_BYTE, 14 + 9),
            branch(9, IS, u32::from(udp::PROTOCOL), 11, 10),
            branch(10, IS, u32::from(TCP), 11, other),
            step(LOAD_HALF, 14 + 20),
            step(GO, u32::from(DIVIDE) - 13),
            branch(IPV6, IS, u32::from(ethernet::IPV6), 14, other),
            step(LOAD_LEN, 0),
            branch(15, AT_LEAST, 14 + 40 + 2, 16, other),
            step(LOAD_BYTE, 14 + 6),
            branch(17, IS, u32::from(udp::PROTOCOL), 19, 18),
            branch(18, IS, u32::from(TCP), 19, other),
            step(LOAD_HALF, 14 + 40),
            step(MODULO, u32::from(self.threads)),
            branch(21, IS, u32::from(self.thread), TAKE, LEAVE),
            step(RETURN, WHOLE),
            step(RETURN, 0),
        ]
    }

    /// Lets in what came by a receive queue of this thread's; see
    /// [`Sharding::RxQueue`](crate::udp::Sharding::RxQueue) for what the kernel takes for the queue.
    pub(super) fn by_queue(self) -> [sock_filter; 5] {
        [
            step(LOAD_WORD, QUEUE),
            step(MODULO, u32::from(self.threads)),
            branch(2, IS, u32::from(self.thread), 3, 4),
            step(RETURN, WHOLE),
            step(RETURN, 0),
        ]
    }
}

/// The thread that a frame belongs to by its source port.
pub(super) fn thread_of(frame: &[u8], threads: u16) -> u16 {
    source_port(frame).map_or(0, |port| port % threads)
}

/// Reads what the program reads, and nothing else: what a packet is otherwise does not matter here.
fn source_port(frame: &[u8]) -> Option<u16> {
    let link = Link::read(frame).ok()?;
    let ip = link.l3_at;
    let (protocol, at) = match link.ethertype {
        ethernet::IPV4 => {
            let plain = frame.u8(ip)? == PLAIN_IPV4;
            let whole = u32::from(frame.be16(ip + 6)?) & FRAGMENT == 0;
            (frame.u8(ip + 9)?, (plain && whole).then_some(ip + 20)?)
        }
        ethernet::IPV6 => (frame.u8(ip + 6)?, ip + ipv6::HEADER_LEN),
        _ => return None,
    };
    if protocol == udp::PROTOCOL || protocol == TCP {
        frame.be16(at)
    } else {
        None
    }
}

#[cfg(test)]
#[path = "share_tests.rs"]
mod tests;
