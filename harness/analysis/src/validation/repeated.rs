//! A/A and A/B: one system under two labels, compared over and over.
//!
//! A run of many blocks is cut into groups of consecutive ones; each group is an experiment of its own,
//! compared at each point and in each metric without correction. Without an injected difference (A/A)
//! at most 5% of the comparisons may show one; groups have ten blocks, as few as a verdict needs. With
//! more service time under one label (A/B) at least 80% of the comparisons in p50, and of those in CPU
//! time, must find it; groups have fourteen blocks, as the specs whose results are cited
//! (`enberg2019/steering-claims.yaml`), and what ten would have found is told.
//!
//! The achieved rate is left out: at these loads it follows from the schedule, so it would add
//! comparisons that cannot fail. Comparisons of one group share its trials, so the exact binomial
//! check over all of them is a little too easily content or alarmed; it is given for each metric
//! too, where groups are independent.

use record::RunFolder;
use serde::Serialize;
use spec::{Service, System};
use stats::{Comparison, Estimate, MIN_BLOCKS, Share, Verdict, judge_alone};

use super::{Answer, Section, Shown};
use crate::cells::{Cell, Cells};
use crate::compare::{Measured, SEED};
use crate::error::AnalysisError;
use crate::metric::Metric;
use crate::table;

/// Blocks of a comparison that must find an injected difference.
const CITED: usize = 14;

/// The table's name in a run's folder.
pub const FILE: &str = "aa_ab.csv";

/// The share of comparisons that may differ where there is no difference.
const ALLOWED: f64 = 0.05;

/// The share of comparisons that must find an injected difference.
const WANTED: f64 = 0.8;

/// Comparisons below which nothing is concluded.
const ENOUGH: u64 = 30;

/// The metrics that an injected service time moves in proportion. The 99th percentile is made of the
/// machine's interruptions as much as of service: its share is shown, not required.
const PROPORTIONAL: [Metric; 2] = [Metric::P50, Metric::CpuPerRequest];

const METRICS: [Metric; 3] = [Metric::P50, Metric::P99, Metric::CpuPerRequest];

/// The comparisons of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Repeated {
    /// The label with the more service time; the spec's second without a difference.
    pub label: String,
    /// The label that it is compared with.
    pub baseline: String,
    /// How much more service time, as a share of the baseline's; 0 for A/A.
    pub injected: f64,
    /// Blocks of a group.
    pub blocks: usize,
    /// One entry a group, point and metric.
    pub groups: Vec<Group>,
    /// One entry a point and metric, over all blocks: the sharpest look at what the labels differ in.
    pub overall: Vec<Overall>,
}

/// All blocks of one point as one comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Overall {
    /// The load and the swept values.
    pub point: String,
    /// What was compared.
    pub metric: Metric,
    /// The ratio with its interval.
    pub ratio: Estimate,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The group, from 1.
    pub number: usize,
    /// The load and the swept values.
    pub point: String,
    /// What was compared.
    pub metric: Metric,
    /// The comparison; `None` where both lie beyond the timeout, which shows no difference.
    pub comparison: Option<Comparison>,
    /// Its verdict before any correction.
    pub verdict: Verdict,
}

/// The comparisons of `run`, if it is of this shape: two labels of one system that differ in
/// nothing but their service time, and at least ten blocks.
///
/// # Errors
/// When a recorded file is damaged.
pub fn of(run: &RunFolder) -> Result<Option<Repeated>, AnalysisError> {
    in_groups(run, None)
}

/// As [`of`], in groups of so many blocks.
fn in_groups(run: &RunFolder, blocks: Option<usize>) -> Result<Option<Repeated>, AnalysisError> {
    let cells = Cells::of(run);
    let [first, second] = cells.labels.as_slice() else {
        return Ok(None);
    };
    let system = |label: &str| cells.cells.iter().find(|cell| cell.system.label == label);
    let (Some(a), Some(b)) = (system(first), system(second)) else {
        return Ok(None);
    };
    let Some(difference) = injected(a.system, b.system) else {
        return Ok(None);
    };
    let (label, baseline, injected) = if difference < 0.0 {
        (*first, *second, 1.0 / (1.0 + difference) - 1.0)
    } else {
        (*second, *first, difference)
    };
    let fitting = if injected > 0.0 { CITED } else { MIN_BLOCKS };
    let blocks = blocks.unwrap_or(fitting);
    let mut measured = Measured::new(run);
    let (mut groups, mut overall) = (Vec::new(), Vec::new());
    for cell in cells.cells.iter().filter(|cell| cell.system.label == label) {
        if let Some(base) = cells.at(&cell.point, baseline) {
            groups.extend(groups_of(cell, base, blocks, &mut measured)?);
            overall.extend(overall_of(cell, base, &mut measured)?);
        }
    }
    Ok((!groups.is_empty()).then(|| Repeated {
        label: label.to_owned(),
        baseline: baseline.to_owned(),
        injected,
        blocks,
        groups,
        overall,
    }))
}

