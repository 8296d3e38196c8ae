//! Rules of `traffic`: what packet systems need, and what belongs to frames or to requests alone.

use super::{Finding, bursts, flood, ip, isolation, lossless, lossy, rates, truth};
use crate::ip_version::IpVersion;
use crate::load::Sweep;
use crate::spec::Spec;
use crate::system::{Routing, SystemKind, SystemSpec};
use crate::topology::{ClientIo, TopologyKind};
use crate::traffic::{FrameArrivals, LINK_HEADER, ProcessorKind, TrafficSpec};
use crate::units::{Bytes, Counted};

/// What a spec without `traffic` may not ask for.
pub(super) fn belongs_to_frames(spec: &Spec, findings: &mut Vec<Finding>) {
    if spec.topology.kind.forwards() {
        let message = format!(
            "`{}` has a sender and a receiver of frames, and nobody who serves requests: give `traffic` in place of \
             `workload`, or use kind: veth",
            spec.topology.kind.name()
        );
        findings.push(("topology.kind".to_owned(), message));
    }
    for (index, system) in spec.systems.iter().enumerate() {
        if system.system.forwards() {
            let message = format!(
                "{} forwards frames and serves no requests: give `traffic` in place of `workload`, or leave it out",
                system.system
            );
            findings.push((format!("systems[{index}]"), message));
        } else {
            frame_options(system, index, findings);
        }
    }
    bursts::belong_to_frames(spec, findings);
    let sweep = spec.sweep.clone().unwrap_or_default();
    let lists = [
        ("frame_size", sweep.frame_size.is_some()),
        ("burst", sweep.burst.is_some()),
        ("loss", sweep.loss.is_some()),
        ("loss_burst", sweep.loss_burst.is_some()),
        ("batch", sweep.batch.is_some()),
        ("placement", sweep.placement.is_some()),
    ];
    for (field, _) in lists.into_iter().filter(|(_, given)| *given) {
        let message = "varies how frames are forwarded: it belongs to `traffic`; leave it out";
        findings.push((format!("sweep.{field}"), message.to_owned()));
    }
}

/// What a spec with `traffic` needs, and what it may not ask for.
pub(super) fn traffic(spec: &Spec, traffic: &TrafficSpec, findings: &mut Vec<Finding>) {
    if spec.workload.is_some() {
        let message = "a spec is about requests or about frames: give exactly one of `workload` and `traffic`";
        findings.push(("traffic".to_owned(), message.to_owned()));
    }
    arrivals(spec, traffic, findings);
    lossless::search(spec, traffic, findings);
    bursts::bursts(spec, traffic, findings);
    rates::rates(spec, Counted::Frames, findings);
    frame_sizes(spec, traffic, findings);
    lossy::losses(spec, traffic.processor, findings);
    ip::version(spec, traffic, findings);
    topology(spec, traffic.processor.kind(), findings);
    sections(spec, findings);
    isolation::disturb(spec, traffic, findings);
    sweep(spec, findings);
    for (index, one) in spec.systems.iter().enumerate() {
        system(spec, traffic, one, index, findings);
    }
}

