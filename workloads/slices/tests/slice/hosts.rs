//! A left and a right host, and the middle one between them, which is this process.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::time::Duration;

use slices::slice::{Slices, SlicesConfig};
use sys::link::{self, MacAddress, Peer, VethSpec};
use sys::netns::Namespace;
use sys::sysctl::Guard;
use sys::tables::{self, NextHop, Route, RouteKind, Table};

/// The middle host's devices; port 0 leads to the left, port 1 to the right.
pub(crate) const DEVICES: [&str; 2] = ["left0", "right0"];
const OUTER: &str = "outer0";

/// One of the outer hosts.
pub(crate) struct Outer {
    space: Namespace,
    pub(crate) v4: Ipv4Addr,
    pub(crate) v6: Ipv6Addr,
}

/// Both; their namespaces and the devices disappear with them.
pub(crate) struct Hosts {
    pub(crate) left: Outer,
    pub(crate) right: Outer,
}

impl Hosts {
    pub(crate) fn new(queues: u32) -> Self {
        let [left, right] = [1, 2].map(|number| outer(number, queues));
        Self { left, right }
    }

    /// Slices of both devices.
    pub(crate) fn slices(&self, slices: u16) -> Slices<'static> {
        Slices::attach(&config(slices), None).expect("the devices are free")
    }
}

impl Hosts {
    /// Has the two send each other everything by the middle one, which knows the way to both and forwards as long as what is
    /// returned lives.
    pub(crate) fn route(&self) -> [Guard; 2] {
        for (number, outer) in [(1, &self.left), (2, &self.right)] {
            let device = DEVICES[usize::from(number) - 1];
            let own = [IpAddr::V4(outer.v4), IpAddr::V6(outer.v6)];
            let far = [IpAddr::V4(v4(3 - number)), IpAddr::V6(v6(3 - number))];
            let to_middle = || far.map(|far| link::add_neighbour(OUTER, far, mac(number + 10)));
            for told in outer.space.run(to_middle).expect("the namespace") {
                told.expect("a neighbour");
            }
            for own in own {
                tables::add_route(&on_link(device, own)).expect("a route");
                link::add_neighbour(device, own, mac(number)).expect("a neighbour");
            }
        }
        // What it tells a sender of errors from.
        link::add_address(DEVICES[0], v4(11).into(), 32).expect("an address");
        let switches = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"];
        switches.map(|switch| Guard::set(switch, "1", None).expect("a switch"))
    }

    /// The address of the middle host's that [`route`](Self::route) gives it, which the left one reaches from now on.
    pub(crate) fn middle(&self) -> Ipv4Addr {
        let own = v4(11);
        let reach = || link::add_neighbour(OUTER, own.into(), mac(11));
        self.left
            .space
            .run(reach)
            .expect("the namespace")
            .expect("a neighbour");
        own
    }
}

/// The way to one address that is on a device's link.
fn on_link(device: &str, to: IpAddr) -> Route {
    Route {
        table: Table::Main,
        destination: to,
        prefix_len: if to.is_ipv4() { 32 } else { 128 },
        // What IPv6 makes of 0.
        priority: if to.is_ipv4() { 0 } else { 1024 },
        kind: RouteKind::Unicast,
        hops: vec![NextHop {
            device: link::ifindex(device).expect("it is there"),
            gateway: None,
            weight: 1,
        }],
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for device in DEVICES {
            link::delete(device).expect("it is there");
        }
    }
}

pub(crate) fn config(slices: u16) -> SlicesConfig {
    SlicesConfig::new(DEVICES.map(str::to_owned).to_vec(), slices)
}

const fn mac(number: u8) -> MacAddress {
    MacAddress([2, 0x53, 0x42, 0, 0, number])
}

const fn v4(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 18, 0, number)
}

const fn v6(number: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd53, 0x42, 0, 0, 0, 0, 0, number as u16)
}

fn outer(number: u8, queues: u32) -> Outer {
    let space = Namespace::create().expect("a namespace");
    let device = DEVICES[usize::from(number) - 1];
    link::create_veth(&VethSpec {
        name: device,
        peer: OUTER,
        queues,
        mtu: 1500,
        mac: mac(number + 10),
        peer_mac: mac(number),
        peer_namespace: Peer::In(&space),
    })
    .expect("a pair");
    link::set_up(device).expect("the middle's end");
    let other = 3 - number;
    space
        .run(|| {
            link::set_up(OUTER)?;
            for (own, far, prefix) in [
                (IpAddr::V4(v4(number)), IpAddr::V4(v4(other)), 24),
                (IpAddr::V6(v6(number)), IpAddr::V6(v6(other)), 64),
            ] {
                link::add_address(OUTER, own, prefix)?;
                link::add_neighbour(OUTER, far, mac(other))?;
            }
            std::io::Result::Ok(())
        })
        .expect("the namespace")
        .expect("addresses");
    Outer {
        space,
        v4: v4(number),
        v6: v6(number),
    }
}

impl Outer {
    /// A socket of this host on any port, which waits for a datagram so long.
    pub(crate) fn socket(&self, address: IpAddr, patience: Duration) -> UdpSocket {
        let bound = self.space.run(|| UdpSocket::bind((address, 0)));
        let socket = bound
            .expect("the namespace")
            .expect("the address is its own");
        socket.set_read_timeout(Some(patience)).expect("a timeout");
        socket
    }
}