/// How much more service time `b` has than `a`, as a share; `None` where they differ in more.
fn injected(a: &System, b: &System) -> Option<f64> {
    let bare = |system: &System| System {
        label: String::new(),
        service: None,
        ..system.clone()
    };
    (bare(a) == bare(b)).then_some(())?;
    match (a.service, b.service) {
        (None, None) => Some(0.0),
        (Some(a), Some(b)) => Some(mean_ns(b) / mean_ns(a) - 1.0),
        (None, Some(_)) | (Some(_), None) => None,
    }
}

fn mean_ns(service: Service) -> f64 {
    match service {
        Service::Fixed(time) | Service::Exponential(time) => time.as_nanos() as f64,
        Service::Bimodal {
            short,
            long,
            long_share,
        } => {
            let share = long_share.fraction();
            short.as_nanos() as f64 * (1.0 - share) + long.as_nanos() as f64 * share
        }
    }
}

/// The blocks in which both trials are valid.
fn pairs(cell: &Cell<'_>, base: &Cell<'_>) -> Vec<u32> {
    let common = |block: &&u32| base.trials.contains_key(block);
    cell.trials.keys().filter(common).copied().collect()
}

/// Each metric that was measured, compared over these blocks; `None` where the ratio is not defined.
fn compared(
    cell: &Cell<'_>,
    base: &Cell<'_>,
    blocks: &[u32],
    measured: &mut Measured<'_>,
) -> Result<Vec<(Metric, Option<Comparison>)>, AnalysisError> {
    let (ours, theirs) = (part(cell, blocks), part(base, blocks));
    let mut compared = Vec::new();
    for metric in METRICS {
        let (Some(a), Some(b)) = (
            measured.sample(&ours, metric)?,
            measured.sample(&theirs, metric)?,
        ) else {
            continue;
        };
        compared.push((metric, stats::compare(a.view(), b.view(), SEED).ok()));
    }
    Ok(compared)
}

fn overall_of(
    cell: &Cell<'_>,
    base: &Cell<'_>,
    measured: &mut Measured<'_>,
) -> Result<Vec<Overall>, AnalysisError> {
    let all = compared(cell, base, &pairs(cell, base), measured)?;
    let defined = |(metric, comparison): (Metric, Option<Comparison>)| {
        Some(Overall {
            point: point(cell),
            metric,
            ratio: comparison?.ratio,
        })
    };
    Ok(all.into_iter().filter_map(defined).collect())
}

fn point(cell: &Cell<'_>) -> String {
    match cell.point.swept.as_str() {
        "" => cell.point.load.to_string(),
        swept => format!("{}, {swept}", cell.point.load),
    }
}

/// The comparisons at one point: groups of consecutive blocks in which both trials are valid.
fn groups_of(
    cell: &Cell<'_>,
    base: &Cell<'_>,
    size: usize,
    measured: &mut Measured<'_>,
) -> Result<Vec<Group>, AnalysisError> {
    let mut groups = Vec::new();
    for (number, blocks) in (1..).zip(pairs(cell, base).chunks_exact(size)) {
        for (metric, comparison) in compared(cell, base, blocks, measured)? {
            groups.push(Group {
                number,
                point: point(cell),
                metric,
                comparison,
                verdict: comparison.map_or(Verdict::NoDifferenceShown, |comparison| {
                    judge_alone(comparison, metric.better())
                }),
            });
        }
    }
    Ok(groups)
}

/// The cell with these blocks only.
fn part<'a>(cell: &Cell<'a>, blocks: &[u32]) -> Cell<'a> {
    let mut part = cell.clone();
    part.trials.retain(|block, _| blocks.contains(block));
    part
}

impl Repeated {
    /// How many comparisons, of `metric` or of all, differ: any way for A/A, the right way for A/B.
    #[must_use]
    pub fn different(&self, metric: Option<Metric>) -> Option<Share> {
        let counted = || {
            let all = self.groups.iter();
            all.filter(move |group| metric.is_none_or(|metric| group.metric == metric))
        };
        let hits = counted().filter(|group| {
            if self.injected > 0.0 {
                group.verdict == Verdict::Slower
            } else {
                group.verdict.differs()
            }
        });
        Share::new(hits.count() as u64, counted().count() as u64)
    }

    /// Whether the shares are what they must be: over all comparisons and each metric for A/A, for
    /// each of the metrics that service time moves in proportion for A/B.
    #[must_use]
    pub fn answer(&self) -> Answer {
        if self.different(None).is_none_or(|all| all.of < ENOUGH) {
            return Answer::Undecided;
        }
        let holds = if self.injected > 0.0 {
            let shares = PROPORTIONAL
                .iter()
                .map(|metric| self.different(Some(*metric)));
            shares.flatten().all(|share| share.value() >= WANTED)
        } else {
            let metrics = METRICS.map(Some).into_iter().chain([None]);
            // Significantly more than 5% would be a fault; as many as chance gives are none.
            let shares = metrics.filter_map(|metric| self.different(metric));
            shares
                .into_iter()
                .all(|share| share.p_above(ALLOWED) >= 0.025)
        };
        if holds { Answer::Holds } else { Answer::Fails }
    }
}

