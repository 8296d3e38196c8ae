//! The search for a capacity: the highest rate at which a service level holds, by bisection.
//!
//! Pure and without memory: from every outcome so far follows the next thing to try, so that a search
//! that was interrupted goes on where it was. The bisection is over the logarithm of the rate, since
//! the precision asked for is relative. A rate passes when enough of its repeats do; the answer is a
//! bracket, not a number: what lies between was not tried. Repeats stop as soon as they can no longer
//! change a rate's verdict.

use std::collections::BTreeMap;

/// What to search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Search {
    /// Lowest rate to try, in requests per second; at least 1.
    pub from_rps: u64,
    /// Highest rate to try; above `from_rps`.
    pub to_rps: u64,
    /// Width of the bracket at which to stop, relative to its lower end.
    pub precision: f64,
    /// Valid repeats of each rate, at most.
    pub repeats: u32,
    /// Of them, how many must pass; 1 to `repeats`.
    pub passes: u32,
}

/// What came of one repeat at one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The service level held.
    Pass,
    /// It did not.
    Fail,
    /// The repeat cannot be used.
    Invalid,
}

/// What all repeats of a rate say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The service level holds.
    Passes,
    /// It does not.
    Fails,
    /// More repeats than `repeats` were invalid: it cannot be told.
    Undecided,
}

/// The repeats of one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    /// The rate, in requests per second.
    pub rate_rps: u64,
    /// Repeats that passed.
    pub passed: u32,
    /// Repeats that failed.
    pub failed: u32,
    /// Repeats that cannot be used.
    pub invalid: u32,
    /// What they say; `None` as long as another repeat may change it.
    pub verdict: Option<Verdict>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Repeat `repeat`, counted from 1, of this rate.
    Probe {
        /// The rate, in requests per second.
        rate_rps: u64,
        /// Which repeat of it.
        repeat: u32,
    },
    /// Nothing: this is the answer.
    Done(Bracket),
}

/// Between which rates the capacity lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bracket {
    /// The highest rate that passes; `None` when the lowest one tried does not.
    pub passing_rps: Option<u64>,
    /// The lowest rate that does not, and why; `None` when the highest one tried passes.
    pub failing: Option<(u64, Verdict)>,
}

impl Search {
    /// What follows from `outcomes`, in any order.
    #[must_use]
    pub fn next(&self, outcomes: &[(u64, Outcome)]) -> Step {
        let tried = self.tried(outcomes);
        let seen = |rate: u64| tried.iter().find(|one| one.rate_rps == rate);
        let probe = |rate_rps: u64| Step::Probe {
            rate_rps,
            repeat: seen(rate_rps).map_or(0, Tried::repeats) + 1,
        };
        let verdict = |rate: u64| seen(rate).and_then(|one| one.verdict);
        let (mut low, mut high) = (self.from_rps, self.to_rps);
        match verdict(low) {
            None => return probe(low),
            Some(Verdict::Passes) => {}
            Some(why @ (Verdict::Fails | Verdict::Undecided)) => {
                return Step::Done(Bracket {
                    passing_rps: None,
                    failing: Some((low, why)),
                });
            }
        }
        let mut above = match verdict(high) {
            None => return probe(high),
            Some(Verdict::Passes) => {
                return Step::Done(Bracket {
                    passing_rps: Some(high),
                    failing: None,
                });
            }
            Some(why @ (Verdict::Fails | Verdict::Undecided)) => why,
        };
        while let Some(middle) = self.between(low, high) {
            match verdict(middle) {
                None => return probe(middle),
                Some(Verdict::Passes) => low = middle,
                Some(why @ (Verdict::Fails | Verdict::Undecided)) => (high, above) = (middle, why),
            }
        }
        Step::Done(Bracket {
            passing_rps: Some(low),
            failing: Some((high, above)),
        })
    }

    /// Every rate tried, in ascending order.
    #[must_use]
    pub fn tried(&self, outcomes: &[(u64, Outcome)]) -> Vec<Tried> {
        let mut rates: BTreeMap<u64, Tried> = BTreeMap::new();
        for &(rate_rps, outcome) in outcomes {
            let one = rates.entry(rate_rps).or_insert(Tried {
                rate_rps,
                passed: 0,
                failed: 0,
                invalid: 0,
                verdict: None,
            });
            match outcome {
                Outcome::Pass => one.passed += 1,
                Outcome::Fail => one.failed += 1,
                Outcome::Invalid => one.invalid += 1,
            }
        }
        let judged = |one: Tried| Tried {
            verdict: self.verdict(&one),
            ..one
        };
        rates.into_values().map(judged).collect()
    }

    fn verdict(&self, one: &Tried) -> Option<Verdict> {
        if one.passed >= self.passes {
            Some(Verdict::Passes)
        } else if one.failed > self.repeats - self.passes {
            Some(Verdict::Fails)
        } else if one.invalid > self.repeats {
            Some(Verdict::Undecided)
        } else {
            None
        }
    }

    /// The next rate to try within the bracket, rounded to three digits where they are precise
    /// enough; `None` when the bracket is narrow enough.
    fn between(&self, low: u64, high: u64) -> Option<u64> {
        let narrow = high as f64 <= low as f64 * (1.0 + self.precision);
        if narrow || high - low < 2 {
            return None;
        }
        let middle = (low as f64 * high as f64).sqrt();
        let inside = |rate: u64| (low < rate && rate < high).then_some(rate);
        let digits = middle.log10().floor() as i32;
        let unit = 10_f64.powi((digits - 2).max(0));
        inside(((middle / unit).round() * unit) as u64)
            .or_else(|| inside(middle.round() as u64))
            .or(Some(low + (high - low) / 2))
    }
}

impl Tried {
    /// Repeats so far, of any outcome.
    #[must_use]
    pub const fn repeats(&self) -> u32 {
        self.passed + self.failed + self.invalid
    }

    /// Share of the valid repeats that passed; `None` without any.
    #[must_use]
    pub fn pass_share(&self) -> Option<f64> {
        let valid = self.passed + self.failed;
        (valid > 0).then(|| f64::from(self.passed) / f64::from(valid))
    }
}

/// Neighbouring rates of which the higher one passed more often: a capacity is then not a threshold.
#[must_use]
pub fn inversions(tried: &[Tried]) -> Vec<[u64; 2]> {
    let shares: Vec<(u64, f64)> = tried
        .iter()
        .filter_map(|one| Some((one.rate_rps, one.pass_share()?)))
        .collect();
    let inverted = |pair: &[(u64, f64)]| match pair {
        [(low, below), (high, above)] if below < above => Some([*low, *high]),
        _ => None,
    };
    shares.windows(2).filter_map(inverted).collect()
}

#[cfg(test)]
mod tests;