/// Only frames that are due at a time can be timed.
fn arrivals(spec: &Spec, traffic: &TrafficSpec, findings: &mut Vec<Finding>) {
    let mut find = |path: &str, message: &str| findings.push((path.to_owned(), message.to_owned()));
    let round_trip = traffic.round_trip == Some(true);
    match traffic.arrivals() {
        FrameArrivals::Saturate => {
            if spec.load.is_some() {
                let message = "`traffic.arrivals: saturate` offers what the generator can make: leave `load` out, or \
                               use `arrivals: fixed`";
                find("load", message);
            }
            if round_trip {
                let message = "a generator that saturates times no frames: use `arrivals: fixed`";
                find("traffic.round_trip", message);
            }
        }
        FrameArrivals::Fixed => {
            let load = spec.load.clone().unwrap_or_default();
            let others = [
                ("closed", !load.closed.is_empty()),
                ("drain", !load.drain.is_empty()),
                ("pattern", load.pattern.is_some()),
            ];
            for (field, _) in others.into_iter().filter(|(_, given)| *given) {
                let message = "frames are not answered, and come evenly spaced: use `load.rates` alone, or \
                               `load.capacity`";
                find(&format!("load.{field}"), message);
            }
        }
    }
    match traffic.processor.kind() {
        ProcessorKind::Router | ProcessorKind::Inspect => {}
        ProcessorKind::Ipsec | ProcessorKind::Maelstrom if round_trip => {
            let message = "gateways and proxies work in one direction, from egress to ingress; allowed with \
                           `round_trip`: router, inspect";
            find("traffic.round_trip", message);
        }
        ProcessorKind::Ipsec | ProcessorKind::Maelstrom => {}
    }
}

/// A frame is one of Ethernet's, and its packet fits the links' MTU.
fn frame_sizes(spec: &Spec, traffic: &TrafficSpec, findings: &mut Vec<Finding>) {
    let mtu = spec.topology.resolve().mtu;
    let (shortest, largest) = (
        traffic.shortest_frame(),
        Bytes(u64::from(mtu) + LINK_HEADER),
    );
    let why = match traffic.ip.unwrap_or_default() {
        IpVersion::V4 => "",
        IpVersion::V6 => ", with the longer headers of `ip: 6`",
    };
    let swept = spec.sweep.iter().flat_map(|sweep| sweep.frame_size.iter());
    let swept = swept.flatten().enumerate();
    let swept = swept.map(|(index, size)| (format!("sweep.frame_size[{index}]"), *size));
    let own = traffic.frame_size.into_iter();
    let own = own.map(|size| ("traffic.frame_size".to_owned(), size));
    for (path, size) in own.chain(swept) {
        if !(shortest..=largest).contains(&size) {
            let message = format!(
                "a frame of {size}: with its link header it has {shortest} to {largest} at MTU {mtu}{why}"
            );
            findings.push((path, message));
        }
    }
}

/// Frames pass the hosts that their processor needs, from a device in which they are made.
fn topology(spec: &Spec, processor: ProcessorKind, findings: &mut Vec<Finding>) {
    let topology = &spec.topology;
    let mut find = |field: &str, message: String| {
        findings.push((format!("topology.{field}"), message));
    };
    if topology.kind != processor.topology() {
        let name = processor.name();
        find(
            "kind",
            match processor.topology() {
                TopologyKind::Pair => format!(
                    "`{name}` has two ends, an egress and an ingress with a link between them; use kind: pair"
                ),
                TopologyKind::Chain
                | TopologyKind::Veth
                | TopologyKind::Loopback
                | TopologyKind::Memory
                | TopologyKind::Nic => {
                    format!("`{name}` is one host between sender and receiver; use kind: chain")
                }
            },
        );
    }
    if topology.client.is_some_and(|io| io != ClientIo::AfXdp) {
        let message = "frames are made in the sender's device: leave `client` out";
        find("client", message.to_owned());
    }
    if topology.mtu.is_some_and(|mtu| mtu > flood::LONGEST_PACKET) {
        let longest = flood::LONGEST_PACKET;
        find(
            "mtu",
            format!("the generator makes packets of at most {longest} B"),
        );
    }
    let cpus = [
        ("server_cpus", topology.server_cpus.is_some()),
        ("client_cpus", topology.client_cpus.is_some()),
    ];
    for (field, _) in cpus.into_iter().filter(|(_, given)| *given) {
        let message = "the CPUs that forward follow from the machine, the queues and `placement`: leave it out";
        find(field, message.to_owned());
    }
}

