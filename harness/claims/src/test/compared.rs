//! What the tests share: the numbers of several cells at the places where all of them were measured.

use std::collections::BTreeMap;

use crate::cell::{Cell, ServerCell};
use crate::evidence::{MachineRuns, Place, Stop, Trials, at_places};
use crate::measured::{Aligned, Blocks, differences, pair, ratios};
use crate::metric::Metric;
use crate::reading::Reading;
use crate::test::At;
use crate::verdict::Limits;

/// A place, in words, and what each cell measured there.
pub(crate) struct Compared {
    pub(crate) place: String,
    /// In the order of the cells.
    pub(crate) cells: Vec<Blocks>,
}

/// Measures `metric` of all `cells` wherever all of them were measured.
pub(crate) fn compared(
    runs: &MachineRuns<'_>,
    cells: &[&Cell],
    metric: Metric,
    at: At,
) -> Result<Vec<Compared>, Stop> {
    let servers: Vec<&ServerCell> = cells.iter().filter_map(|cell| server(cell)).collect();
    if servers.len() < cells.len() {
        let rounds = cells.iter().filter_map(|cell| match cell {
            Cell::Server(_) => None,
            Cell::Notification(cell) => Some(runs.rounds(cell, metric)),
        });
        let cells = rounds.collect::<Result<_, _>>()?;
        return Ok(vec![Compared {
            place: String::new(),
            cells,
        }]);
    }
    let free = free(&servers);
    let trials: Vec<Vec<Trials<'_>>> = servers
        .iter()
        .map(|cell| runs.trials(cell, &free))
        .collect::<Result<_, _>>()?;
    let places = at_places(trials, at)?;
    let titles: Vec<Place> = places.iter().map(|cells| cells[0].place.clone()).collect();
    let titles: Vec<String> = titles
        .iter()
        .map(|place| place.title(&titles.iter().collect::<Vec<_>>()))
        .collect();
    let measure = |(place, found): (String, Vec<Trials<'_>>)| {
        not_confounded_by_spinning(&found, cells, metric)?;
        let blocks = found
            .iter()
            .zip(cells)
            .map(|(trials, cell)| trials.measure(metric, cell));
        let cells = blocks.collect::<Result<_, _>>()?;
        Ok(Compared { place, cells })
    };
    titles.into_iter().zip(places).map(measure).collect()
}

/// How a packet system takes frames and sends them, who looks their routes up, where its threads run, how many there are: a
/// cell names it, or means the default.
const OF_DESIGN: [&str; 6] = [
    "/system/batch",
    "/system/placement",
    "/system/filters",
    "/system/qdisc_bypass",
    "/system/routing",
    "/system/owners",
];

/// What only some systems have; beside another system it is a part of the design.
const OF_SOME_DESIGNS: [&str; 4] = [
    "/system/cache",
    "/system/clusters",
    "/system/large_owners",
    "/system/steering",
];

/// In what compared cells may differ: what they name, and what is a part of their systems' design.
fn free(cells: &[&ServerCell]) -> Vec<&'static str> {
    let mut free: Vec<&'static str> = cells.iter().flat_map(|cell| cell.with.chosen()).collect();
    if cells.iter().any(|cell| cell.system.forwards()) {
        free.extend(OF_DESIGN);
    }
    if cells.windows(2).any(|two| two[0].system != two[1].system) {
        free.extend(OF_SOME_DESIGNS);
    }
    free
}

pub(crate) fn server(cell: &Cell) -> Option<&ServerCell> {
    match cell {
        Cell::Server(cell) => Some(cell),
        Cell::Notification(_) => None,
    }
}

/// Trials of one workload and the rate of each, in ascending order.
pub(crate) type Curve<'a> = Vec<(f64, Trials<'a>)>;

/// The trials of an open loop by workload, of those that were run at `needed` loads or more; `what` asks for them.
pub(crate) fn by_load<'a>(
    runs: &MachineRuns<'a>,
    cell: &Cell,
    what: &str,
    needed: usize,
) -> Result<BTreeMap<String, Curve<'a>>, Stop> {
    let Some(server) = server(cell) else {
        return Err(Stop::NotTestable("a probe has no load".to_owned()));
    };
    let mut workloads: BTreeMap<String, Curve<'a>> = BTreeMap::new();
    for trials in runs.trials(server, &server.with.chosen())? {
        if let Some(rps) = trials.load_rps() {
            let workload = trials.place.apart_from_load.clone();
            workloads.entry(workload).or_default().push((rps, trials));
        }
    }
    let most = workloads.values().map(Vec::len).max().unwrap_or(0);
    if most < needed {
        return Err(Stop::Inconclusive(format!(
            "{what} of {cell} needs one workload at {needed} loads or more: {most} found"
        )));
    }
    workloads.retain(|_, curve| curve.len() >= needed);
    for curve in workloads.values_mut() {
        curve.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    Ok(workloads)
}

/// A thread that spins takes all the CPU time that there is, whatever its work.
fn not_confounded_by_spinning(
    found: &[Trials<'_>],
    cells: &[&Cell],
    metric: Metric,
) -> Result<(), Stop> {
    let spinning = found.iter().filter(|trials| trials.spin()).count();
    if !metric.counts_server_cpu() || spinning == 0 || spinning == found.len() {
        return Ok(());
    }
    let cells: Vec<String> = cells.iter().map(ToString::to_string).collect();
    Err(Stop::NotTestable(format!(
        "{metric} of a thread that spins is never compared with one that sleeps: {}",
        cells.join(" | ")
    )))
}

/// The number of `a` over that of `b`, block by block, against `limits`.
pub(crate) fn ratio_reading(place: &str, a: &Blocks, b: &Blocks, limits: Limits) -> Reading {
    let (a, b) = pair(a, b);
    Reading {
        place: place.to_owned(),
        limits,
        estimate: a.ratio_to(&b),
        per_block: ratios(&a.per_block(), &b.per_block()),
    }
}

/// The number of `a` minus that of `b`, block by block, against `limits`: the median over blocks. Of a
/// percentile these are the differences of each block's own.
pub(crate) fn difference_reading(place: &str, a: &Blocks, b: &Blocks, limits: Limits) -> Reading {
    let (a, b) = pair(a, b);
    let values = Aligned::Values(differences(&a.per_block(), &b.per_block()));
    Reading {
        place: place.to_owned(),
        limits,
        estimate: values.estimate(),
        per_block: values.per_block(),
    }
}

/// The number of `blocks` against `limits`.
pub(crate) fn value_reading(place: &str, blocks: &Blocks, limits: Limits) -> Reading {
    let aligned = Aligned::of(blocks.values());
    Reading {
        place: place.to_owned(),
        limits,
        estimate: aligned.estimate(),
        per_block: aligned.per_block(),
    }
}
