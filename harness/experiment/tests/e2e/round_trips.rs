//! Packet trials whose frames come back.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bench::{Bench, shipped};
use crate::case::Case;
use crate::needs::Need;

const THREE_MINUTES: Duration = Duration::from_secs(180);

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("round_trips::bursts", &[Need::Veth], bursts)]
}

/// Frames that come back have latencies, also those that are sent together; as many bursts are due, whatever they hold.
fn bursts(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/netslice-round-trip.yaml"), THREE_MINUTES)?;
    ensure!(run.trials.len() == 4, "{} trials", run.trials.len());
    for trial in &run.trials {
        trial.expect_closed()?;
        let who = trial.who();
        let burst = trial.number("burst")?;
        ensure!(
            trial.text("swept")? == format!("burst {burst}"),
            "{who}: bursts of {burst}"
        );
        let rate = trial.number("offered_rps")?;
        ensure!(rate == 2_000 * burst, "{who}: {rate} a second");
        let (answered, sent) = (trial.number("answered")?, trial.number("sent")?);
        ensure!(answered > 0, "{who}: nothing of {sent} came back");
        let p50 = trial.number("p50_ns")?;
        ensure!(p50 > 0, "{who}: p50 is {p50} ns");
        // Beyond the timeout there is none.
        let p99 = trial.text("p99_ns")?;
        ensure!(
            p99.is_empty() || p99.parse::<i64>()? >= p50,
            "{who}: p50 {p50} ns, p99 {p99} ns"
        );
        let wrong = trial.counter("client", "wrong_values")?;
        ensure!(wrong == 0, "{who}: {wrong} came back changed");
        // To the receiver and back.
        let received = trial.counter("receiver", "frames_arrived")?;
        ensure!(
            i64::try_from(received)? >= answered,
            "{who}: {received} reached the receiver"
        );
        ensure!(trial.text("round_trip")? == "true", "{who}: told otherwise");
    }
    Ok(())
}
