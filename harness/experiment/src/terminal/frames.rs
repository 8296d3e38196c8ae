//! Packet trials, for a human to read: what was delivered, and what it took.

use std::collections::BTreeMap;

use record::{RunFolder, TrialRecord};

use super::Table;
use super::summary::{
    fraction, in_order, latency, median, micros, or_infinite, percent, ratio, whole,
};

/// What came of a finished packet trial; `None` for requests.
pub(super) fn result(record: &TrialRecord) -> Option<String> {
    let gbps = record.payload_gbps()?;
    let delivered = percent(Some(ratio(record.ledger.answered, record.ledger.sent)));
    let rate = record.achieved_rps();
    let mut text = format!("{rate:>9.0} frames/s  {gbps:>7.3} Gb/s  {delivered:>7} delivered");
    if timed(record) {
        let (p50, p99) = (micros(record.latency.p50_ns), micros(record.latency.p99_ns));
        text.push_str(&format!("  p50 {p50} p99 {p99} us"));
    }
    Some(text)
}

/// Whether its frames came back and were timed.
fn timed(record: &TrialRecord) -> bool {
    record
        .trial
        .traffic()
        .is_some_and(|traffic| traffic.round_trip)
}

/// Trials of one label at one load and one combination of swept values; `None` where there are none of frames.
pub(super) fn cells(run: &RunFolder) -> Option<Table> {
    run.trials().iter().find(|record| record.frames.is_some())?;
    let sweep = run.run().spec.sweep.as_ref();
    let mut titles = vec!["label", "io", ">load"];
    titles.extend(sweep.map(|_| "swept"));
    titles.extend([
        ">frames/s",
        ">payload Gb/s",
        ">delivered",
        ">k-peer CPUs",
        ">u-peer CPUs",
        ">p50 us",
        ">p99 us",
    ]);
    let coded = run.trials().iter().any(|it| it.recovery.is_some());
    if coded {
        titles.extend([">recovered", ">recovery p50 us", ">recovery p99 us"]);
    }
    titles.push(">valid");
    let mut table = Table::new(&titles);
    let order = sweep.map(|sweep| in_order(run, sweep)).unwrap_or_default();
    let mut groups: BTreeMap<_, Vec<&TrialRecord>> = BTreeMap::new();
    for record in run.trials() {
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
        let usable: Vec<&TrialRecord> = (records.iter().copied())
            .filter(|record| record.valid)
            .collect();
        let of = |value: fn(&TrialRecord) -> Option<f64>| median(&usable, value);
        let mut row = vec![label, io.name().to_owned(), load.to_string()];
        row.extend(swept.map(|at| order[at].clone()));
        row.extend([
            whole(of(|r| Some(r.achieved_rps()))),
            fraction(of(TrialRecord::payload_gbps)),
            percent(of(|r| Some(ratio(r.ledger.answered, r.ledger.sent)))),
            fraction(of(TrialRecord::k_peer_cpus)),
            fraction(of(TrialRecord::u_peer_cpus)),
            latency(of(|r| timed(r).then(|| or_infinite(r.latency.p50_ns)))),
            latency(of(|r| timed(r).then(|| or_infinite(r.latency.p99_ns)))),
        ]);
        if coded {
            row.extend([
                percent(of(|r| r.frames?.recovered_share())),
                latency(of(|r| Some(r.recovery?.p50_ns? as f64))),
                latency(of(|r| Some(r.recovery?.p99_ns? as f64))),
            ]);
        }
        row.push(format!("{}/{}", usable.len(), records.len()));
        table.row(row);
    }
    Some(table)
}
