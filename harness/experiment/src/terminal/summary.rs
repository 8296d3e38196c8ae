//! The closing table of a run, for a human to read: medians over blocks, and what to keep in mind.

use std::collections::BTreeMap;

use record::{ProbeRecord, ProbeStatus, RunFolder, Severity, Smell, TrialRecord};
use spec::Sweep;

use super::{Table, capacity, frames, shortfall};

/// Prints what a run found.
pub(crate) fn print_run(run: &RunFolder) {
    let record = run.run();
    println!(
        "\n{}  ({}, {} trials)",
        record.experiment,
        record.fidelity,
        run.trials().len()
    );
    if !run.probes().is_empty() {
        println!("\nTime to notify a thread (us)\n\n{}", probes(run.probes()));
    }
    if let Some(capacity) = capacity::capacity(run) {
        println!("\n{capacity}");
    } else if let Some(frames) = frames::cells(run) {
        println!("\nMedians over blocks; payload of UDP, CPUs as kept busy\n\n{frames}");
    } else if !run.trials().is_empty() {
        println!(
            "\nMedians over blocks; latency in us from the intended send time (of a closed loop, the actual one)\n\n{}",
            cells(run)
        );
    }
    if let Some(floor) = floor(run) {
        println!("{floor}\n");
    }
    if let Some(shortfall) = shortfall::shortfall(run) {
        println!("Without data\n\n{shortfall}");
    }
    let notes = notes(run);
    if !notes.is_empty() {
        println!("Keep in mind:");
        for note in notes {
            println!("  - {note}");
        }
    }
}

/// What of every latency is the instrument's own: the medians of the floor's trials.
fn floor(run: &RunFolder) -> Option<String> {
    let floor: Vec<&TrialRecord> = (run.trials().iter())
        .filter(|record| record.trial.is_floor() && record.valid)
        .collect();
    let load = floor.first()?.trial.load;
    let of = |percentile: fn(&TrialRecord) -> Option<u64>| {
        latency(median(&floor, |record| {
            Some(or_infinite(percentile(record)))
        }))
    };
    Some(format!(
        "Instrument floor (a reflector in the server's place, {load}): p50 {} us, p99 {} us",
        of(|record| record.latency.p50_ns),
        of(|record| record.latency.p99_ns)
    ))
}

/// One line about a finished trial.
pub(crate) fn trial_row(record: &TrialRecord) -> String {
    let trial = &record.trial;
    let result = if let Some(frames) = frames::result(record) {
        frames
    } else if trial.load.has_latency() {
        let (p50, p99) = (micros(record.latency.p50_ns), micros(record.latency.p99_ns));
        format!("p50 {p50:>9}  p99 {p99:>9} us")
    } else {
        format!("{:>12.0} replies/s", record.achieved_rps())
    };
    format!(
        "{:<16} {:<7} {:>12}  {result}  {}",
        trial.system.label,
        trial.system.io.name(),
        trial.load.to_string(),
        if record.valid { "valid" } else { "INVALID" },
    )
}

/// Trials of one label at one load and one combination of swept values, which stand in a column of their own.
fn cells(run: &RunFolder) -> Table {
    let sweep = run.run().spec.sweep.as_ref();
    let mut titles = vec!["label", "io", ">load"];
    titles.extend(sweep.map(|_| "swept"));
    titles.extend([
        ">answered",
        ">p50",
        ">p99",
        ">p99.9",
        ">CPU ns/req",
        ">handoffs/req",
        ">wakeups/req",
        ">hops/req",
        ">valid",
    ]);
    let mut table = Table::new(&titles);
    let order = sweep.map(|sweep| in_order(run, sweep)).unwrap_or_default();
    let mut groups: BTreeMap<_, Vec<&TrialRecord>> = BTreeMap::new();
    for record in run.trials().iter().filter(|it| !it.trial.is_floor()) {
        let trial = &record.trial;
        let key = (
            trial.load,
            sweep.and_then(|sweep| order.iter().position(|swept| *swept == sweep.of(trial))),
            trial.system.label.clone(),
            trial.system.io,
        );
        groups.entry(key).or_default().push(record);
    }
    for ((load, swept, label, io), records) in groups {
        let valid = records.iter().filter(|record| record.valid).count();
        let usable: Vec<&TrialRecord> = records
            .iter()
            .copied()
            .filter(|record| record.valid)
            .collect();
        let mut row = vec![label, io.name().to_owned(), load.to_string()];
        row.extend(swept.map(|at| order[at].clone()));
        row.extend([
            percent(median(&usable, |r| {
                Some(ratio(r.ledger.answered, r.ledger.offered))
            })),
            latency(median(&usable, |r| timed(r, r.latency.p50_ns))),
            latency(median(&usable, |r| timed(r, r.latency.p99_ns))),
            latency(median(&usable, |r| timed(r, r.latency.p99_9_ns))),
            whole(median(&usable, cpu_per_reply)),
            fraction(median(&usable, |r| per_request(r, r.steering.handoffs))),
            fraction(median(&usable, wakeups)),
            fraction(median(&usable, |r| {
                per_request(r, r.steering.cross_core_hops)
            })),
            format!("{valid}/{}", records.len()),
        ]);
        table.row(row);
    }
    table
}

