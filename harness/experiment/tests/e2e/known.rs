//! Trials whose answer is known beforehand: does the instrument report what was done to it?

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use spec::Trial;
use steering::{hash::hash_bytes, table::slot_of};

use crate::bench::{Bench, shipped};
use crate::case::Case;
use crate::needs::Need;
use crate::schedules::schedule_of;

const MINUTE: Duration = Duration::from_secs(60);
/// What experiments/validation/lost-frames.yaml discards.
const LOST: i64 = 100;
/// The slot that experiments/validation/misdirected-slot.yaml misdirects.
const SLOT: u16 = 77;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("known::lost_frames", &[Need::Veth], lost_frames),
        Case::new("known::misdirected_slot", &[Need::Veth], misdirected_slot),
    ]
}

fn lost_frames(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("validation/lost-frames.yaml"), MINUTE)?;
    let trial = run.only_trial()?;
    trial.expect_remainder(LOST)?;
    ensure!(
        trial.text("valid")? == "false",
        "a trial with a remainder is not valid"
    );
    ensure!(
        trial
            .text("smells")?
            .split(';')
            .any(|smell| smell == "remainder"),
        "smells: {}",
        trial.text("smells")?
    );
    let mut strict = bench.run_command(&shipped("validation/lost-frames.yaml"), &["--strict"]);
    bench.finish(&mut strict, MINUTE)?.expect_code(1)
}

fn misdirected_slot(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("validation/misdirected-slot.yaml"), MINUTE)?;
    let trial = run.only_trial()?;
    trial.expect_closed()?;
    let (offered, answered) = (trial.number("offered")?, trial.number("answered")?);
    ensure!(
        answered == offered,
        "{answered} of {offered} requests were answered"
    );

    let expected = requests_of_slot(&trial.record()?.trial, SLOT)?;
    ensure!(
        expected > 0,
        "slot {SLOT} has no requests: the case shows nothing"
    );
    let misroutes = trial.counter("server", "misroutes")?;
    ensure!(
        misroutes == expected,
        "{misroutes} misroutes, but {expected} requests name keys of slot {SLOT}"
    );
    ensure!(
        trial.text("valid")? == "false",
        "misroutes make a trial invalid"
    );
    Ok(())
}

/// How many requests of the trial's schedule name a key of `slot`: the seeds and the spec decide it.
pub(crate) fn requests_of_slot(trial: &Trial, slot: u16) -> Result<u64> {
    let schedule = schedule_of(trial)?;
    let mut key = Vec::new();
    let of_slot = schedule.requests.iter().filter(|request| {
        let bytes = schedule.keyspace().key_bytes(request.key, &mut key);
        slot_of(hash_bytes(bytes)) == slot
    });
    u64::try_from(of_slot.count()).context("fits")
}
