//! What the kernel has told so far, and the tables that follow from it.

mod hops;
mod routes;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use pktio::frame::Port;
use sys::link::Link;
use sys::tables::{Address, Change, NeighbourState, NextHop, Route, RouteKind};

use super::fib::{Fib, Hop, Neighbours, PortState, Resolution, Way, number_of};
use super::lpm::Full;
use super::outcome::Host;
use hops::{Hops, Target};
use routes::Routes;

/// What the tables of routes may take, in bytes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableLimits {
    /// IPv4: 65 MiB hold every /24 there is.
    pub v4: usize,
    /// IPv6: 512 bytes hold a /48 that shares no more than its first 16 bits with others.
    pub v6: usize,
}

impl Default for TableLimits {
    fn default() -> Self {
        Self {
            v4: 128 << 20,
            v6: 512 << 20,
        }
    }
}

/// What a change comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effect {
    /// The tables are others than before.
    pub changed: bool,
    /// The kernel takes IPv4 routes away on such occasions without saying so: they are to be read again.
    pub read_again: bool,
}

/// The kernel's tables as far as they were told, for routers with certain ports.
#[derive(Debug)]
pub struct Model {
    /// The devices that are the ports, in their order.
    ports: Vec<u32>,
    links: HashMap<u32, Link>,
    addresses: Vec<Address>,
    neighbours: HashMap<(u32, IpAddr), Resolution>,
    v4: Routes<u32>,
    v6: Routes<u128>,
    hops: Hops,
}

impl Model {
    /// Nothing was told yet. Port `i` is the device with the kernel's number `ports[i]`.
    #[must_use]
    pub fn new(ports: Vec<u32>, limits: TableLimits) -> Self {
        Self {
            ports,
            links: HashMap::new(),
            addresses: Vec::new(),
            neighbours: HashMap::new(),
            v4: Routes::with_limit(limits.v4),
            v6: Routes::with_limit(limits.v6),
            hops: Hops::default(),
        }
    }

    /// Takes in a change. To be told twice does no harm.
    ///
    /// # Errors
    /// [`Full`]: the model is not the kernel's tables any more.
    pub fn apply(&mut self, change: Change) -> Result<Effect, Full> {
        let mut effect = Effect::default();
        match change {
            Change::Route(route, standing) => {
                effect.changed = match route.destination {
                    IpAddr::V4(to) => self.v4.add(to.to_bits(), route, standing, &mut self.hops)?,
                    IpAddr::V6(to) => self.v6.add(to.to_bits(), route, standing, &mut self.hops)?,
                };
            }
            Change::NoRoute(route) => {
                effect.changed = match route.destination {
                    IpAddr::V4(to) => self.v4.remove(to.to_bits(), &route, &mut self.hops)?,
                    IpAddr::V6(to) => self.v6.remove(to.to_bits(), &route, &mut self.hops)?,
                };
            }
            Change::Neighbour(neighbour) => {
                let state = resolution(neighbour.state);
                let key = (neighbour.device, neighbour.address);
                effect.changed = self.neighbours.insert(key, state) != Some(state);
            }
            Change::NoNeighbour { device, address } => {
                effect.changed = self.neighbours.remove(&(device, address)).is_some();
            }
            Change::Link(link) => {
                let before = self.links.get(&link.index);
                let was_up = before.is_some_and(|before| before.up);
                effect.changed = before.map(looks) != Some(looks(&link));
                effect.read_again = was_up && !link.up;
                self.links.insert(link.index, link);
            }
            Change::NoLink(index) => {
                effect.changed = self.links.remove(&index).is_some();
                effect.read_again = effect.changed;
            }
            Change::Address(address) => {
                effect.changed = !self.addresses.contains(&address);
                if effect.changed {
                    self.addresses.push(address);
                }
            }
            Change::NoAddress(address) => {
                let before = self.addresses.len();
                self.addresses.retain(|other| *other != address);
                effect.changed = self.addresses.len() != before;
                effect.read_again = effect.changed;
            }
        }
        Ok(effect)
    }

    /// Takes in everything that there is, told anew ([`sys::tables::read`]): what is not told is gone.
    ///
    /// # Errors
    /// [`Full`], as [`apply`](Self::apply).
    pub fn replace(&mut self, all: Vec<Change>) -> Result<(), Full> {
        self.links.clear();
        self.addresses.clear();
        self.neighbours.clear();
        let (mut v4, mut v6) = (HashMap::new(), HashMap::new());
        for change in all {
            match change {
                Change::Route(route, _) => match route.destination {
                    IpAddr::V4(to) => Routes::gather(&mut v4, to.to_bits(), route),
                    IpAddr::V6(to) => Routes::gather(&mut v6, to.to_bits(), route),
                },
                Change::NoRoute(_)
                | Change::Neighbour(_)
                | Change::NoNeighbour { .. }
                | Change::Link(_)
                | Change::NoLink(_)
                | Change::Address(_)
                | Change::NoAddress(_) => {
                    self.apply(change)?;
                }
            }
        }
        self.v4.replace(v4, &mut self.hops)?;
        self.v6.replace(v6, &mut self.hops)
    }

