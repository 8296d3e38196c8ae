//! From netlink's messages to changes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage,
    NeighbourState as KernelState,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteNextHop, RouteType, RouteVia,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::{
    Address, Change, Neighbour, NeighbourState, NextHop, Route, RouteKind, Standing, Table,
};
use crate::link::{self, MacAddress};

/// The numbers of the tables (linux/rtnetlink.h).
const MAIN: u32 = 254;
const LOCAL: u32 = 255;

/// The change that a message tells; nothing for what is not mirrored.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "an open enum of all kinds of messages"
)]
pub(super) fn change(
    message: RouteNetlinkMessage,
    standing: Standing,
) -> io::Result<Option<Change>> {
    Ok(match message {
        RouteNetlinkMessage::NewRoute(message) => {
            route(&message).map(|route| Change::Route(route, standing))
        }
        RouteNetlinkMessage::DelRoute(message) => route(&message).map(Change::NoRoute),
        RouteNetlinkMessage::NewNeighbour(message) => neighbour(&message).map(Change::Neighbour),
        RouteNetlinkMessage::DelNeighbour(message) => {
            neighbour_address(&message).map(|address| Change::NoNeighbour {
                device: message.header.ifindex,
                address,
            })
        }
        RouteNetlinkMessage::NewAddress(message) => address(&message).map(Change::Address),
        RouteNetlinkMessage::DelAddress(message) => address(&message).map(Change::NoAddress),
        // A bridge reports its ports by messages of the same kind, which tell less.
        RouteNetlinkMessage::NewLink(message)
            if message.header.interface_family == AddressFamily::Unspec =>
        {
            Some(Change::Link(link::from_message(message)))
        }
        RouteNetlinkMessage::DelLink(message)
            if message.header.interface_family == AddressFamily::Unspec =>
        {
            Some(Change::NoLink(message.header.index))
        }
        _ => None,
    })
}

fn route(message: &RouteMessage) -> Option<Route> {
    let header = &message.header;
    let cached = header.flags.contains(RouteFlags::Cloned);
    if cached || header.tos != 0 || header.source_prefix_length != 0 {
        return None;
    }
    let mut table = u32::from(header.table);
    let mut destination = unspecified(header.address_family)?;
    let mut priority = 0;
    let mut single = NextHop {
        device: 0,
        gateway: None,
        weight: 1,
    };
    let mut hops = Vec::new();
    for attribute in &message.attributes {
        #[expect(clippy::wildcard_enum_match_arm, reason = "an open enum")]
        match attribute {
            RouteAttribute::Table(number) => table = *number,
            RouteAttribute::Destination(address) => destination = of_route(address)?,
            RouteAttribute::Priority(number) => priority = *number,
            RouteAttribute::MultiPath(ways) => hops.extend(ways.iter().map(way)),
            // What tunnels put around a packet is not mirrored.
            RouteAttribute::Encap(_) => return None,
            other => read_way(&mut single, other),
        }
    }
    if hops.is_empty() && single.device != 0 {
        hops.push(single);
    }
    Some(Route {
        table: match table {
            MAIN => Table::Main,
            LOCAL => Table::Local,
            _ => return None,
        },
        destination,
        prefix_len: header.destination_prefix_length,
        priority,
        kind: kind(header.kind)?,
        hops,
    })
}

fn way(hop: &RouteNextHop) -> NextHop {
    let mut way = NextHop {
        device: hop.interface_index,
        gateway: None,
        weight: u16::from(hop.hops) + 1,
    };
    for attribute in &hop.attributes {
        read_way(&mut way, attribute);
    }
    way
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an open enum")]
fn read_way(way: &mut NextHop, attribute: &RouteAttribute) {
    match attribute {
        RouteAttribute::Oif(device) => way.device = *device,
        RouteAttribute::Gateway(address) => way.gateway = of_route(address),
        RouteAttribute::Via(RouteVia::Inet(address)) => way.gateway = Some((*address).into()),
        RouteAttribute::Via(RouteVia::Inet6(address)) => way.gateway = Some((*address).into()),
        _ => {}
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an open enum")]
fn of_route(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some((*address).into()),
        RouteAddress::Inet6(address) => Some((*address).into()),
        _ => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an open enum")]
fn unspecified(family: AddressFamily) -> Option<IpAddr> {
    match family {
        AddressFamily::Inet => Some(Ipv4Addr::UNSPECIFIED.into()),
        AddressFamily::Inet6 => Some(Ipv6Addr::UNSPECIFIED.into()),
        _ => None,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "an open enum; the others need what is not mirrored"
)]
fn kind(kind: RouteType) -> Option<RouteKind> {
    Some(match kind {
        RouteType::Unicast => RouteKind::Unicast,
        RouteType::Local | RouteType::Anycast => RouteKind::Local,
        RouteType::Broadcast => RouteKind::Broadcast,
        RouteType::Multicast => RouteKind::Multicast,
        RouteType::BlackHole => RouteKind::Blackhole,
        RouteType::Unreachable => RouteKind::Unreachable,
        RouteType::Prohibit => RouteKind::Prohibit,
        _ => return None,
    })
}

fn neighbour(message: &NeighbourMessage) -> Option<Neighbour> {
    let mac = message.attributes.iter().find_map(|attribute| {
        if let NeighbourAttribute::LinkLayerAddress(bytes) = attribute {
            <[u8; 6]>::try_from(bytes.as_slice()).ok().map(MacAddress)
        } else {
            None
        }
    });
    // Of several states at once none is valid.
    #[expect(clippy::wildcard_enum_match_arm, reason = "an open enum")]
    let state = match message.header.state {
        KernelState::Failed => NeighbourState::Failed,
        KernelState::Incomplete | KernelState::None => NeighbourState::Resolving,
        KernelState::Stale => mac.map_or(NeighbourState::Resolving, NeighbourState::Stale),
        _ => mac.map_or(NeighbourState::Resolving, NeighbourState::Resolved),
    };
    Some(Neighbour {
        device: message.header.ifindex,
        address: neighbour_address(message)?,
        state,
    })
}

/// A neighbour's address; nothing for entries that answer for others, or stand in a bridge's table.
fn neighbour_address(message: &NeighbourMessage) -> Option<IpAddr> {
    if message.header.flags.contains(NeighbourFlags::Proxy) {
        return None;
    }
    message.attributes.iter().find_map(|attribute| {
        if let NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) = attribute {
            Some((*address).into())
        } else if let NeighbourAttribute::Destination(NeighbourAddress::Inet6(address)) = attribute
        {
            Some((*address).into())
        } else {
            None
        }
    })
}

fn address(message: &AddressMessage) -> Option<Address> {
    let of = |wanted: fn(&AddressAttribute) -> Option<IpAddr>| {
        message.attributes.iter().find_map(wanted)
    };
    // On a link between two, the address proper is the peer's, and the local one this host's.
    let local = of(|attribute| {
        if let AddressAttribute::Local(address) = attribute {
            Some(*address)
        } else {
            None
        }
    });
    let proper = of(|attribute| {
        if let AddressAttribute::Address(address) = attribute {
            Some(*address)
        } else {
            None
        }
    });
    Some(Address {
        device: message.header.index,
        address: local.or(proper)?,
        prefix_len: message.header.prefix_len,
    })
}
