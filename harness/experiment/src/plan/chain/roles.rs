//! From a packet trial to the configuration of its roles. Pure.

use loadgen::frames::{FramesConfig, Pace, TTL};
use loadgen::{Addressing, ClientConfig, Protocol, QueueChoice, TransportConfig};
use slices::gateway::{Authentication, GatewayConfig, Secret};
use slices::pair::Side;
use slices::proxy::ProxyConfig;
use slices::system::{Design, ProcessorConfig, Routing, SystemConfig};
use spec::{Integrity, MaelstromOptions, Processor, SystemKind, Traffic, Trial};

use super::super::Refusal;
use super::super::topology::Receiver;
use super::cpus::ChainPlacement;
use super::hosts::{BETWEEN, Device, RouterHost};
use super::{PATH, RECEIVER, RouterPlan, SENDER, SenderPlan};
use crate::agents::client::Load;
use crate::agents::serving::{Deployment, FrameCount, LossyPath, Reflector};

/// UDP port that frames go to: discard (RFC 863).
const PORT: u16 = 9;
/// UDP source port of the first flow.
const FIRST_FLOW: u16 = 16_384;
/// What an inspector looks for: words that the sender's letters rarely make.
const PATTERNS: [&str; 4] = ["root", "passwd", "select", "exploit"];
/// Slots of the rings of a sender that times frames.
const RING: u32 = 4096;
/// How long the last frames may take after the last timeout, ns.
const QUIET_NS: u64 = 100_000_000;
/// Width of the intervals of latency, ns.
const INTERVAL_NS: u64 = 100_000_000;

/// What runs in each router.
pub(super) fn routers(
    trial: &Trial,
    traffic: &Traffic,
    hosts: &[RouterHost],
    placement: &ChainPlacement,
) -> Result<Vec<RouterPlan>, Refusal> {
    let design = design(trial)?;
    let mut routers = Vec::new();
    for (number, (host, cpus)) in hosts.iter().zip(&placement.routers).enumerate() {
        routers.push(RouterPlan {
            scope: host.scope,
            devices: host.devices.map(|device| device.name),
            receiver: match design.has_program() {
                true => Receiver::Xdp,
                false => Receiver::Kernel,
            },
            isolated: trial.system.is_isolated(),
            system: SystemConfig {
                design,
                processor: processor(trial, traffic, hosts, number),
                devices: host.devices.map(|device| device.name.to_owned()),
                workers: trial.system.owners,
                k_peers: cpus.k_peers.clone(),
                u_peers: cpus.u_peers.clone(),
                batch: u32::from(
                    trial
                        .system
                        .batch
                        .unwrap_or(spec::SystemSpec::DEFAULT_BATCH),
                ),
                qdisc_bypass: trial.system.qdisc_bypass.unwrap_or_default(),
                routing: match trial.system.routing.unwrap_or_default() {
                    spec::Routing::Mirror => Routing::Mirror,
                    spec::Routing::Kernel => Routing::Kernel,
                },
            },
        });
    }
    Ok(routers)
}

