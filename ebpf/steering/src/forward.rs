//! Forwarding in XDP: what the kernel's tables are asked about a frame, and what becomes of it.
//!
//! The kernel's own example does the same (samples/bpf/xdp_fwd_kern.c): the lookup is the kernel's
//! (`bpf_fib_lookup`), what it finds is written here, and all that needs more than that goes on to the network
//! stack. As there, the checksum of an IPv4 header is not verified (a wrong one stays wrong), the station that
//! a frame was sent to is left to the device's filter, and what a route refuses is dropped without a word.

use packet::ethernet::{self, HEADER_LEN};
use packet::{Addresses, Head as _, Packet, PacketMut, hop, ipv4, ipv6};

/// What became of a frame. The numbers are places in the map of counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Fate {
    /// Rewritten and sent out by a port.
    Forwarded = 0,
    /// Passed on: neither IPv4 nor IPv6, or with VLAN tags.
    NotIp = 1,
    /// Passed on: sent to a group of stations.
    LinkGroup = 2,
    /// Passed on: its header ends before it should, or has another version or impossible lengths.
    BadHeader = 3,
    /// Passed on: it has IPv4 options.
    Options = 4,
    /// Passed on: it has no hop left, and the network stack tells its sender.
    NoHop = 5,
    /// Passed on: it is for this host, for a group, or without a route.
    NotForwarded = 6,
    /// Passed on: this host does not forward what comes by that device.
    ForwardingOff = 7,
    /// Passed on: it would be put into a tunnel.
    Tunnel = 8,
    /// Passed on: the next hop's hardware address is not known, and the network stack asks for it.
    NoNeighbour = 9,
    /// Passed on: longer than the next link takes.
    TooBig = 10,
    /// Passed on: it would leave by a device that is no port.
    NotAPort = 11,
    /// Passed on: the kernel did not take the question, or answered what is not known here.
    Refused = 12,
    /// Dropped: a route says so.
    Blackhole = 13,
    /// Dropped: a route says that it cannot be reached.
    Unreachable = 14,
    /// Dropped: a route says that it may not be reached.
    Prohibited = 15,
}

/// What the kernel is told to do with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send it out by the port that was found.
    Redirect,
    /// Hand it to the network stack.
    Pass,
    /// Discard it.
    Drop,
}

impl Fate {
    /// Every fate, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::Forwarded,
        Self::NotIp,
        Self::LinkGroup,
        Self::BadHeader,
        Self::Options,
        Self::NoHop,
        Self::NotForwarded,
        Self::ForwardingOff,
        Self::Tunnel,
        Self::NoNeighbour,
        Self::TooBig,
        Self::NotAPort,
        Self::Refused,
        Self::Blackhole,
        Self::Unreachable,
        Self::Prohibited,
    ];

    /// The name in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::NotIp => "not_ip",
            Self::LinkGroup => "link_group",
            Self::BadHeader => "bad_header",
            Self::Options => "options",
            Self::NoHop => "no_hop",
            Self::NotForwarded => "not_forwarded",
            Self::ForwardingOff => "forwarding_off",
            Self::Tunnel => "tunnel",
            Self::NoNeighbour => "no_neighbour",
            Self::TooBig => "too_big",
            Self::NotAPort => "not_a_port",
            Self::Refused => "refused",
            Self::Blackhole => "blackhole",
            Self::Unreachable => "unreachable",
            Self::Prohibited => "prohibited",
        }
    }

    /// What is done then.
    #[inline(always)]
    #[must_use]
    pub const fn action(self) -> Action {
        match self {
            Self::Forwarded => Action::Redirect,
            Self::NotIp
            | Self::LinkGroup
            | Self::BadHeader
            | Self::Options
            | Self::NoHop
            | Self::NotForwarded
            | Self::ForwardingOff
            | Self::Tunnel
            | Self::NoNeighbour
            | Self::TooBig
            | Self::NotAPort
            | Self::Refused => Action::Pass,
            Self::Blackhole | Self::Unreachable | Self::Prohibited => Action::Drop,
        }
    }

    /// The fate that an answer of `bpf_fib_lookup` means (`BPF_FIB_LKUP_RET_*` of linux/bpf.h); none where a way was
    /// found.
    #[inline(always)]
    #[must_use]
    pub const fn of_answer(answer: i64) -> Option<Self> {
        Some(match answer {
            0 => return None,
            1 => Self::Blackhole,
            2 => Self::Unreachable,
            3 => Self::Prohibited,
            4 => Self::NotForwarded,
            5 => Self::ForwardingOff,
            6 => Self::Tunnel,
            7 => Self::NoNeighbour,
            8 => Self::TooBig,
            _ => Self::Refused,
        })
    }
}

