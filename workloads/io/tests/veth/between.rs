//! Two hosts and a third between them, joined by veth pairs: what stands between forwards.

use std::io;
use std::ops::RangeInclusive;

use loader::{Attached, Divert};
use pktio::FrameIo as _;
use pktio::af_xdp::{PortDevice, Ports, PortsConfig};
use pktio::client::Station;
use pktio::frame::Port;
use steering::divert::Kept;
use sys::link::{self, LinkStatistics, MacAddress, Peer, VethSpec};
use sys::netns::Namespace;

use crate::rig::{CLIENT, CLIENT_DEVICE, Client, SERVER, client_on, configure, or_skip};

/// UDP source ports of what the left host sends.
pub(crate) const FROM_LEFT: RangeInclusive<u16> = 30_000..=30_999;
/// UDP source ports of what the right host sends.
pub(crate) const FROM_RIGHT: RangeInclusive<u16> = 31_000..=31_999;

const MTU: u16 = 1500;
/// The middle host's devices: port 0 leads to the left, port 1 to the right.
const MIDDLE: [&str; 2] = ["left0", "right0"];

/// Three hosts; their namespaces disappear with it.
pub(crate) struct Between {
    left: Namespace,
    middle: Namespace,
    pub(crate) right: Namespace,
    queues: u16,
}

/// The three hosts, or `None` after saying why not.
pub(crate) fn between(queues: u16) -> Option<Between> {
    or_skip(build(queues))
}

fn build(queues: u16) -> io::Result<Between> {
    let [left, middle, right] = [
        Namespace::create()?,
        Namespace::create()?,
        Namespace::create()?,
    ];
    for ((device, space), number) in MIDDLE.into_iter().zip([&left, &right]).zip(3..) {
        let (own, other) = ends(device);
        middle.run(|| {
            link::create_veth(&VethSpec {
                name: device,
                peer: CLIENT_DEVICE,
                queues: u32::from(queues),
                mtu: u32::from(MTU),
                mac: MacAddress([2, 0x53, 0x42, 0, 0, number]),
                peer_mac: MacAddress(own.mac),
                peer_namespace: Peer::In(space),
            })?;
            link::set_up(device)
        })??;
        space.run(|| configure(CLIENT_DEVICE, &own, &other))??;
    }
    Ok(Between {
        left,
        middle,
        right,
        queues,
    })
}

/// The host behind a device of the middle one, and the host that it talks to.
fn ends(device: &str) -> (Station, Station) {
    if device == MIDDLE[0] {
        (CLIENT, SERVER)
    } else {
        (SERVER, CLIENT)
    }
}

/// The middle host's slices, one a queue, and the programs that feed them.
pub(crate) struct Slices {
    pub(crate) ports: Vec<Ports>,
    pub(crate) programs: Vec<Divert>,
    _attached: Vec<Attached>,
}

impl Between {
    /// The configuration of slice `queue`.
    pub(crate) fn config(&self, queue: u16) -> PortsConfig {
        let device = |name| PortDevice {
            ifindex: self.middle.run(|| link::ifindex(name)).unwrap().unwrap(),
            mtu: MTU,
        };
        PortsConfig::new(MIDDLE.map(device).to_vec(), queue)
    }

    /// Opens a slice for each queue, its sizes changed by `change`.
    pub(crate) fn slices(&self, change: impl Fn(&mut PortsConfig) + Sync) -> Slices {
        let config = |queue| {
            let mut config = self.config(queue);
            change(&mut config);
            config
        };
        let work = || {
            let ports: Vec<Ports> = (0..self.queues)
                .map(|queue| Ports::open(&config(queue)).unwrap())
                .collect();
            let mut programs = Vec::new();
            let mut attached = Vec::new();
            for (port, device) in (0..).zip(MIDDLE) {
                let queues = u32::from(self.queues);
                let mut divert = Divert::load(queues, Kept::ALL, &[]).unwrap();
                for (queue, slice) in (0..).zip(&ports) {
                    divert.register(queue, slice.socket(Port(port))).unwrap();
                }
                attached.push(divert.attach(link::ifindex(device).unwrap()).unwrap());
                programs.push(divert);
            }
            assert!(ports.iter().all(|ports| ports.ports() == 2));
            Slices {
                ports,
                programs,
                _attached: attached,
            }
        };
        self.middle.run(work).unwrap()
    }

    pub(crate) fn left(&self) -> Client {
        let ends = (CLIENT, SERVER);
        client_on(&self.left, CLIENT_DEVICE, self.queues, ends, FROM_RIGHT)
    }

    pub(crate) fn right(&self) -> Client {
        let ends = (SERVER, CLIENT);
        client_on(&self.right, CLIENT_DEVICE, self.queues, ends, FROM_LEFT)
    }

    /// What the middle host's device to the right has counted.
    pub(crate) fn to_right_link(&self) -> LinkStatistics {
        let statistics = self.middle.run(|| link::statistics(MIDDLE[1]));
        statistics.unwrap().unwrap()
    }

    pub(crate) fn left_link(&self) -> LinkStatistics {
        let statistics = self.left.run(|| link::statistics(CLIENT_DEVICE));
        statistics.unwrap().unwrap()
    }
}
