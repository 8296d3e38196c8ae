//! Capacity searches: for each the share of repeats in which the service level held, at every rate that
//! was tried, and the bracket that follows.

use record::{CapacityRecord, RateRecord, RateVerdict};
use spec::Counted;

use crate::canvas::axis::Axis;
use crate::canvas::page::{Entry, Grid, Page, Sample, Surround};
use crate::canvas::panel::{Panel, Strip};
use crate::canvas::scene::{Rect, Scene};
use crate::canvas::style::{Marker, Rgb, colour};
use crate::data::Data;
use crate::error::Result;
use crate::figure::{Drawing, Picture, Skip};
use crate::run::{Run, frame_rate, rate};

const BRACKET: Rgb = Rgb(0xd9, 0xe6, 0xf2);

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    if run.capacity.is_empty() {
        return Ok(Drawing::Skipped(Skip::NoSearch));
    }
    if run.capacity.iter().all(|search| search.rates.is_empty()) {
        return Ok(Drawing::Skipped(Skip::NoTrials));
    }
    let picture = picture(&run.capacity, &run.machine.describe());
    Ok(Drawing::Picture(picture))
}

fn picture(searches: &[CapacityRecord], machine: &str) -> Picture {
    let columns = if searches.len() > 6 { 2 } else { 1 };
    let grid = Grid {
        rows: searches.len().div_ceil(columns),
        columns,
        row_height: 150.0,
        ..Grid::default()
    };
    let mut page = Page::lay_out(&surround(searches, machine), &grid);
    let (low, high) = range(searches);
    for (search, place) in searches.iter().zip(page.panels.clone()) {
        let x = Axis::log(axis(search), low, high);
        let y = Axis::linear("pass share", 0.0, 1.0, 2);
        let panel = Panel::new(place, title(search), x, y, Strip::None);
        bracket(&panel, &mut page.scene, search, high);
        panel.frame(&mut page.scene);
        if search.rates.is_empty() {
            panel.note(&mut page.scene, &["nothing was tried"]);
        }
        points(&panel, &mut page.scene, search, searches);
    }
    Picture {
        scene: page.scene,
        data: data(searches),
    }
}

const fn axis(search: &CapacityRecord) -> &'static str {
    match search.asked.from.of() {
        Counted::Requests => "rate (kreq/s)",
        Counted::Frames => "rate (kframes/s)",
    }
}

/// Lowest and highest rate of all searches, in thousands a second.
fn range(searches: &[CapacityRecord]) -> (f64, f64) {
    let asked = searches.iter().map(|search| &search.asked);
    let bounds = asked.map(|asked| (asked.from.per_second(), asked.to.per_second()));
    let (low, high) = bounds.fold((f64::INFINITY, 0.0_f64), |(low, high), (from, to)| {
        (low.min(from), high.max(to))
    });
    (low / 1e3, high / 1e3)
}

fn title(search: &CapacityRecord) -> String {
    let system = &search.first.system;
    let name = format!("{} · {}", system.label, system.io.name());
    let rate = |per_second: u64| match search.asked.from.of() {
        Counted::Requests => rate(per_second as f64),
        Counted::Frames => frame_rate(per_second as f64),
    };
    let found = match (search.passing_rps, search.failing_rps) {
        _ if search.refused.is_some() => "refused".to_owned(),
        _ if !search.complete => "not finished".to_owned(),
        (Some(low), Some(high)) => format!("{} to {}", rate(low), rate(high)),
        (Some(low), None) => format!("at least {}", rate(low)),
        (None, Some(high)) => format!("below {}", rate(high)),
        (None, None) => "nothing was found".to_owned(),
    };
    format!("{name}: {found}")
}

/// The band from the highest rate that passes to the lowest that does not.
fn bracket(panel: &Panel, scene: &mut Scene, search: &CapacityRecord, highest: f64) {
    let Some(low) = search.passing_rps else {
        return;
    };
    let high = search.failing_rps.map_or(highest, |high| high as f64 / 1e3);
    let (left, bottom) = panel.at(low as f64 / 1e3, 0.0);
    let (right, top) = panel.at(high, 1.0);
    // A narrow bracket must still be seen.
    let right = right.max(left + 2.0);
    scene.rect(
        Rect {
            left,
            right,
            top,
            bottom,
        },
        BRACKET,
    );
}

fn points(panel: &Panel, scene: &mut Scene, search: &CapacityRecord, all: &[CapacityRecord]) {
    let mut labels: Vec<&str> = all
        .iter()
        .map(|other| other.first.system.label.as_str())
        .collect();
    labels.sort_unstable();
    labels.dedup();
    let label = search.first.system.label.as_str();
    let index = labels.iter().position(|one| *one == label).unwrap_or(0);
    let shares: Vec<(f64, f64)> = search
        .rates
        .iter()
        .filter_map(|one| Some(panel.at(one.rate_rps as f64 / 1e3, share(one)?)))
        .collect();
    scene.line(shares, 1.2, Rgb::AXIS);
    for one in &search.rates {
        let at = panel.at(one.rate_rps as f64 / 1e3, share(one).unwrap_or(0.0));
        let (colour, marker, filled) = match one.verdict {
            Some(RateVerdict::Passes) => (colour(index), Marker::Circle, true),
            Some(RateVerdict::Fails) => (colour(index), Marker::Circle, false),
            Some(RateVerdict::Undecided) | None => (Rgb::MUTED, Marker::Diamond, false),
        };
        scene.marker(at, marker, 5.0, colour, filled);
    }
}