/// The system in the library's words.
fn design(trial: &Trial) -> Result<Design, Refusal> {
    Ok(match trial.system.system {
        SystemKind::Netslice => Design::Netslice,
        SystemKind::KernelForward => Design::KernelForward,
        SystemKind::XdpForward => Design::XdpForward,
        SystemKind::KernelIpsec => Design::KernelIpsec,
        SystemKind::RawSocket => Design::RawSocket,
        SystemKind::RawParallel => Design::RawParallel {
            filters: trial.system.filters.unwrap_or(true),
        },
        SystemKind::Pcap => Design::Pcap,
        SystemKind::PcapMmap => Design::PcapMmap,
        SystemKind::PacketMmapV3 => Design::PacketMmapV3,
        SystemKind::DispatchThreads => Design::DispatchThreads,
        SystemKind::RssShared
        | SystemKind::Sphinx
        | SystemKind::Seastar
        | SystemKind::XdpSteered
        | SystemKind::ReuseportEbpf
        | SystemKind::XdpPosix
        | SystemKind::XdpCpumap
        | SystemKind::ProgrammableRss
        | SystemKind::MicaErew
        | SystemKind::MicaCrew
        | SystemKind::MicaCrcw
        | SystemKind::Herd
        | SystemKind::Minos
        | SystemKind::Shenango
        | SystemKind::NetCache
        | SystemKind::KvDirect
        | SystemKind::SharedSomething
        | SystemKind::Memcached
        | SystemKind::Synthetic
        | SystemKind::Reflector => {
            return Err(Refusal::new(
                &format!(
                    "{} serves requests and forwards no frames",
                    trial.system.system
                ),
                "give the spec a `workload` in place of `traffic`",
            ));
        }
    })
}

/// What is sent, and by whom. `first` is the first router's device.
pub(super) fn sender(
    trial: &Trial,
    traffic: &Traffic,
    first: Device,
    placement: &ChainPlacement,
) -> SenderPlan {
    let next_hop = match traffic.processor {
        Processor::Router | Processor::Ipsec(_) | Processor::Maelstrom(_) => first,
        // It is a bump in the wire, which changes no address.
        Processor::Inspect => RECEIVER,
    };
    if traffic.round_trip {
        return SenderPlan::RoundTrip(Box::new(timed(trial, traffic, next_hop, placement)));
    }
    SenderPlan::OneWay(FramesConfig {
        device: SENDER.name.to_owned(),
        queues: trial.topology.queues,
        mac: SENDER.mac,
        next_hop: next_hop.mac,
        source: SENDER.address_in(traffic.ip),
        destination: RECEIVER.address_in(traffic.ip),
        first_flow: FIRST_FLOW,
        flows: traffic.flows,
        port: PORT,
        frame_bytes: u16::try_from(traffic.frame_size.get()).unwrap_or(u16::MAX),
        cpus: placement.sender.clone(),
        pace: match trial.load.rate() {
            None => Pace::Saturate,
            Some(rate) => Pace::Bursts {
                rate_fps: rate.per_second(),
                frames: traffic.burst,
                grace_ns: trial.phases.timeout.as_nanos(),
            },
        },
    })
}

/// A client whose requests come back as they are.
fn timed(trial: &Trial, traffic: &Traffic, next_hop: Device, placement: &ChainPlacement) -> Load {
    let transport = TransportConfig::AfXdp {
        interface: SENDER.name.to_owned(),
        queues: trial.topology.queues,
        queue_choice: QueueChoice::Rss,
        client_mac: SENDER.mac,
        server_mac: next_hop.mac,
        mtu: trial.topology.mtu,
        rx_ring: RING,
        tx_ring: RING,
    };
    let timeout_ns = trial.phases.timeout.as_nanos();
    let config = ClientConfig {
        source_port: FIRST_FLOW,
        protocol: Protocol::Plain,
        echo: true,
        timeout_ns,
        send_grace_ns: timeout_ns,
        quiet_ns: timeout_ns.max(QUIET_NS),
        interval_ns: INTERVAL_NS,
        cpus: placement.sender.clone(),
        ..ClientConfig::new(
            transport,
            SENDER.address_in(traffic.ip),
            RECEIVER.address_in(traffic.ip),
            Addressing::Server { port: PORT },
        )
    };
    Load {
        config,
        workload: frames(trial, traffic),
        duration_ns: trial.phases.warmup.as_nanos() + trial.phases.measure.as_nanos(),
        steer_transmit: None,
    }
}

