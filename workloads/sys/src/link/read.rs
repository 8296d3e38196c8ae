//! What links there are, and what they have counted.

use std::io;
use std::time::{Duration, Instant};

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    LinkAttribute, LinkFlags, LinkMessage, LinkXdp, State, Stats64, XdpAttached,
};
use netlink_sys::protocols::NETLINK_ROUTE;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::MacAddress;
use crate::error::{Doing, malformed};
use crate::netlink::{Connection, errno};

/// How an XDP program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum XdpMode {
    /// In the driver.
    Native,
    /// On socket buffers, after the driver: refused by the experiments.
    Generic,
    /// In the device.
    Hardware,
    /// Several programs in several modes.
    Several,
}

/// The XDP programs attached to a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct XdpAttachment {
    /// How they run.
    pub mode: XdpMode,
    /// The kernel's numbers of the programs.
    pub program_ids: Vec<u32>,
}

/// Counters of a link since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkStatistics {
    /// Frames received.
    pub rx_packets: u64,
    /// Frames sent.
    pub tx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Broken frames received.
    pub rx_errors: u64,
    /// Frames that could not be sent.
    pub tx_errors: u64,
    /// Good frames dropped on arrival, by the device or the layers just above it.
    pub rx_dropped: u64,
    /// Frames dropped before they were sent; on veth, also those that the peer had no room for.
    pub tx_dropped: u64,
    /// Frames that the device missed for want of buffers.
    pub rx_missed_errors: u64,
    /// Frames for a protocol that nobody listens to.
    pub rx_nohandler: u64,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its number in this namespace.
    pub index: u32,
    /// Its name in this namespace.
    pub name: String,
    /// Hardware address of an Ethernet device (all zero on `lo`).
    pub mac: Option<MacAddress>,
    /// Whether it was brought up.
    pub up: bool,
    /// Whether it is up and its carrier is there too, so that frames can be sent. A device without
    /// the notion of a carrier (`lo`) never says so.
    pub running: bool,
    /// MTU in bytes, without the Ethernet header.
    pub mtu: u32,
    /// Transmit queues that the device was made with.
    pub tx_queues: u32,
    /// Receive queues that the device was made with.
    pub rx_queues: u32,
    /// XDP programs, when there are any.
    pub xdp: Option<XdpAttachment>,
    /// What it has counted.
    pub statistics: LinkStatistics,
}

/// All links of the namespace.
///
/// # Errors
/// When the kernel's answer cannot be had or understood.
pub fn list() -> io::Result<Vec<Link>> {
    let question = RouteNetlinkMessage::GetLink(LinkMessage::default());
    let answers = Connection::open(NETLINK_ROUTE)?
        .dump(question)
        .doing(|| "list links".to_owned())?;
    answers.into_iter().map(link).collect()
}

/// One link by name.
///
/// # Errors
/// `NotFound`, naming it, when there is none.
pub fn get(name: &str) -> io::Result<Link> {
    let mut message = LinkMessage::default();
    message.attributes = vec![LinkAttribute::IfName(name.to_owned())];
    let answers = Connection::open(NETLINK_ROUTE)?
        .request(RouteNetlinkMessage::GetLink(message), 0)
        .map_err(|error| match errno(&error) {
            Some(libc::ENODEV) => io::Error::new(io::ErrorKind::NotFound, "no such link"),
            Some(_) | None => error,
        })
        .doing(|| format!("find the link {name}"))?;
    let answer = answers
        .into_iter()
        .next()
        .ok_or_else(|| malformed(format!("no link {name}")))?;
    link(answer)
}

