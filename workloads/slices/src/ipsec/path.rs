//! What the path between two gateways takes, where a router on it says so (RFC 1191; RFC 4301, section 8.2).
//!
//! Outer packets are not to be fragmented. A router whose next link is too narrow discards them, and tells this end by ICMP.
//! That is believed where the message quotes a packet of ours by both ends of the tunnel, protocol and SPI. It is no proof,
//! for the message is not authenticated and whoever sees a packet can quote it; RFC 4301 (section 6.1.1) leaves to the gateway
//! what it believes. So the MTU is only ever lowered, for ten minutes since it was last told (RFC 1191, section 6.3), and
//! never below what carries an inner packet of 1280 bytes: less than that no link of IPv6 takes (RFC 8200, section 5), no tunnel
//! is configured with ([`Tunnel::check`]), and a forger wants most. Over a path that is narrower still, long packets are lost.
//! Routers older than RFC 1191 tell no MTU, and mean that least one.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use packet::Packet as _;
use packet::checksum::Sum;
use packet::ethernet::{self, Link};
use packet::ipv4::Ipv4;

use super::{PROTOCOL, Tunnel, inner};

/// IP protocol number of ICMP.
const ICMP: u8 = 1;
/// "Destination unreachable", and of its codes "fragmentation needed and DF set".
const UNREACHABLE: u8 = 3;
const TOO_BIG: u8 = 4;
/// Bytes of an ICMP header, behind which the packet is quoted.
const HEADER_LEN: usize = 8;

/// For so long what was told is believed.
pub(crate) const BELIEVED_MS: u64 = 600_000;
const NS: u64 = 1_000_000;

/// Longest outer packet that the path takes, as far as is known. The workers of a gateway share one, for a message comes to any
/// of them.
#[derive(Debug)]
pub(crate) struct Path {
    most: u16,
    least: u16,
    /// The MTU that was told, in the low 16 bits, and above them until when it is believed, in ms. One number, so that
    /// readers see both or neither.
    told: AtomicU64,
}

impl Path {
    /// A path of which nothing is known but what the tunnel is configured with.
    pub(crate) const fn new(tunnel: &Tunnel) -> Self {
        Self {
            most: tunnel.mtu,
            least: tunnel.least_mtu(),
            told: AtomicU64::new(0),
        }
    }

    /// Longest outer packet, in bytes.
    pub(crate) fn mtu(&self, now_ns: u64) -> u16 {
        self.believed(self.told.load(Ordering::Relaxed), now_ns)
    }

    /// A router takes no more than `mtu` bytes.
    pub(crate) fn tell(&self, mtu: u16, now_ns: u64) {
        let mtu = mtu.max(self.least);
        let until_ms = now_ns / NS + BELIEVED_MS;
        let narrower = |told| {
            let lowers = mtu < self.most && mtu <= self.believed(told, now_ns);
            lowers.then_some(until_ms << 16 | u64::from(mtu))
        };
        // Where it lowers nothing, nothing is to be done.
        let _ = self
            .told
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, narrower);
    }

    const fn believed(&self, told: u64, now_ns: u64) -> u16 {
        if now_ns / NS < told >> 16 {
            told as u16
        } else {
            self.most
        }
    }
}

/// The MTU that a frame tells of the path of these associations, if it is an ICMP error about a packet of theirs; 0 where the
/// router did not say which.
pub(crate) fn told(frame: &[u8], tunnel: &Tunnel, spis: &Range<u32>) -> Option<u16> {
    let link = Link::read(frame).ok()?;
    if link.ethertype != ethernet::IPV4 {
        return None;
    }
    let packet = frame.get(link.l3_at..)?;
    let ip = Ipv4::read(packet, 0).ok()?;
    let packet = packet.get(..ip.total_len)?;
    let (_, to) = ip.addresses(packet)?;
    let for_us = ip.protocol == ICMP && ip.is_whole() && to == tunnel.source.octets();
    if !for_us || !inner::intact(packet) {
        return None;
    }
    let message = &packet[ip.header_len..];
    let [UNREACHABLE, TOO_BIG, .., high, low] = message.read::<HEADER_LEN>(0)? else {
        return None;
    };
    if Sum::new().bytes(message).finish() != 0 {
        return None;
    }
    let quoted = &message[HEADER_LEN..];
    let outer = Ipv4::read(quoted, 0).ok()?;
    let ends = (tunnel.source.octets(), tunnel.destination.octets());
    let spi = quoted.read(outer.header_len).map(u32::from_be_bytes)?;
    let ours =
        outer.protocol == PROTOCOL && outer.addresses(quoted) == Some(ends) && spis.contains(&spi);
    ours.then(|| u16::from_be_bytes([high, low]))
}

#[cfg(test)]
mod tests {
    use super::super::tests::tunnel;
    use super::*;

    #[test]
    fn an_mtu_is_lowered_never_raised_and_forgotten_in_time() {
        let tunnel = tunnel(None);
        let (most, least) = (tunnel.mtu, tunnel.least_mtu());
        let path = Path::new(&tunnel);
        let second = 1000 * NS;
        let lasts = BELIEVED_MS * NS;
        assert_eq!(path.mtu(0), most);
        for useless in [most, most + 1, u16::MAX] {
            path.tell(useless, second);
            assert_eq!(path.mtu(second), most);
        }
        path.tell(least + 40, second);
        path.tell(least + 41, 2 * second);
        assert_eq!(path.mtu(lasts), least + 40);
        assert_eq!(path.mtu(second + lasts), most, "it is forgotten");
        // Told again it lasts on, and told less it lasts as long.
        path.tell(least + 40, 0);
        path.tell(least + 40, second);
        assert_eq!(path.mtu(lasts), least + 40);
        path.tell(least + 8, 2 * second);
        assert_eq!(path.mtu(second + lasts), least + 8);
        for less in [least - 1, 68, 0] {
            path.tell(less, 3 * second);
            assert_eq!(path.mtu(4 * second), least);
        }
    }
}
