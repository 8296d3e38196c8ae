//! Hosts in a row, from the sender to the receiver, as steps per host. Pure.
//!
//! Each pair of devices is made by the host that is nearer to the sender. Every host knows its neighbours' hardware
//! addresses and the way to both ends beforehand, so that nobody ever asks for anything.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use spec::IpVersion;

use super::super::action::Action;
use super::super::topology::{HostPlan, Port, Receiver, device, joined};
use super::cpus::ChainPlacement;

/// One end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Device {
    /// Its name, in its own namespace.
    pub(crate) name: &'static str,
    /// Hardware address (locally administered).
    pub(crate) mac: [u8; 6],
    /// Its IPv4 address, in the range that RFC 2544 sets apart for benchmarks (198.18.0.0/15); its network has 24 bits.
    pub(crate) address: Ipv4Addr,
}

impl Device {
    /// Its address in the trial's version of IP. In IPv6 it has the numbers of its network and its own (a network of 64 bits, in
    /// the range for local use, RFC 4193).
    pub(crate) const fn address_in(self, ip: IpVersion) -> IpAddr {
        match ip {
            IpVersion::V4 => IpAddr::V4(self.address),
            IpVersion::V6 => {
                let [_, b, c, d] = self.address.octets();
                let [b, c, d] = [b as u16, c as u16, d as u16];
                IpAddr::V6(Ipv6Addr::new(0xfd53, b, c, 0, 0, 0, 0, d))
            }
        }
    }
}

/// Bits of each link's network.
const fn prefix(ip: IpVersion) -> u8 {
    match ip {
        IpVersion::V4 => 24,
        IpVersion::V6 => 64,
    }
}

/// What a tunnel or a code adds to a packet at most: room on the link between two routers.
pub(crate) const BETWEEN: u16 = 128;

const fn at(name: &'static str, number: u8, address: [u8; 4]) -> Device {
    let [a, b, c, d] = address;
    Device {
        name,
        mac: [0x02, 0x53, 0x42, 0, 1, number],
        address: Ipv4Addr::new(a, b, c, d),
    }
}

/// The sender's device.
pub(crate) const SENDER: Device = at("sender0", 1, [198, 18, 0, 2]);
/// The receiver's device.
pub(crate) const RECEIVER: Device = at("receiver0", 2, [198, 19, 0, 2]);
/// The devices of the one router of a chain, towards the sender and towards the receiver.
const ROUTER: [Device; 2] = [
    at("router0", 3, [198, 18, 0, 1]),
    at("router1", 4, [198, 19, 0, 1]),
];
/// The devices of a pair's router at the sender.
const EGRESS: [Device; 2] = [
    at("egress0", 5, [198, 18, 0, 1]),
    at("egress1", 6, [198, 18, 128, 1]),
];
/// The devices of a pair's router at the receiver.
const INGRESS: [Device; 2] = [
    at("ingress0", 7, [198, 18, 128, 2]),
    at("ingress1", 8, [198, 19, 0, 1]),
];

/// The name of what stands in for a lossy path in results.
const PATH_SCOPE: &str = "path host";
/// The devices of what stands in for a lossy path between two routers: without addresses, for frames only pass it.
pub(crate) const PATH: [Port; 2] = [
    Port {
        device: "path0",
        mac: [0x02, 0x53, 0x42, 0, 1, 9],
    },
    Port {
        device: "path1",
        mac: [0x02, 0x53, 0x42, 0, 1, 10],
    },
];

/// A router of the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RouterHost {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its name in results and messages.
    pub(crate) scope: &'static str,
    /// Its devices, towards the sender and towards the receiver.
    pub(crate) devices: [Device; 2],
}

/// The router of a chain.
pub(crate) const CHAIN: [RouterHost; 1] = [RouterHost {
    name: "router",
    scope: "router host",
    devices: ROUTER,
}];
/// The routers of a pair.
pub(crate) const PAIR: [RouterHost; 2] = [
    RouterHost {
        name: "egress",
        scope: "egress host",
        devices: EGRESS,
    },
    RouterHost {
        name: "ingress",
        scope: "ingress host",
        devices: INGRESS,
    },
];