    /// The tables as they stand.
    #[must_use]
    pub fn fib(&self) -> Fib {
        let mut own: Vec<u32> = self
            .addresses
            .iter()
            .filter_map(|address| match address.address {
                IpAddr::V4(address) => Some(address.to_bits()),
                IpAddr::V6(_) => None,
            })
            .collect();
        own.sort_unstable();
        own.dedup();
        Fib {
            ports: self.ports.iter().map(|device| self.port(*device)).collect(),
            own,
            v4: self.v4.table(),
            v6: self.v6.table(),
            hops: Arc::new(self.hops.targets().map(|target| self.hop(target)).collect()),
            neighbours: Arc::new(self.known()),
        }
    }

    fn port(&self, device: u32) -> Option<PortState> {
        let link = self.links.get(&device).filter(|link| link.up)?;
        let own = || self.addresses.iter().filter(|own| own.device == device);
        let v4 = own().find_map(|own| match own.address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        });
        let v6 = || {
            own().filter_map(|own| match own.address {
                IpAddr::V4(_) => None,
                IpAddr::V6(address) => Some(address),
            })
        };
        let link_local = v6().find(Ipv6Addr::is_unicast_link_local);
        let wide = v6().find(|address| !address.is_unicast_link_local());
        Some(PortState {
            device,
            mac: link.mac?.0,
            mtu: link.mtu,
            v4,
            v6: wide.or(link_local),
            link_local,
        })
    }

    fn port_of(&self, device: u32) -> Option<Port> {
        let place = self.ports.iter().position(|port| *port == device)?;
        Some(Port(place as u16))
    }

    fn hop(&self, target: Option<&Target>) -> Hop {
        match target {
            Some(Target::Host(host)) => Hop::Host(*host),
            Some(Target::Blackhole) => Hop::Blackhole,
            Some(Target::Prohibited) => Hop::Prohibited,
            // A number that no route has, or a route that leads to no device.
            None | Some(Target::Unreachable) => Hop::Unreachable,
            Some(Target::Ways(ways)) => match ways.as_slice() {
                [] => Hop::Unreachable,
                [way] => Hop::Way(self.way(way)),
                ways => {
                    let shares = ways.iter().flat_map(|hop| {
                        std::iter::repeat_n(self.way(hop), usize::from(hop.weight.max(1)))
                    });
                    Hop::Spread(shares.collect())
                }
            },
        }
    }

    fn way(&self, hop: &NextHop) -> Way {
        let resolved = |address| {
            let known = self.neighbours.get(&(hop.device, address));
            (address, known.copied().unwrap_or_default())
        };
        Way {
            port: self.port_of(hop.device),
            gateway: hop.gateway.map(resolved),
        }
    }

    fn known(&self) -> Neighbours {
        let ours = |(&(device, address), state): (&(u32, IpAddr), &Resolution)| {
            let port = self.port_of(device)?;
            Some(((port.0, number_of(address)), *state))
        };
        self.neighbours.iter().filter_map(ours).collect()
    }
}

fn resolution(state: NeighbourState) -> Resolution {
    match state {
        NeighbourState::Resolved(mac) => Resolution::Known(mac.0),
        NeighbourState::Stale(mac) => Resolution::Stale(mac.0),
        NeighbourState::Failed => Resolution::Failed,
        NeighbourState::Resolving => Resolution::Unknown,
    }
}

/// What of a link the tables show.
fn looks(link: &Link) -> (bool, u32, Option<[u8; 6]>) {
    (link.up, link.mtu, link.mac.map(|mac| mac.0))
}

/// What a route comes to.
fn target(route: &Route) -> Target {
    match route.kind {
        RouteKind::Unicast => Target::Ways(route.hops.clone()),
        RouteKind::Local => Target::Host(Host::Local),
        RouteKind::Broadcast | RouteKind::Multicast => Target::Host(Host::Group),
        RouteKind::Blackhole => Target::Blackhole,
        RouteKind::Unreachable => Target::Unreachable,
        RouteKind::Prohibit => Target::Prohibited,
    }
}

#[cfg(test)]
mod tests;