/// The section of the report, if the run is of this shape.
///
/// # Errors
/// When a recorded file is damaged.
pub fn section(run: &RunFolder) -> Result<Option<Section>, AnalysisError> {
    let Some(repeated) = of(run)? else {
        return Ok(None);
    };
    let (title, question) = if repeated.injected > 0.0 {
        (
            format!("A/B: {:.1}% more service time", repeated.injected * 100.0),
            format!(
                "`{}` has {:.1}% more service time than `{}`: at least {:.0}% of comparisons of \
                 {} blocks must find it slower in p50, and in CPU time",
                repeated.label,
                repeated.injected * 100.0,
                repeated.baseline,
                WANTED * 100.0,
                repeated.blocks
            ),
        )
    } else {
        (
            "A/A: one system under two labels".to_owned(),
            format!(
                "`{}` and `{}` are the same: of comparisons of {} blocks, before any correction, \
                 no more may differ than {:.0}% allow",
                repeated.label,
                repeated.baseline,
                repeated.blocks,
                ALLOWED * 100.0
            ),
        )
    };
    let mut table = vec![
        [
            "metric",
            "blocks",
            "comparisons",
            "differ",
            "share",
            "95% interval",
            "chance of so many at 5%",
            "too few blocks",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    table.extend(lines(&repeated));
    if repeated.blocks > MIN_BLOCKS {
        let fewer = in_groups(run, Some(MIN_BLOCKS))?;
        table.extend(fewer.iter().flat_map(lines));
    }
    let invalid: usize = Cells::of(run).cells.iter().map(|cell| cell.invalid).sum();
    let mut notes = vec![
        "too few blocks: consecutive blocks of the group depend on each other, and no verdict was given".to_owned(),
        format!("{invalid} invalid trials are left out, with their block's other half"),
    ];
    notes.extend(repeated.overall.iter().map(|all| {
        format!(
            "all {} blocks together: {} of `{}` over `{}` at {} is {:.4} ({:.4} to {:.4})",
            all.ratio.n,
            all.metric.name(),
            repeated.label,
            repeated.baseline,
            all.point,
            all.ratio.value,
            all.ratio.low,
            all.ratio.high
        )
    }));
    Ok(Some(Section {
        title,
        shown: Shown::of(run, "aa_ab"),
        question,
        answer: repeated.answer(),
        table,
        notes,
    }))
}

/// A row a metric, and one for all.
fn lines(repeated: &Repeated) -> Vec<Vec<String>> {
    let metrics = METRICS.map(|metric| (metric.name(), Some(metric)));
    let rows = metrics.into_iter().chain([("all", None)]);
    rows.filter_map(|(name, metric)| {
        let share = repeated.different(metric)?;
        Some(line(name, repeated, metric, share))
    })
    .collect()
}

fn line(name: &str, repeated: &Repeated, metric: Option<Metric>, share: Share) -> Vec<String> {
    let starved = repeated.groups.iter().filter(|group| {
        metric.is_none_or(|metric| group.metric == metric) && group.verdict == Verdict::TooFewBlocks
    });
    vec![
        name.to_owned(),
        repeated.blocks.to_string(),
        share.of.to_string(),
        share.count.to_string(),
        format!("{:.1}%", share.value() * 100.0),
        format!("{:.1}% to {:.1}%", share.low * 100.0, share.high * 100.0),
        format!("{:.3}", share.p_above(ALLOWED)),
        starved.count().to_string(),
    ]
}

/// A row of the table behind the figure.
#[derive(Serialize)]
struct Written<'a> {
    label: &'a str,
    baseline: &'a str,
    injected_share: f64,
    blocks: usize,
    group: usize,
    point: &'a str,
    metric: &'static str,
    ratio: Option<f64>,
    ratio_low: Option<f64>,
    ratio_high: Option<f64>,
    p_value: Option<f64>,
    verdict: &'static str,
}

/// Writes the comparisons of the run at `path` into its folder, if it is of this shape.
///
/// # Errors
/// When a recorded file is damaged or the table cannot be written.
pub fn record(run: &RunFolder) -> Result<(), AnalysisError> {
    let Some(repeated) = of(run)? else {
        return Ok(());
    };
    let rows: Vec<Written<'_>> = repeated
        .groups
        .iter()
        .map(|group| {
            let comparison = group.comparison;
            Written {
                label: &repeated.label,
                baseline: &repeated.baseline,
                injected_share: repeated.injected,
                blocks: repeated.blocks,
                group: group.number,
                point: &group.point,
                metric: group.metric.name(),
                ratio: comparison.map(|c| c.ratio.value),
                ratio_low: comparison.map(|c| c.ratio.low),
                ratio_high: comparison.map(|c| c.ratio.high),
                p_value: comparison.map(|c| c.p_value),
                verdict: group.verdict.name(),
            }
        })
        .collect();
    table::write(&run.path().join(FILE), &rows)
}
