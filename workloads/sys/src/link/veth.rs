//! veth pairs: two Ethernet devices joined back to back, the stand-in for a cable between two NICs.
//!
//! Frames that leave by transmit queue q of one end arrive on receive queue q of the other, so both
//! ends get the same number of queues.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkInfo, LinkMessage,
};

use super::{MacAddress, change, quiet};
use crate::error::Doing;
use crate::netns::Namespace;

/// Where the other end of a pair appears.
#[derive(Debug, Clone, Copy)]
pub enum Peer<'a> {
    /// In the same namespace.
    Here,
    /// In the namespace of this process.
    OfPid(u32),
    /// In this namespace.
    In(&'a Namespace),
}

/// A veth pair to be made.
#[derive(Debug, Clone)]
pub struct VethSpec<'a> {
    /// Name of the end in the calling thread's namespace; at most 15 bytes.
    pub name: &'a str,
    /// Name of the other end.
    pub peer: &'a str,
    /// Transmit queues and receive queues of each end; at least 1.
    pub queues: u32,
    /// MTU of both ends in bytes, without the Ethernet header.
    pub mtu: u32,
    /// Hardware address of this end.
    pub mac: MacAddress,
    /// Hardware address of the other end.
    pub peer_mac: MacAddress,
    /// Where the other end appears.
    pub peer_namespace: Peer<'a>,
}

/// Makes a veth pair; both ends are [`quiet`] and down.
///
/// # Errors
/// `AlreadyExists` when a name is taken; `PermissionDenied` without CAP_NET_ADMIN in both namespaces
/// and CAP_SYS_ADMIN for entering the other one.
pub fn create_veth(spec: &VethSpec<'_>) -> io::Result<()> {
    let mut peer = end(spec.peer, spec.peer_mac, spec);
    match spec.peer_namespace {
        Peer::Here => {}
        Peer::OfPid(pid) => peer.attributes.push(LinkAttribute::NetNsPid(pid)),
        Peer::In(namespace) => {
            peer.attributes
                .push(LinkAttribute::NetNsFd(namespace.as_fd().as_raw_fd()));
        }
    }
    let mut message = end(spec.name, spec.mac, spec);
    message.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
    ]));
    change(
        RouteNetlinkMessage::NewLink(message),
        NLM_F_CREATE | NLM_F_EXCL,
    )
    .doing(|| format!("create the veth pair {} - {}", spec.name, spec.peer))?;
    quiet(spec.name)?;
    match spec.peer_namespace {
        Peer::Here => quiet(spec.peer),
        Peer::OfPid(pid) => Namespace::of_pid(pid)?.run(|| quiet(spec.peer))?,
        Peer::In(namespace) => namespace.run(|| quiet(spec.peer))?,
    }
}

fn end(name: &str, mac: MacAddress, spec: &VethSpec<'_>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes = vec![
        LinkAttribute::IfName(name.to_owned()),
        LinkAttribute::Address(mac.0.to_vec()),
        LinkAttribute::Mtu(spec.mtu),
        LinkAttribute::NumTxQueues(spec.queues),
        LinkAttribute::NumRxQueues(spec.queues),
    ];
    message
}
