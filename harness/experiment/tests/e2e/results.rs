//! Result folders as a stranger reads them: plain CSV, added up anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use record::{Severity, TrialRecord};

/// What other work on the machine does to a trial that is sound.
const OF_A_BUSY_MACHINE: [&str; 5] = [
    "arrivals",
    "competing_load",
    "off_schedule",
    "steal",
    "unsteady",
];

/// A run's folder and its table of trials.
#[derive(Debug)]
pub(crate) struct Run {
    /// The folder.
    pub(crate) path: PathBuf,
    /// Columns of `trials.csv`, in order.
    pub(crate) columns: Vec<String>,
    /// Its rows, without those of the instrument's floor.
    pub(crate) trials: Vec<Row>,
    /// The rows of the instrument's floor.
    pub(crate) floor: Vec<Row>,
}

/// A row of `trials.csv`.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    run: PathBuf,
    cells: Cells,
}

impl Run {
    /// Reads the run at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let (columns, rows) = table(&path.join("trials.csv"))?;
        let rows = rows.into_iter().map(|cells| Row {
            run: path.to_owned(),
            cells,
        });
        let (floor, trials) = rows.partition(|row| row.text("label").is_ok_and(|it| it == "floor"));
        Ok(Self {
            path: path.to_owned(),
            columns,
            trials,
            floor,
        })
    }

    /// Rows of `failures.csv`: trials that gave no data.
    pub(crate) fn failures(&self) -> Result<Vec<Cells>> {
        let path = self.path.join("failures.csv");
        if !path.exists() {
            return Ok(Vec::new());
        }
        Ok(table(&path)?.1)
    }

    /// The only trial.
    pub(crate) fn only_trial(&self) -> Result<&Row> {
        match self.trials.as_slice() {
            [trial] => Ok(trial),
            trials => bail!("expected one trial, found {}", trials.len()),
        }
    }

    /// Ids of the recorded trials.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.trials.iter().map(Row::id).collect()
    }
}

/// A row of a CSV file by column.
pub(crate) type Cells = BTreeMap<String, String>;

/// Header and rows of a CSV file.
pub(crate) fn table(path: &Path) -> Result<(Vec<String>, Vec<Cells>)> {
    let shown = || path.display().to_string();
    let mut reader = csv::Reader::from_path(path).with_context(shown)?;
    let columns: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let rows: Result<Vec<_>, csv::Error> = reader.deserialize().collect();
    Ok((columns, rows.with_context(shown)?))
}

impl Row {
    /// The cell of `column`.
    pub(crate) fn text(&self, column: &str) -> Result<&str> {
        let cell = self.cells.get(column);
        cell.map(String::as_str)
            .with_context(|| format!("trials.csv has no column {column}"))
    }

    /// The cell of `column` as a number.
    pub(crate) fn number(&self, column: &str) -> Result<i64> {
        let text = self.text(column)?;
        text.parse()
            .with_context(|| format!("{}: {column} is `{text}`", self.who()))
    }

    /// The trial's name.
    pub(crate) fn id(&self) -> String {
        self.cells.get("trial_id").cloned().unwrap_or_default()
    }

    /// The trial's own files.
    pub(crate) fn folder(&self) -> PathBuf {
        self.run.join("trials").join(self.id())
    }

    /// What was lost for any other reason than this one.
    pub(crate) fn dropped_but_for(&self, reason: &str) -> Result<u64> {
        let ledger = self.record()?.ledger;
        let others = ledger.drops.iter().filter(|drop| drop.reason != reason);
        Ok(others.map(|drop| drop.requests).sum())
    }

    /// How many values an interval log of the trial holds, and the largest.
    pub(crate) fn logged(&self, file: &str) -> Result<(u64, u64)> {
        let log = fs::read(self.folder().join(file))?;
        let mut deserializer = Deserializer::new();
        let (mut count, mut max) = (0, 0);
        for entry in IntervalLogIterator::new(&log) {
            if let LogEntry::Interval(interval) =
                entry.map_err(|error| anyhow!("{file}: {error:?}"))?
            {
                let encoded = interval.encoded_histogram();
                ensure!(
                    encoded.starts_with("HISTFAAAA"),
                    "{file}: not V2, compressed: {encoded}"
                );
                let bytes = STANDARD.decode(encoded)?;
                let histogram: Histogram<u64> = deserializer.deserialize(&mut bytes.as_slice())?;
                count += histogram.len();
                max = max.max(histogram.max());
            }
        }
        Ok((count, max))
    }

