//! Trials in which a slice is killed: which cells they are of, and what they say.

use claims::Verdict::{Contradicted, NotTestable, Reproduced};
use record::{KernelSeen, RunFolder, SliceFault, SliceFrames, Timestamp, TrialData};
use spec::{Spec, Trial, expand};
use tempfile::TempDir;

use crate::support::{QUIET, claim, finding, run};

const LABELLED: &str = "{server: {system: netslice, label: isolated, with: {queues: 2}}}";
const UNLABELLED: &str = "{server: {system: netslice, with: {queues: 2}}}";

fn spec() -> Spec {
    let text = "
name: made
topology: {kind: chain, queues: 2}
systems: [{system: netslice, label: isolated, isolation: process}]
traffic: {processor: router, arrivals: fixed}
load: {rates: [2 kframes/s]}
phases: {warmup: 100 ms, measure: 500 ms, timeout: 100 ms}
disturb: {kill_slice: {slice: 0, after: 200 ms}}
blocks: 10
";
    Spec::parse(text, "made.yaml").unwrap_or_else(|error| panic!("{error}"))
}

/// A slice is killed, and the other one loses so many of a thousand frames.
fn killed(trial: Trial, sequence: u32, lost: u64, queue_free: bool) -> TrialData {
    let longest_ns = 1_000_000_000;
    let data = TrialData::empty(trial, sequence, Timestamp::now(), longest_ns);
    let mut data = data.expect("sane bounds");
    data.untimed_answers = Some(1_000);
    let slice = |arrived_after, delivered| SliceFrames {
        arrived_before: 400,
        arrived_after,
        delivered,
        before_fps: None,
        after_fps: None,
    };
    data.fault = Some(SliceFault {
        slice: 0,
        killed_ns: 200_000_000,
        gone_ns: 5_000_000,
        slices: vec![slice(600, 395), slice(600, 1_000 - lost)],
        kernel: KernelSeen {
            taint_before: 0,
            taint_after: 0,
            queue_free,
        },
    });
    data
}

fn made(lost: u64, queue_free: bool) -> (TempDir, [RunFolder; 1]) {
    let spec = spec();
    let (output, mut folder) = run(&spec, |_| QUIET);
    for (sequence, trial) in (0..).zip(expand(&spec)) {
        let data = killed(trial, sequence, lost, queue_free);
        folder.record_trial(&data).expect("recorded");
    }
    (output, [folder])
}

#[test]
fn what_the_others_lost_decides_and_the_dead_slices_losses_do_not() {
    let bound = |of: &str| {
        let test = format!(
            "test: {{bound: {{metric: survivors_delivered_share, of: {of}, limits: {{at_least: 0.999}}}}}}"
        );
        claim("forwarding", &test)
    };
    let (_output, none) = made(0, true);
    let found = finding(&bound(LABELLED), &none);
    assert_eq!(
        (found.verdict, found.value),
        (Reproduced, Some(1.0)),
        "{found:?}"
    );
    let (_output, some) = made(5, true);
    let found = finding(&bound(LABELLED), &some);
    assert_eq!(found.verdict, Contradicted, "{found:?}");
    // An isolated system is another one than the default, and so is one that is disturbed.
    assert_eq!(finding(&bound(UNLABELLED), &none).verdict, NotTestable);
}

#[test]
fn a_queue_that_the_kernel_keeps_is_harm() {
    let bound = format!(
        "test: {{bound: {{metric: kernel_unharmed, of: {LABELLED}, limits: {{at_least: 1}}}}}}"
    );
    let bound = claim("forwarding", &bound);
    assert_eq!(finding(&bound, &made(0, true).1).verdict, Reproduced);
    assert_eq!(finding(&bound, &made(0, false).1).verdict, Contradicted);
}
