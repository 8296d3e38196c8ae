//! From numbers with their intervals to one of four verdicts.

use std::fmt;

use garde::Validate;
use serde::{Deserialize, Serialize};
use stats::{Estimate, LEVEL, MIN_BLOCKS, holm};

use crate::reading::{Reading, Standing};
use crate::rules;

/// What the data say of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The interval lies within the limits, everywhere the claim speaks of.
    Reproduced,
    /// The interval lies beyond a limit, somewhere.
    Contradicted,
    /// Neither; what would decide it is told.
    Inconclusive,
    /// The runs, or this version, do not have what the claim needs; it is told what.
    NotTestable,
}

impl Verdict {
    /// All verdicts, in the order in which they are counted.
    pub const ALL: [Self; 4] = [
        Self::Reproduced,
        Self::Contradicted,
        Self::Inconclusive,
        Self::NotTestable,
    ];

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reproduced => "reproduced",
            Self::Contradicted => "contradicted",
            Self::Inconclusive => "inconclusive",
            Self::NotTestable => "not testable here",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a number must keep to; at least one limit is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The least that agrees with the claim.
    #[garde(inner(custom(rules::finite)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// The most that agrees with the claim.
    #[garde(inner(custom(rules::finite)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.at_least, self.at_most) {
            (Some(least), Some(most)) => write!(f, "{} to {}", number(least), number(most)),
            (Some(least), None) => write!(f, "at least {}", number(least)),
            (None, Some(most)) => write!(f, "at most {}", number(most)),
            (None, None) => f.write_str("anything"),
        }
    }
}

/// A verdict and the number that it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// The number where the verdict was decided, in `unit`; infinite beyond the timeout, none where
    /// there is no such number.
    pub value: Option<f64>,
    /// Lower bound of its 95% interval; of the range of blocks where they are too few.
    pub low: Option<f64>,
    /// Upper bound.
    pub high: Option<f64>,
    /// The unit of all three: the metric's, or `ratio`.
    pub unit: String,
    /// Blocks that the number rests on.
    pub blocks: usize,
    /// Why this verdict, and for the last two, what would decide or what is missing.
    pub why: String,
    /// Whether nothing but a run is missing: none at hand is of the claim's spec.
    pub no_run: bool,
}

impl Finding {
    /// The number in few digits with its unit; empty where there is none.
    #[must_use]
    pub fn shown_value(&self) -> String {
        self.value
            .map(|value| number(value) + &suffix(&self.unit))
            .unwrap_or_default()
    }

    /// The interval in few digits; empty where there is none.
    #[must_use]
    pub fn shown_interval(&self) -> String {
        match (self.low, self.high) {
            (Some(low), Some(high)) => format!("[{}, {}]", number(low), number(high)),
            (Some(_), None) | (None, Some(_)) | (None, None) => String::new(),
        }
    }

    /// A claim without a number to speak of.
    pub(crate) fn without_number(verdict: Verdict, why: String) -> Self {
        Self {
            verdict,
            value: None,
            low: None,
            high: None,
            unit: String::new(),
            blocks: 0,
            why,
            no_run: false,
        }
    }
}

/// The verdict over all places: reproduced only where every place keeps to its limits, so that no
/// correction for their number is needed; contradicted where one is beyond, and since any would do,
/// the p-values are then corrected by Holm's procedure for the number of places.
pub(crate) fn decide(readings: &[Reading], unit: &str) -> Finding {
    let standings: Vec<Standing> = readings.iter().map(Reading::standing).collect();
    let (verdict, places) = verdict(&standings);
    let decisive = places
        .into_iter()
        .min_by(|&a, &b| readings[a].margin().total_cmp(&readings[b].margin()));
    let Some(decisive) = decisive else {
        return Finding::without_number(Verdict::Inconclusive, "there is no data".to_owned());
    };
    let reading = &readings[decisive];
    let number = |of: fn(&Estimate) -> f64| reading.estimate.as_ref().map(of);
    Finding {
        verdict,
        value: number(|estimate| estimate.value),
        low: number(|estimate| estimate.low),
        high: number(|estimate| estimate.high),
        unit: unit.to_owned(),
        blocks: reading.per_block.len(),
        why: why(reading, standings[decisive], verdict, readings.len(), unit),
        no_run: false,
    }
}