/// The combinations of swept values in the order of the spec.
pub(super) fn in_order(run: &RunFolder, sweep: &Sweep) -> Vec<String> {
    let mut order = Vec::new();
    for trial in spec::expand(&run.run().spec) {
        let swept = sweep.of(&trial);
        if !order.contains(&swept) {
            order.push(swept);
        }
    }
    order
}

fn probes(probes: &[ProbeRecord]) -> Table {
    let mut table = Table::new(&[
        "mechanism",
        "CPUs",
        "mode",
        ">samples",
        ">p50",
        ">p99",
        ">p99.9",
    ]);
    for probe in probes {
        let mut cells = vec![
            probe.mechanism.clone(),
            probe.pair_class.clone(),
            probe.mode.clone(),
        ];
        match &probe.status {
            ProbeStatus::Ok => cells.extend([
                probe.samples.to_string(),
                micros(probe.time.p50_ns),
                micros(probe.time.p99_ns),
                micros(probe.time.p99_9_ns),
            ]),
            ProbeStatus::Refused(_) => {
                cells.extend([
                    "refused".to_owned(),
                    String::new(),
                    String::new(),
                    String::new(),
                ]);
            }
        }
        table.row(cells);
    }
    table
}

/// Each kind of smell once, with how many trials have it and its remedy; invalid ones first.
fn notes(run: &RunFolder) -> Vec<String> {
    let mut seen: BTreeMap<(std::cmp::Reverse<Severity>, &str), (usize, &Smell)> = BTreeMap::new();
    for smell in run.trials().iter().flat_map(|record| &record.smells) {
        let key = (std::cmp::Reverse(smell.severity()), smell.code());
        seen.entry(key).or_insert((0, smell)).0 += 1;
    }
    let mut notes: Vec<String> = seen
        .into_values()
        .map(|(count, smell)| {
            let weight = match smell.severity() {
                Severity::Invalid => "INVALID, ",
                Severity::Advice => "",
            };
            format!("{weight}{count} x {smell}: {}", smell.remedy())
        })
        .collect();
    notes.extend(
        run.run()
            .smells
            .iter()
            .map(|smell| format!("{smell}: {}", smell.remedy())),
    );
    notes
}

pub(super) fn median(
    records: &[&TrialRecord],
    of: impl Fn(&TrialRecord) -> Option<f64>,
) -> Option<f64> {
    let values: Option<Vec<f64>> = records.iter().map(|record| of(record)).collect();
    stats::median(&values?)
}

pub(super) fn or_infinite(ns: Option<u64>) -> f64 {
    ns.map_or(f64::INFINITY, |ns| ns as f64)
}

pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

fn per_request(record: &TrialRecord, count: Option<u64>) -> Option<f64> {
    Some(ratio(count?, record.cost.requests_executed))
}

fn wakeups(record: &TrialRecord) -> Option<f64> {
    let both = record.steering.wakeups_app? + record.steering.wakeups_kernel?;
    per_request(record, Some(both))
}

fn cpu_per_reply(record: &TrialRecord) -> Option<f64> {
    let total = record.cost.server_cpu_ns? + record.cost.napi_cpu_ns?;
    Some(ratio(total, record.cost.replies_measured))
}

pub(super) fn micros(ns: Option<u64>) -> String {
    ns.map_or_else(
        || "> timeout".to_owned(),
        |ns| format!("{:.1}", ns as f64 / 1e3),
    )
}

pub(super) fn latency(ns: Option<f64>) -> String {
    match ns {
        None => "-".to_owned(),
        Some(ns) if ns.is_infinite() => "> timeout".to_owned(),
        Some(ns) => format!("{:.1}", ns / 1e3),
    }
}

/// A percentile, of a load that has latencies.
fn timed(record: &TrialRecord, percentile: Option<u64>) -> Option<f64> {
    let has_latency = record.trial.load.has_latency();
    has_latency.then(|| or_infinite(percentile))
}

pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.2}%", share * 100.0))
}

pub(super) fn whole(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"))
}

pub(super) fn fraction(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}