/// Waits until a link that was brought up can send: its carrier is there and the kernel has noticed.
///
/// The kernel notices in a work queue; what is sent in the meantime vanishes without a count. Of a
/// pair, the end that was brought up first is the one concerned.
///
/// # Errors
/// `TimedOut` when that did not happen within `limit`; as [`get`].
pub fn await_running(name: &str, limit: Duration) -> io::Result<()> {
    let deadline = Instant::now() + limit;
    while !get(name)?.running {
        if Instant::now() > deadline {
            let reason = format!("{name} has no carrier: is the other end up?");
            return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// The number of a link.
///
/// # Errors
/// As [`get`].
pub fn ifindex(name: &str) -> io::Result<u32> {
    Ok(get(name)?.index)
}

/// What a link has counted.
///
/// # Errors
/// As [`get`].
pub fn statistics(name: &str) -> io::Result<LinkStatistics> {
    Ok(get(name)?.statistics)
}

fn link(message: RouteNetlinkMessage) -> io::Result<Link> {
    let kind = message.message_type();
    let RouteNetlinkMessage::NewLink(message) = message else {
        return Err(malformed(format!("message of type {kind} among links")));
    };
    Ok(from_message(message))
}

/// The link that a message tells of.
pub(crate) fn from_message(message: LinkMessage) -> Link {
    let flags = message.header.flags;
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        mac: None,
        up: flags.contains(LinkFlags::Up),
        running: false,
        mtu: 0,
        tx_queues: 0,
        rx_queues: 0,
        xdp: None,
        statistics: LinkStatistics::default(),
    };
    for attribute in message.attributes {
        read_attribute(&mut link, attribute);
    }
    link
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "an open enum of some sixty attributes"
)]
fn read_attribute(link: &mut Link, attribute: LinkAttribute) {
    match attribute {
        LinkAttribute::IfName(name) => link.name = name,
        LinkAttribute::Address(bytes) => link.mac = bytes.try_into().ok().map(MacAddress),
        LinkAttribute::Mtu(mtu) => link.mtu = mtu,
        LinkAttribute::NumTxQueues(queues) => link.tx_queues = queues,
        LinkAttribute::NumRxQueues(queues) => link.rx_queues = queues,
        LinkAttribute::OperState(state) => link.running = state == State::Up,
        LinkAttribute::Xdp(attributes) => link.xdp = xdp(&attributes),
        LinkAttribute::Stats64(counted) => link.statistics = statistics_of(&counted),
        _ => {}
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "open enums of the netlink library"
)]
fn xdp(attributes: &[LinkXdp]) -> Option<XdpAttachment> {
    let mode = attributes.iter().find_map(|attribute| match attribute {
        LinkXdp::Attached(XdpAttached::Driver) => Some(XdpMode::Native),
        LinkXdp::Attached(XdpAttached::SocketBuffer) => Some(XdpMode::Generic),
        LinkXdp::Attached(XdpAttached::Hardware) => Some(XdpMode::Hardware),
        LinkXdp::Attached(XdpAttached::Multiple) => Some(XdpMode::Several),
        _ => None,
    })?;
    let mut program_ids: Vec<u32> = attributes
        .iter()
        .filter_map(|attribute| match attribute {
            LinkXdp::ProgId(id)
            | LinkXdp::DrvProgId(id)
            | LinkXdp::SkbProgId(id)
            | LinkXdp::HwProgId(id) => Some(*id),
            _ => None,
        })
        .collect();
    program_ids.sort_unstable();
    program_ids.dedup();
    Some(XdpAttachment { mode, program_ids })
}

fn statistics_of(counted: &Stats64) -> LinkStatistics {
    LinkStatistics {
        rx_packets: counted.rx_packets,
        tx_packets: counted.tx_packets,
        rx_bytes: counted.rx_bytes,
        tx_bytes: counted.tx_bytes,
        rx_errors: counted.rx_errors,
        tx_errors: counted.tx_errors,
        rx_dropped: counted.rx_dropped,
        tx_dropped: counted.tx_dropped,
        rx_missed_errors: counted.rx_missed_errors,
        rx_nohandler: counted.rx_nohandler,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_everywhere_and_others_are_not_found_by_name() {
        let lo = get("lo").unwrap();
        assert_eq!((lo.index, lo.mac), (1, Some(MacAddress([0; 6]))));
        assert!(
            list()
                .unwrap()
                .iter()
                .any(|link| link.name == "lo" && link.index == 1)
        );
        let error = get("no-such-dev").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("no-such-dev"), "{error}");
    }

    #[test]
    fn the_mode_of_attached_programs_is_told() {
        use LinkXdp::{Attached, DrvProgId, ProgId};
        let native = [Attached(XdpAttached::Driver), ProgId(7), DrvProgId(7)];
        let expected = XdpAttachment {
            mode: XdpMode::Native,
            program_ids: vec![7],
        };
        assert_eq!(xdp(&native), Some(expected));
        assert_eq!(xdp(&[Attached(XdpAttached::None)]), None);
    }
}
