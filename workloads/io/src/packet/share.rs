//! Which of several threads a frame belongs to: by its transport source port, in user space and as a
//! classic BPF program, or by its receive queue, which only the program can see.
//!
//! An ESP packet shows no ports, and all packets of a tunnel have the same addresses. It has the lower half of its SPI in
//! their place: associations with SPIs in sequence, as a gateway's workers have them, are spread over the threads.
//!
//! Both rules give every frame exactly one thread, whatever it holds: what has neither goes to the
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
/// IP protocol number of ESP.
const ESP: u8 = 50;
/// Where the lower half of the SPI stands in an ESP header.
const SPI_LOW: usize = 2;
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

    /// Whether the frame is this thread's by its source port, or SPI.
    pub(super) fn has(self, frame: &[u8]) -> bool {
        thread_of(frame, self.threads) == self.thread
    }

    /// Lets in what is this thread's by its source port, or SPI. The kernel shows it frames without their outer
    /// VLAN tag, so it agrees with [`has`](Self::has) but for frames that have another tag below that.
    pub(super) fn by_source_port(self) -> [sock_filter; 34] {
        const V4: u32 = 14 + 20;
        const V4_PORT: u8 = 16;
        const IPV6: u8 = 18;
        const V6: u32 = 14 + 40;
        const V6_PORT: u8 = 29;
        const DIVIDE: u8 = 30;
        const TAKE: u8 = 32;
        const LEAVE: u8 = 33;
        let other = if self.thread == 0 { TAKE } else { LEAVE };
        [
            step(LOAD_HALF, 12),
            branch(1, IS, u32::from(ethernet::IPV4), 2, IPV6),
            step(LOAD_LEN, 0),
            branch(3, AT_LEAST, V4 + 2, 4, other),
            step(LOAD_BYTE, 14),
            branch(5, IS, u32::from(PLAIN_IPV4), 6, other),
            step(LOAD_HALF, 14 + 6),
            branch(7, HAS_BITS, FRAGMENT, other, 8),
            step(LOAD_BYTE, 14 + 9),
            branch(9, IS, u32::from(udp::PROTOCOL), V4_PORT, 10),
            branch(10, IS, u32::from(TCP), V4_PORT, 11),
            branch(11, IS, u32::from(ESP), 12, other),
            step(LOAD_LEN, 0),
            branch(13, AT_LEAST, V4 + 4, 14, other),
            step(LOAD_HALF, V4 + SPI_LOW as u32),
            step(GO, u32::from(DIVIDE) - 16),
            step(LOAD_HALF, V4),
            step(GO, u32::from(DIVIDE) - 18),
            branch(IPV6, IS, u32::from(ethernet::IPV6), 19, other),
            step(LOAD_LEN, 0),
            branch(20, AT_LEAST, V6 + 2, 21, other),
            step(LOAD_BYTE, 14 + 6),
            branch(22, IS, u32::from(udp::PROTOCOL), V6_PORT, 23),
            branch(23, IS, u32::from(TCP), V6_PORT, 24),
            branch(24, IS, u32::from(ESP), 25, other),
            step(LOAD_LEN, 0),
            branch(26, AT_LEAST, V6 + 4, 27, other),
            step(LOAD_HALF, V6 + SPI_LOW as u32),
            step(GO, u32::from(DIVIDE) - 29),
            step(LOAD_HALF, V6),
            step(MODULO, u32::from(self.threads)),
            branch(31, IS, u32::from(self.thread), TAKE, LEAVE),
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

/// The thread that a frame belongs to by its source port, or SPI.
pub(super) fn thread_of(frame: &[u8], threads: u16) -> u16 {
    source(frame).map_or(0, |number| number % threads)
}

/// Reads what the program reads, and nothing else: what a packet is otherwise does not matter here.
fn source(frame: &[u8]) -> Option<u16> {
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
    match protocol {
        udp::PROTOCOL | TCP => frame.be16(at),
        ESP => frame.be16(at + SPI_LOW),
        _ => None,
    }
}

#[cfg(test)]
#[path = "share_tests.rs"]
mod tests;
