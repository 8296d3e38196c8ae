//! Rules between settings: combinations that no machine could run, each with its reason.

mod bpf;
mod bursts;
mod encryption;
mod flood;
mod hot_keys;
mod in_kernel;
mod ip;
mod isolation;
mod lossless;
mod lossy;
mod multi_key;
mod options;
mod rates;
mod repartition;
mod responses;
mod rpc;
mod scans;
mod swept;
mod traffic;
mod truth;
mod xdp;

use std::collections::BTreeMap;

use crate::spec::Spec;
use crate::system::{Io, SystemSpec};
use crate::topology::{ClientIo, TopologyKind};
use crate::units::{Bytes, Count, Counted};
use crate::workload::{Arrivals, WorkloadSpec};

/// A broken rule: the setting's path and the message.
pub(crate) type Finding = (String, String);

/// Bytes of a set request beside key and value: IPv4 and UDP headers (28), memcached's UDP frame
/// (8), and the longest command line of the three protocols.
const SET_OVERHEAD: u64 = 28 + 8 + 64;
/// Bytes that encryption adds to a request: its header and the cipher's tag.
const SEAL_OVERHEAD: u64 = 24 + 16;

/// Everything that two settings of the spec rule out together.
pub(crate) fn across(spec: &Spec) -> Vec<Finding> {
    let mut findings = Vec::new();
    sections(spec, &mut findings);
    load(spec, &mut findings);
    match &spec.traffic {
        Some(traffic) => traffic::traffic(spec, traffic, &mut findings),
        None => requests(spec, &mut findings),
    }
    labels(&spec.systems, &mut findings);
    swept::repeats(spec, &mut findings);
    findings
}

/// What rules out what where requests are served.
fn requests(spec: &Spec, findings: &mut Vec<Finding>) {
    traffic::belongs_to_frames(spec, findings);
    rates::rates(spec, Counted::Requests, findings);
    isolation::belongs_to_frames(spec, findings);
    pattern(spec, findings);
    topology(spec, findings);
    for (index, system) in spec.systems.iter().enumerate() {
        if system.system.forwards() {
            // That it is there at all has been found.
            continue;
        }
        io(spec.topology.kind, system, index, findings);
        wakeup(system, index, findings);
        queues(spec, system, index, findings);
        options::engine(system, index, findings);
        options::clusters(spec, system, index, findings);
        options::large_owners(spec, system, index, findings);
        options::flow_hash(system, index, findings);
        multi_key::multi_key(spec, system, index, findings);
        options::steering(system, index, findings);
        encryption::encryption(spec, system, index, findings);
        rpc::system(spec, system, index, findings);
        scans::system(spec, system, index, findings);
        options::service(spec, system, index, findings);
        truth::system(spec, system, index, findings);
        in_kernel::limits(spec, system, index, findings);
        in_kernel::cache(spec, system, index, findings);
        responses::responses(spec, system, index, findings);
        xdp::options(spec, system, index, findings);
        xdp::chunks(spec, system, index, findings);
    }
    rpc::workload(spec, findings);
    scans::workload(spec, findings);
    disturb(spec, findings);
    flood::drain(spec, findings);
    flood::saturate(spec, findings);
    repartition::repartition(spec, findings);
    repartition::rebalance(spec, findings);
    hot_keys::hot_keys(spec, findings);
    truth::stall(spec, findings);
    truth::trace(spec, findings);
    truth::floor(spec, findings);
    bpf::bpf_stats(spec, findings);
    if let Some(workload) = &spec.workload {
        sizes(spec, workload, findings);
        swept::large_share(spec, workload, findings);
    }
    swept::cache_entries(spec, findings);
}

