//! Two routers in a row between the ends, with a link of their own.

use std::io;
use std::net::Ipv4Addr;

use slices::system::{Design, ProcessorConfig, System, SystemConfig};
use sys::link::{self, MacAddress, Peer, VethSpec};
use sys::netns::Namespace;
use sys::tables::{self, NextHop, Route, RouteKind, Table};

use crate::chain::{ENDS, MTU, PATIENCE, QUEUES, Tap, at_end, at_router, config, or_skip};

/// The routers' addresses on the link between them.
pub(crate) const BETWEEN: [Ipv4Addr; 2] = [
    Ipv4Addr::new(198, 18, 128, 1),
    Ipv4Addr::new(198, 18, 128, 2),
];
/// MTU of the link between them: room for what a tunnel or a code adds.
pub(crate) const BETWEEN_MTU: u32 = MTU + 128;
/// Their devices on it.
const DEVICES: [&str; 2] = ["egress1", "ingress0"];
const MACS: [[u8; 6]; 2] = [[2, 0x53, 0x42, 0, 2, 1], [2, 0x53, 0x42, 0, 2, 2]];

/// The four hosts; they disappear with it.
pub(crate) struct Pair {
    ends: [Namespace; 2],
    routers: [Namespace; 2],
}

/// A pair of routers of this design, or `None` after saying why not.
pub(crate) fn pair(design: Design) -> Option<Pair> {
    or_skip(build(design))
}

fn build(design: Design) -> io::Result<Pair> {
    let routers = [Namespace::create()?, Namespace::create()?];
    let ends = [Namespace::create()?, Namespace::create()?];
    for ((end, space), router) in ENDS.iter().zip(&ends).zip(&routers) {
        router.run(|| at_router(design, end, space))??;
        space.run(|| at_end(end))??;
        router.run(|| link::await_running(end.router_device, PATIENCE))??;
    }
    routers[0].run(|| {
        link::create_veth(&VethSpec {
            name: DEVICES[0],
            peer: DEVICES[1],
            queues: QUEUES.into(),
            mtu: BETWEEN_MTU,
            mac: MacAddress(MACS[0]),
            peer_mac: MacAddress(MACS[1]),
            peer_namespace: Peer::In(&routers[1]),
        })
    })??;
    for (side, router) in routers.iter().enumerate() {
        router.run(|| between(design, side))??;
    }
    for (side, router) in routers.iter().enumerate() {
        router.run(|| link::await_running(DEVICES[side], PATIENCE))??;
    }
    Ok(Pair { ends, routers })
}

/// One router's end of the link between, and its way to the far hosts.
fn between(design: Design, side: usize) -> io::Result<()> {
    let (device, other) = (DEVICES[side], 1 - side);
    sys::ethtool::single_frames(device)?;
    link::set_up(device)?;
    if !design.has_program() {
        sys::ethtool::set_features(device, &[("rx-gro", true)])?;
    }
    link::add_address(device, BETWEEN[side].into(), 24)?;
    link::add_neighbour(device, BETWEEN[other].into(), MacAddress(MACS[other]))?;
    let [first, second, third, _] = ENDS[other].address.octets();
    tables::add_route(&Route {
        table: Table::Main,
        destination: Ipv4Addr::new(first, second, third, 0).into(),
        prefix_len: 24,
        priority: 0,
        kind: RouteKind::Unicast,
        hops: vec![NextHop {
            device: link::ifindex(device)?,
            gateway: Some(BETWEEN[other].into()),
            weight: 1,
        }],
    })
}

impl Pair {
    /// What sends and receives whole frames at an end.
    pub(crate) fn tap(&self, side: usize) -> Tap {
        Tap::open(&self.ends[side], side)
    }

    /// The systems of both routers, running.
    pub(crate) fn running(
        &self,
        design: Design,
        processor: impl Fn(usize) -> ProcessorConfig,
    ) -> [System; 2] {
        let devices = [
            [ENDS[0].router_device, DEVICES[0]],
            [DEVICES[1], ENDS[1].router_device],
        ];
        let start = |side: usize| {
            let config = SystemConfig {
                processor: processor(side),
                devices: devices[side].map(str::to_owned),
                ..config(design)
            };
            let start = || {
                let mut system = System::load(&config).unwrap();
                system.attach().unwrap();
                system.start().unwrap();
                system
            };
            self.routers[side].run(start).unwrap()
        };
        [start(0), start(1)]
    }
}
