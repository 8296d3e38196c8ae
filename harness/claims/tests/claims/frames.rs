//! Runs of packet systems with known numbers.

use record::{FrameResult, RunFolder};
use spec::{Spec, Trial};
use tempfile::TempDir;

use crate::support::{QUIET, Shape, run, wobble};

/// A router between sender and receiver, with these systems and whatever else.
pub(crate) fn routed(systems: &str, rest: &str) -> Spec {
    let text = format!(
        "
name: made
topology: {{kind: chain, queues: 1}}
systems: [{systems}]
traffic: {{processor: router{rest}
phases: {{warmup: 100 ms, measure: 500 ms, timeout: 100 ms}}
blocks: 10
"
    );
    Spec::parse(&text, "made.yaml").unwrap_or_else(|error| panic!("{error}"))
}

/// The same with as much traffic as the generator makes.
pub(crate) fn saturated(systems: &str, sweep: &str) -> Spec {
    routed(systems, &format!("}}\n{sweep}"))
}

/// A packet trial that delivers so much, with as many CPUs busy at each peer.
pub(crate) fn delivering(trial: &Trial, gbps: f64, cpus: f64) -> Shape {
    let gbps = gbps * wobble(trial.block, 0, 0.02);
    let measure_ns = trial.phases.measure.as_nanos() as f64;
    Shape {
        // Of the shape's 1000 requests each counts as so much of both peers' time; NAPI's part is 0.
        cpu_ns: Some(cpus * measure_ns / 1000.0),
        frames: Some(FrameResult {
            frame_bytes: 1514,
            payload_bytes: (gbps * measure_ns / 8.0) as u64,
            recovered: 0,
            repairs: 0,
            lost: None,
            link_bytes: None,
        }),
        ..QUIET
    }
}

/// A run of which each trial delivers so much with half a CPU.
pub(crate) fn made(spec: &Spec, gbps: impl Fn(&Trial) -> f64) -> (TempDir, [RunFolder; 1]) {
    let (output, folder) = run(spec, |trial| delivering(trial, gbps(trial), 0.5));
    (output, [folder])
}
