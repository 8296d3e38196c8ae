//! Named losses and where the kernel counts them.
//!
//! The ledger attributes every lost request to exactly one counter, so only counters that never
//! overlap are listed in [`Drop`]. The kernel's other figures about the same events are kept
//! beside them as [`Related`]. Measured on veth in copy mode (Linux 6.18), and held by the
//! end-to-end tests: a request that was accepted by a TX ring ends in exactly one of these.
//!
//! | What happened | Counts in | Counts in veth's `rx_queue_N_drops` as well |
//! |---|---|---|
//! | veth's queue of 256 frames was full | the *sender's* `tx_dropped` | no |
//! | the same, of a frame that XDP sent back | the `tx_dropped` of the device that sent it back | no (`xdp_tx_errors`) |
//! | the program dropped it, or no socket is registered | the program's counters | no (`xdp_drops`) |
//! | a socket of another queue is registered | nothing else; the program says "redirected" | yes |
//! | no frame was posted | [`Drop::XskNoFrame`] of the socket that was meant | yes |
//! | the RX ring was full | [`Drop::XskRxRingFull`] of that socket | yes |
//! | the UDP receive buffer was full | [`Drop::UdpSocket`] | no |
//! | a packet socket's receive buffer or ring was full | [`Drop::PacketSocket`] of that socket | no |
//!
//! So the sum of `rx_queue_N_drops` over the queues, less all sockets' losses, is what wrongly
//! registered sockets lost: 0 in a sound mesh. An AF_XDP sender whose frames in flight are bounded
//! ([`Xsk::limit_in_flight`](crate::af_xdp::socket::Xsk::limit_in_flight)) never fills veth's queue.
//! What user space discards is in [`IoCounters`](crate::IoCounters).

use std::fmt;

/// A loss between the device and the application, named by the counter it is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Drop {
    /// AF_XDP: the socket's RX ring was full (`rx_ring_full` of XDP_STATISTICS).
    XskRxRingFull,
    /// AF_XDP: no posted frame was left, or the frame was too long for one (`rx_dropped` of
    /// XDP_STATISTICS).
    XskNoFrame,
    /// Kernel UDP: the receive buffer was full or the checksum bad (`SK_MEMINFO_DROPS`).
    UdpSocket,
    /// Packet socket: the receive buffer or ring was full (`tp_drops` of PACKET_STATISTICS).
    PacketSocket,
}

impl Drop {
    /// Every loss, in a fixed order.
    pub const ALL: [Self; 4] = [
        Self::XskRxRingFull,
        Self::XskNoFrame,
        Self::UdpSocket,
        Self::PacketSocket,
    ];

    /// The name used in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::XskRxRingFull => "xsk_rx_ring_full",
            Self::XskNoFrame => "xsk_no_frame",
            Self::UdpSocket => "udp_socket",
            Self::PacketSocket => "packet_socket",
        }
    }
}

impl fmt::Display for Drop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Counters that describe the same events as a [`Drop`], or replies: evidence, never ledger lines.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Related {
    /// Times that the fill ring was found empty, summed over (device, queue); all sockets of a
    /// queue report the same ring, so it is taken once per queue.
    pub fill_ring_empty: u64,
    /// Descriptors of the fill ring that pointed outside the UMEM.
    pub rx_invalid: u64,
    /// Descriptors of the TX rings that the kernel refused.
    pub tx_invalid: u64,
    /// Times that a ring of TPACKET_V3 had no block for the kernel, which then drops until it gets one.
    pub ring_frozen: u64,
    /// Frames that packet sockets were given, those included that they lost (`tp_packets` of PACKET_STATISTICS).
    pub given: u64,
}

/// What was lost so far.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Drops {
    counts: [u64; Drop::ALL.len()],
    /// Further counters about the same events.
    pub related: Related,
}

impl Drops {
    /// The count of one loss, in datagrams.
    #[must_use]
    pub fn get(&self, drop: Drop) -> u64 {
        self.counts[drop as usize]
    }

    /// Adds to one loss.
    pub fn add(&mut self, drop: Drop, count: u64) {
        self.counts[drop as usize] += count;
    }

    /// All losses, each event counted once.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Every loss with its count, in the order of [`Drop::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Drop, u64)> + '_ {
        Drop::ALL.into_iter().map(|drop| (drop, self.get(drop)))
    }

    /// Adds another reading to this one.
    pub fn merge(&mut self, other: &Self) {
        for (drop, count) in other.iter() {
            self.add(drop, count);
        }
        self.related.fill_ring_empty += other.related.fill_ring_empty;
        self.related.rx_invalid += other.related.rx_invalid;
        self.related.tx_invalid += other.related.tx_invalid;
        self.related.ring_frozen += other.related.ring_frozen;
        self.related.given += other.related.given;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_adds_per_name_and_the_order_of_all_is_the_index() {
        let mut first = Drops::default();
        first.add(Drop::XskNoFrame, 2);
        let mut second = Drops::default();
        second.add(Drop::XskNoFrame, 3);
        second.add(Drop::UdpSocket, 4);
        second.related.fill_ring_empty = 9;
        second.related.given = 7;
        first.merge(&second);
        assert_eq!(first.get(Drop::XskNoFrame), 5);
        assert_eq!(first.get(Drop::UdpSocket), 4);
        assert_eq!(first.total(), 9);
        assert_eq!((first.related.fill_ring_empty, first.related.given), (9, 7));
        for (index, drop) in Drop::ALL.into_iter().enumerate() {
            assert_eq!(drop as usize, index);
        }
    }
}
