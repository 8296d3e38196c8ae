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
pub(crate) mod round_trips;
pub(crate) mod saturation;
pub(crate) mod stall;
pub(crate) mod throughput_over_batch;

use stats::{Estimate, Sample, estimate_median, estimate_ratio};

use crate::figure::Skip;
use crate::run::{Cell, Run, Trials};

/// The same bounds whenever a run is drawn again.
const SEED: u64 = 0x5eed_b10c;

/// The shortest frame that NetSlices' paper calls MTU-size: 1500 bytes behind a link header.
const FULL_FRAME: u32 = 1514;

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

/// The ratio of two cells in pairs of blocks; their first value is meant, and the second is the block.
fn ratio(of: &Cell, to: &Cell) -> Option<Estimate> {
    let [of, to] = [of, to].map(|cell| of_blocks(&cell.values[1], &cell.values[0]));
    let (of, to) = pairs(&of, &to);
    estimate_ratio(Sample::Median(&of), Sample::Median(&to), SEED)
}

/// The blocks of a cell that have a value, each with it.
fn of_blocks(blocks: &[Option<f64>], values: &[Option<f64>]) -> Vec<(f64, f64)> {
    let both = blocks.iter().zip(values);
    both.filter_map(|(block, value)| Some(((*block)?, (*value)?)))
        .collect()
}

/// The values of the blocks that both have, in the order of the first.
fn pairs(of: &[(f64, f64)], to: &[(f64, f64)]) -> (Vec<f64>, Vec<f64>) {
    let other = |block: f64| to.iter().find(|(it, _)| *it == block);
    of.iter()
        .filter_map(|(block, value)| Some((*value, other(*block)?.1)))
        .unzip()
}
