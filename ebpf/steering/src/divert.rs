//! Which frames a slice leaves to the kernel.
//!
//! A slice takes the frames of its queues before the network stack sees them (NetSlices, section 3: the stack is
//! hijacked "at an early stage"). The machine must still resolve its neighbours, listen to groups and be reached under
//! its own addresses; what of that stays with the kernel is a choice.

use packet::Packet;
use packet::ethernet::{self, Link};
use packet::ipv6;

/// EtherType of the Address Resolution Protocol (RFC 826).
const ARP: u16 = 0x0806;
/// Next-header number of ICMPv6.
const ICMPV6: u8 = 58;

/// Frames that the kernel keeps: a set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept(u32);

impl Kept {
    /// Nothing: the slice gets every frame, as in the paper.
    pub const NOTHING: Self = Self(0);
    /// ARP, and ICMPv6 neighbour discovery (RFC 4861, types 133 to 137), where it stands right behind the
    /// fixed header, as that RFC demands.
    pub const RESOLUTION: Self = Self(1);
    /// Frames to a group of hardware addresses, broadcast included.
    pub const GROUPS: Self = Self(2);
    /// Packets to one of the machine's own addresses.
    pub const OWN: Self = Self(4);
    /// All of these.
    pub const ALL: Self = Self(1 | 2 | 4);

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The set as the loader hands it to the program.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The set of these bits; those that mean nothing are left out.
    #[inline(always)]
    #[must_use]
    pub const fn of_bits(bits: u32) -> Self {
        Self(bits & Self::ALL.0)
    }

    #[inline(always)]
    const fn has(self, kind: Self) -> bool {
        self.0 & kind.0 != 0
    }
}

/// An address of either protocol as the map of own addresses has it: IPv4 as in the mapped IPv6 address
/// (RFC 4291, 2.5.5.2), in host byte order.
pub type AddressKey = [u64; 2];

/// The key of an IPv4 address.
#[inline(always)]
#[must_use]
pub const fn v4_key(address: [u8; 4]) -> AddressKey {
    [0, 0xffff << 32 | u32::from_be_bytes(address) as u64]
}

/// The key of an IPv6 address.
#[inline(always)]
#[must_use]
pub const fn v6_key(address: [u8; 16]) -> AddressKey {
    let all = u128::from_be_bytes(address);
    [(all >> 64) as u64, all as u64]
}

/// Whether the kernel keeps a frame; `owns` tells the machine's own addresses. A frame that cannot be read is the
/// slice's.
#[inline(always)]
pub fn is_kept<P: Packet + ?Sized>(p: &P, kept: Kept, owns: impl Fn(AddressKey) -> bool) -> bool {
    if kept.has(Kept::GROUPS) && is_group(p) {
        return true;
    }
    let Ok(link) = Link::read(p) else {
        return false;
    };
    match link.ethertype {
        ARP => kept.has(Kept::RESOLUTION),
        ethernet::IPV4 if kept.has(Kept::OWN) => {
            p.read(link.l3_at + 16).is_some_and(|to| owns(v4_key(to)))
        }
        ethernet::IPV6 => {
            (kept.has(Kept::RESOLUTION) && is_discovery(p, link.l3_at))
                || (kept.has(Kept::OWN)
                    && p.read(link.l3_at + 24).is_some_and(|to| owns(v6_key(to))))
        }
        _ => false,
    }
}

/// Whether the destination is a group of hardware addresses. The whole address is read, for the verifier draws no
/// conclusion from a comparison that leaves room for one byte at the very start.
#[inline(always)]
fn is_group<P: Packet + ?Sized>(p: &P) -> bool {
    p.read_at::<0, 6>()
        .is_some_and(|[first, ..]| first & 1 == 1)
}