/// Systems need the sections that say what to do with them.
fn sections(spec: &Spec, findings: &mut Vec<Finding>) {
    if spec.systems.is_empty() {
        if spec.probes.is_empty() {
            let message = "nothing to do: list at least one of `systems` or `probes`";
            findings.push((String::new(), message.to_owned()));
        }
        return;
    }
    let sections = [
        (
            "`workload` or `traffic`",
            spec.workload.is_none() && spec.traffic.is_none(),
        ),
        ("`load`", spec.load.is_none() && !spec.saturates()),
        ("`phases`", spec.phases.is_none()),
    ];
    for (section, _) in sections.into_iter().filter(|(_, missing)| *missing) {
        findings.push((
            String::new(),
            format!("`systems` need the section {section}"),
        ));
    }
}

/// A load names at least one point.
fn load(spec: &Spec, findings: &mut Vec<Finding>) {
    let Some(load) = &spec.load else { return };
    let points = load.points().next().is_some();
    if let Some(capacity) = &load.capacity {
        let mut find = |place: &str, message: &str| {
            findings.push((place.to_owned(), message.to_owned()));
        };
        if points {
            let message =
                "a search decides its rates itself: leave out `rates`, `closed` and `drain`";
            find("load.capacity", message);
        }
        if spec.blocks() > 1 {
            let message = "a search repeats by `load.capacity.repeats`; leave out `blocks`";
            find("blocks", message);
        }
        if let Some((setting, message)) = capacity.fault() {
            find(&format!("load.capacity.{setting}"), &message);
        }
    } else if !points {
        let message = "names no load: list at least one of `rates`, `closed` or `drain`, or give \
                       `capacity`";
        findings.push(("load".to_owned(), message.to_owned()));
    }
}

/// A pattern shapes the rates of an open loop whose arrivals have no pattern of their own.
fn pattern(spec: &Spec, findings: &mut Vec<Finding>) {
    let Some(load) = &spec.load else { return };
    let Some(pattern) = &load.pattern else { return };
    let mut find = |message: String| findings.push(("load.pattern".to_owned(), message));
    if load.rates.is_empty() {
        find("a pattern changes `rates`, and there are none".to_owned());
    }
    let arrivals = spec
        .workload
        .as_ref()
        .and_then(|workload| workload.arrivals);
    match arrivals {
        None | Some(Arrivals::Poisson | Arrivals::Fixed | Arrivals::Saturate) => {}
        Some(Arrivals::Bursty { .. }) => find(
            "`workload.arrivals: bursty` has a pattern of its own; allowed with a pattern: \
             poisson, fixed"
                .to_owned(),
        ),
    }
    if let Some(phases) = spec.phases
        && pattern.silence() >= phases.measure
    {
        find(format!(
            "its factors are 0 for the first {}, and the measure phase lasts {}",
            pattern.silence(),
            phases.measure
        ));
    }
}

fn topology(spec: &Spec, findings: &mut Vec<Finding>) {
    let topology = &spec.topology;
    let memory = topology.kind == TopologyKind::Memory;
    if topology
        .client
        .is_some_and(|client| (client == ClientIo::Memory) != memory)
    {
        let (kind, allowed) = match topology.kind {
            TopologyKind::Memory => ("memory", "memory"),
            TopologyKind::Loopback => ("loopback", "udp"),
            TopologyKind::Veth | TopologyKind::Nic | TopologyKind::Chain | TopologyKind::Pair => {
                (topology.kind.name(), "af_xdp, udp")
            }
        };
        let message = format!("requests of `{kind}` do not travel so; allowed: {allowed}");
        findings.push(("topology.client".to_owned(), message));
    }
    if topology.kind != TopologyKind::Loopback {
        return;
    }
    if topology.client == Some(ClientIo::AfXdp) {
        let message = "the loopback device has no AF_XDP queues; allowed: udp";
        findings.push(("topology.client".to_owned(), message.to_owned()));
    }
    if topology.queues.is_some_and(|queues| queues > 1) {
        let message = "the loopback device has one queue; allowed: 1";
        findings.push(("topology.queues".to_owned(), message.to_owned()));
    }
    let swept = spec.sweep.as_ref().and_then(|sweep| sweep.queues.as_ref());
    if swept.is_some_and(|queues| queues.iter().any(|queues| *queues > 1)) {
        let message = "the loopback device has one queue; leave it out";
        findings.push(("sweep.queues".to_owned(), message.to_owned()));
    }
}

