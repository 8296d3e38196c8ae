//! Scans: every way of serving them reads the same keys, and hands over exactly what it must.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use model::{Op, Planned, Schedule};
use spec::{SteerBy, Trial};
use steering::{Order, PartitionTable, Policy, hash_bytes};

use crate::bench::{Bench, shipped};
use crate::case::Case;
use crate::needs::Need;
use crate::results::Row;
use crate::schedules::schedule_of;

const LIMIT: Duration = Duration::from_secs(60);
/// Keys of a scan.
const WIDTH: u64 = 16;
/// More CPUs than handle packets of two queues at any time. Each gives scans to the owners in turn.
const CPUS: u64 = 16;

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("scans::each_way", &[Need::Veth], each_way)]
}

/// What the schedule says of a trial: its sets and scans, and what handing over scans' keys takes.
#[derive(Debug, Default)]
struct Expected {
    /// Calls by the owner that their key steers to: sets, and scans.
    sets: Vec<u64>,
    scans: Vec<u64>,
    /// Keys that the first one's owner has not.
    other_keys: u64,
    /// Owners of a scan's keys beyond the first one's.
    other_owners: u64,
}

impl Expected {
    fn of(trial: &Trial, schedule: &Schedule) -> Self {
        let owners = Owners::of(trial, schedule);
        let none = vec![0; usize::from(trial.system.owners)];
        let mut expected = Self {
            sets: none.clone(),
            scans: none,
            ..Self::default()
        };
        for planned in &schedule.requests {
            let first = owners.of_key(planned.key);
            match planned.op {
                Op::Set => expected.sets[usize::from(first)] += 1,
                Op::Get => {
                    expected.scans[usize::from(first)] += 1;
                    let mut others = owners.of_further(schedule, planned);
                    others.retain(|owner| *owner != first);
                    expected.other_keys += others.len() as u64;
                    others.sort_unstable();
                    others.dedup();
                    expected.other_owners += others.len() as u64;
                }
            }
        }
        expected
    }

    fn all_scans(&self) -> u64 {
        self.scans.iter().sum()
    }
}

/// Who owns which key.
struct Owners(Vec<u16>);

impl Owners {
    fn of(trial: &Trial, schedule: &Schedule) -> Self {
        let keys = schedule.keyspace();
        let order = match trial.system.steer_by {
            Some(SteerBy::Range) => Some(Order::of(keys.len())),
            None | Some(SteerBy::Function | SteerBy::Argument(_)) => None,
        };
        let policy = order.map_or(Policy::Key, Policy::Range);
        let table = PartitionTable::of(policy, trial.system.owners);
        let mut room = Vec::new();
        let owner = |id| {
            let place = match order {
                Some(order) => order.place(u64::from(id)),
                None => hash_bytes(keys.key_bytes(id, &mut room)),
            };
            table.owner_of(place)
        };
        Self((0..keys.len()).map(owner).collect())
    }

    fn of_key(&self, key: u32) -> u16 {
        self.0[key as usize]
    }

    fn of_further(&self, schedule: &Schedule, planned: &Planned) -> Vec<u16> {
        let further = schedule.further_keys(planned).iter();
        further.map(|key| self.of_key(*key)).collect()
    }
}

fn each_way(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/range.yaml"), LIMIT)?;
    ensure!(run.trials.len() == 8, "{} trials", run.trials.len());
    for trial in &run.trials {
        let resolved = trial.record()?.trial;
        let schedule = schedule_of(&resolved)?;
        let expected = Expected::of(&resolved, &schedule);
        let (label, who) = (trial.text("label")?, trial.who());
        all_values(trial, &expected)?;
        let handed = trial.counter("server", "scan_handoffs")?;
        let (copies, least, most) = match label {
            "one_owner" => (0, expected.other_keys, expected.other_keys),
            "split" | "range" => (0, expected.other_owners, expected.other_owners),
            "duplicate" => (expected.other_owners, 0, 0),
            // A scan all of whose keys are one owner's may come to the other.
            "balanced" | "sphinx_split" => (0, expected.other_owners, expected.all_scans()),
            // Flows arrive at either owner, whose keys are half of them.
            "sphinx_range" => (0, 1, expected.all_scans()),
            "shared" => (0, 0, 0),
            other => bail!("{other} is not expected here"),
        };
        ensure!(
            (least..=most).contains(&handed),
            "{who}: {handed} handoffs of scans, not {least} to {most}"
        );
        let scans = trial.counter("server", "executed_scan")?;
        ensure!(
            scans == expected.all_scans() + copies,
            "{who}: {scans} scans of {} in {copies} further copies",
            expected.all_scans()
        );
        match label {
            "balanced" => in_turn(trial, &expected)?,
            "one_owner" | "split" | "range" => by_first_key(trial, &expected)?,
            _ => {}
        }
        columns(trial, label)?;
        shows_something(label, &expected)?;
    }
    Ok(())
}

