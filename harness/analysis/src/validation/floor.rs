//! The instrument's own floor: what of every latency is the client's, the wire's and the driver's.
//!
//! There is no right value; what must hold is that it was measured in every block, and that no system
//! of the run seems faster than a server that does nothing.

use record::{RunFolder, TrialRecord};

use super::{Answer, Section};

/// The section of a run with a floor; none of another.
#[must_use]
pub fn section(run: &RunFolder) -> Option<Section> {
    let floor: Vec<&TrialRecord> = valid(run, true);
    let load = floor.first()?.trial.load;
    let median = |records: &[&TrialRecord], of: fn(&TrialRecord) -> Option<u64>| {
        let values: Vec<f64> = records
            .iter()
            .map(|record| of(record).map_or(f64::INFINITY, |ns| ns as f64))
            .collect();
        stats::median(&values).unwrap_or(f64::INFINITY)
    };
    let p50 = |record: &TrialRecord| record.latency.p50_ns;
    let (middle, tail) = (
        median(&floor, p50),
        median(&floor, |record| record.latency.p99_ns),
    );
    let systems = valid(run, false);
    let fastest = systems.iter().filter_map(|record| p50(record)).min();
    let answer = match fastest {
        None => Answer::Undecided,
        Some(_) if (floor.len() as u32) < run.run().spec.blocks() => Answer::Undecided,
        Some(fastest) if fastest as f64 >= middle => Answer::Holds,
        Some(_) => Answer::Fails,
    };
    let us = |ns: f64| format!("{:.1}", ns / 1e3);
    Some(Section {
        title: format!("Instrument floor of {}", run.run().experiment),
        run: run.path().to_owned(),
        figure: "latency_cdf",
        question:
            "No system's median is below that of a reflector in its place, which every block \
                   measured"
                .to_owned(),
        answer,
        table: vec![
            [
                "load",
                "blocks",
                "p50, us",
                "p99, us",
                "fastest system's p50, us",
            ]
            .map(str::to_owned)
            .to_vec(),
            vec![
                load.to_string(),
                floor.len().to_string(),
                us(middle),
                us(tail),
                fastest.map_or_else(|| "-".to_owned(), |ns| us(ns as f64)),
            ],
        ],
        notes: Vec::new(),
    })
}

/// The run's valid trials: those of the floor, or those of systems.
fn valid(run: &RunFolder, floor: bool) -> Vec<&TrialRecord> {
    let wanted = |record: &&TrialRecord| record.valid && record.trial.is_floor() == floor;
    run.trials().iter().filter(wanted).collect()
}