/// What the kernel's tables are asked about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// Source and destination.
    pub addresses: Addresses,
    /// Number of the transport protocol, or of the first extension header.
    pub protocol: u8,
    /// IPv4: the type of service. IPv6: traffic class and flow label, in the low 28 bits.
    pub class: u32,
    /// Bytes of the packet, without the link header; as much as the question has room for.
    pub len: u16,
}

/// The next link, as the kernel's tables have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextLink {
    /// The kernel's number of the device.
    pub device: u32,
    /// The hardware address of the next hop.
    pub to: [u8; 6],
    /// That of the device.
    pub from: [u8; 6],
}

/// The question about a frame.
///
/// # Errors
/// The fate of a frame that needs none.
#[inline(always)]
pub fn question<P: Packet + ?Sized>(p: &P) -> Result<Question, Fate> {
    let Some(link) = p.head::<HEADER_LEN>() else {
        return Err(Fate::BadHeader);
    };
    let [first] = link.bytes::<0, 1>();
    let ethertype = u16::from_be_bytes(link.bytes::<12, 2>());
    if ethertype != ethernet::IPV4 && ethertype != ethernet::IPV6 {
        return Err(Fate::NotIp);
    }
    if first & 1 != 0 {
        return Err(Fate::LinkGroup);
    }
    if ethertype == ethernet::IPV4 {
        about_v4(p)
    } else {
        about_v6(p)
    }
}

#[inline(always)]
fn about_v4<P: Packet + ?Sized>(p: &P) -> Result<Question, Fate> {
    let header = p.read_at::<HEADER_LEN, { ipv4::MIN_HEADER_LEN }>();
    let header = header.ok_or(Fate::BadHeader)?;
    let [version_len, class] = header.bytes::<0, 2>();
    let len = u16::from_be_bytes(header.bytes::<2, 2>());
    let [ttl, protocol] = header.bytes::<8, 2>();
    if version_len != 0x45 {
        return Err(if version_len >> 4 == 4 && version_len & 0x0f > 5 {
            Fate::Options
        } else {
            Fate::BadHeader
        });
    }
    if usize::from(len) < ipv4::MIN_HEADER_LEN || usize::from(len) > p.len() - HEADER_LEN {
        return Err(Fate::BadHeader);
    }
    if ttl <= 1 {
        return Err(Fate::NoHop);
    }
    Ok(Question {
        addresses: Addresses::V4(header.bytes::<12, 4>(), header.bytes::<16, 4>()),
        protocol,
        class: u32::from(class),
        len,
    })
}

#[inline(always)]
fn about_v6<P: Packet + ?Sized>(p: &P) -> Result<Question, Fate> {
    let header = p.read_at::<HEADER_LEN, { ipv6::HEADER_LEN }>();
    let header = header.ok_or(Fate::BadHeader)?;
    let class = u32::from_be_bytes(header.bytes::<0, 4>());
    let payload_len = u16::from_be_bytes(header.bytes::<4, 2>());
    let [protocol, hop_limit] = header.bytes::<6, 2>();
    let len = usize::from(payload_len) + ipv6::HEADER_LEN;
    if class >> 28 != 6 || len > p.len() - HEADER_LEN {
        return Err(Fate::BadHeader);
    }
    if hop_limit <= 1 {
        return Err(Fate::NoHop);
    }
    Ok(Question {
        addresses: Addresses::V6(header.bytes::<8, 16>(), header.bytes::<24, 16>()),
        protocol,
        class: class & 0x0fff_ffff,
        len: if len > u16::MAX as usize {
            u16::MAX
        } else {
            len as u16
        },
    })
}

