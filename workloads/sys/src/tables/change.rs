//! Changing the tables, and asking the kernel to resolve a neighbour.

use std::io;
use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::neighbour::{
    NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{
    RouteAttribute, RouteMessage, RouteNextHop, RouteProtocol, RouteScope, RouteType, RouteVia,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;

use super::{NextHop, Route, RouteKind, Table};
use crate::error::Doing;
use crate::netlink::Connection;

/// Adds a route, or replaces the one with its prefix and priority.
///
/// # Errors
/// `PermissionDenied` without CAP_NET_ADMIN; also when a device or a gateway cannot be reached.
pub fn add_route(route: &Route) -> io::Result<()> {
    let message = RouteNetlinkMessage::NewRoute(message(route));
    change(message, NLM_F_CREATE | NLM_F_REPLACE).doing(|| format!("add {}", named(route)))
}

/// Removes a route.
///
/// # Errors
/// As [`add_route`]; also when there is no such route.
pub fn remove_route(route: &Route) -> io::Result<()> {
    change(RouteNetlinkMessage::DelRoute(message(route)), 0)
        .doing(|| format!("remove {}", named(route)))
}

/// Forgets a neighbour.
///
/// # Errors
/// `NotFound` when it is not known; `PermissionDenied` without CAP_NET_ADMIN.
pub fn remove_neighbour(device: u32, address: IpAddr) -> io::Result<()> {
    let message = RouteNetlinkMessage::DelNeighbour(neighbour(device, address));
    change(message, 0).doing(|| format!("forget the neighbour {address}"))
}

/// Asks the kernel to find out a neighbour's hardware address, as if it had a packet for it (NTF_USE of
/// linux/neighbour.h). It answers by a change of the neighbour. One that it knows but has not confirmed lately it
/// probes after `delay_first_probe_time` (5 s), and tells of it only then.
///
/// It asks IPv6 neighbours from the device's link-local address: where there is none it asks nobody, and does
/// not say so.
///
/// # Errors
/// `PermissionDenied` without CAP_NET_ADMIN; also when the device is gone or down.
pub fn resolve(device: u32, address: IpAddr) -> io::Result<()> {
    let mut message = neighbour(device, address);
    message.header.state = NeighbourState::None;
    message.header.flags = NeighbourFlags::Use;
    change(RouteNetlinkMessage::NewNeighbour(message), NLM_F_CREATE)
        .doing(|| format!("resolve the neighbour {address}"))
}

fn change(message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
    Connection::open(NETLINK_ROUTE)?
        .request(message, flags)
        .map(drop)
}

fn named(route: &Route) -> String {
    format!("the route to {}/{}", route.destination, route.prefix_len)
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

fn neighbour(device: u32, address: IpAddr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = family(address);
    message.header.ifindex = device;
    message.attributes = vec![NeighbourAttribute::Destination(address.into())];
    message
}

fn message(route: &Route) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family(route.destination);
    message.header.destination_prefix_length = route.prefix_len;
    message.header.table = match route.table {
        Table::Main => 254,
        Table::Local => 255,
    };
    message.header.protocol = RouteProtocol::Static;
    message.header.kind = match route.kind {
        RouteKind::Unicast => RouteType::Unicast,
        RouteKind::Local => RouteType::Local,
        RouteKind::Broadcast => RouteType::Broadcast,
        RouteKind::Multicast => RouteType::Multicast,
        RouteKind::Blackhole => RouteType::BlackHole,
        RouteKind::Unreachable => RouteType::Unreachable,
        RouteKind::Prohibit => RouteType::Prohibit,
    };
    // What is on the link has no wider scope than it, of IPv4.
    let on_link = route.hops.iter().any(|hop| hop.gateway.is_none());
    message.header.scope = if on_link && route.destination.is_ipv4() {
        RouteScope::Link
    } else {
        RouteScope::Universe
    };
    message.attributes = vec![RouteAttribute::Destination(route.destination.into())];
    if route.priority != 0 {
        message
            .attributes
            .push(RouteAttribute::Priority(route.priority));
    }
    match route.hops.as_slice() {
        [] => {}
        [hop] => {
            message.attributes.push(RouteAttribute::Oif(hop.device));
            message.attributes.extend(gateway(route.destination, hop));
        }
        hops => {
            let ways = hops.iter().map(|hop| way(route.destination, hop));
            let ways = RouteAttribute::MultiPath(ways.collect());
            message.attributes.push(ways);
        }
    }
    message
}

fn gateway(destination: IpAddr, hop: &NextHop) -> Option<RouteAttribute> {
    let gateway = hop.gateway?;
    Some(if gateway.is_ipv4() == destination.is_ipv4() {
        RouteAttribute::Gateway(gateway.into())
    } else {
        RouteAttribute::Via(RouteVia::from(gateway))
    })
}

fn way(destination: IpAddr, hop: &NextHop) -> RouteNextHop {
    let mut way = RouteNextHop::default();
    way.interface_index = hop.device;
    way.hops = u8::try_from(hop.weight.saturating_sub(1)).unwrap_or(u8::MAX);
    way.attributes = gateway(destination, hop).into_iter().collect();
    way
}