/// What a host of the row is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Sends.
    Sender,
    /// Passes frames on, by the system under test.
    Router,
    /// Loses frames between two routers.
    Path,
    /// Receives.
    Receiver,
}

/// A host of the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChainHost {
    /// What it is there for.
    pub(crate) part: Part,
    /// Its name in results and messages.
    pub(crate) scope: &'static str,
    /// Its devices, the one nearest to the sender first.
    pub(crate) devices: Vec<&'static str>,
    /// Its steps.
    pub(crate) steps: HostPlan,
}

/// What the row is to be like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    /// Between sender and receiver.
    pub(crate) routers: &'a [RouterHost],
    /// Queues of every device.
    pub(crate) queues: u16,
    /// Largest packet of the ends' links, in bytes.
    pub(crate) mtu: u16,
    /// What version of IP the hosts have.
    pub(crate) ip: IpVersion,
    /// What receives at the sender: XDP where frames come back to it.
    pub(crate) sender: Receiver,
    /// What receives at the routers.
    pub(crate) router: Receiver,
    /// Whether threads in user space pass frames on.
    pub(crate) in_user_space: bool,
    /// Whether frames can be lost between two routers.
    pub(crate) path: bool,
    /// Where NAPI threads run.
    pub(crate) placement: &'a ChainPlacement,
}

/// The hosts from the sender to the receiver.
pub(crate) fn row(row: &Row<'_>) -> Vec<ChainHost> {
    let Row {
        routers, placement, ..
    } = *row;
    let sender_napi = &placement.sender_napi;
    let mut hosts = vec![end(row, Part::Sender, SENDER, row.sender, sender_napi)];
    for (number, (router, cpus)) in routers.iter().zip(&placement.routers).enumerate() {
        if number > 0 && row.path {
            let ports = PATH.map(|of| {
                (
                    of.device,
                    device(of.device, &placement.path_napi, Receiver::Xdp),
                )
            });
            hosts.push(between(Part::Path, PATH_SCOPE, ports));
        }
        let devices = router
            .devices
            .map(|of| (of.name, ready(row, of, row.router, &cpus.k_peers)));
        let mut host = between(Part::Router, router.scope, devices);
        if row.in_user_space {
            host.steps.before.push(Action::NoErrors);
        }
        if let Some(senders) = cpus.senders() {
            let by_queue = |of: Device| Action::SendBy {
                device: of.name.to_owned(),
                cpus: senders.clone(),
            };
            host.steps.before.extend(router.devices.map(by_queue));
        }
        hosts.push(host);
    }
    let receiver_napi = &placement.receiver_napi;
    hosts.push(end(
        row,
        Part::Receiver,
        RECEIVER,
        Receiver::Xdp,
        receiver_napi,
    ));
    join(row, &mut hosts);
    introduce(row, &mut hosts);
    match row.ip {
        IpVersion::V4 => {
            for host in &mut hosts {
                host.steps.before.insert(0, Action::OnlyV4);
            }
        }
        IpVersion::V6 => {}
    }
    hosts
}

/// Makes every pair of devices, at the host that is nearer to the sender.
fn join(row: &Row<'_>, hosts: &mut [ChainHost]) {
    let routers = row
        .routers
        .iter()
        .flat_map(|router| router.devices.map(port));
    let mut ends: Vec<Port> = [port(SENDER)]
        .into_iter()
        .chain(routers)
        .chain([port(RECEIVER)])
        .collect();
    if row.path {
        // Behind the sender's device and the first router's two.
        ends.splice(3..3, PATH);
    }
    let last = hosts.len() - 2;
    for (number, pair) in ends.chunks_exact(2).enumerate() {
        let between = number > 0 && number < last;
        let mtu = row.mtu + if between { BETWEEN } else { 0 };
        let pair = joined(pair[0], pair[1], row.queues, mtu);
        hosts[number].steps.before.insert(0, pair);
    }
}

