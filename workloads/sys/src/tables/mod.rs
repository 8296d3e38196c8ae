//! The kernel's forwarding tables: read once ([`read`]), and followed as they change ([`Monitor`]).
//!
//! Of routes the tables `main` and `local` are read; rules that lead to others are not followed, nor are routes
//! that ask for a type of service. All belong to the network namespace of the thread that calls.
//!
//! To have a copy that misses nothing, open a monitor first and read then: what changes meanwhile is reported, and
//! applying a change a second time does no harm. The kernel does not report everything: when a link goes
//! down or an address is taken away, IPv4 routes go without a word, so routes are to be read again after either;
//! and so is everything when the monitor has lost reports.

mod change;
mod message;
mod monitor;

use std::io;
use std::net::IpAddr;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::link::LinkMessage;
use netlink_packet_route::neighbour::NeighbourMessage;
use netlink_packet_route::route::RouteMessage;
use netlink_sys::protocols::NETLINK_ROUTE;

use crate::error::Doing;
use crate::link::{Link, MacAddress};
use crate::netlink::Connection;

pub use change::{add_route, remove_neighbour, remove_route, resolve};
pub use monitor::{Heard, Monitor};

/// A table of routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// What is this host's own; looked at first.
    Local,
    /// The others.
    Main,
}

/// What a route does with the packets that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RouteKind {
    /// Sends them on.
    Unicast,
    /// They are for this host.
    Local,
    /// They are for all hosts of a link.
    Broadcast,
    /// They are for a group.
    Multicast,
    /// Discards them.
    Blackhole,
    /// Refuses them: the destination cannot be reached.
    Unreachable,
    /// Refuses them: it may not be reached.
    Prohibit,
}

/// One of the ways of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NextHop {
    /// The kernel's number of the device.
    pub device: u32,
    /// The next router; none where the destinations are on the link.
    pub gateway: Option<IpAddr>,
    /// Its share of the packets, at least 1.
    pub weight: u16,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Route {
    /// The table that it stands in.
    pub table: Table,
    /// The first bits of its destinations, the others 0.
    pub destination: IpAddr,
    /// How many bits these are.
    pub prefix_len: u8,
    /// Of routes to the same prefix the one with the least counts.
    pub priority: u32,
    /// What it does.
    pub kind: RouteKind,
    /// Where to; empty where it sends nothing anywhere.
    pub hops: Vec<NextHop>,
}

/// What the kernel knows of a neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeighbourState {
    /// Its address, which was confirmed lately or is being confirmed.
    Resolved(MacAddress),
    /// Its address, which was not: whoever uses it is to have the kernel confirm it ([`resolve`]).
    Stale(MacAddress),
    /// It was asked for, and the answer is outstanding.
    Resolving,
    /// It did not answer.
    Failed,
}

/// A neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// The kernel's number of the device that it is behind.
    pub device: u32,
    /// Its address.
    pub address: IpAddr,
    /// What is known of it.
    pub state: NeighbourState,
}

/// An address of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address {
    /// The kernel's number of the device that has it.
    pub device: u32,
    /// The address.
    pub address: IpAddr,
    /// Bits that it has in common with its neighbours.
    pub prefix_len: u8,
}

/// How a new route stands to those with the same prefix and priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Beside them.
    Beside,
    /// In place of the first of them.
    InPlace,
}

/// A change of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// There is a route.
    Route(Route, Standing),
    /// A route is gone, or those of its ways that are told.
    NoRoute(Route),
    /// There is a neighbour, or more is known of it.
    Neighbour(Neighbour),
    /// A neighbour is forgotten.
    NoNeighbour {
        /// The device that it was behind.
        device: u32,
        /// Its address.
        address: IpAddr,
    },
    /// A link is there, or has changed.
    Link(Link),
    /// A link is gone.
    NoLink(u32),
    /// An address is there.
    Address(Address),
    /// An address is gone.
    NoAddress(Address),
}

/// Everything that stands in the tables now, as changes from nothing: links, addresses, neighbours, routes.
///
/// # Errors
/// When the kernel's answer cannot be had or understood.
pub fn read() -> io::Result<Vec<Change>> {
    let questions = [
        RouteNetlinkMessage::GetLink(LinkMessage::default()),
        RouteNetlinkMessage::GetAddress(AddressMessage::default()),
        RouteNetlinkMessage::GetNeighbour(NeighbourMessage::default()),
        RouteNetlinkMessage::GetRoute(RouteMessage::default()),
    ];
    let mut connection = Connection::open(NETLINK_ROUTE)?;
    let mut changes = Vec::new();
    for question in questions {
        let answers = connection
            .dump_whole(question)
            .doing(|| "read the kernel's forwarding tables".to_owned())?;
        for answer in answers {
            changes.extend(message::change(answer, Standing::Beside)?);
        }
    }
    Ok(changes)
}
