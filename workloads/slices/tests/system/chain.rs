//! A sender, a router and a receiver in a row, and what sends and receives at the two ends.

use std::io;
use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use pktio::frame::{FrameIo as _, Port};
use pktio::packet::{Group, PlainConfig, PlainIo, raw_socket};
use pktio::{BatchIo as _, IoCounters};
use slices::system::{Counters, Design, ProcessorConfig, Routing, System, SystemConfig};
use sys::link::{self, MacAddress, Peer, VethSpec};
use sys::netns::Namespace;

/// How long something that must come is waited for, since the last of it came.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
pub(crate) const MTU: u32 = 1500;
/// Receive queues of every device.
pub(crate) const QUEUES: u16 = 2;

/// An end of the chain, and the router's device towards it.
pub(crate) struct End {
    pub(crate) device: &'static str,
    pub(crate) mac: [u8; 6],
    pub(crate) address: Ipv4Addr,
    pub(crate) router_device: &'static str,
    pub(crate) router_mac: [u8; 6],
    router_address: Ipv4Addr,
}

/// The sender's and the receiver's.
pub(crate) const ENDS: [End; 2] = [
    End {
        device: "sender0",
        mac: [2, 0x53, 0x42, 0, 0, 2],
        address: Ipv4Addr::new(198, 18, 0, 2),
        router_device: "router0",
        router_mac: [2, 0x53, 0x42, 0, 0, 1],
        router_address: Ipv4Addr::new(198, 18, 0, 1),
    },
    End {
        device: "receiver0",
        mac: [2, 0x53, 0x42, 0, 1, 2],
        address: Ipv4Addr::new(198, 19, 0, 2),
        router_device: "router1",
        router_mac: [2, 0x53, 0x42, 0, 1, 1],
        router_address: Ipv4Addr::new(198, 19, 0, 1),
    },
];

/// The three hosts; they disappear with it.
pub(crate) struct Chain {
    ends: [Namespace; 2],
    pub(crate) router: Namespace,
}

/// A chain whose router is to be of this design, or `None` after saying why not.
pub(crate) fn chain(design: Design) -> Option<Chain> {
    or_skip(build(design))
}

