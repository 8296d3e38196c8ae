//! The instrument's own floor: trials of a reflector, which are no competitor of the systems.

use polars::prelude::*;

use super::micros;

/// The label of the floor's trials, which no system of a spec may take.
pub(super) const FLOOR_LABEL: &str = "floor";

/// What of every latency is the instrument's own, over the valid trials of the floor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Floor {
    /// Median over blocks of the median latency, ns.
    pub(crate) p50_ns: f64,
    /// Median over blocks of the 99th percentile, ns.
    pub(crate) p99_ns: f64,
}

impl Floor {
    /// The floor of these trials; none where no valid one answered.
    pub(super) fn of(trials: DataFrame) -> PolarsResult<Option<Self>> {
        let median = |name: &str| col(name).cast(DataType::Float64).median();
        let valid = (col("valid").cast(DataType::String)).eq(lit("true"));
        let medians = trials
            .lazy()
            .filter(valid)
            .select([median("p50_ns"), median("p99_ns")])
            .collect()?;
        let of =
            |name: &str| -> PolarsResult<Option<f64>> { Ok(medians.column(name)?.f64()?.get(0)) };
        Ok(of("p50_ns")?
            .zip(of("p99_ns")?)
            .map(|(p50_ns, p99_ns)| Self { p50_ns, p99_ns }))
    }

    /// The floor in a few words, for a caption.
    pub(crate) fn describe(self) -> String {
        format!(
            "Instrument floor p50 {:.1} µs, p99 {:.1} µs.",
            micros(self.p50_ns),
            micros(self.p99_ns)
        )
    }
}
