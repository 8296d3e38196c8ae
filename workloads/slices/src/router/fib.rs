//! What a forwarding thread knows of the network, as it stood at one moment: ports, routes, neighbours.
//!
//! A [`Fib`] never changes. [`Model`](super::Model) makes one after another, and [`Published`](super::Published)
//! hands them over.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::slice;
use std::sync::Arc;

use pktio::frame::Port;

use super::hashing::{Seeded, of_flow};
use super::lpm::{Key, LpmTable};
use super::outcome::Host;

/// A device that is forwarded from and to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortState {
    /// The kernel's number of the device.
    pub device: u32,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// Longest packet that it takes, in bytes, without the link header.
    pub mtu: u32,
    /// Its address in errors that are sent through it; without one none are.
    pub v4: Option<Ipv4Addr>,
    /// The same for IPv6.
    pub v6: Option<Ipv6Addr>,
    /// The same for sources that have no meaning beyond the link (RFC 6724, 5, rule 2), if it has such an address.
    pub link_local: Option<Ipv6Addr>,
}

/// What is known of a neighbour's hardware address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resolution {
    /// It has this one.
    Known([u8; 6]),
    /// It has had this one, which nobody has confirmed lately.
    Stale([u8; 6]),
    /// It was asked for and did not answer.
    Failed,
    /// Nobody has asked, or the answer is outstanding.
    #[default]
    Unknown,
}

/// A way on: the port to leave by, and to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// The port; none where the device is not one that we forward to.
    pub port: Option<Port>,
    /// The next router, and what is known of it; none where the destination itself is on the link.
    pub gateway: Option<(IpAddr, Resolution)>,
}

/// What becomes of a packet that a route matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hop {
    /// It goes this way.
    Way(Way),
    /// It goes one of these ways, chosen by its addresses; a way stands here as often as its weight asks for.
    Spread(Box<[Way]>),
    /// It is for this host.
    Host(Host),
    /// It vanishes.
    Blackhole,
    /// Its sender is told that the destination cannot be reached.
    Unreachable,
    /// Its sender is told that it may not.
    Prohibited,
}

/// Why a packet has no way on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadend {
    /// No route matches.
    NoRoute,
    /// It is for this host, or for the kernel to see to.
    Host(Host),
    /// [`Hop::Blackhole`].
    Blackhole,
    /// [`Hop::Unreachable`].
    Unreachable,
    /// [`Hop::Prohibited`].
    Prohibited,
}

/// Neighbours by the port they are on, and their [number](number_of).
pub(super) type Neighbours = HashMap<(u16, u128), Resolution, Seeded>;

/// An address as a number, IPv4's mapped into IPv6's (RFC 4291, 2.5.5.2), which are on no wire.
#[inline(always)]
pub(super) fn number_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Ports, routes and neighbours at one moment.
#[derive(Debug, Clone)]
pub struct Fib {
    pub(super) ports: Vec<Option<PortState>>,
    /// This host's IPv4 addresses, sorted.
    pub(super) own: Vec<u32>,
    pub(super) v4: LpmTable<u32>,
    pub(super) v6: LpmTable<u128>,
    pub(super) hops: Arc<Vec<Hop>>,
    pub(super) neighbours: Arc<Neighbours>,
}

impl Fib {
    /// A port, if there is a device behind it.
    #[inline]
    #[must_use]
    pub fn port(&self, port: Port) -> Option<&PortState> {
        self.ports.get(usize::from(port.0))?.as_ref()
    }

    /// How many ports there are, those without a device included.
    #[must_use]
    pub fn ports(&self) -> u16 {
        self.ports.len() as u16
    }

    /// The port that is the device with this number of the kernel's.
    #[inline]
    #[must_use]
    pub fn port_of(&self, device: u32) -> Option<Port> {
        let is_it =
            |port: &Option<PortState>| port.as_ref().is_some_and(|port| port.device == device);
        let place = self.ports.iter().position(is_it)?;
        Some(Port(place as u16))
    }

    /// Whether an IPv4 address is one of this host's.
    #[inline]
    #[must_use]
    pub fn is_own(&self, address: u32) -> bool {
        self.own.binary_search(&address).is_ok()
    }

    /// Where an IPv4 packet goes.
    ///
    /// # Errors
    /// The reason why it goes nowhere.
    #[inline]
    pub fn route_v4(&self, src: u32, dst: u32) -> Result<&Way, Deadend> {
        self.way(&self.v4, dst, src.into(), dst.into())
    }

    /// Where an IPv6 packet goes.
    ///
    /// # Errors
    /// The reason why it goes nowhere.
    #[inline]
    pub fn route_v6(&self, src: u128, dst: u128) -> Result<&Way, Deadend> {
        self.way(&self.v6, dst, src, dst)
    }

    #[inline]
    fn way<K: Key>(
        &self,
        table: &LpmTable<K>,
        key: K,
        src: u128,
        dst: u128,
    ) -> Result<&Way, Deadend> {
        let hop = table
            .find(key)
            .and_then(|hop| self.hops.get(hop as usize))
            .ok_or(Deadend::NoRoute)?;
        match hop {
            Hop::Way(way) => Ok(way),
            Hop::Spread(ways) => ways
                .get((of_flow(src, dst) % ways.len().max(1) as u64) as usize)
                .ok_or(Deadend::NoRoute),
            Hop::Host(host) => Err(Deadend::Host(*host)),
            Hop::Blackhole => Err(Deadend::Blackhole),
            Hop::Unreachable => Err(Deadend::Unreachable),
            Hop::Prohibited => Err(Deadend::Prohibited),
        }
    }

    /// The ways that a route leads an IPv4 packet; none where it leads nowhere.
    #[must_use]
    pub fn ways_v4(&self, dst: u32) -> &[Way] {
        self.ways(self.v4.find(dst))
    }

    /// The same of an IPv6 packet.
    #[must_use]
    pub fn ways_v6(&self, dst: u128) -> &[Way] {
        self.ways(self.v6.find(dst))
    }

    fn ways(&self, hop: Option<u32>) -> &[Way] {
        match hop.and_then(|hop| self.hops.get(hop as usize)) {
            Some(Hop::Way(way)) => slice::from_ref(way),
            Some(Hop::Spread(ways)) => ways,
            Some(Hop::Host(_) | Hop::Blackhole | Hop::Unreachable | Hop::Prohibited) | None => &[],
        }
    }

    /// What is known of a destination that is on a port's link itself.
    #[inline]
    #[must_use]
    pub fn neighbour(&self, port: Port, address: IpAddr) -> Resolution {
        self.neighbours
            .get(&(port.0, number_of(address)))
            .copied()
            .unwrap_or_default()
    }
}
