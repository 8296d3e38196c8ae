//! The recorded trials, grouped into cells: one system at one load, over all blocks.

mod blocks;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use polars::prelude::*;
use spec::Counted;

use super::floor::{FLOOR_LABEL, Floor};
use super::series::{Series, Setting, Traffic};
use super::swept::Swept;
use super::table;
use crate::error::{Error, Result};

/// One label at one load, with the values of its valid trials in the order of their blocks.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    /// Index into [`Trials::settings`].
    pub(crate) setting: usize,
    /// Index into [`Trials::series`].
    pub(crate) series: usize,
    /// Offered load in requests or frames a second; of a drain the requests; of saturation infinite; see
    /// [`depth`](Self::depth) for closed loops.
    pub(crate) load_rps: f64,
    trial_ids: Vec<String>,
    /// For each asked expression, one value a block; `None` where it was not recorded.
    pub(crate) values: Vec<Vec<Option<f64>>>,
}

impl Cell {
    /// Requests under way, where these are [`Loop::Closed`] trials: it takes the place of the offered
    /// rate, which a closed loop does not have.
    pub(crate) const fn depth(&self) -> f64 {
        self.load_rps
    }

    /// The number of blocks.
    pub(crate) fn blocks(&self) -> usize {
        self.trial_ids.len()
    }
}

/// Which trials: those of an open loop, of a closed one, drains and saturation never share an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loop {
    /// With an offered rate.
    Open,
    /// With a depth.
    Closed,
    /// With a number of requests.
    Drain,
    /// At one load, the generator's limit.
    Saturate,
    /// Frames that go one way, at a rate or at the generator's limit: they have no latencies.
    Forwarded,
}

impl Loop {
    /// A load in words.
    fn title(self) -> fn(f64) -> String {
        match self {
            Self::Open => super::rate,
            Self::Closed => |depth| format!("depth {depth}"),
            Self::Drain => |requests| format!("{requests} requests"),
            Self::Saturate => |_| "saturated".to_owned(),
            Self::Forwarded => super::frame_rate,
        }
    }

    /// What the load axis shows of a trial, from its recorded load and offered rate; none where it is of
    /// another kind.
    fn number<'a>(self, load: Option<&'a str>, rate: Option<&'a str>) -> Option<&'a str> {
        match self {
            Self::Open => rate,
            Self::Closed => load?.strip_prefix("closed "),
            Self::Drain => load?.strip_prefix("drain "),
            Self::Saturate => load.filter(|load| *load == "saturate").map(|_| "inf"),
            Self::Forwarded => rate.or(Self::Saturate.number(load, rate)),
        }
    }

    /// The rows of these trials, with what their load axis shows in `offered_rps`.
    fn of(self, frame: DataFrame) -> PolarsResult<DataFrame> {
        let mut frame = with_columns(frame, &["load", ONE_WAY])?;
        let text =
            |name: &str| -> PolarsResult<StringChunked> { Ok(frame.column(name)?.str()?.clone()) };
        let (loads, rates) = (text("load")?, text("offered_rps")?);
        let numbers: StringChunked = loads
            .iter()
            .zip(rates.iter())
            .map(|(load, rate)| self.number(load, rate))
            .collect();
        frame.with_column(numbers.with_name("offered_rps".into()).into_column())?;
        let one_way = col(ONE_WAY).fill_null(lit("")).eq(lit("false"));
        let of_kind = if self == Self::Forwarded {
            one_way
        } else {
            one_way.not()
        };
        frame
            .lazy()
            .filter(of_kind.and(col("offered_rps").is_not_null()))
            .collect()
    }
}

/// The column that says `false` of frames that go one way; empty for requests.
const ONE_WAY: &str = "round_trip";

/// Columns of packet trials that tell settings apart.
const TRAFFIC: [&str; 4] = ["processor", "queues", "frame_bytes", "ip"];

