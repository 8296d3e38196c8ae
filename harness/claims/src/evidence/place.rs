//! Places: what must be equal for two systems' trials to be compared, their systems apart.

use serde_json::Value;
use spec::{LoadPoint, Task, Trial};

use super::{Stop, Trials};
use crate::cell::{LOSS, LOSS_BURST};
use crate::test::At;

/// What of a trial does not make a place: its own identity, and what a system may choose.
const NOT_PLACE: [&str; 9] = [
    "/block",
    "/schedule_seed",
    "/placement",
    "/system/system",
    "/system/label",
    "/system/io",
    "/system/wakeup",
    "/system/memory",
    "/system/xdp",
];

/// A load, a workload, and whatever else a trial has that compared cells share.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    shared: Value,
    /// Everything that is shared, as text.
    pub(crate) key: String,
    /// The same without the load.
    pub(crate) apart_from_load: String,
    /// The load.
    pub(crate) load: LoadPoint,
    /// What may be swept, for people.
    task: String,
}

impl Place {
    /// The place of a trial; at `free` paths compared cells may differ.
    pub(crate) fn of(trial: &Trial, free: &[&str]) -> Self {
        let mut value = serde_json::to_value(trial).unwrap_or(Value::Null);
        tell_losses(&mut value, trial);
        for path in NOT_PLACE.iter().chain(free) {
            remove(&mut value, path);
        }
        Self {
            key: value.to_string(),
            apart_from_load: without(&value, &["/load"]),
            shared: value,
            load: trial.load,
            task: task(trial),
        }
    }

    /// Everything that is shared but what stands at `paths` in a trial's JSON, as text.
    pub(crate) fn key_without(&self, paths: &[&str]) -> String {
        without(&self.shared, paths)
    }

    /// What tells it from `others`.
    pub(crate) fn title(&self, others: &[&Self]) -> String {
        let swept = others
            .iter()
            .any(|other| other.apart_from_load != self.apart_from_load);
        if swept {
            format!("{}, {}", self.load, self.task)
        } else {
            self.load.to_string()
        }
    }
}

/// What is asked of the system, and by how many threads it is done.
fn task(trial: &Trial) -> String {
    let owners = trial.system.owners;
    match &trial.task {
        Task::Requests(workload) => format!(
            "theta {}, {:.0}% gets of {} key(s), {} keys, {owners} owners",
            workload.popularity.theta(),
            workload.get_ratio * 100.0,
            workload.multi_get,
            workload.keys,
        ),
        Task::Frames(traffic) => {
            let batch = trial.system.batch;
            let batch = batch.map_or_else(String::new, |batch| format!(", batch {batch}"));
            format!(
                "{}, frames of {}, bursts of {}, {} queue(s){batch}",
                traffic.processor, traffic.frame_size, traffic.burst, trial.topology.queues
            )
        }
    }
}

/// Puts what a link loses beside the processor: cells that name the processor have not said by that how the link loses.
fn tell_losses(value: &mut Value, trial: &Trial) {
    let code = trial.traffic().and_then(|traffic| traffic.processor.code());
    let Some(link) = code.filter(|link| link.loss.get() > 0) else {
        return;
    };
    for (path, told) in [
        (LOSS, Value::from(link.loss.to_string())),
        (LOSS_BURST, Value::from(link.burst)),
    ] {
        put(value, path, told);
    }
    for option in ["loss", "burst"] {
        remove(value, &format!("/traffic/processor/maelstrom/{option}"));
    }
}

fn put(value: &mut Value, path: &str, told: Value) {
    if let Some((parent, field)) = path.rsplit_once('/')
        && let Some(Value::Object(fields)) = value.pointer_mut(parent)
    {
        fields.insert(field.to_owned(), told);
    }
}

fn remove(value: &mut Value, path: &str) {
    // Removed, for what is left out where it is nothing must equal what is something there.
    if let Some((parent, field)) = path.rsplit_once('/')
        && let Some(Value::Object(fields)) = value.pointer_mut(parent)
    {
        fields.remove(field);
    }
}

fn without(value: &Value, paths: &[&str]) -> String {
    let mut value = value.clone();
    for path in paths {
        remove(&mut value, path);
    }
    value.to_string()
}

/// The places that all `cells` have and `at` means, each with the trials of every cell, in order of
/// load.
pub(crate) fn at_places<'a>(
    cells: Vec<Vec<Trials<'a>>>,
    at: At,
) -> Result<Vec<Vec<Trials<'a>>>, Stop> {
    let Some((first, others)) = cells.split_first() else {
        return Ok(Vec::new());
    };
    let mut places: Vec<Vec<Trials<'a>>> = first
        .iter()
        .filter_map(|trials| {
            let same = |other: &Vec<Trials<'a>>| {
                let mut candidates = other.iter();
                candidates
                    .find(|candidate| candidate.place.key == trials.place.key)
                    .cloned()
            };
            let rest: Option<Vec<_>> = others.iter().map(same).collect();
            Some([vec![trials.clone()], rest?].concat())
        })
        .collect();
    if places.is_empty() {
        return Err(Stop::NotTestable(
            "the compared systems were not measured under the same load and workload".to_owned(),
        ));
    }
    places.sort_by_key(|place| place[0].place.load);
    let loads: Vec<_> = places
        .iter()
        .map(|place| {
            let place = &place[0].place;
            (place.apart_from_load.clone(), place.load)
        })
        .collect();
    let lowest = |rest: &str| loads.iter().find(|(other, _)| other == rest).map(|l| l.1);
    let highest = |rest: &str| loads.iter().rfind(|(other, _)| other == rest).map(|l| l.1);
    places.retain(|cells| {
        let place = &cells[0].place;
        match at {
            At::EveryLoad => true,
            At::EveryServedLoad => cells.iter().all(Trials::are_served),
            At::LowestLoad => lowest(&place.apart_from_load) == Some(place.load),
            At::HighestLoad => highest(&place.apart_from_load) == Some(place.load),
            At::Load(load) => place.load == load,
        }
    });
    if places.is_empty() {
        return Err(Stop::Inconclusive(match at {
            At::EveryServedLoad => {
                "at no load of these runs do all compared systems answer 99.9% of the requests: \
                 lower loads would decide"
                    .to_owned()
            }
            At::EveryLoad | At::LowestLoad | At::HighestLoad => {
                "these runs have no load".to_owned()
            }
            At::Load(load) => format!("a run at {load} would decide; these have other loads"),
        }));
    }
    Ok(places)
}
