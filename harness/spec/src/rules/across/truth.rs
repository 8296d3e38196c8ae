//! Rules of what validates the instrument: `synthetic`, `reflector`, traces, stalls, the floor.

use super::Finding;
use crate::floor::{self, FLOOR_LABEL};
use crate::load::LoadPoint;
use crate::spec::Spec;
use crate::system::SystemSpec;
use crate::topology::TopologyKind;
use crate::workload::WireProtocol;

/// The client keeps a traced request in 40 bytes and sends it in a dozen.
const MOST_TRACED: u64 = 2_000_000;

/// What one entry of `systems` may not say, or lacks.
pub(super) fn system(spec: &Spec, system: &SystemSpec, index: usize, findings: &mut Vec<Finding>) {
    let mut find = |field: &str, message: String| {
        findings.push((format!("systems[{index}]{field}"), message));
    };
    let name = system.system;
    if system.servers.is_some() && !name.is_virtual() {
        let message = format!("{name} has no virtual servers: `servers` belongs to synthetic");
        find(".servers", message);
    }
    if name.fixed_owners() == Some(0) && spec.topology.kind != TopologyKind::Veth {
        find("", format!("{name} needs `topology.kind: veth`"));
    }
    if name.is_virtual() {
        let of_workload = spec.workload.as_ref().and_then(|workload| workload.service);
        if system.service.or(of_workload).is_none() {
            let message = format!(
                "{name} is nothing but its service times: give `service`, for example \
                 {{exponential: 100 us}}"
            );
            find("", message);
        }
        plain_requests(spec, findings);
    }
    fixed_owners(system, index, findings);
    label(system, index, findings);
}

/// How many threads a system has is not always the spec's to choose.
pub(super) fn fixed_owners(system: &SystemSpec, index: usize, findings: &mut Vec<Finding>) {
    let name = system.system;
    if let Some(fixed) = name.fixed_owners()
        && system.owners.is_some_and(|owners| owners != fixed)
    {
        let message = format!("{name} has {fixed} owners, always: leave `owners` out");
        findings.push((format!("systems[{index}].owners"), message));
    }
}

/// One label is taken.
pub(super) fn label(system: &SystemSpec, index: usize, findings: &mut Vec<Finding>) {
    if system.label() == FLOOR_LABEL {
        let message = format!("the label `{FLOOR_LABEL}` belongs to the instrument's own trials");
        findings.push((format!("systems[{index}].label"), message));
    }
}

/// `synthetic` answers get and set of one key.
fn plain_requests(spec: &Spec, findings: &mut Vec<Finding>) {
    let Some(workload) = &spec.workload else {
        return;
    };
    let mut find = |place: &str, message: &str| {
        findings.push((place.to_owned(), message.to_owned()));
    };
    if workload
        .protocol
        .is_some_and(|it| it != WireProtocol::Ascii)
    {
        find("workload.protocol", "synthetic speaks ascii only");
    }
    let swept = spec
        .sweep
        .as_ref()
        .and_then(|sweep| sweep.multi_get.as_ref());
    let one = "synthetic draws one service time a request; allowed: 1";
    if workload.multi_get.is_some_and(|keys| keys > 1) {
        find("workload.multi_get", one);
    }
    if swept.is_some_and(|swept| swept.iter().any(|keys| *keys > 1)) {
        find("sweep.multi_get", one);
    }
}

/// A stall lies in the measure phase, and stops a process.
pub(super) fn stall(spec: &Spec, findings: &mut Vec<Finding>) {
    let Some(stall) = spec.disturb.and_then(|disturb| disturb.stall) else {
        return;
    };
    if let Some(phases) = spec.phases
        && stall.after.get().saturating_add(stall.length.get()) > phases.measure.get()
    {
        let message = format!(
            "a stall of {} that begins after {} ends beyond the measure phase ({})",
            stall.length, stall.after, phases.measure
        );
        findings.push(("disturb.stall".to_owned(), message));
    }
    for (index, system) in spec.systems.iter().enumerate() {
        if system.system.fixed_owners() == Some(0) {
            let message = format!(
                "`disturb.stall` stops a server's process, and {} has none",
                system.system
            );
            findings.push((format!("systems[{index}].system"), message));
        }
    }
}

/// A trace needs intended times, and a bound.
pub(super) fn trace(spec: &Spec, findings: &mut Vec<Finding>) {
    let (true, Some(load), Some(phases)) = (spec.traces(), &spec.load, spec.phases) else {
        return;
    };
    let mut find = |message: String| findings.push(("trace".to_owned(), message));
    if load.points().any(|point| point.rate().is_none()) {
        let message = "only in an open loop are requests due at a time: use `load.rates` alone";
        find(message.to_owned());
    }
    let length_s = (phases.warmup.get() + phases.measure.get()) as f64 / 1e9;
    let highest = load.points().filter_map(LoadPoint::rate).max();
    let requests = highest.map_or(0.0, |rate| rate.per_second() * length_s);
    if requests > MOST_TRACED as f64 {
        find(format!(
            "a trial of some {requests:.0} requests is too long to trace: at most {MOST_TRACED}; \
             lower the rates or shorten the phases"
        ));
    }
}

/// A floor that was asked for must be possible.
pub(super) fn floor(spec: &Spec, findings: &mut Vec<Finding>) {
    if spec.floor == Some(true) && !floor::is_possible(spec) {
        let message = "the floor is measured by XDP, over `topology.kind: veth`, at the lowest of \
                       `load.rates`, beside `systems`";
        findings.push(("floor".to_owned(), message.to_owned()));
    }
}