/// The table with these columns, empty where the run was recorded before there were such.
fn with_columns(mut frame: DataFrame, names: &[&str]) -> PolarsResult<DataFrame> {
    for name in names {
        if frame.column(name).is_err() {
            let none = StringChunked::full_null((*name).into(), frame.height());
            frame.with_column(none.into_column())?;
        }
    }
    Ok(frame)
}

/// The trials of a run.
#[derive(Debug)]
pub(crate) struct Trials {
    run: PathBuf,
    valid: DataFrame,
    pub(crate) invalid: usize,
    /// A load in words.
    pub(crate) load_title: fn(f64) -> String,
    /// Settings in which a valid trial was recorded.
    pub(crate) settings: Vec<Setting>,
    /// Series of which a valid trial was recorded; the same index gives the same colour everywhere.
    pub(crate) series: Vec<Series>,
    /// The system of each series.
    pub(crate) systems: Vec<String>,
    /// The instrument's own floor, where the run measured it.
    pub(crate) floor: Option<Floor>,
    /// Smells of valid trials with the number of trials that have them.
    pub(crate) smells: BTreeMap<String, usize>,
}

/// Columns of text that figures use.
const TEXT: [&str; 8] = [
    "trial_id", "system", "label", "io", "topology", "fidelity", "valid", "smells",
];

/// Columns of numbers that figures use, beside those of drops.
const NUMBERS: [&str; 20] = [
    "block",
    "offered_rps",
    "achieved_rps",
    "offered",
    "unsent",
    "answered",
    "remainder",
    "p50_ns",
    "p99_ns",
    "p99_9_ns",
    "handoffs",
    "wakeups_app",
    "wakeups_kernel",
    "cross_core_hops",
    "cpu_ns_per_request",
    "server_cpu_ns_per_request",
    "napi_cpu_ns_per_request",
    "client_cpu_ns_per_request",
    "client_napi_cpu_ns_per_request",
    "requests_executed",
];

/// What the columns begin with that count drops for a reason.
const DROP: &str = "drop_";

/// Columns whose text tells settings apart: as numbers they would be compared after rounding.
const WORKLOAD: [&str; 4] = ["keys", "theta", "get_ratio", "swept"];

/// Columns that tell settings and series apart.
const KEYS: [&str; 12] = [
    "fidelity",
    "topology",
    "keys",
    "theta",
    "get_ratio",
    "swept",
    "label",
    "io",
    "processor",
    "queues",
    "frame_bytes",
    "ip",
];

impl Trials {
    pub(super) fn read(run: &Path, which: Loop) -> Result<Option<Self>> {
        let path = run.join("trials.csv");
        let Some(frame) = table::read(&path)? else {
            return Ok(None);
        };
        which
            .of(frame)
            .and_then(|frame| Self::from_frame(run, frame))
            .map(|trials| Some(trials.titled(which)))
            .map_err(Error::table(&path))
    }

    fn from_frame(run: &Path, frame: DataFrame) -> PolarsResult<Self> {
        let is_floor = col("label").eq(lit(FLOOR_LABEL));
        let floor = Floor::of(frame.clone().lazy().filter(is_floor.clone()).collect()?)?;
        let frame = frame.lazy().filter(is_floor.not()).collect()?;
        let frame = with_columns(frame, &["swept"])?;
        let frame = with_columns(frame, &TRAFFIC)?;
        let all = frame.height();
        let columns = frame.get_column_names();
        let drops = columns
            .into_iter()
            .map(|name| name.as_str())
            .filter(|n| n.starts_with(DROP));
        let numbers = NUMBERS.into_iter().chain(drops);
        let numbers: Vec<_> = numbers
            .map(|name| col(name).strict_cast(DataType::Float64))
            .collect();
        let texts = TEXT
            .into_iter()
            .chain(WORKLOAD)
            .chain(TRAFFIC)
            .map(|name| col(name).fill_null(lit("")));
        let valid = frame
            .lazy()
            .with_columns(numbers)
            .with_columns(texts.collect::<Vec<_>>())
            .filter(col("valid").eq(lit("true")))
            .sort(
                ["block"],
                SortMultipleOptions::default().with_maintain_order(true),
            )
            .collect()?;
        let mut trials = Self {
            run: run.to_owned(),
            invalid: all - valid.height(),
            settings: Vec::new(),
            series: Vec::new(),
            systems: Vec::new(),
            floor,
            smells: smells(&valid)?,
            load_title: super::rate,
            valid,
        };
        let rows = trials.keys(&trials.valid)?;
        let systems: BTreeMap<&Series, &str> = rows
            .iter()
            .map(|(_, series)| series)
            .zip(
                trials
                    .valid
                    .column("system")?
                    .str()?
                    .iter()
                    .map(Option::unwrap_or_default),
            )
            .collect();
        let systems = systems.into_values().map(str::to_owned).collect();
        let distinct = rows
            .iter()
            .map(|(setting, series)| (setting.clone(), series.clone()));
        let (settings, series): (BTreeSet<_>, BTreeSet<_>) = distinct.unzip();
        trials.settings = settings.into_iter().collect();
        trials.series = series.into_iter().collect();
        trials.systems = systems;
        Ok(trials)
    }