/// Frames of one size as a schedule.
fn frames(trial: &Trial, traffic: &Traffic) -> model::WorkloadSpec {
    let carried = traffic.payload().saturating_sub(Traffic::ID);
    model::WorkloadSpec {
        keys: 1,
        key_size: model::Size::Fixed(1),
        value_size: model::Size::Fixed(u32::try_from(carried).unwrap_or(u32::MAX)),
        popularity: model::Popularity::Uniform,
        get_ratio: 0.0,
        keys_per_get: 1,
        consecutive: false,
        noreply_ratio: 0.0,
        arrivals: model::Arrivals::Together {
            requests: traffic.burst,
        },
        pattern: None,
        rate_rps: trial.load.rate().map_or(0.0, spec::Rate::per_second),
        flows: traffic.flows,
        seed: trial.schedule_seed,
    }
}

/// What is at the end of the row.
pub(super) fn receiver(trial: &Trial, traffic: &Traffic) -> Deployment {
    let device = RECEIVER.name.to_owned();
    if traffic.round_trip {
        return Deployment::Reflector(Reflector {
            device,
            port: PORT,
            redirects: true,
        });
    }
    Deployment::FrameCount(FrameCount {
        device,
        queues: trial.topology.queues,
        mac: RECEIVER.mac,
        address: RECEIVER.address_in(traffic.ip),
        hops: hops_left(traffic.processor),
        port: PORT,
        first_flow: FIRST_FLOW,
        flows: traffic.flows,
        payload: u32::try_from(traffic.payload()).unwrap_or(u32::MAX),
        steps: (trial.disturb).is_some_and(|disturb| disturb.kill_slice.is_some()),
    })
}

/// Hops that routers leave a frame.
const fn hops_left(processor: Processor) -> u8 {
    match processor {
        Processor::Inspect => TTL,
        Processor::Router => TTL - 1,
        Processor::Ipsec(_) | Processor::Maelstrom(_) => TTL - 2,
    }
}

/// What loses frames between the routers, where something is to.
pub(super) fn path(trial: &Trial, traffic: &Traffic) -> Option<Deployment> {
    let options = traffic.processor.code()?;
    (options.loss.get() > 0).then(|| {
        Deployment::LossyPath(LossyPath {
            devices: PATH.map(|port| port.device.to_owned()),
            queues: trial.topology.queues,
            loss: options.loss.fraction(),
            burst: options.burst,
            seed: trial.schedule_seed,
        })
    })
}

/// SPI of the first worker's association.
const SPI: u32 = 0x1000;

/// What the `number`-th of these routers does to each frame.
fn processor(
    trial: &Trial,
    traffic: &Traffic,
    hosts: &[RouterHost],
    number: usize,
) -> ProcessorConfig {
    let side = match number {
        0 => Side::Egress,
        _ => Side::Ingress,
    };
    match traffic.processor {
        Processor::Router => ProcessorConfig::Router,
        Processor::Inspect => ProcessorConfig::Inspect {
            patterns: PATTERNS.map(str::to_owned).to_vec(),
        },
        Processor::Ipsec(options) => {
            let between = |side: Side| match side {
                Side::Egress => hosts[0].devices[1].address,
                Side::Ingress => hosts[hosts.len() - 1].devices[0].address,
            };
            let other = match side {
                Side::Egress => Side::Ingress,
                Side::Ingress => Side::Egress,
            };
            ProcessorConfig::Ipsec(GatewayConfig {
                side,
                local: between(side),
                remote: between(other),
                spi: SPI,
                // No part of the plan: replaced for each trial when it is driven, as sequence numbers begin anew.
                secret: Secret([0; 32]),
                authentication: match options.integrity {
                    Integrity::None => Authentication::None,
                    Integrity::HmacSha256 => Authentication::HmacSha256,
                },
                mtu: trial.topology.mtu + BETWEEN,
            })
        }
        Processor::Maelstrom(MaelstromOptions { r, c, .. }) => {
            ProcessorConfig::Maelstrom(ProxyConfig {
                side,
                r,
                c,
                mtu: trial.topology.mtu,
            })
        }
    }
}