/// The verdict, and the places that made it.
fn verdict(standings: &[Standing]) -> (Verdict, Vec<usize>) {
    let of = |wanted: fn(&Standing) -> bool| -> Vec<usize> {
        (0..standings.len())
            .filter(|&at| wanted(&standings[at]))
            .collect()
    };
    let decided = of(|s| !matches!(s, Standing::TooFewBlocks(_) | Standing::Undefined));
    let p_values: Vec<f64> = decided
        .iter()
        .map(|&at| match standings[at] {
            Standing::Beyond(p) => p.unwrap_or(0.0),
            Standing::Within
            | Standing::Open(_)
            | Standing::TooFewBlocks(_)
            | Standing::Undefined => 1.0,
        })
        .collect();
    let beyond: Vec<usize> = decided
        .iter()
        .zip(holm(&p_values))
        .filter(|(at, p)| matches!(standings[**at], Standing::Beyond(_)) && *p <= LEVEL)
        .map(|(at, _)| *at)
        .collect();
    if !beyond.is_empty() {
        return (Verdict::Contradicted, beyond);
    }
    let undecided = of(|s| !matches!(s, Standing::Within));
    if undecided.is_empty() && !standings.is_empty() {
        return (Verdict::Reproduced, decided);
    }
    (Verdict::Inconclusive, undecided)
}

fn why(
    reading: &Reading,
    standing: Standing,
    verdict: Verdict,
    places: usize,
    unit: &str,
) -> String {
    let limits = reading.limits;
    let place = if reading.place.is_empty() {
        String::new()
    } else {
        format!("at {}: ", reading.place)
    };
    let everywhere = if places > 1 {
        format!("; the nearest of {places} places")
    } else {
        String::new()
    };
    let interval = reading
        .estimate
        .map(|e| format!("[{}, {}]{}", number(e.low), number(e.high), suffix(unit)))
        .unwrap_or_default();
    match standing {
        Standing::Within => format!("{place}{interval} is {limits}{everywhere}"),
        Standing::Beyond(Some(p)) if verdict == Verdict::Inconclusive => format!(
            "{place}{interval} is not {limits}, but the blocks' ranks do not bear it out (p {p:.2}, \
             {places} places): more blocks would decide"
        ),
        Standing::Beyond(_) => format!("{place}{interval} is not {limits}"),
        Standing::Open(limit) => {
            let decide = reading.estimate.map(|e| blocks_to_decide(&e, limit));
            format!(
                "{place}{interval} includes the limit {}: {}",
                number(limit),
                decide.unwrap_or_default()
            )
        }
        Standing::TooFewBlocks(n) => format!(
            "{place}{n} blocks are too few for a verdict: {MIN_BLOCKS} or more would decide"
        ),
        Standing::Undefined => format!(
            "{place}the number is not defined, beyond the timeout or 0 on both sides: another \
             load would decide"
        ),
    }
}

/// How many blocks would move the limit out of the interval, if the value stayed where it is: an
/// interval shrinks with the square root of its blocks.
fn blocks_to_decide(estimate: &Estimate, limit: f64) -> String {
    let reach = if limit < estimate.value {
        estimate.value - estimate.low
    } else {
        estimate.high - estimate.value
    };
    let needed = estimate.n as f64 * (reach / (estimate.value - limit)).powi(2);
    if !needed.is_finite() || needed > 1000.0 {
        return "more blocks alone would hardly decide, the difference is too small or the load too \
                high"
            .to_owned();
    }
    // Rounded up to tens: an estimate of an estimate.
    let needed = ((needed / 10.0).ceil() * 10.0).max(estimate.n as f64 + 10.0);
    format!(
        "about {needed:.0} blocks would decide (these are {})",
        estimate.n
    )
}

/// A unit behind a number; a ratio needs none.
fn suffix(unit: &str) -> String {
    if unit.is_empty() || unit == "ratio" {
        String::new()
    } else {
        format!(" {unit}")
    }
}

/// A number for people: four significant digits, or what lies beyond the timeout.
pub(crate) fn number(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let magnitude = if value == 0.0 {
        0
    } else {
        value.abs().log10().floor() as i32
    };
    let decimals = usize::try_from((3 - magnitude).clamp(0, 6)).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}