    /// With its loads in words: those of frames count frames.
    fn titled(self, which: Loop) -> Self {
        let load_title = match (which, self.counted()) {
            (Loop::Open, Counted::Frames) => super::frame_rate,
            (which, _) => which.title(),
        };
        Self { load_title, ..self }
    }

    /// What their rates count.
    pub(crate) fn counted(&self) -> Counted {
        let mut settings = self.settings.iter();
        match settings.any(|setting| setting.traffic.is_some()) {
            true => Counted::Frames,
            false => Counted::Requests,
        }
    }

    /// The setting and series of each row.
    fn keys(&self, frame: &DataFrame) -> PolarsResult<Vec<(Setting, Series)>> {
        let names = KEYS;
        let columns: Vec<&StringChunked> = names
            .iter()
            .map(|name| frame.column(name)?.str())
            .collect::<PolarsResult<_>>()?;
        let row = |row| {
            let text = |column: usize| columns[column].get(row).unwrap_or_default();
            let setting = Setting {
                fidelity: text(0).to_owned(),
                topology: text(1).to_owned(),
                workload: [2, 3, 4].map(|column| text(column).to_owned()),
                swept: Swept::parse(text(5)),
                traffic: Traffic::parse(text(8), text(9), text(10), text(11)),
            };
            let series = Series {
                label: text(6).to_owned(),
                io: text(7).to_owned(),
            };
            (setting, series)
        };
        Ok((0..frame.height()).map(row).collect())
    }

    /// Whether the table has this column: runs recorded by an earlier version lack some.
    pub(crate) fn has_column(&self, name: &str) -> bool {
        self.valid.column(name).is_ok()
    }

    /// Whether a valid trial has a value in the column.
    pub(crate) fn has_values(&self, name: &str) -> bool {
        let column = self.valid.column(name);
        column.is_ok_and(|column| column.null_count() < column.len())
    }

    /// The columns named `drop_<reason>`.
    pub(crate) fn drop_columns(&self) -> Vec<String> {
        let names = self.valid.get_column_names();
        names
            .iter()
            .filter(|n| n.starts_with(DROP))
            .map(ToString::to_string)
            .collect()
    }

    /// Groups the valid trials into cells, in the order of settings, loads and series, with
    /// `values` computed for each trial.
    pub(crate) fn cells(&self, values: &[Expr]) -> Result<Vec<Cell>> {
        self.group(values)
            .map_err(Error::table(&self.run.join("trials.csv")))
    }

