//! The forwarding decision: a frame and the tables in, a verdict out. Pure, but that a frame which is forwarded has
//! been rewritten in place.
//!
//! The order of the checks is the Linux kernel's, so that a packet with two faults gets the same answer from either:
//! the header, addresses that no packet may have, the route, the hops left, the length, the neighbour.
//!
//! Departures from it, on purpose:
//! - IPv4 options are passed on and not executed, those that choose a way or are not sound are silently dropped with their
//!   packets, and IPv6 hop-by-hop options are not looked into;
//! - a packet to be fragmented for a neighbour that is not known yet is dropped whole;
//! - a packet for a neighbour that is not known yet is dropped, not kept until it is;
//! - bytes behind the packet, such as padding, go on with it;
//! - no redirects are sent (RFC 1812, 5.2.7.2) when a packet leaves by the port that it came by;
//! - errors go back the way that the packet came, and none is sent to sources from 240/4 on (RFC 1812, 4.3.2.7), in reply
//!   to an ICMPv6 redirect (RFC 4443, 2.4 e.2), or in reply to a later fragment of IPv6.

pub(super) mod options;
pub(super) mod v4;
pub(super) mod v6;

use std::net::{IpAddr, Ipv4Addr};

use packet::{ethernet, hop};
use pktio::frame::Port;
use steering::forward::NextLink;

use super::fib::{Deadend, Fib, PortState, Resolution, Way};
use super::icmp;
use super::outcome::{Drop, Host, Report, Verdict};

/// A port whose packets grow before they leave: into a tunnel, or under a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Narrowed {
    /// The port.
    pub port: Port,
    /// Longest packet that may leave by it, in bytes, where the device itself takes longer ones.
    pub mtu: u32,
}

/// Decides about a frame that came by `ingress`, and rewrites it where it is forwarded. `told` is how it leaves where the
/// kernel was asked and would forward it ([`steering::forward`]): then no route and no neighbour is looked up here. All else is
/// looked at, for the kernel's lookup does not look at all of it, and the packet may have been changed since.
#[inline]
pub fn decide(
    fib: &Fib,
    narrowed: Option<Narrowed>,
    told: Option<Exit>,
    ingress: Port,
    frame: &mut [u8],
) -> Verdict {
    let Some(port) = fib.port(ingress) else {
        return Verdict::Drop(Drop::NoPort);
    };
    let Some(header) = frame.first_chunk::<{ ethernet::HEADER_LEN }>() else {
        return Verdict::Drop(Drop::Truncated);
    };
    let to_group = header[0] & 1 != 0;
    if !to_group && header[..6] != port.mac {
        return Verdict::Drop(Drop::OtherStation);
    }
    // Of a frame to a group the kernel tells none: what is one by now is the tables'.
    let told = told.filter(|_| !to_group);
    let decided = match u16::from_be_bytes([header[12], header[13]]) {
        ethernet::IPV4 => v4::decide(fib, narrowed, told, to_group, frame),
        ethernet::IPV6 => v6::decide(fib, narrowed, told, to_group, frame),
        _ => Err(Verdict::Host(Host::NotIp)),
    };
    match decided {
        Ok((exit, cut)) => Verdict::Forward {
            port: exit.port,
            cut,
            stale: exit.stale,
        },
        Err(verdict) => verdict,
    }
}

/// Where a packet of this host's own leaves, the first one of its way.
pub(super) fn originate(fib: &Fib, from: IpAddr, to: IpAddr) -> Result<Exit, Verdict> {
    let onward = Onward {
        fib,
        narrowed: None,
        destination: to,
        len: 0,
        hops: u8::MAX,
        bound: None,
        may_fragment: false,
    };
    let way = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => fib.route_v4(from.to_bits(), to.to_bits()),
        (IpAddr::V6(from), IpAddr::V6(to)) => fib.route_v6(from.to_bits(), to.to_bits()),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => Err(Deadend::NoRoute),
    };
    onward.exit(way, false, 0).map(|(exit, _)| exit)
}

/// Source and destination of the packet in a frame; nothing where its header is not sound.
pub(super) fn ends(frame: &[u8]) -> Option<(IpAddr, IpAddr)> {
    match icmp::ethertype(frame)? {
        ethernet::IPV4 => {
            let header = v4::Header::read(frame).ok()?;
            let [src, dst] = [header.src, header.dst].map(Ipv4Addr::from_bits);
            Some((src.into(), dst.into()))
        }
        ethernet::IPV6 => {
            let header = v6::Header::read(frame).ok()?;
            Some((header.src.into(), header.dst.into()))
        }
        _ => None,
    }
}

/// What is needed to send a packet on, once its header is known to be sound.
struct Onward<'a> {
    fib: &'a Fib,
    narrowed: Option<Narrowed>,
    /// Where it goes, if that is on the link itself.
    destination: IpAddr,
    /// Bytes of the packet, without the link header.
    len: usize,
    /// Hops that it has left.
    hops: u8,
    /// What its addresses keep it from, once it is known to be for somebody else.
    bound: Option<Verdict>,
    may_fragment: bool,
}

/// Where a packet leaves, and the link addresses that it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// The port.
    pub port: Port,
    from: [u8; 6],
    to: [u8; 6],
    /// The neighbour whose link address that is, if nobody has confirmed it lately.
    pub(super) stale: Option<IpAddr>,
}

impl Exit {
    /// The exit to a link that the kernel has told; none where its device is not one of the ports.
    #[inline(always)]
    pub(super) fn onto(fib: &Fib, next: &NextLink) -> Option<Self> {
        Some(Self {
            port: fib.port_of(next.device)?,
            from: next.from,
            to: next.to,
            stale: None,
        })
    }

