//! AF_XDP: one socket per queue, all driven by one thread, which picks the queue of each request
//! as the emulated NIC would.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use loader::{Attached, Receive};
use packet::Addresses;
use pktio::af_xdp::XskProbe;
use pktio::client::{ClientPort, Flow, Protocol, Station};
use pktio::drops::Drop as Loss;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::time::Timespec;
use steering::rss::{DEFAULT_KEY, Indirection, Tuple, queue_of_flow, queue_of_port};

use crate::transport::{Destination, Transport, headers_len};
use crate::{ClientConfig, ClientError, Losses, NamedCount, QueueChoice};

/// How long to sleep at most while frames wait in a TX ring for another kick, ns.
const RETRY_NS: u64 = 50_000;

/// What AF_XDP needs beyond a [`ClientConfig`]'s general part.
#[derive(Debug, Clone)]
pub(crate) struct AfXdpPlan<'a> {
    pub(crate) interface: &'a str,
    pub(crate) queues: u16,
    pub(crate) queue_choice: QueueChoice,
    pub(crate) client_mac: [u8; 6],
    pub(crate) server_mac: [u8; 6],
    pub(crate) mtu: u16,
    pub(crate) rx_ring: u32,
    pub(crate) tx_ring: u32,
    /// Ports that requests go to and replies come from.
    pub(crate) server_ports: RangeInclusive<u16>,
    pub(crate) flows: u16,
}

/// The queues of a client and the program that brings replies to them.
pub(crate) struct AfXdpTransport {
    /// Before the sockets, so that the program is detached before they close.
    _attached: Attached,
    receive: Receive,
    port: ClientPort,
    probe: XskProbe,
    protocol: Protocol,
    source_port: u16,
    /// Queue by server port and flow.
    queue_of: Vec<Vec<u16>>,
    first_server_port: u16,
    /// Queues with frames that were not all taken by the kernel.
    unsent: Vec<bool>,
    /// The queue whose turn it is to be read first.
    turn: usize,
    mtu: usize,
}

impl AfXdpTransport {
    /// Binds the queues and attaches the receiving program, in the calling thread's namespace.
    pub(crate) fn open(config: &ClientConfig, plan: &AfXdpPlan<'_>) -> Result<Self, ClientError> {
        let interface = plan.interface;
        let ifindex = sys::link::ifindex(interface).map_err(ClientError::io(format!(
            "looking up the interface {interface}"
        )))?;
        let (client, server) = stations(config, plan);
        let mut sockets = pktio::client::ClientConfig::new(
            ifindex,
            plan.queues,
            client,
            server,
            plan.server_ports.clone(),
        );
        sockets.rx_ring = plan.rx_ring;
        sockets.tx_ring = plan.tx_ring;
        sockets.mtu = plan.mtu;
        // 2048 bytes hold a frame of 1706 bytes of MTU behind the headroom.
        sockets.chunk = if plan.mtu > 1706 { 4096 } else { 2048 };
        let port = ClientPort::open(&sockets).map_err(ClientError::io(format!(
            "opening AF_XDP sockets on {interface}"
        )))?;
        let ports = plan.server_ports.clone();
        let mut receive = Receive::load(u32::from(plan.queues), ports.into())?;
        for queue in 0..plan.queues {
            receive.register(u32::from(queue), port.socket(queue))?;
        }
        Ok(Self {
            _attached: receive.attach(ifindex)?,
            receive,
            probe: port.probe(),
            port,
            protocol: Protocol::of(config.server),
            source_port: config.source_port,
            queue_of: queues_of_flows(config, plan),
            first_server_port: *plan.server_ports.start(),
            unsent: vec![false; usize::from(plan.queues)],
            turn: 0,
            mtu: usize::from(plan.mtu),
        })
    }
}

/// Both ends of the link.
pub(crate) fn stations(config: &ClientConfig, plan: &AfXdpPlan<'_>) -> (Station, Station) {
    (
        station(plan.client_mac, config.client),
        station(plan.server_mac, config.server),
    )
}

/// An end that has one address.
pub(crate) const fn station(mac: [u8; 6], address: IpAddr) -> Station {
    Station {
        mac,
        v4: if let IpAddr::V4(v4) = address {
            v4
        } else {
            Ipv4Addr::UNSPECIFIED
        },
        v6: if let IpAddr::V6(v6) = address {
            v6
        } else {
            Ipv6Addr::UNSPECIFIED
        },
    }
}

/// Source and destination, of IPv6 where either is.
pub(crate) fn addresses(from: IpAddr, to: IpAddr) -> Addresses {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => Addresses::V4(from.octets(), to.octets()),
        (from, to) => Addresses::V6(v6_octets(from), v6_octets(to)),
    }
}