    fn group(&self, values: &[Expr]) -> PolarsResult<Vec<Cell>> {
        let keys = KEYS.into_iter().chain(["offered_rps"]);
        let named = |i| format!("value {i}");
        let mut aggregates = vec![col("trial_id")];
        let value = |(i, e): (usize, &Expr)| e.clone().cast(DataType::Float64).alias(named(i));
        aggregates.extend(values.iter().enumerate().map(value));
        let frame = self
            .valid
            .clone()
            .lazy()
            .group_by_stable(keys.map(col).collect::<Vec<_>>())
            .agg(aggregates)
            .collect()?;

        let (ids, loads) = (
            frame.column("trial_id")?.list()?,
            frame.column("offered_rps")?.f64()?,
        );
        let mut cells = Vec::with_capacity(frame.height());
        for (row, (setting, series)) in self.keys(&frame)?.into_iter().enumerate() {
            let list = |column: &ListChunked| column.get_as_series(row).unwrap_or_default();
            let trial_ids = list(ids)
                .str()?
                .iter()
                .flatten()
                .map(str::to_owned)
                .collect();
            let one = |i| -> PolarsResult<Vec<Option<f64>>> {
                Ok(list(frame.column(&named(i))?.list()?)
                    .f64()?
                    .iter()
                    .collect())
            };
            let missing = || polars_err!(ComputeError: "a trial has no offered_rps");
            cells.push(Cell {
                setting: self.settings.partition_point(|s| *s < setting),
                series: self.series.partition_point(|s| *s < series),
                load_rps: loads.get(row).ok_or_else(missing)?,
                trial_ids,
                values: (0..values.len()).map(one).collect::<PolarsResult<_>>()?,
            });
        }
        cells.sort_by(|a, b| {
            let key = |c: &Cell| (c.setting, c.series);
            let (a_key, b_key) = (key(a), key(b));
            a_key
                .0
                .cmp(&b_key.0)
                .then(a.load_rps.total_cmp(&b.load_rps))
                .then(a_key.1.cmp(&b_key.1))
        });
        Ok(cells)
    }

    /// The series' name: its label, with the I/O where the run has several and the label does not
    /// say it. Of a packet system the I/O is a part.
    pub(crate) fn name(&self, series: usize) -> String {
        let series = &self.series[series];
        let Series { label, io } = series;
        let design = series.design() != label.as_str();
        let said = design || self.counted() == Counted::Frames;
        if said || self.ios().len() < 2 {
            label.clone()
        } else {
            format!("{label} · {io}")
        }
    }

    /// A row of a table [by cell](crate::data::Data::by_cell): where it comes from, its load, then
    /// `further`.
    pub(crate) fn row(
        &self,
        cell: &Cell,
        further: impl IntoIterator<Item = String>,
    ) -> Vec<String> {
        let setting = &self.settings[cell.setting];
        let series = &self.series[cell.series];
        let mut row = vec![
            setting.fidelity.clone(),
            setting.topology.clone(),
            setting.workload(),
            series.label.clone(),
            series.io.clone(),
            cell.load_rps.to_string(),
        ];
        row.extend(further);
        row
    }

    /// Headings for a grid with one row a setting; none when there is only one.
    pub(crate) fn headings(&self) -> Vec<(usize, String)> {
        let several = if self.settings.len() > 1 {
            self.settings.as_slice()
        } else {
            &[]
        };
        several.iter().map(Setting::describe).enumerate().collect()
    }

    /// The kinds of I/O in the run.
    pub(crate) fn ios(&self) -> Vec<&str> {
        let ios: BTreeSet<_> = self.series.iter().map(|s| s.io.as_str()).collect();
        ios.into_iter().collect()
    }

    /// The designs in the run.
    pub(crate) fn designs(&self) -> Vec<&str> {
        let designs: BTreeSet<_> = self.series.iter().map(Series::design).collect();
        designs.into_iter().collect()
    }
}

fn smells(valid: &DataFrame) -> PolarsResult<BTreeMap<String, usize>> {
    let mut counts = BTreeMap::new();
    for cell in valid.column("smells")?.str()?.iter().flatten() {
        for smell in cell.split(';').map(str::trim).filter(|s| !s.is_empty()) {
            *counts.entry(smell.to_owned()).or_default() += 1;
        }
    }
    Ok(counts)
}