    /// Everything about it but its distributions and counters.
    pub(crate) fn record(&self) -> Result<TrialRecord> {
        let path = self.folder().join("trial.json");
        Ok(serde_json::from_slice(&fs::read(path)?)?)
    }

    /// Label and load, for messages.
    pub(crate) fn who(&self) -> String {
        let cell = |column| self.cells.get(column).map_or("?", String::as_str);
        format!("{} at {}", cell("label"), cell("load"))
    }

    /// A counter of the whole trial.
    pub(crate) fn counter(&self, scope: &str, name: &str) -> Result<u64> {
        let (_, rows) = table(&self.folder().join("counters.csv"))?;
        let row = rows
            .iter()
            .find(|row| row["scope"] == scope && row["name"] == name)
            .with_context(|| format!("{}: no counter {scope} {name}", self.who()))?;
        Ok(row["value"].parse()?)
    }

    /// The sum of all `drop_` columns.
    pub(crate) fn dropped(&self) -> Result<i64> {
        let drops = self.cells.keys().filter(|name| name.starts_with("drop_"));
        drops.map(|name| self.number(name)).sum()
    }

    /// Fails unless every offered request ends in exactly one line, by this file's own arithmetic.
    pub(crate) fn expect_closed(&self) -> Result<()> {
        self.expect_remainder(0)
    }

    /// Fails unless the ledger closes but for `remainder` requests.
    pub(crate) fn expect_remainder(&self, remainder: i64) -> Result<()> {
        let number = |column| self.number(column);
        ensure!(
            number("offered")? > 0,
            "{}: nothing was offered",
            self.who()
        );
        let equations = [
            (
                "offered = unsent + sent",
                number("offered")?,
                number("unsent")? + number("sent")?,
            ),
            (
                "sent = answered + timed_out",
                number("sent")?,
                number("answered")? + number("timed_out")?,
            ),
            (
                "timed_out + further_parts = drops + remainder",
                number("timed_out")? + number("further_parts")?,
                self.dropped()? + remainder,
            ),
            ("the recorded remainder", number("remainder")?, remainder),
        ];
        let several = ["client_split", "duplicate"].contains(&self.text("multi_key")?);
        // Repairs are lost beside frames, and lost frames recovered.
        let mended = self.text("processor")? == "maelstrom";
        ensure!(
            several || mended || number("further_parts")? == 0,
            "{}: further parts of requests of one datagram",
            self.who()
        );
        for (equation, left, right) in equations {
            ensure!(
                left == right,
                "{}: {equation}: {left} against {right}\n{}",
                self.who(),
                self.evidence()
            );
        }
        Ok(())
    }

    /// The codes of its smells.
    pub(crate) fn smells(&self) -> Result<Vec<&str>> {
        Ok(self.text("smells")?.split(';').collect())
    }

    /// Fails unless nothing but the machine's other work speaks against the trial: tests run where
    /// others do.
    pub(crate) fn expect_sound(&self) -> Result<()> {
        let json = fs::read(self.folder().join("trial.json"))?;
        let record: TrialRecord = serde_json::from_slice(&json)?;
        let unsound: Vec<String> = record
            .smells
            .iter()
            .filter(|smell| smell.severity() == Severity::Invalid)
            .filter(|smell| !OF_A_BUSY_MACHINE.contains(&smell.code()))
            .map(ToString::to_string)
            .collect();
        ensure!(
            unsound.is_empty(),
            "{} is invalid: {}\n{}",
            self.who(),
            unsound.join("; "),
            self.evidence()
        );
        Ok(())
    }

    /// What a reader needs who looks for a lost request: the ledger and every counter that moved.
    fn evidence(&self) -> String {
        let ledger = ["offered", "unsent", "sent", "answered", "timed_out"];
        let mut lines: Vec<String> = self
            .cells
            .iter()
            .filter(|(name, value)| {
                (ledger.contains(&name.as_str()) || name.starts_with("drop_")) && *value != "0"
            })
            .map(|(name, value)| format!("  {name} {value}"))
            .collect();
        match fs::read_to_string(self.folder().join("counters.csv")) {
            Ok(text) => lines.extend(
                text.lines()
                    .filter(|line| !line.ends_with(",0"))
                    .map(|line| format!("  {line}")),
            ),
            Err(error) => lines.push(error.to_string()),
        }
        lines.join("\n")
    }
}