/// Sections about requests, their servers and their replies.
fn sections(spec: &Spec, findings: &mut Vec<Finding>) {
    let sections = [
        ("repartition", spec.repartition.is_some()),
        ("floor", spec.floor == Some(true)),
        ("trace", spec.traces()),
        ("bpf_stats", spec.bpf_statistics()),
    ];
    for (section, _) in sections.into_iter().filter(|(_, given)| *given) {
        let message =
            format!("`{section}` is about requests, and `traffic` has frames: leave it out");
        findings.push((section.to_owned(), message));
    }
}

/// What is swept must make a difference to every trial.
fn sweep(spec: &Spec, findings: &mut Vec<Finding>) {
    let Some(sweep) = &spec.sweep else { return };
    for field in of_requests(sweep) {
        let message = "varies requests, and `traffic` has frames: leave it out";
        findings.push((format!("sweep.{field}"), message.to_owned()));
    }
    let kinds = || spec.systems.iter().map(|system| system.system);
    let mut same = |field: &str, given: bool, what: &str, varies: fn(SystemKind) -> bool| {
        let kinds = kinds().filter(|kind| given && kind.forwards() && !varies(*kind));
        for kind in kinds {
            let message = format!(
                "{kind} has no {what} to choose, so that each value would be the same trial; leave it out, or \
                 sweep something else"
            );
            findings.push((format!("sweep.{field}"), message));
        }
    };
    same(
        "batch",
        sweep.batch.is_some(),
        "batch",
        SystemKind::has_batches,
    );
    same(
        "placement",
        sweep.placement.is_some(),
        "placement",
        SystemKind::has_placement,
    );
    same(
        "owners",
        sweep.owners.is_some(),
        "number of threads",
        |kind| kind.fixed_owners().is_none() && !kind.queue_per_owner(),
    );
}

/// The lists of a sweep that vary requests or their servers.
fn of_requests(sweep: &Sweep) -> impl Iterator<Item = &'static str> {
    let lists = [
        ("theta", sweep.theta.is_some()),
        ("get_ratio", sweep.get_ratio.is_some()),
        ("keys", sweep.keys.is_some()),
        ("key_size", sweep.key_size.is_some()),
        ("value_size", sweep.value_size.is_some()),
        ("large_share", sweep.large_share.is_some()),
        ("multi_get", sweep.multi_get.is_some()),
        ("steering_cost", sweep.steering_cost.is_some()),
        ("cache_entries", sweep.cache_entries.is_some()),
    ];
    let given = lists.into_iter().filter(|(_, given)| *given);
    given.map(|(field, _)| field)
}