/// Disturbances act on the steering program and its table.
fn disturb(spec: &Spec, findings: &mut Vec<Finding>) {
    let Some(disturb) = &spec.disturb else { return };
    for (index, system) in spec.systems.iter().enumerate() {
        if disturb.lose_frames.is_some() && system.io() != Io::AfXdp {
            let message = "`disturb.lose_frames` sits before an XDP program; allowed: af_xdp";
            findings.push((format!("systems[{index}].io"), message.to_owned()));
        }
        if disturb.misdirect_slot.is_some() && !system.system.has_kernel_table() {
            let message = format!(
                "`disturb.misdirect_slot` changes the kernel's partition table, which {} has not",
                system.system
            );
            findings.push((format!("systems[{index}].system"), message));
        }
    }
}

fn io(topology: TopologyKind, system: &SystemSpec, index: usize, findings: &mut Vec<Finding>) {
    let (name, io) = (system.system, system.io());
    let place = |field: bool| match field {
        true => format!("systems[{index}].io"),
        false => format!("systems[{index}]"),
    };
    if !name.ios().contains(&io) {
        let allowed: Vec<_> = name.ios().iter().map(|io| io.name()).collect();
        let (reason, allowed) = (name.io_reason(), allowed.join(", "));
        let message = format!(
            "{name} cannot run on `{}`: {reason}; allowed: {allowed}",
            io.name()
        );
        findings.push((place(true), message));
    } else if (io == Io::Memory) != (topology == TopologyKind::Memory) {
        let message = match io {
            Io::Memory => {
                format!("{name} has requests in memory, not in packets; use kind: memory")
            }
            Io::Udp | Io::AfXdp | Io::Kernel | Io::Xdp | Io::PacketSocket => format!(
                "{name} on {} needs packets, which `kind: memory` has none of; leave it out",
                io.name()
            ),
        };
        findings.push((place(system.io.is_some()), message));
    } else if (io == Io::AfXdp || name.needs_xdp()) && !topology.has_xdp() {
        let (topology, io) = (topology.name(), io.name());
        let remedy = if name.ios().contains(&Io::Udp) && !name.needs_xdp() {
            "use io: udp"
        } else {
            "leave it out"
        };
        let message = format!("{name} on {io} needs XDP, which {topology} has not; {remedy}");
        findings.push((place(system.io.is_some()), message));
    }
}

fn wakeup(system: &SystemSpec, index: usize, findings: &mut Vec<Finding>) {
    let (name, Some(wakeup)) = (system.serving(), system.wakeup) else {
        return;
    };
    if name.wakeups().contains(&wakeup) {
        return;
    }
    let allowed: Vec<_> = name.wakeups().iter().map(|wakeup| wakeup.name()).collect();
    let message = if allowed.is_empty() {
        format!("how the threads of {name} sleep is not ours to choose: leave `wakeup` out")
    } else {
        let (asked, allowed) = (wakeup.name(), allowed.join(", "));
        format!("{name} cannot use `{asked}`; allowed: {allowed}, or leave `wakeup` out")
    };
    findings.push((format!("systems[{index}].wakeup"), message));
}

/// Over AF_XDP a frame stays with its receive queue; where packets are spread by queue alone, an
/// owner without a queue would never receive anything.
fn queues(spec: &Spec, system: &SystemSpec, index: usize, findings: &mut Vec<Finding>) {
    if system.io() != Io::AfXdp || !system.serving().queue_per_owner() {
        return;
    }
    let (queues, of) = fewest_queues(spec);
    let swept = spec.sweep.as_ref().and_then(|sweep| sweep.owners.as_ref());
    let (owners, place) = match swept {
        Some(swept) => (
            swept.iter().max().copied().unwrap_or(0),
            "sweep.owners".to_owned(),
        ),
        None => (
            (system.owners).unwrap_or(spec.topology.resolve().queues),
            format!("systems[{index}].owners"),
        ),
    };
    if owners > queues {
        let name = system.system;
        let message = format!(
            "{name} on af_xdp spreads packets by receive queue: {owners} owners need as many \
             queues, and `{of}` is {queues}"
        );
        findings.push((place, message));
    }
}

