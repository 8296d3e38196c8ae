//! What a recorded trial's client was to send, computed anew from the record.

use anyhow::{Context, Result, bail};
use model::{Arrivals, Pattern, Popularity, Schedule, Shape, Size, WorkloadSpec};
use spec::{SizeSpec, Trial};

/// The schedule of an open-loop trial: the seeds and the spec decide it.
pub(crate) fn schedule_of(trial: &Trial) -> Result<Schedule> {
    let fixed = |size: &SizeSpec| match size {
        SizeSpec::Fixed(bytes) => Ok(Size::Fixed(u32::try_from(bytes.0)?)),
        SizeSpec::Uniform { .. } | SizeSpec::Mix(_) => bail!("these cases have fixed sizes only"),
    };
    let pattern = match &trial.pattern {
        None => None,
        Some(spec::Pattern::Steps { factors, each }) => Some(Pattern {
            shape: Shape::Steps {
                factors: factors.clone(),
                each_ns: each.as_nanos(),
            },
            from_ns: trial.phases.warmup.as_nanos(),
        }),
        Some(
            spec::Pattern::Sine { .. }
            | spec::Pattern::Burst { .. }
            | spec::Pattern::ShuffledRamp { .. },
        ) => bail!("these cases have steps only"),
    };
    let workload = trial.workload().context("a trial of requests")?;
    let spec = WorkloadSpec {
        keys: u32::try_from(workload.keys.get())?,
        key_size: fixed(&workload.key_size)?,
        value_size: fixed(&workload.value_size)?,
        popularity: Popularity::Uniform,
        get_ratio: workload.get_ratio,
        keys_per_get: workload.multi_get,
        consecutive: workload.scans(),
        noreply_ratio: 0.0,
        arrivals: Arrivals::Poisson,
        pattern,
        rate_rps: trial.load.rate().context("an open loop")?.per_second(),
        flows: workload.flows,
        seed: trial.schedule_seed,
    };
    let duration_ns = trial.phases.warmup.as_nanos() + trial.phases.measure.as_nanos();
    Ok(Schedule::generate(&spec, duration_ns)?)
}