/// A packet system runs the processor, by its own I/O, and has options of its own only.
fn system(
    spec: &Spec,
    traffic: &TrafficSpec,
    system: &SystemSpec,
    index: usize,
    findings: &mut Vec<Finding>,
) {
    let (kind, processor) = (system.system, traffic.processor.kind());
    let mut find = |field: &str, message: String| {
        findings.push((format!("systems[{index}]{field}"), message));
    };
    if !kind.forwards() {
        let message = format!(
            "{kind} serves requests and forwards no frames: give `workload` in place of `traffic`, or leave it out"
        );
        find("", message);
        return;
    }
    if !kind.processors().contains(&processor) {
        let able = SystemKind::ALL.into_iter();
        let able = able.filter(|it| it.processors().contains(&processor));
        let able: Vec<_> = able.map(SystemKind::name).collect();
        let (asked, able) = (processor.name(), able.join(", "));
        let own: Vec<_> = kind.processors().iter().map(|it| it.name()).collect();
        let own = own.join(", ");
        find(
            "",
            format!(
                "{kind} does {own} alone, and `{asked}` is asked for; leave it out, or use {able}"
            ),
        );
    }
    let io = system.io();
    if !kind.ios().contains(&io) {
        let allowed: Vec<_> = kind.ios().iter().map(|io| io.name()).collect();
        let (io, reason, allowed) = (io.name(), kind.io_reason(), allowed.join(", "));
        find(
            ".io",
            format!("{kind} cannot run on `{io}`: {reason}; allowed: {allowed}"),
        );
    }
    let queues = spec.sweep.iter().flat_map(|sweep| sweep.queues.iter());
    let queues: Vec<u16> = queues.flatten().copied().collect();
    let queues = match queues.is_empty() {
        true => vec![spec.topology.resolve().queues],
        false => queues,
    };
    let differs = |owners: u16| queues.iter().any(|queues| *queues != owners);
    if kind.queue_per_owner() && system.owners.is_some_and(differs) {
        let message = format!(
            "{kind} has a slice for each queue, whose frames nobody else would take: leave `owners` out, and \
             choose `topology.queues`"
        );
        find(".owners", message);
    }
    if processor == ProcessorKind::Maelstrom && kind.divides_frames() && system.owners != Some(1) {
        let message = format!(
            "the sockets of {kind} divide frames among themselves, and a proxy needs all frames of its stream: use \
             `owners: 1`"
        );
        find(".owners", message);
    }
    if processor != ProcessorKind::Router && system.routing == Some(Routing::Kernel) {
        let message = format!(
            "the kernel tells where it would send a frame as it came, and `{}` sends it otherwise: `routing: kernel` belongs to \
             `processor: router`; leave it out",
            processor.name()
        );
        find(".routing", message);
    }
    for field in request_options(system) {
        find(
            &format!(".{field}"),
            format!("{kind} forwards frames, and `{field}` is about requests: leave it out"),
        );
    }
    frame_options(system, index, findings);
    isolation::system(spec, traffic, &queues, system, index, findings);
    truth::fixed_owners(system, index, findings);
    truth::label(system, index, findings);
}

/// The options of an entry that only systems have which serve requests.
fn request_options(system: &SystemSpec) -> impl Iterator<Item = &'static str> {
    let options = [
        ("wakeup", system.wakeup.is_some()),
        ("engine", system.engine.is_some()),
        ("memory", system.memory.is_some()),
        ("service", system.service.is_some()),
        ("servers", system.servers.is_some()),
        ("clusters", system.clusters.is_some()),
        ("large_owners", system.large_owners.is_some()),
        ("rebalance", system.rebalance.is_some()),
        ("flow_hash", system.flow_hash.is_some()),
        ("encryption", system.encryption.is_some()),
        ("steer_by", system.steer_by.is_some()),
        ("behind", system.behind.is_some()),
        ("cache_entries", system.cache_entries.is_some()),
        ("at", system.at.is_some()),
        ("multi_key", system.multi_key.is_some()),
        ("xdp", system.xdp.is_some()),
        ("steering", system.steering.is_some()),
        ("hot_keys", system.hot_keys.is_some()),
        ("response_cache", system.response_cache.is_some()),
    ];
    let given = options.into_iter().filter(|(_, given)| *given);
    given.map(|(field, _)| field)
}

/// Options of packet systems, each of which belongs to one of them.
fn frame_options(system: &SystemSpec, index: usize, findings: &mut Vec<Finding>) {
    let kind = system.system;
    let options = [
        (
            "batch",
            system.batch.is_some(),
            kind.has_batches(),
            "netslice",
        ),
        (
            "placement",
            system.placement.is_some(),
            kind.has_placement(),
            "netslice",
        ),
        (
            "filters",
            system.filters.is_some(),
            kind.has_filters(),
            "raw_parallel",
        ),
        (
            "qdisc_bypass",
            system.qdisc_bypass.is_some(),
            kind.default_qdisc_bypass().is_some(),
            "packet sockets",
        ),
        (
            "isolation",
            system.isolation.is_some(),
            kind.isolates(),
            "netslice",
        ),
        (
            "routing",
            system.routing.is_some(),
            kind.has_routing(),
            "netslice",
        ),
    ];
    for (field, given, has, whose) in options {
        if given && !has {
            let message =
                format!("{kind} has no such choice: `{field}` belongs to {whose}; leave it out");
            findings.push((format!("systems[{index}].{field}"), message));
        }
    }
}