/// The fewest queues of any trial, and which setting says so.
fn fewest_queues(spec: &Spec) -> (u16, &'static str) {
    let swept = spec.sweep.as_ref().and_then(|sweep| sweep.queues.as_ref());
    match swept.and_then(|swept| swept.iter().min()) {
        Some(queues) => (*queues, "sweep.queues"),
        None => (spec.topology.resolve().queues, "topology.queues"),
    }
}

/// The numbers of owners that a system has in one spec.
fn owners(spec: &Spec, system: &SystemSpec) -> Vec<u16> {
    let swept = spec.sweep.as_ref().and_then(|sweep| sweep.owners.clone());
    swept.unwrap_or_else(|| vec![system.owners.unwrap_or(spec.topology.resolve().queues)])
}

fn labels(systems: &[SystemSpec], findings: &mut Vec<Finding>) {
    let mut first = BTreeMap::new();
    for (index, system) in systems.iter().enumerate() {
        let label = system.label();
        if let Some(earlier) = first.get(label) {
            let message = format!(
                "the label `{label}` is taken by systems[{earlier}]: give each its own `label:`"
            );
            let field = if system.label.is_some() { ".label" } else { "" };
            findings.push((format!("systems[{index}]{field}"), message));
        } else {
            first.insert(label, index);
        }
    }
}

/// Keys, numbered in base 62, must be distinct within their size, and a set must fit into one datagram.
fn sizes(spec: &Spec, workload: &WorkloadSpec, findings: &mut Vec<Finding>) {
    let swept = spec.sweep.clone().unwrap_or_default();
    let most = |keys: &Vec<Count>| keys.iter().max().copied();
    let keys = swept.keys.as_ref().and_then(most).unwrap_or(workload.keys);
    let (key_min, key_max) = bounds(&workload.key_size, swept.key_size.as_deref());
    let digits = keys.get().saturating_sub(1).checked_ilog(62).unwrap_or(0) + 1;
    if key_min < Bytes(u64::from(digits)) {
        let count = keys.get();
        let message = format!("{key_min} cannot number {count} keys: at least {digits} B");
        findings.push(("workload.key_size".to_owned(), message));
    }
    let (_, value_max) = bounds(&workload.value_size, swept.value_size.as_deref());
    let least = |ratios: &Vec<f64>| ratios.iter().copied().reduce(f64::min);
    let gets = swept
        .get_ratio
        .as_ref()
        .and_then(least)
        .unwrap_or(workload.get_ratio);
    let sets = gets < 1.0;
    let mtu = u64::from(spec.topology.resolve().mtu);
    let sealed = (spec.systems.iter()).any(|system| system.encryption.is_some());
    let overhead = SET_OVERHEAD + if sealed { SEAL_OVERHEAD } else { 0 };
    if sets && overhead + key_max.get() + value_max.get() > mtu {
        let room = Bytes(mtu.saturating_sub(overhead + key_max.get()));
        let message = format!(
            "a set of {value_max} does not fit into one datagram, and memcached's UDP takes no \
             longer ones; allowed: at most {room} at MTU {mtu}, or get_ratio 1"
        );
        findings.push(("workload.value_size".to_owned(), message));
    }
}

/// Smallest and largest size over the workload's own and the swept ones.
fn bounds(size: &crate::workload::SizeSpec, swept: Option<&[Bytes]>) -> (Bytes, Bytes) {
    let own = size.bounds().unwrap_or((Bytes(0), Bytes(0)));
    let Some(swept) = swept else { return own };
    let zero = Bytes(0);
    let min = swept.iter().min().copied().unwrap_or(zero);
    let max = swept.iter().max().copied().unwrap_or(zero);
    (min, max)
}