/// What was built, or `None` after saying that it takes privilege.
pub(crate) fn or_skip<T>(built: io::Result<T>) -> Option<T> {
    match built {
        Ok(built) => Some(built),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let required = std::env::var("STEERBENCH_REQUIRE_ALL_TIERS").is_ok_and(|v| v == "1");
            assert!(!required, "all tiers are required: {error}");
            eprintln!("SKIPPED: network namespaces need root: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn build(design: Design) -> io::Result<Chain> {
    let router = Namespace::create()?;
    let ends = [Namespace::create()?, Namespace::create()?];
    for (end, space) in ENDS.iter().zip(&ends) {
        router.run(|| at_router(design, end, space))??;
        space.run(|| at_end(end))??;
        router.run(|| link::await_running(end.router_device, PATIENCE))??;
    }
    Ok(Chain { ends, router })
}

/// Makes the link between a router, which is this namespace, and an end.
pub(crate) fn at_router(design: Design, end: &End, space: &Namespace) -> io::Result<()> {
    let device = end.router_device;
    link::create_veth(&VethSpec {
        name: device,
        peer: end.device,
        queues: QUEUES.into(),
        mtu: MTU,
        mac: MacAddress(end.router_mac),
        peer_mac: MacAddress(end.mac),
        peer_namespace: Peer::In(space),
    })?;
    sys::ethtool::single_frames(device)?;
    link::set_up(device)?;
    if !design.has_program() {
        sys::ethtool::set_features(device, &[("rx-gro", true)])?;
    }
    link::add_address(device, end.router_address.into(), 24)?;
    link::add_neighbour(device, end.address.into(), MacAddress(end.mac))
}

/// GRO gives the end NAPI, without which it would get none of what XDP sends.
pub(crate) fn at_end(end: &End) -> io::Result<()> {
    sys::ethtool::single_frames(end.device)?;
    link::set_up(end.device)?;
    sys::ethtool::set_features(end.device, &[("rx-gro", true)]).map(drop)
}

/// A configuration of this design with as many workers as it takes.
pub(crate) fn config(design: Design) -> SystemConfig {
    let workers = match design {
        Design::KernelForward | Design::XdpForward | Design::KernelIpsec => 0,
        Design::RawSocket | Design::Pcap | Design::PcapMmap => 1,
        Design::Netslice
        | Design::RawParallel { .. }
        | Design::PacketMmapV3
        | Design::DispatchThreads => QUEUES,
    };
    SystemConfig {
        design,
        processor: ProcessorConfig::Router,
        devices: ENDS.map(|end| end.router_device.to_owned()),
        workers,
        k_peers: vec![0; workers.into()],
        u_peers: Vec::new(),
        batch: 64,
        routing: Routing::Mirror,
        qdisc_bypass: false,
    }
}

impl Chain {
    /// A system in the router, attached.
    pub(crate) fn attached(&self, config: &SystemConfig) -> System {
        self.at_router(|| {
            let mut system = System::load(config).unwrap();
            system.attach().unwrap();
            system
        })
    }

    /// The same, running.
    pub(crate) fn running(&self, config: &SystemConfig) -> System {
        let mut system = self.attached(config);
        self.at_router(|| system.start().unwrap());
        system
    }

    pub(crate) fn at_router<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.router.run(work).unwrap()
    }

    /// What sends and receives whole frames at an end.
    pub(crate) fn tap(&self, side: usize) -> Tap {
        Tap::open(&self.ends[side], side)
    }

    /// Frames that the router's device towards an end dropped when it sent them.
    pub(crate) fn dropped_towards(&self, side: usize) -> u64 {
        let device = ENDS[side].router_device;
        self.at_router(|| link::statistics(device).unwrap().tx_dropped)
    }

    /// Frames from an end that the router's device has taken and its program has seen.
    pub(crate) fn taken_from(&self, side: usize) -> u64 {
        let device = ENDS[side].router_device;
        self.at_router(|| link::statistics(device).unwrap().rx_packets)
    }

    /// Receives what has been sent, was not lost by what was counted, and may still be on its way from the router.
    pub(crate) fn receive_due(
        &self,
        from: &Tap,
        to: &mut Tap,
        counters: &Counters,
    ) -> Vec<Vec<u8>> {
        let lost = counters.lost() + self.dropped_towards(to.side) - counters.retried;
        let due = from.counters().transmitted.saturating_sub(lost);
        to.receive(due.saturating_sub(to.arrived) as usize)
    }

    /// Holds the ledger: what a sender's socket and device took, what the other end got, and what was counted between.
    pub(crate) fn close(&self, from: &Tap, to: &Tap, towards: usize, counters: &Counters) {
        let (sent, arrived) = (from.counters().transmitted, to.arrived);
        let by_device = self.dropped_towards(towards) - counters.retried;
        assert_eq!(
            sent,
            arrived + counters.lost() + by_device,
            "{arrived} arrived, {by_device} dropped by the device: {counters:#?}"
        );
        assert_eq!(to.lost(), 0, "the receiver loses none");
    }
}

/// An end of the chain.
pub(crate) struct Tap {
    side: usize,
    io: PlainIo,
    group: Group<PlainIo>,
    /// Frames received, but those to groups.
    arrived: u64,
}

impl Tap {
    /// On the device of this end, in its namespace.
    pub(crate) fn open(space: &Namespace, side: usize) -> Self {
        let open = || {
            let config = PlainConfig {
                receive_buffer: 64 << 20,
                // So that a queue is chosen by the flow.
                qdisc_bypass: false,
                ..PlainConfig::new(vec![link::ifindex(ENDS[side].device)?])
            };
            raw_socket::open(&config)
        };
        let mut group = space.run(open).unwrap().unwrap();
        let io = group.take_ios().remove(0);
        Self {
            side,
            io,
            group,
            arrived: 0,
        }
    }

    /// Sends a frame; one that the device does not take is tried again.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let patience = Instant::now() + PATIENCE;
        loop {
            let mut frame = self.io.allocate(Port(0)).unwrap();
            let mut view = self.io.view(&mut frame);
            view.grow_back(bytes.len()).unwrap();
            view.bytes_mut().copy_from_slice(bytes);
            let before = self.io.counters().transmitted;
            self.io.send(frame, Port(0));
            if self.io.counters().transmitted > before {
                return;
            }
            assert!(Instant::now() < patience, "the device takes nothing");
            thread::yield_now();
        }
    }

    /// Receives until there were so many, or none came for long.
    pub(crate) fn receive(&mut self, wanted: usize) -> Vec<Vec<u8>> {
        let mut received = Vec::new();
        let mut patience = Instant::now() + PATIENCE;
        while received.len() < wanted && Instant::now() < patience {
            if self.receive_now(&mut received) > 0 {
                patience = Instant::now() + PATIENCE;
            } else {
                thread::sleep(Duration::from_micros(200));
            }
        }
        received
    }

    /// Receives what is there, but what is to a group of stations: a kernel that forwards IPv6 reports that it has joined one.
    pub(crate) fn receive_now(&mut self, into: &mut Vec<Vec<u8>>) -> usize {
        let mut frames = Vec::new();
        let mut received = 0;
        while self.io.receive(&mut frames).unwrap() > 0 {
            for mut frame in frames.drain(..) {
                let bytes = self.io.view(&mut frame).bytes().to_vec();
                self.io.release(frame);
                if bytes[0] & 1 == 0 {
                    into.push(bytes);
                    received += 1;
                }
            }
        }
        self.arrived += received as u64;
        received
    }

    pub(crate) fn counters(&self) -> IoCounters {
        self.io.counters()
    }

    fn lost(&self) -> u64 {
        self.group.probe().drops().unwrap().total()
    }
}