/// Every key of every scan was looked up once, and its value came back; nothing went astray.
fn all_values(trial: &Row, expected: &Expected) -> Result<()> {
    trial.expect_closed()?;
    trial.expect_sound()?;
    let who = trial.who();
    let unanswered = trial.number("timed_out")? + trial.number("unsent")?;
    ensure!(unanswered == 0, "{who}: {unanswered} without an answer");
    let keys = WIDTH * expected.all_scans();
    for (scope, name) in [("client", "hits"), ("server", "executed_scan_key")] {
        let seen = trial.counter(scope, name)?;
        ensure!(seen == keys, "{who}: {name} {seen}, not {keys}");
    }
    for name in ["errors", "malformed", "wrong_values", "misses"] {
        let count = trial.counter("client", name)?;
        ensure!(count == 0, "{who}: {count} {name}");
    }
    let misroutes = trial.counter("server", "misroutes")?;
    ensure!(misroutes == 0, "{who}: {misroutes} misroutes");
    Ok(())
}

/// XDP gave each owner the calls whose first key is its own.
fn by_first_key(trial: &Row, expected: &Expected) -> Result<()> {
    for (owner, (sets, scans)) in expected.sets.iter().zip(&expected.scans).enumerate() {
        let steered = trial.counter("server", &format!("xdp_redirected_{owner}"))?;
        ensure!(
            steered == sets + scans,
            "{}: {steered} calls to owner {owner}, not {sets} sets and {scans} scans",
            trial.who()
        );
    }
    Ok(())
}

/// Each CPU that handled packets gave scans to owner 0 as often as to owner 1, or once more.
fn in_turn(trial: &Row, expected: &Expected) -> Result<()> {
    let mut scans = Vec::new();
    for (owner, sets) in expected.sets.iter().enumerate() {
        let steered = trial.counter("server", &format!("xdp_redirected_{owner}"))?;
        ensure!(steered >= *sets, "{}: sets went astray", trial.who());
        scans.push(steered - sets);
    }
    let ahead = scans[0].checked_sub(scans[1]);
    ensure!(
        ahead.is_some_and(|ahead| ahead <= CPUS),
        "{}: scans by owner {scans:?}",
        trial.who()
    );
    Ok(())
}

/// The table tells what the counters do, of the measure phase.
fn columns(trial: &Row, label: &str) -> Result<()> {
    let who = trial.who();
    let (scans, keys) = (trial.number("scans")?, trial.number("keys_scanned")?);
    let width = keys as f64 / scans as f64;
    let copies = if label == "duplicate" { 2.0 } else { 1.0 };
    // What is under way at either end of the phase is counted in part.
    let near = (width * copies / WIDTH as f64 - 1.0).abs() < 0.1;
    ensure!(scans > 100 && near, "{who}: {scans} scans of {width} keys");
    let per_scan = trial.text("handoffs_per_scan")?;
    match label {
        "shared" => ensure!(per_scan.is_empty(), "{who}: {per_scan} handoffs a scan"),
        "duplicate" => ensure!(per_scan.parse::<f64>()? == 0.0, "{who}: {per_scan}"),
        "range" => ensure!(per_scan.parse::<f64>()? < 0.1, "{who}: {per_scan}"),
        _ => ensure!(per_scan.parse::<f64>()? > 0.3, "{who}: {per_scan}"),
    }
    Ok(())
}

/// By hash nearly every scan has keys of both owners; by range those at the one bound alone.
fn shows_something(label: &str, expected: &Expected) -> Result<()> {
    let share = expected.other_owners as f64 / expected.all_scans() as f64;
    let ranges = label.ends_with("range");
    let as_meant = if ranges { share < 0.1 } else { share > 0.95 };
    ensure!(as_meant, "{label}: {share} of the scans have two owners");
    let busy = expected.scans.iter().filter(|scans| **scans > 0).count();
    ensure!(busy == 2, "{label}: scans by owner {:?}", expected.scans);
    Ok(())
}