/// Makes the frame of a question what it is on its next link; false where it ends before its headers.
#[inline(always)]
pub fn send_on<P: PacketMut + ?Sized>(p: &mut P, question: &Question, next: &NextLink) -> bool {
    let taken = match question.addresses {
        Addresses::V4(..) => hop::take_v4(p, HEADER_LEN),
        Addresses::V6(..) => hop::take_v6(p, HEADER_LEN),
    };
    taken && hop::onto_link(p, next.to, next.from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(ethertype: u16, packet: &[u8]) -> ([u8; 80], usize) {
        let mut frame = [0; 80];
        frame[12..14].copy_from_slice(&ethertype.to_be_bytes());
        frame[14..14 + packet.len()].copy_from_slice(packet);
        (frame, 14 + packet.len())
    }

    fn v4() -> [u8; 24] {
        let mut packet = [0; 24];
        packet[..4].copy_from_slice(&[0x45, 0x10, 0, 24]);
        packet[8..10].copy_from_slice(&[64, 17]);
        packet[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
        packet
    }

    fn asked(ethertype: u16, packet: &[u8]) -> Result<Question, Fate> {
        let (frame, len) = frame(ethertype, packet);
        question(&frame[..len])
    }

    #[test]
    fn numbers_are_places_and_names_differ() {
        for (place, fate) in Fate::ALL.into_iter().enumerate() {
            assert_eq!(fate as usize, place);
            let before = &Fate::ALL[..place];
            assert!(before.iter().all(|other| other.name() != fate.name()));
        }
        assert_eq!(Fate::of_answer(0), None);
        assert_eq!(Fate::of_answer(-22), Some(Fate::Refused));
    }

    #[test]
    fn a_sound_packet_is_asked_about() {
        let question = asked(ethernet::IPV4, &v4()).unwrap();
        let addresses = Addresses::V4([10, 0, 0, 1], [10, 0, 0, 2]);
        assert_eq!(question.addresses, addresses);
        assert_eq!(
            (question.protocol, question.class, question.len),
            (17, 0x10, 24)
        );
        let mut packet = [0; 44];
        packet[..8].copy_from_slice(&[0x6a, 0xbc, 0xde, 0xf1, 0, 4, 58, 2]);
        packet[8..24].fill(1);
        packet[24..40].fill(2);
        let question = asked(ethernet::IPV6, &packet).unwrap();
        assert_eq!(question.addresses, Addresses::V6([1; 16], [2; 16]));
        assert_eq!((question.protocol, question.class), (58, 0x0abc_def1));
        assert_eq!(question.len, 44);
        packet[7] = 1;
        assert_eq!(asked(ethernet::IPV6, &packet), Err(Fate::NoHop));
        packet[5] = 5;
        assert_eq!(asked(ethernet::IPV6, &packet), Err(Fate::BadHeader));
    }

    #[test]
    fn what_needs_the_network_stack_is_not() {
        let with = |at: usize, byte: u8| {
            let mut packet = v4();
            packet[at] = byte;
            asked(ethernet::IPV4, &packet)
        };
        assert_eq!(with(8, 1), Err(Fate::NoHop));
        assert_eq!(with(0, 0x46), Err(Fate::Options));
        assert_eq!(with(0, 0x65), Err(Fate::BadHeader));
        assert_eq!(with(0, 0x44), Err(Fate::BadHeader));
        assert_eq!(with(3, 25), Err(Fate::BadHeader));
        assert_eq!(with(3, 19), Err(Fate::BadHeader));
        assert_eq!(asked(ethernet::VLAN, &v4()), Err(Fate::NotIp));
        assert_eq!(asked(ethernet::IPV4, &v4()[..19]), Err(Fate::BadHeader));
        let (mut group, len) = frame(ethernet::IPV4, &v4());
        group[0] = 1;
        assert_eq!(question(&group[..len]), Err(Fate::LinkGroup));
        assert_eq!(question([0; 13].as_slice()), Err(Fate::BadHeader));
    }
}
