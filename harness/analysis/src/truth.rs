//! Traced trials beside what they must have shown.

use std::num::NonZeroUsize;
use std::ops::Range;

use record::{RunFolder, TraceRow, TrialRecord};
use stats::truth::{HeldReplies, Seen, Stalled};

use crate::error::AnalysisError;

/// A traced trial and an account of it.
#[derive(Debug, Clone)]
pub struct Account<T> {
    /// The system's name in the spec.
    pub label: String,
    /// The offered rate, requests per second.
    pub offered_rps: f64,
    /// The virtual servers; 1 where the system has none.
    pub servers: NonZeroUsize,
    /// Offered rate times mean service time over servers, as drawn; 0 where no service is injected.
    pub load: f64,
    /// The repetition, from 1.
    pub block: u32,
    /// Whether the trial is valid.
    pub valid: bool,
    /// What was measured beside what must have been.
    pub of: T,
}

/// Every traced trial of a system that holds replies, beside its queue's recursion, in the run's
/// order. A trial in which the server was stopped is none.
///
/// # Errors
/// When a trace is damaged.
pub fn held_replies(run: &RunFolder) -> Result<Vec<Account<HeldReplies>>, AnalysisError> {
    let held =
        |record: &&TrialRecord| record.trial.system.servers.is_some() && record.stall.is_none();
    accounts(run, held, |record, servers, seen| {
        Some(HeldReplies::new(servers, seen, &measure_ns(record)))
    })
}

/// Every traced trial in which the server was stopped, beside theory and beside what a client that
/// waits for its replies would have reported, in the run's order.
///
/// # Errors
/// When a trace is damaged.
pub fn stalled(run: &RunFolder) -> Result<Vec<Account<Stalled>>, AnalysisError> {
    let stalled = |record: &&TrialRecord| record.stall.is_some();
    accounts(run, stalled, |record, servers, seen| {
        let stall = record.stall?;
        let stall_ns = stall.began_ns..stall.ended_ns;
        Some(Stalled::new(servers, seen, &measure_ns(record), &stall_ns))
    })
}

fn accounts<T>(
    run: &RunFolder,
    wanted: impl FnMut(&&TrialRecord) -> bool,
    of: impl Fn(&TrialRecord, NonZeroUsize, &[Seen]) -> Option<T>,
) -> Result<Vec<Account<T>>, AnalysisError> {
    let mut accounts = Vec::new();
    for record in run.trials().iter().filter(wanted) {
        let Some(rows) = run.trace(&record.trial_id)? else {
            continue;
        };
        let seen: Vec<Seen> = rows.iter().filter_map(seen).collect();
        let trial = &record.trial;
        let servers = trial.system.servers.map_or(1, usize::from);
        let servers = NonZeroUsize::new(servers).unwrap_or(NonZeroUsize::MIN);
        let offered_rps = trial.load.rate().map_or(0.0, spec::Rate::per_second);
        let service_ns: f64 = seen.iter().map(|seen| seen.service_ns as f64).sum();
        let mean_ns = service_ns / seen.len().max(1) as f64;
        let Some(of) = of(record, servers, &seen) else {
            continue;
        };
        accounts.push(Account {
            label: trial.system.label.clone(),
            offered_rps,
            servers,
            load: offered_rps * mean_ns / 1e9 / servers.get() as f64,
            block: trial.block,
            valid: record.valid,
            of,
        });
    }
    Ok(accounts)
}

/// The measure phase in the trace's clock.
fn measure_ns(record: &TrialRecord) -> Range<u64> {
    let phases = &record.trial.phases;
    let from = phases.warmup.as_nanos();
    from..from + phases.measure.as_nanos()
}

/// What was sent; an unsent request reached no queue.
fn seen(row: &TraceRow) -> Option<Seen> {
    Some(Seen {
        due_ns: row.intended_ns,
        sent_ns: row.sent_ns?,
        reply_ns: row.reply_ns,
        service_ns: row.service_ns.unwrap_or(0),
    })
}
