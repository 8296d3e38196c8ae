//! Rules of slices that are processes, and of one that is killed.

use super::Finding;
use crate::disturb::KillSlice;
use crate::spec::Spec;
use crate::system::{Isolation, SystemSpec};
use crate::traffic::{ProcessorKind, TrafficSpec};

/// What one entry of `systems` may not say, or lacks. `queues` are those of the trials.
pub(super) fn system(
    spec: &Spec,
    traffic: &TrafficSpec,
    queues: &[u16],
    system: &SystemSpec,
    index: usize,
    findings: &mut Vec<Finding>,
) {
    let mut find = |field: &str, message: String| {
        findings.push((format!("systems[{index}]{field}"), message));
    };
    let kind = system.system;
    let isolated = system.isolation == Some(Isolation::Process);
    if !kind.isolates() {
        // That `isolation` is no choice of it is told with its other options.
        if killed(spec).is_some() {
            let message = format!(
                "`disturb.kill_slice` ends the process of a slice, and {kind} has no slices; leave it out, or use netslice \
                 with `isolation: process`"
            );
            find("", message);
        }
        return;
    }
    let processor = traffic.processor.kind();
    if isolated && let Some(why) = two_routers(processor) {
        let message = format!(
            "`{}` has two routers, and {why}: slices are processes with `router` and `inspect`; use `isolation: thread`",
            processor.name()
        );
        find(".isolation", message);
    }
    let Some(kill) = killed(spec) else { return };
    if !isolated {
        let message = format!(
            "`disturb.kill_slice` ends the process of a slice, and all slices of {} are threads of one: give it \
             `isolation: process`",
            system.label()
        );
        find("", message);
    }
    if queues.iter().any(|queues| *queues < 2) {
        let message = "where one slice is killed there must be others: `disturb.kill_slice` needs at least 2 queues \
                       (topology.queues, sweep.queues)";
        find("", message.to_owned());
    }
    let missing = queues.iter().filter(|queues| kill.slice >= **queues);
    for queues in missing {
        let message = format!(
            "`disturb.kill_slice.slice: {}` is none of {queues} slices, counted from 0",
            kill.slice
        );
        find("", message);
    }
}

/// Why the slices of a processor's routers cannot be processes of their own; nothing where they can.
const fn two_routers(processor: ProcessorKind) -> Option<&'static str> {
    match processor {
        ProcessorKind::Router | ProcessorKind::Inspect => None,
        ProcessorKind::Ipsec => Some("the slices of a gateway share what they remember of replays"),
        ProcessorKind::Maelstrom => Some("a proxy's state is worth nothing without the other's"),
    }
}

fn killed(spec: &Spec) -> Option<KillSlice> {
    spec.disturb.and_then(|disturb| disturb.kill_slice)
}

/// What a spec about frames may ask of `disturb`: a slice dies in the measure phase, and what arrives is counted where it
/// ends.
pub(super) fn disturb(spec: &Spec, traffic: &TrafficSpec, findings: &mut Vec<Finding>) {
    let Some(disturb) = spec.disturb else { return };
    let mut find = |path: &str, message: String| findings.push((path.to_owned(), message));
    if disturb.tests_the_instrument() || disturb.kill_slice.is_none() {
        let message = "`disturb` is about requests, and `traffic` has frames: leave it out, or use `kill_slice` alone";
        find("disturb", message.to_owned());
    }
    let Some(kill) = disturb.kill_slice else {
        return;
    };
    if let Some(phases) = spec.phases
        && kill.after >= phases.measure
    {
        let message = format!(
            "a slice that is killed after {} dies beyond the measure phase ({})",
            kill.after, phases.measure
        );
        find("disturb.kill_slice", message);
    }
    if traffic.round_trip == Some(true) {
        let message = "what each slice delivers is counted at the receiver, which sends frames of a round trip back: leave \
                       `round_trip` out";
        find("disturb.kill_slice", message.to_owned());
    }
}

/// A spec about requests has no slices.
pub(super) fn belongs_to_frames(spec: &Spec, findings: &mut Vec<Finding>) {
    if killed(spec).is_some() {
        let message = "`kill_slice` ends a slice of netslice, which forwards frames: give `traffic` in place of \
                       `workload`, or leave it out";
        findings.push(("disturb.kill_slice".to_owned(), message.to_owned()));
    }
}