/// The queue of each (server port, flow), computed before the trial.
pub(crate) fn queues_of_flows(config: &ClientConfig, plan: &AfXdpPlan<'_>) -> Vec<Vec<u16>> {
    let addresses = addresses(config.client, config.server);
    let indirection = Indirection::even(plan.queues);
    let queue = |dst_port, flow| match plan.queue_choice {
        QueueChoice::Rss => {
            let tuple = Tuple {
                addresses,
                src_port: config.source_port + flow,
                dst_port,
            };
            queue_of_flow(&DEFAULT_KEY, &indirection, &tuple)
        }
        QueueChoice::Port { base } => queue_of_port(dst_port, base, plan.queues),
    };
    let of_port = |dst_port| (0..plan.flows).map(|flow| queue(dst_port, flow)).collect();
    plan.server_ports.clone().map(of_port).collect()
}

fn v6_octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

impl Transport for AfXdpTransport {
    fn max_payload(&self) -> usize {
        self.mtu - headers_len(self.protocol == Protocol::V4)
    }

    fn send(&mut self, to: Destination, payload: &[u8]) -> io::Result<bool> {
        let by_flow = &self.queue_of[usize::from(to.port - self.first_server_port)];
        let queue = usize::from(by_flow[usize::from(to.flow)]);
        let flow = Flow {
            protocol: self.protocol,
            source_port: self.source_port + to.flow,
            server_port: to.port,
        };
        self.unsent[queue] = true;
        Ok(self.port.queues[queue].push(flow, payload))
    }

    fn flush(&mut self) -> io::Result<()> {
        for (queue, unsent) in self.port.queues.iter_mut().zip(&mut self.unsent) {
            if *unsent {
                *unsent = queue.send()? > 0;
            }
        }
        Ok(())
    }

    fn is_flushed(&self) -> bool {
        !self.unsent.contains(&true)
    }

    fn is_under_way(&mut self) -> bool {
        let mut queues = self.port.queues.iter_mut();
        queues.any(|queue| queue.in_flight() > 0)
    }

    fn receive(&mut self, budget: usize, take: &mut impl FnMut(u16, &[u8])) -> io::Result<usize> {
        // What an earlier kick left behind.
        self.flush()?;
        let (source_port, queues) = (self.source_port, self.port.queues.len());
        let mut received = 0;
        for step in 0..queues {
            let queue = &mut self.port.queues[(self.turn + step) % queues];
            received += queue.receive(budget - received, |reply| {
                take(reply.flow_port.wrapping_sub(source_port), reply.payload);
            });
        }
        self.turn = (self.turn + 1) % queues;
        Ok(received)
    }

    fn wait(&mut self, timeout_ns: u64) -> io::Result<()> {
        let timeout_ns = if self.is_flushed() {
            timeout_ns
        } else {
            timeout_ns.min(RETRY_NS)
        };
        let timeout = Timespec {
            tv_sec: (timeout_ns / 1_000_000_000) as i64,
            tv_nsec: (timeout_ns % 1_000_000_000) as _,
        };
        let queues = 0..self.unsent.len() as u16;
        let mut descriptors: Vec<PollFd<'_>> = queues
            .map(|queue| PollFd::from_borrowed_fd(self.port.socket(queue), PollFlags::IN))
            .collect();
        match poll(&mut descriptors, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn losses(&self) -> io::Result<Losses> {
        let sockets = self.probe.drops()?;
        let program = self.receive.counters().map_err(io::Error::other)?;
        let foreign = self
            .port
            .queues
            .iter()
            .map(|queue| queue.counters().foreign)
            .sum();
        let statistics = "XDP_STATISTICS of the client's sockets";
        let count = |name: &str, source: &str, count| NamedCount::new(name, source, count);
        Ok(Losses {
            drops: vec![
                count(
                    Loss::XskRxRingFull.name(),
                    &format!("rx_ring_full in {statistics}"),
                    sockets.get(Loss::XskRxRingFull),
                ),
                count(
                    Loss::XskNoFrame.name(),
                    &format!("rx_dropped in {statistics}"),
                    sockets.get(Loss::XskNoFrame),
                ),
                count(
                    "redirect_failed",
                    "counter of the client's receive program",
                    program.redirect_failed,
                ),
            ],
            evidence: vec![
                count(
                    "fill_ring_empty",
                    &format!("rx_fill_ring_empty_descs in {statistics}"),
                    sockets.related.fill_ring_empty,
                ),
                count(
                    "tx_invalid",
                    &format!("tx_invalid_descs in {statistics}"),
                    sockets.related.tx_invalid,
                ),
                count("foreign_frames", "frames that are no reply", foreign),
            ],
        })
    }

    fn describe(&self) -> String {
        format!("af_xdp {}", self.port.obtained().name())
    }
}