/// Tells every host with addresses the next one's, and the way to both ends.
fn introduce(row: &Row<'_>, hosts: &mut [ChainHost]) {
    let mut known: Vec<&mut ChainHost> = hosts
        .iter_mut()
        .filter(|host| host.part != Part::Path)
        .collect();
    let routers = row.routers.iter().flat_map(|router| router.devices);
    let ends: Vec<Device> = [SENDER]
        .into_iter()
        .chain(routers)
        .chain([RECEIVER])
        .collect();
    let ip = row.ip;
    let mut tell = |host: usize, action| known[host].steps.before.push(action);
    for (number, pair) in ends.chunks_exact(2).enumerate() {
        tell(number, neighbour(ip, pair[0], pair[1]));
        tell(number + 1, neighbour(ip, pair[1], pair[0]));
    }
    if let [egress, ingress] = row.routers {
        let between = [egress.devices[1], ingress.devices[0]];
        tell(1, route(RECEIVER, between));
        tell(2, route(SENDER, [between[1], between[0]]));
    }
}

/// A host with two devices.
fn between(part: Part, scope: &'static str, devices: [(&'static str, HostPlan); 2]) -> ChainHost {
    let mut steps = HostPlan {
        before: Vec::new(),
        after_attach: Vec::new(),
    };
    let names = devices.each_ref().map(|(name, _)| *name);
    for (_, one) in devices {
        steps.before.extend(one.before);
        steps.after_attach.extend(one.after_attach);
    }
    ChainHost {
        part,
        scope,
        devices: names.to_vec(),
        steps,
    }
}

/// A host with one device.
fn end(row: &Row<'_>, part: Part, of: Device, receiver: Receiver, napi: &[u32]) -> ChainHost {
    ChainHost {
        part,
        scope: match part {
            Part::Sender => "sender host",
            Part::Router => "router host",
            Part::Path => PATH_SCOPE,
            Part::Receiver => "receiver host",
        },
        devices: vec![of.name],
        steps: ready(row, of, receiver, napi),
    }
}

/// What makes one device ready. GRO comes on when it is up: the device at the far end learns only of a change then that
/// frames may be redirected to it, and would refuse all (veth_set_features).
fn ready(row: &Row<'_>, of: Device, receiver: Receiver, napi: &[u32]) -> HostPlan {
    let mut plan = device(of.name, napi, receiver);
    match row.ip {
        IpVersion::V4 => {}
        IpVersion::V6 => plan.before.insert(
            0,
            Action::NoGroups {
                device: of.name.to_owned(),
            },
        ),
    }
    let is_late = |action: &Action| matches!(action, Action::Offloads { .. });
    let late: Vec<Action> = plan
        .before
        .extract_if(.., |action| is_late(action))
        .collect();
    plan.before.extend(late);
    plan.before.push(Action::Address {
        device: of.name.to_owned(),
        address: of.address_in(row.ip),
        prefix: prefix(row.ip),
    });
    plan
}

fn port(of: Device) -> Port {
    Port {
        device: of.name,
        mac: of.mac,
    }
}

fn neighbour(ip: IpVersion, of: Device, peer: Device) -> Action {
    Action::Neighbour {
        device: of.name.to_owned(),
        address: peer.address_in(ip),
        mac: peer.mac,
    }
}

/// The way to an end's network, by a device and the one at the other end of its link. Pairs have IPv4 alone.
fn route(to: Device, [own, peer]: [Device; 2]) -> Action {
    let [a, b, c, _] = to.address.octets();
    Action::Route {
        device: own.name.to_owned(),
        network: Ipv4Addr::new(a, b, c, 0).into(),
        prefix: prefix(IpVersion::V4),
        gateway: peer.address.into(),
    }
}
