//! A sender, a router and a receiver, each in a namespace of its own, with a veth pair between neighbours.

use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use packet::checksum;
use slices::router::{Mirror, TableLimits};
use sys::link::{self, MacAddress, Peer, VethSpec};
use sys::netns::Namespace;
use sys::sysctl;
use sys::tables::{NextHop, Route, RouteKind, Table};

pub(crate) const SENDER: [u8; 6] = [2, 0, 0, 0, 1, 9];
pub(crate) const INSIDE: [u8; 6] = [2, 0, 0, 0, 1, 1];
pub(crate) const OUTSIDE: [u8; 6] = [2, 0, 0, 0, 2, 1];
pub(crate) const RECEIVER: [u8; 6] = [2, 0, 0, 0, 2, 9];

/// One of the router's ends of a pair.
struct End {
    device: &'static str,
    own: [&'static str; 2],
    neighbour: [&'static str; 2],
    mac: [u8; 6],
}

const ENDS: [End; 2] = [
    End {
        device: "inside",
        own: ["198.18.1.1", "fd53:1::1"],
        neighbour: ["198.18.1.9", "fd53:1::9"],
        mac: SENDER,
    },
    End {
        device: "outside",
        own: ["198.18.2.1", "fd53:2::1"],
        neighbour: ["198.18.2.9", "fd53:2::9"],
        mac: RECEIVER,
    },
];
/// Bytes of a packet that the receiver's link takes; the sender's takes 1500.
pub(crate) const NARROW: u32 = 1400;

/// All three disappear with it.
pub(crate) struct Rig {
    pub(crate) sender: Namespace,
    pub(crate) router: Namespace,
    pub(crate) receiver: Namespace,
    /// The router's devices, `inside` and `outside`.
    pub(crate) ports: [u32; 2],
}

/// A rig, or `None` after saying why not.
pub(crate) fn rig() -> Option<Rig> {
    match build() {
        Ok(rig) => Some(rig),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let required = std::env::var("STEERBENCH_REQUIRE_ALL_TIERS").is_ok_and(|v| v == "1");
            assert!(!required, "all tiers are required: {error}");
            eprintln!("SKIPPED: network namespaces need root: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn build() -> io::Result<Rig> {
    let [sender, router, receiver] = [(); 3].map(|()| Namespace::create());
    let (sender, router, receiver) = (sender?, router?, receiver?);
    let ports = router.run(|| {
        pair("inside", INSIDE, 1500, "sender", SENDER, &sender)?;
        pair("outside", OUTSIDE, NARROW, "receiver", RECEIVER, &receiver)?;
        for end in ENDS {
            link::set_up(end.device)?;
            for (own, prefix_len) in end.own.into_iter().zip([24, 64]) {
                link::add_address(end.device, address(own), prefix_len)?;
            }
            for neighbour in end.neighbour {
                link::add_neighbour(end.device, address(neighbour), MacAddress(end.mac))?;
            }
        }
        Ok::<_, io::Error>([link::ifindex("inside")?, link::ifindex("outside")?])
    })??;
    sender.run(|| link::set_up("sender"))??;
    receiver.run(|| link::set_up("receiver"))??;
    router.run(|| {
        for device in ["inside", "outside"] {
            link::await_running(device, Duration::from_secs(5))?;
        }
        Ok::<_, io::Error>(())
    })??;
    Ok(Rig {
        sender,
        router,
        receiver,
        ports,
    })
}

fn pair(
    name: &str,
    mac: [u8; 6],
    mtu: u32,
    peer: &str,
    peer_mac: [u8; 6],
    of: &Namespace,
) -> io::Result<()> {
    link::create_veth(&VethSpec {
        name,
        peer,
        queues: 1,
        mtu,
        mac: MacAddress(mac),
        peer_mac: MacAddress(peer_mac),
        peer_namespace: Peer::In(of),
    })
}

impl Rig {
    /// Does this in the router's namespace.
    pub(crate) fn at_router<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.router.run(work).unwrap()
    }

    /// Whether the router's kernel forwards; its ICMP errors are hardly limited then.
    pub(crate) fn kernel_forwards(&self, on: bool) {
        self.at_router(|| {
            let value = if on { "1" } else { "0" };
            sysctl::write("net.ipv4.ip_forward", value).unwrap();
            sysctl::write("net.ipv6.conf.all.forwarding", value).unwrap();
            sysctl::write("net.ipv4.icmp_ratelimit", "0").unwrap();
            sysctl::write("net.ipv6.icmp.ratelimit", "0").unwrap();
            // All errors together: a setting of the namespace since Linux 6.13.
            sysctl::write("net.ipv4.icmp_msgs_per_sec", "1000000").unwrap();
            sysctl::write("net.ipv4.icmp_msgs_burst", "1000").unwrap();
        });
    }

    /// Has the router's kernel forget a neighbour behind `outside`, if it has not: to switch address resolution on
    /// makes it forget those of IPv4.
    pub(crate) fn forget(&self, neighbour: &str) {
        match sys::tables::remove_neighbour(self.ports[1], address(neighbour)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => result.unwrap(),
        }
    }

    pub(crate) fn mirror(&self) -> Mirror {
        self.at_router(|| Mirror::start(&self.ports, TableLimits::default()).unwrap())
    }

    /// A route by a device of the router's.
    pub(crate) fn route(&self, to: &str, prefix_len: u8, gateway: Option<&str>) -> Route {
        Route {
            hops: vec![NextHop {
                device: self.ports[1],
                gateway: gateway.map(address),
                weight: 1,
            }],
            ..refusing(RouteKind::Unicast, to, prefix_len)
        }
    }
}

/// A route that leads nowhere.
pub(crate) fn refusing(kind: RouteKind, to: &str, prefix_len: u8) -> Route {
    Route {
        table: Table::Main,
        destination: address(to),
        prefix_len,
        // What IPv6 makes of 0.
        priority: if to.contains(':') { 1024 } else { 0 },
        kind,
        hops: Vec::new(),
    }
}

/// Waits until the condition holds; false when it never did.
pub(crate) fn eventually(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

/// A UDP datagram from the sender in its frame; what is to be different is changed in its IP header.
pub(crate) fn datagram(to: &str, payload: &[u8], change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let to = address(to);
    let mut udp = [0x9c, 0x40, 0x2b, 0xcb, 0, 0, 0, 0].to_vec();
    udp.extend_from_slice(payload);
    let len = (udp.len() as u16).to_be_bytes();
    udp[4..6].copy_from_slice(&len);
    let mut frame = [&INSIDE[..], &SENDER].concat();
    match to {
        IpAddr::V4(to) => {
            let from = [198, 18, 1, 9];
            let mut header = [0; 20];
            header[..2].copy_from_slice(&[0x45, 0x10]);
            header[2..4].copy_from_slice(&(20 + udp.len() as u16).to_be_bytes());
            header[4..10].copy_from_slice(&[0, 1, 0x40, 0, 64, 17]);
            header[12..16].copy_from_slice(&from);
            header[16..].copy_from_slice(&to.octets());
            let sum = checksum::udp_v4(from, to.octets(), &udp);
            udp[6..8].copy_from_slice(&sum.to_be_bytes());
            change(&mut header);
            let sum = checksum::ipv4_header(&header);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            frame.extend([8, 0]);
            frame.extend(header);
        }
        IpAddr::V6(to) => {
            let IpAddr::V6(from) = address("fd53:1::9") else {
                unreachable!("it has colons")
            };
            let mut header = [0; 40];
            header[0] = 0x60;
            header[4..6].copy_from_slice(&len);
            header[6..8].copy_from_slice(&[17, 64]);
            header[8..24].copy_from_slice(&from.octets());
            header[24..].copy_from_slice(&to.octets());
            let sum = checksum::udp_v6(from.octets(), to.octets(), &udp);
            udp[6..8].copy_from_slice(&sum.to_be_bytes());
            change(&mut header);
            frame.extend([0x86, 0xdd]);
            frame.extend(header);
        }
    }
    frame.extend(udp);
    frame
}

/// An IPv4 datagram with these options in its header, a multiple of four bytes.
pub(crate) fn with_options(mut frame: Vec<u8>, options: &[u8]) -> Vec<u8> {
    let len = u16::from_be_bytes([frame[16], frame[17]]) + options.len() as u16;
    frame[14] += (options.len() / 4) as u8;
    frame[16..18].copy_from_slice(&len.to_be_bytes());
    frame.splice(34..34, options.iter().copied());
    frame[24..26].fill(0);
    let sum = checksum::ipv4_header(&frame[14..34 + options.len()]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    frame
}

/// What most datagrams have changed in their headers.
pub(crate) fn nothing(_header: &mut [u8]) {}
