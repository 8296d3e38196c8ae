//! Links, addresses and neighbours of the calling thread's network namespace, through rtnetlink.
//!
//! Everything that the kernel would send by itself spoils the ledger, since each frame that a program
//! sees must be a request or a reply. So a pair made by [`create_veth`] is [`quiet`], addresses are
//! added without duplicate detection, and neighbours are permanent, so that nobody resolves.

mod address;
mod mac;
mod read;
mod veth;

use std::io;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, LinkAttribute, LinkFlags, LinkMessage,
};
use netlink_sys::protocols::NETLINK_ROUTE;

use crate::error::Doing;
use crate::netlink::{Connection, errno};

pub use address::{add_address, add_neighbour};
pub use mac::MacAddress;
pub(crate) use read::from_message;
pub use read::{
    Link, LinkStatistics, XdpAttachment, XdpMode, await_running, get, ifindex, list, statistics,
};
pub use veth::{Peer, VethSpec, create_veth};

/// Brings a link up (`lo` too).
///
/// # Errors
/// `NotFound` when there is no such link; `PermissionDenied` without CAP_NET_ADMIN.
pub fn set_up(name: &str) -> io::Result<()> {
    set_flags(name, LinkFlags::Up, LinkFlags::Up).doing(|| format!("bring {name} up"))
}

/// Takes a link down.
///
/// # Errors
/// As [`set_up`].
pub fn set_down(name: &str) -> io::Result<()> {
    set_flags(name, LinkFlags::empty(), LinkFlags::Up).doing(|| format!("bring {name} down"))
}

/// Keeps IPv6 from giving the link an address of its own making. Call it before the link is up.
///
/// # Errors
/// As [`set_up`].
pub fn disable_ipv6_autoconf(name: &str) -> io::Result<()> {
    let mode = AfSpecInet6::AddrGenMode(In6AddrGenMode::None);
    let family = AfSpecUnspec::Inet6(vec![mode]);
    let message = about(
        ifindex(name)?,
        vec![LinkAttribute::AfSpecUnspec(vec![family])],
    );
    match change(RouteNetlinkMessage::SetLink(message), 0) {
        // A kernel without IPv6 has nothing to switch off.
        Err(error) if errno(&error) == Some(libc::EAFNOSUPPORT) => Ok(()),
        result => result.doing(|| format!("switch IPv6 autoconfiguration off on {name}")),
    }
}

/// Keeps the kernel from sending anything of its own accord over the link. Call it before the link is
/// up and has addresses. Neighbours must then be told by [`add_neighbour`].
///
/// Two sources of frames exist beside the resolution of addresses. A link-local IPv6 address asks for
/// routers: see [`disable_ipv6_autoconf`]. And every IPv6 address joins its solicited-node group, which
/// is reported twice (MLDv2, within the first seconds) even when no resolution is ever needed; a link
/// without address resolution (`IFF_NOARP`) joins none.
///
/// # Errors
/// As [`set_up`].
pub fn quiet(name: &str) -> io::Result<()> {
    disable_ipv6_autoconf(name)?;
    set_flags(name, LinkFlags::Noarp, LinkFlags::Noarp)
        .doing(|| format!("switch address resolution off on {name}"))
}

/// Takes the link for one that knows no groups (`IFF_MULTICAST` off). A kernel that begins to forward IPv6 joins the group of all
/// routers on each of the others, and reports it within seconds (MLD). Call it before the link is up.
///
/// # Errors
/// As [`set_up`].
pub fn without_groups(name: &str) -> io::Result<()> {
    set_flags(name, LinkFlags::empty(), LinkFlags::Multicast)
        .doing(|| format!("switch groups off on {name}"))
}

/// Has the kernel resolve the addresses of neighbours on the link, as it does on links that are not [`quiet`].
///
/// # Errors
/// As [`set_up`].
pub fn resolve_neighbours(name: &str) -> io::Result<()> {
    set_flags(name, LinkFlags::empty(), LinkFlags::Noarp)
        .doing(|| format!("switch address resolution on on {name}"))
}

/// Changes the MTU in bytes (without the Ethernet header).
///
/// # Errors
/// As [`set_up`]; also when the device or its XDP program cannot have this MTU.
pub fn set_mtu(name: &str, mtu: u32) -> io::Result<()> {
    let message = about(ifindex(name)?, vec![LinkAttribute::Mtu(mtu)]);
    change(RouteNetlinkMessage::SetLink(message), 0)
        .doing(|| format!("set the MTU of {name} to {mtu}"))
}

/// Deletes a link; of a veth pair both ends go.
///
/// # Errors
/// As [`set_up`].
pub fn delete(name: &str) -> io::Result<()> {
    let message = about(ifindex(name)?, Vec::new());
    change(RouteNetlinkMessage::DelLink(message), 0).doing(|| format!("delete the link {name}"))
}

fn set_flags(name: &str, flags: LinkFlags, mask: LinkFlags) -> io::Result<()> {
    let mut message = about(ifindex(name)?, Vec::new());
    message.header.flags = flags;
    message.header.change_mask = mask;
    change(RouteNetlinkMessage::SetLink(message), 0)
}

fn about(index: u32, attributes: Vec<LinkAttribute>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes = attributes;
    message
}

/// Makes one change and waits until the kernel has acknowledged it.
fn change(message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
    Connection::open(NETLINK_ROUTE)?
        .request(message, flags)
        .map(drop)
}
