//! Addresses and permanent neighbours.
//!
//! The kernel takes over an IPv6 address in a work queue, also when it skips duplicate detection: until
//! then the address can be bound, but frames for it are thrown away (`Ip6InAddrErrors`). So
//! [`add_address`] returns only when the kernel routes the address to itself.

use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;

use super::{MacAddress, change, ifindex};
use crate::error::Doing;
use crate::netlink::Connection;

const TAKE_OVER_LIMIT: Duration = Duration::from_secs(5);

/// Gives a link an address, which is usable when this returns if the link was brought up before. IPv6
/// addresses skip duplicate detection: it would send frames and delay the address' use by a second.
///
/// # Errors
/// `TimedOut` when the kernel did not take the address over within 5 s;
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
    .and_then(|()| await_address(name, address))
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

/// Waits until frames for a new address are accepted.
fn await_address(name: &str, address: IpAddr) -> io::Result<()> {
    let IpAddr::V6(address) = address else {
        return Ok(());
    };
    if !super::get(name)?.up {
        return Ok(());
    }
    let deadline = Instant::now() + TAKE_OVER_LIMIT;
    while !is_local(address)? {
        if Instant::now() > deadline {
            let reason = "the kernel does not take the address over";
            return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Whether the kernel would deliver to itself what is sent to this address.
fn is_local(address: Ipv6Addr) -> io::Result<bool> {
    let mut question = RouteMessage::default();
    question.header.address_family = AddressFamily::Inet6;
    question.header.destination_prefix_length = 128;
    question.attributes = vec![RouteAttribute::Destination(RouteAddress::Inet6(address))];
    let question = RouteNetlinkMessage::GetRoute(question);
    match Connection::open(NETLINK_ROUTE)?.request(question, 0) {
        Ok(answers) => Ok(answers.iter().any(|answer| {
            matches!(answer, RouteNetlinkMessage::NewRoute(route)
                if route.header.kind == RouteType::Local)
        })),
        Err(error) if error.kind() == io::ErrorKind::NetworkUnreachable => Ok(false),
        Err(error) => Err(error),
    }
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}
