//! Addresses and permanent neighbours.

use std::io;
use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::{MacAddress, change, ifindex};
use crate::error::Doing;

/// Gives a link an address. IPv6 addresses skip duplicate detection: it would send frames and delay
/// the address' use by a second.
///
/// # Errors
/// `AlreadyExists` when the link has it; `NotFound` when there is no such link; `PermissionDenied`
/// without CAP_NET_ADMIN.
pub fn add_address(name: &str, address: IpAddr, prefix_len: u8) -> io::Result<()> {
    let mut message = AddressMessage::default();
    message.header.index = ifindex(name)?;
    message.header.family = family(address);
    message.header.prefix_len = prefix_len;
    message.attributes = vec![
        AddressAttribute::Local(address),
        AddressAttribute::Address(address),
    ];
    if address.is_ipv6() {
        message
            .attributes
            .push(AddressAttribute::Flags(AddressFlags::Nodad));
    }
    change(
        RouteNetlinkMessage::NewAddress(message),
        NLM_F_CREATE | NLM_F_EXCL,
    )
    .doing(|| format!("add {address}/{prefix_len} to {name}"))
}

/// Tells a link for ever which hardware address a neighbour has, so that nobody asks the network. An
/// earlier entry is replaced.
///
/// # Errors
/// `NotFound` when there is no such link; `PermissionDenied` without CAP_NET_ADMIN.
pub fn add_neighbour(name: &str, address: IpAddr, mac: MacAddress) -> io::Result<()> {
    let mut message = NeighbourMessage::default();
    message.header.ifindex = ifindex(name)?;
    message.header.family = family(address);
    message.header.state = NeighbourState::Permanent;
    let destination = match address {
        IpAddr::V4(address) => NeighbourAddress::Inet(address),
        IpAddr::V6(address) => NeighbourAddress::Inet6(address),
    };
    message.attributes = vec![
        NeighbourAttribute::Destination(destination),
        NeighbourAttribute::LinkLayerAddress(mac.0.to_vec()),
    ];
    change(
        RouteNetlinkMessage::NewNeighbour(message),
        NLM_F_CREATE | NLM_F_REPLACE,
    )
    .doing(|| format!("add the neighbour {address} to {name}"))
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}
