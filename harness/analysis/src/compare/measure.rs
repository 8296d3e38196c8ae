//! A cell's blocks of one metric, read from the trials' files once.

use std::collections::HashMap;
use std::rc::Rc;

use record::{RecordError, RunFolder};
use spec::TrialId;
use stats::{Histogram, Sample};

use crate::cells::Cell;
use crate::metric::{Form, Metric};

/// The blocks of one cell, owned.
#[derive(Debug)]
pub(crate) enum Blocks {
    Percentile(stats::Quantile, Vec<Histogram>),
    Values(Vec<f64>),
}

impl Blocks {
    pub(crate) fn view(&self) -> Sample<'_> {
        match self {
            Self::Percentile(quantile, histograms) => Sample::Percentile(*quantile, histograms),
            Self::Values(values) => Sample::Median(values),
        }
    }
}

/// The files of a run, each read once.
pub(crate) struct Measured<'a> {
    run: &'a RunFolder,
    histograms: HashMap<TrialId, Rc<Histogram>>,
}

impl<'a> Measured<'a> {
    pub(crate) fn new(run: &'a RunFolder) -> Self {
        Self {
            run,
            histograms: HashMap::new(),
        }
    }

    /// The cell's blocks in their order; `None` where a block does not have the metric.
    pub(crate) fn sample(
        &mut self,
        cell: &Cell<'_>,
        metric: Metric,
    ) -> Result<Option<Blocks>, RecordError> {
        let trials = cell.trials.values();
        match metric.form() {
            Form::Percentile(_) if !has_latency(cell) => Ok(None),
            Form::Percentile(quantile) => {
                let histograms: Result<_, _> = trials
                    .map(|record| self.histogram(&record.trial_id))
                    .map(|histogram| histogram.map(|shared| (*shared).clone()))
                    .collect();
                Ok(Some(Blocks::Percentile(quantile, histograms?)))
            }
            Form::Value => {
                let values: Option<Vec<f64>> = trials.map(|record| metric.value(record)).collect();
                Ok(values.map(Blocks::Values))
            }
        }
    }

    fn histogram(&mut self, trial: &TrialId) -> Result<Rc<Histogram>, RecordError> {
        if let Some(known) = self.histograms.get(trial) {
            return Ok(known.clone());
        }
        let read = Rc::new(read(self.run, trial)?);
        self.histograms.insert(trial.clone(), read.clone());
        Ok(read)
    }
}

/// Whether latencies were measured: not of what waits before the clock starts, nor of frames that go one
/// way.
fn has_latency(cell: &Cell<'_>) -> bool {
    let mut trials = cell.trials.values();
    cell.point.load.has_latency()
        && trials.all(|record| {
            record
                .trial
                .traffic()
                .is_none_or(|traffic| traffic.round_trip)
        })
}

/// A trial's latency in nanoseconds.
pub(crate) fn read(run: &RunFolder, trial: &TrialId) -> Result<Histogram, RecordError> {
    let recorded = run.latency(trial)?;
    let mut histogram = Histogram::from_iter(recorded.buckets);
    histogram.record_unanswered(recorded.unanswered);
    Ok(histogram)
}
