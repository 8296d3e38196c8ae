//! A client's trace with the service times that its requests were to take. Pure.

use loadgen::Trace;
use model::Schedule;
use record::TraceRow;
use spec::Trial;

use crate::plan::{service, workload};

/// The service time of each request of the trial, ns, drawn again from keys and seed: not told by the
/// server. None where none is injected.
pub(super) fn services(trial: &Trial) -> Option<Vec<u64>> {
    let times = service(trial)?;
    let length_ns = trial.phases.warmup.as_nanos() + trial.phases.measure.as_nanos();
    // The client made the very same schedule before.
    let schedule = Schedule::generate(&workload(trial, trial.workload()?), length_ns).ok()?;
    let mut key = Vec::new();
    let of = |request: &model::Planned| {
        let bytes = schedule.keyspace().key_bytes(request.key, &mut key);
        times.of_hash(steering::hash_bytes(bytes))
    };
    Some(schedule.requests.iter().map(of).collect())
}

/// The rows of `trace.csv`.
pub(super) fn trace_rows(trace: &Trace, services: Option<Vec<u64>>) -> Vec<TraceRow> {
    let services = services.unwrap_or_default();
    (0u32..)
        .zip(&trace.0)
        .map(|(request, traced)| TraceRow {
            request,
            intended_ns: traced.intended_ns,
            sent_ns: traced.sent_ns,
            reply_ns: traced.reply_ns,
            service_ns: services.get(request as usize).copied(),
        })
        .collect()
}
