//! The forwarding decision: a frame and the tables in, a verdict out. Pure, but that a frame which is forwarded has
//! been rewritten in place.
//!
//! The order of the checks is the Linux kernel's, so that a packet with two faults gets the same answer from either:
//! the header, addresses that no packet may have, the route, the hops left, the length, the neighbour.
//!
//! Departures from it, on purpose:
//! - IPv4 options, and packets to be fragmented, are left to the kernel, and IPv6 hop-by-hop options are not looked into;
//! - a packet for a neighbour that is not known yet is dropped, not kept until it is;
//! - bytes behind the packet, such as padding, go on with it;
//! - no redirects are sent (RFC 1812, 5.2.7.2) when a packet leaves by the port that it came by;
//! - errors go back the way that the packet came, and none is sent to sources from 240/4 on (RFC 1812, 4.3.2.7), in reply
//!   to an ICMPv6 redirect (RFC 4443, 2.4 e.2), or in reply to a later fragment of IPv6.

pub(super) mod v4;
pub(super) mod v6;

use std::net::{IpAddr, Ipv4Addr};

use packet::{ethernet, hop};
use pktio::frame::Port;

use super::fib::{Deadend, Fib, PortState, Resolution, Way};
use super::outcome::{Drop, Host, Report, Verdict};

/// A port whose packets grow before they leave: into a tunnel, or under a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Narrowed {
    /// The port.
    pub port: Port,
    /// Longest packet that may leave by it, in bytes, where the device itself takes longer ones.
    pub mtu: u32,
}

/// Decides about a frame that came by `ingress`, and rewrites it where it is forwarded.
#[inline]
pub fn decide(fib: &Fib, narrowed: Option<Narrowed>, ingress: Port, frame: &mut [u8]) -> Verdict {
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
    let decided = match u16::from_be_bytes([header[12], header[13]]) {
        ethernet::IPV4 => v4::decide(fib, narrowed, to_group, frame),
        ethernet::IPV6 => v6::decide(fib, narrowed, to_group, frame),
        _ => Err(Verdict::Host(Host::NotIp)),
    };
    match decided {
        Ok(port) => Verdict::Forward(port),
        Err(verdict) => verdict,
    }
}

/// Where an IPv4 packet of this host's own leaves, the first one of its way.
pub(super) fn originate(fib: &Fib, from: Ipv4Addr, to: Ipv4Addr) -> Result<Exit, Verdict> {
    let onward = Onward {
        fib,
        narrowed: None,
        way: fib.route_v4(from.to_bits(), to.to_bits()),
        destination: IpAddr::V4(to),
        len: 0,
        hops: u8::MAX,
        bound: None,
        may_fragment: false,
    };
    onward.exit(false, 0)
}

/// What is needed to send a packet on, once its header is known to be sound.
struct Onward<'a> {
    fib: &'a Fib,
    narrowed: Option<Narrowed>,
    way: Result<&'a Way, Deadend>,
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
}

impl Exit {
    /// Writes the link addresses. The frame must have a link header: nothing is written where it ends before.
    #[inline(always)]
    pub fn address(&self, frame: &mut [u8]) {
        let written = hop::onto_link(frame, self.to, self.from);
        debug_assert!(written, "a frame with a link header");
    }
}

impl Onward<'_> {
    /// The checks that both versions have in common.
    #[inline(always)]
    fn exit(&self, to_group: bool, least_mtu: u32) -> Result<Exit, Verdict> {
        let way = match self.way {
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
        if self.hops <= 1 {
            return Err(told(Report::TimeExceeded));
        }
        if let Some(verdict) = self.bound {
            return Err(verdict);
        }
        let Some(port) = way.port else {
            return Err(Verdict::Host(Host::Elsewhere));
        };
        let Some(state) = self.fib.port(port) else {
            return Err(Verdict::Drop(Drop::NoPort));
        };
        let mtu = match self.narrowed {
            Some(narrowed) if narrowed.port == port => narrowed.mtu.min(state.mtu),
            Some(_) | None => state.mtu,
        };
        let mtu = mtu.max(least_mtu);
        if self.len > mtu as usize {
            return Err(if self.may_fragment {
                Verdict::Host(Host::Fragment)
            } else {
                let report = Report::TooBig;
                Verdict::Report { report, mtu }
            });
        }
        self.resolved(way, port, state)
    }

    #[inline(always)]
    fn resolved(&self, way: &Way, port: Port, state: &PortState) -> Result<Exit, Verdict> {
        let (address, resolution) = match way.gateway {
            Some(gateway) => gateway,
            None => (self.destination, self.fib.neighbour(port, self.destination)),
        };
        match resolution {
            Resolution::Known(to) => Ok(Exit {
                port,
                from: state.mac,
                to,
            }),
            Resolution::Failed => Err(told(Report::NoNeighbour)),
            Resolution::Unknown => Err(Verdict::Unresolved(port, address)),
        }
    }
}

const fn told(report: Report) -> Verdict {
    Verdict::Report { report, mtu: 0 }
}