    /// Writes the link addresses. The frame must have a link header: nothing is written where it ends before.
    #[inline(always)]
    pub fn address(&self, frame: &mut [u8]) {
        let written = hop::onto_link(frame, self.to, self.from);
        debug_assert!(written, "a frame with a link header");
    }
}

/// Bytes of the longest fragment, where a packet is to leave in such.
type Cut = Option<u32>;

impl Onward<'_> {
    /// The checks that both versions have in common.
    #[inline(always)]
    fn exit(
        &self,
        way: Result<&Way, Deadend>,
        to_group: bool,
        least_mtu: u32,
    ) -> Result<(Exit, Cut), Verdict> {
        let way = match way {
            Ok(way) => way,
            // Also where it came as a broadcast: the kernel looks at what is its own.
            Err(Deadend::Host(host)) => return Err(Verdict::Host(host)),
            Err(_) if to_group => return Err(Verdict::Drop(Drop::LinkGroup)),
            Err(Deadend::NoRoute) => return Err(told(Report::NoRoute)),
            Err(Deadend::Unreachable) => return Err(told(Report::Unreachable)),
            Err(Deadend::Prohibited) => return Err(told(Report::Prohibited)),
            Err(Deadend::Blackhole) => return Err(Verdict::Drop(Drop::Blackhole)),
        };
        if to_group {
            return Err(Verdict::Drop(Drop::LinkGroup));
        }
        self.may_leave()?;
        let Some(port) = way.port else {
            return Err(Verdict::Drop(Drop::Elsewhere));
        };
        let (state, cut) = self.fits(port, least_mtu)?;
        Ok((self.resolved(way, port, state)?, cut))
    }

    /// Those of them that are left where the kernel has told the exit.
    #[inline(always)]
    fn told(&self, exit: Exit, least_mtu: u32) -> Result<(Exit, Cut), Verdict> {
        self.may_leave()?;
        let (_, cut) = self.fits(exit.port, least_mtu)?;
        Ok((exit, cut))
    }

    #[inline(always)]
    fn may_leave(&self) -> Result<(), Verdict> {
        if self.hops <= 1 {
            return Err(told(Report::TimeExceeded));
        }
        match self.bound {
            Some(verdict) => Err(verdict),
            None => Ok(()),
        }
    }

    /// The port, if the packet fits the link behind it, as it is or cut.
    #[inline(always)]
    fn fits(&self, port: Port, least_mtu: u32) -> Result<(&PortState, Cut), Verdict> {
        let Some(state) = self.fib.port(port) else {
            return Err(Verdict::Drop(Drop::NoPort));
        };
        let mtu = match self.narrowed {
            Some(narrowed) if narrowed.port == port => narrowed.mtu.min(state.mtu),
            Some(_) | None => state.mtu,
        };
        let mtu = mtu.max(least_mtu);
        if self.len <= mtu as usize {
            Ok((state, None))
        } else if self.may_fragment {
            Ok((state, Some(mtu)))
        } else {
            let report = Report::TooBig;
            Err(Verdict::Report { report, mtu })
        }
    }

    #[inline(always)]
    fn resolved(&self, way: &Way, port: Port, state: &PortState) -> Result<Exit, Verdict> {
        let (address, resolution) = next_hop(self.fib, way, port, self.destination);
        let (to, stale) = match resolution {
            Resolution::Known(to) => (to, None),
            Resolution::Stale(to) => (to, Some(address)),
            Resolution::Failed => return Err(Verdict::Unanswered(port, address)),
            Resolution::Unknown => return Err(Verdict::Unresolved(port, address)),
        };
        let from = state.mac;
        Ok(Exit {
            port,
            from,
            to,
            stale,
        })
    }
}

/// The next hop of a way by this port, and what is known of it.
#[inline(always)]
fn next_hop(fib: &Fib, way: &Way, port: Port, destination: IpAddr) -> (IpAddr, Resolution) {
    match way.gateway {
        Some(gateway) => gateway,
        None => (destination, fib.neighbour(port, destination)),
    }
}

/// What the tables say of an exit that the kernel has told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Confirmed {
    /// They send the packet by it, too, or by one of several ways of which it is one: among these the kernel chooses by a hash
    /// of its own.
    pub(super) same: bool,
    /// The neighbour, if nobody has confirmed it lately: the kernel's lookup for XDP uses it all the same, and asks nobody.
    pub(super) stale: Option<IpAddr>,
}

/// What the tables say of the exit of the packet in a frame. Nothing where its header is not sound.
pub(super) fn confirms(fib: &Fib, exit: &Exit, frame: &[u8]) -> Option<Confirmed> {
    let (_, destination) = ends(frame)?;
    let ways = match destination {
        IpAddr::V4(to) => fib.ways_v4(to.to_bits()),
        IpAddr::V6(to) => fib.ways_v6(to.to_bits()),
    };
    // Where the way leads to the exit: the neighbour there, if it is stale.
    let there = |way: &Way| {
        let (address, resolution) = next_hop(fib, way, exit.port, destination);
        let (to, stale) = match resolution {
            Resolution::Known(to) => (to, None),
            Resolution::Stale(to) => (to, Some(address)),
            Resolution::Failed | Resolution::Unknown => return None,
        };
        (way.port == Some(exit.port) && to == exit.to).then_some(stale)
    };
    let is_from = |port: &PortState| port.mac == exit.from;
    let found = ways.iter().find_map(there);
    Some(Confirmed {
        same: fib.port(exit.port).is_some_and(is_from) && found.is_some(),
        stale: found.flatten(),
    })
}

const fn told(report: Report) -> Verdict {
    Verdict::Report { report, mtu: 0 }
}
