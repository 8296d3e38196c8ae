//! One file per figure.

pub(crate) mod aa_ab;
mod bars;
pub(crate) mod capacity;
pub(crate) mod closed_loop;
pub(crate) mod comparison;
pub(crate) mod cpu_cost;
pub(crate) mod cpu_over_rate;
pub(crate) mod crossings;
pub(crate) mod delivered_over_time;
pub(crate) mod drain;
pub(crate) mod ground_truth;
pub(crate) mod imbalance;
pub(crate) mod latency_cdf;
pub(crate) mod latency_over_load;
pub(crate) mod latency_over_time;
pub(crate) mod ledger;
mod lines;
pub(crate) mod maelstrom;
pub(crate) mod misroutes_over_time;
pub(crate) mod notification_time;
pub(crate) mod over_sweep;
pub(crate) mod packet_throughput;
pub(crate) mod saturation;
pub(crate) mod stall;
pub(crate) mod throughput_over_batch;

use stats::{Estimate, estimate_median};

use crate::figure::Skip;
use crate::run::{Run, Trials};

/// The same bounds whenever a run is drawn again.
const SEED: u64 = 0x5eed_b10c;

/// The trials of the run, if there is a valid one.
fn usable(run: &Run) -> Result<&Trials, Skip> {
    // Each system has rates of its own there: an axis of loads would compare nothing.
    if !run.capacity.is_empty() {
        return Err(Skip::Search);
    }
    let trials = run.trials.as_ref().ok_or(Skip::NoTrials)?;
    match (trials.series.is_empty(), forwarded(run)) {
        (false, _) => Ok(trials),
        (true, Ok(_)) => Err(Skip::OneWay),
        (true, Err(_)) => Err(Skip::NoValidTrials),
    }
}

/// The trials of packet systems whose frames went one way, if there is a valid one.
fn forwarded(run: &Run) -> Result<&Trials, Skip> {
    let trials = run.forwarded.as_ref().ok_or(Skip::NoTrials)?;
    if trials.series.is_empty() {
        Err(Skip::NoFrames)
    } else {
        Ok(trials)
    }
}

/// The trials of closed loops, if there is a valid one.
fn usable_closed(run: &Run) -> Result<&Trials, Skip> {
    let trials = run.closed.as_ref().ok_or(Skip::NoTrials)?;
    if trials.series.is_empty() {
        Err(Skip::NoClosedLoop)
    } else {
        Ok(trials)
    }
}

/// The estimate over the blocks that recorded a value.
fn estimate(values: &[Option<f64>]) -> Option<Estimate> {
    let recorded: Vec<f64> = values.iter().copied().flatten().collect();
    estimate_median(&recorded, SEED)
}