#[inline(always)]
fn is_discovery<P: Packet + ?Sized>(p: &P, l3_at: usize) -> bool {
    p.u8(l3_at + 6) == Some(ICMPV6)
        && p.u8(l3_at + ipv6::HEADER_LEN)
            .is_some_and(|kind| (133..=137).contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN_V4: [u8; 4] = [198, 18, 0, 1];
    const OWN_V6: [u8; 16] = [0xfd, 0x53, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

    fn owns(key: AddressKey) -> bool {
        key == v4_key(OWN_V4) || key == v6_key(OWN_V6)
    }

    /// A frame of one EtherType, with a VLAN tag or without, zero behind it.
    fn frame(ethertype: u16, tagged: bool) -> ([u8; 96], usize) {
        let mut frame = [0; 96];
        frame[0] = 2;
        let at = if tagged {
            frame[12..14].copy_from_slice(&ethernet::VLAN.to_be_bytes());
            16
        } else {
            12
        };
        frame[at..at + 2].copy_from_slice(&ethertype.to_be_bytes());
        (frame, at + 2)
    }

    fn kinds(frame: &[u8]) -> [bool; 3] {
        [Kept::RESOLUTION, Kept::GROUPS, Kept::OWN].map(|kind| is_kept(frame, kind, owns))
    }

    #[test]
    fn each_kind_is_kept_by_its_own_bit_alone() {
        for tagged in [false, true] {
            let (arp, _) = frame(ARP, tagged);
            assert_eq!(kinds(&arp), [true, false, false]);

            let (mut group, _) = frame(0x88cc, tagged);
            group[0] = 0xff;
            assert_eq!(kinds(&group), [false, true, false]);

            let (mut v4, l3_at) = frame(ethernet::IPV4, tagged);
            assert_eq!(kinds(&v4), [false; 3]);
            v4[l3_at + 16..l3_at + 20].copy_from_slice(&OWN_V4);
            assert_eq!(kinds(&v4), [false, false, true]);

            let (mut v6, l3_at) = frame(ethernet::IPV6, tagged);
            assert_eq!(kinds(&v6), [false; 3]);
            v6[l3_at + 24..l3_at + 40].copy_from_slice(&OWN_V6);
            assert_eq!(kinds(&v6), [false, false, true]);
        }
    }

    #[test]
    fn of_icmpv6_only_neighbour_discovery_is_resolution() {
        for kind in 0..=255_u8 {
            let (mut packet, l3_at) = frame(ethernet::IPV6, false);
            packet[l3_at + 6] = ICMPV6;
            packet[l3_at + 40] = kind;
            let resolution = (133..=137).contains(&kind);
            assert_eq!(kinds(&packet), [resolution, false, false], "type {kind}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_the_slices() {
        for ethertype in [ARP, ethernet::IPV4, ethernet::IPV6] {
            let (whole, l3_at) = frame(ethertype, false);
            for len in 0..l3_at - 1 {
                assert!(!is_kept(&whole[..len], Kept::ALL, |_| true), "{len} bytes");
            }
        }
        let (v4, l3_at) = frame(ethernet::IPV4, false);
        assert!(!is_kept(&v4[..l3_at + 19], Kept::ALL, |_| true));
        assert!(is_kept(&v4[..l3_at + 20], Kept::ALL, |_| true));
    }

    #[test]
    fn with_nothing_kept_every_frame_is_the_slices() {
        let (mut arp, _) = frame(ARP, false);
        arp[..6].fill(0xff);
        assert!(!is_kept(arp.as_slice(), Kept::NOTHING, |_| true));
        assert!(is_kept(arp.as_slice(), Kept::ALL, |_| false));
        assert_eq!(Kept::of_bits(u32::MAX), Kept::ALL);
        assert_eq!(Kept::RESOLUTION.and(Kept::GROUPS).and(Kept::OWN), Kept::ALL);
    }

    #[test]
    fn addresses_of_the_two_protocols_do_not_meet() {
        assert_ne!(
            v4_key([0, 0, 0, 1]),
            v6_key(core::array::from_fn(|i| u8::from(i == 15)))
        );
        assert_eq!(v4_key([1, 2, 3, 4]), [0, 0xffff_0102_0304]);
        assert_eq!(v6_key(OWN_V6), [0xfd53_0042_0000_0000, 1]);
    }
}
