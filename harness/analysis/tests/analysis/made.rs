//! Made-up recorded runs, written by the real writer.

#[path = "../../../record/tests/support/mod.rs"]
#[allow(dead_code, reason = "the records' own tests use more of it")]
mod support;

use std::path::Path;

use record::{RunFolder, RunId, RunRecord, Timestamp, TrialData};
use spec::{Spec, Trial, expand};

/// Records every trial of `text`, each changed by `change`, below `output`.
pub(crate) fn run(output: &Path, text: &str, change: impl Fn(&Trial, &mut TrialData)) -> RunFolder {
    let spec = Spec::parse(text, "made.yaml").expect("a good spec");
    let started = Timestamp::now();
    let record = RunRecord::begin(&spec, RunId::new(started, text), started);
    let mut folder = RunFolder::create(output, record).expect("a writable folder");
    for (sequence, trial) in (0..).zip(expand(&spec)) {
        let mut data = support::data(trial.clone(), sequence);
        change(&trial, &mut data);
        folder.record_trial(&data).expect("a recorded trial");
    }
    folder
}

/// Sets 200 latencies evenly spread up to twice `median_ns`, all answered.
pub(crate) fn latency(data: &mut TrialData, median_ns: u64) {
    data.latency = support::histogram((1..=200).map(|i| i * median_ns / 100));
    data.unanswered_measured = 0;
}

/// A number from 0 to below 1 that follows from `seed` alone and looks like chance.
pub(crate) fn noise(seed: u64) -> f64 {
    let mixed = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ (mixed >> 32)) >> 11) as f64 / (1u64 << 53) as f64
}