/// Share of the valid repeats that passed.
fn share(one: &RateRecord) -> Option<f64> {
    let valid = one.passed + one.failed;
    (valid > 0).then(|| f64::from(one.passed) / f64::from(valid))
}

fn surround(searches: &[CapacityRecord], machine: &str) -> Surround {
    let first = &searches[0];
    let asked = &first.asked;
    let trials: usize = searches
        .iter()
        .flat_map(|search| &search.rates)
        .map(|one| one.trials.len())
        .sum();
    let inverted = searches
        .iter()
        .filter(|search| !search.inversions.is_empty());
    let monotone = match inverted.count() {
        0 => "No higher rate passed more often than a lower one.".to_owned(),
        n => format!(
            "In {n} of {} searches a higher rate passed more often than its lower neighbour: no \
             single rate separates there what holds from what does not.",
            searches.len()
        ),
    };
    let invalid: u32 = searches
        .iter()
        .flat_map(|search| &search.rates)
        .map(|one| one.invalid)
        .sum();
    let topology = &first.first.topology.kind;
    Surround {
        title: "Capacity".to_owned(),
        subtitle: format!(
            "topology {}, fidelity {} · the highest rate with {} in {} of {} repeats",
            topology.name(),
            topology.fidelity(),
            asked.service_level,
            asked.passes(),
            asked.repeats()
        ),
        caption: format!(
            "Share of repeats in which the service level held, at each rate tried; bands: from the \
             highest rate that passes to the lowest that does not, where the capacity lies. \
             {monotone} {trials} trials, {invalid} of them not usable. Machine: {machine}."
        ),
        legend: vec![
            Entry::new(Sample::Marker(Rgb::INK, Marker::Circle, true), "passes"),
            Entry::new(Sample::Marker(Rgb::INK, Marker::Circle, false), "fails"),
            Entry::new(
                Sample::Marker(Rgb::MUTED, Marker::Diamond, false),
                "undecided",
            ),
            Entry::new(Sample::Bar(BRACKET), "capacity"),
        ],
    }
}

fn data(searches: &[CapacityRecord]) -> Data {
    let mut data = Data::new([
        "label",
        "io",
        "keys",
        "theta",
        "rate_rps",
        "passed",
        "failed",
        "invalid",
        "verdict",
        "passing_rps",
        "failing_rps",
    ]);
    let number = |text: Option<String>| text.unwrap_or_default();
    let cell = |rate: Option<u64>| number(rate.map(|rate| rate.to_string()));
    for search in searches {
        let trial = &search.first;
        let workload = trial.workload();
        for one in &search.rates {
            let verdict = one.verdict.map_or("", RateVerdict::name);
            data.push(vec![
                trial.system.label.clone(),
                trial.system.io.name().to_owned(),
                number(workload.map(|it| it.keys.get().to_string())),
                number(workload.map(|it| it.popularity.theta().to_string())),
                one.rate_rps.to_string(),
                one.passed.to_string(),
                one.failed.to_string(),
                one.invalid.to_string(),
                verdict.to_owned(),
                cell(search.passing_rps),
                cell(search.failing_rps),
            ]);
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use spec::Spec;

    use super::*;
    use crate::tests::assert_legible;

    const TEXT: &str = "
name: search
topology: {kind: veth, queues: 2}
systems: [sphinx, xdp_steered, rss_shared, seastar]
workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9}
load: {capacity: {from: 10 kreq/s, to: 400 kreq/s, service_level: {p99: 200 us, loss: 0.1%}}}
phases: {warmup: 100 ms, measure: 200 ms, timeout: 50 ms}
";

    fn searches() -> Vec<CapacityRecord> {
        let spec = Spec::parse(TEXT, "search.yaml").unwrap();
        let asked = spec.load.as_ref().and_then(|load| load.capacity).unwrap();
        let rate = |rate_rps, passed, failed, verdict| RateRecord {
            rate_rps,
            passed,
            failed,
            invalid: 1,
            verdict,
            trials: Vec::new(),
        };
        spec::searches(&spec)
            .iter()
            .zip([
                (Some(63_200), Some(65_000), true, None),
                (Some(400_000), None, true, None),
                (None, Some(10_000), true, None),
                (None, None, false, Some("no such queue".to_owned())),
            ])
            .map(|(search, (passing_rps, failing_rps, complete, refused))| {
                let rates = if refused.is_some() {
                    Vec::new()
                } else {
                    vec![
                        rate(10_000, 4, 1, Some(RateVerdict::Passes)),
                        rate(63_200, 4, 0, Some(RateVerdict::Passes)),
                        rate(65_000, 1, 2, Some(RateVerdict::Fails)),
                        rate(400_000, 0, 0, Some(RateVerdict::Undecided)),
                    ]
                };
                CapacityRecord {
                    asked,
                    first: search.first().clone(),
                    passing_rps,
                    failing_rps,
                    complete,
                    refused,
                    inversions: vec![[10_000, 63_200]],
                    rates,
                }
            })
            .collect()
    }

    #[test]
    fn every_search_is_shown_with_its_bracket() {
        let searches = searches();
        let picture = picture(&searches, "Example CPU");
        assert_legible("capacity", &picture.scene);
        let texts: Vec<&str> = picture
            .scene
            .text_boxes()
            .into_iter()
            .map(|(text, _)| text)
            .collect();
        for wanted in [
            "63.2 kreq/s to 65 kreq/s",
            "at least 400 kreq/s",
            "below 10 kreq/s",
            "refused",
            "p99 <= 200 us and loss <= 1000 ppm in 4 of 5 repeats",
        ] {
            assert!(
                texts.iter().any(|text| text.contains(wanted)),
                "{wanted}: {texts:?}"
            );
        }
    }
}
