//! Capacity searches: which trial is next follows from those that are recorded.
//!
//! The searches of a spec take turns, one trial each, in a fresh random order in every round, so that
//! what changes on the machine meanwhile does not fall on one system alone. A resumed run asks the same
//! questions again and finds most of the answers recorded.

use anyhow::{Context, Result};
use record::{CapacityRecord, Ledger, Percentiles, RateRecord, RateVerdict, TrialRecord};
use spec::{Capacity, Rate, Search, ServiceLevel, TrialId, turns};
use stats::capacity::{self as bisection, Outcome, Step, Verdict, inversions};

use super::run::{Steps, Taken};
use crate::specs::Chosen;

/// Runs the searches of `chosen` to their ends.
pub(super) fn drive(chosen: &Chosen, steps: &mut Steps<'_>) -> Result<()> {
    if chosen.searches.is_empty() {
        return Ok(());
    }
    let load = chosen.spec.load.as_ref();
    let asked = load.and_then(|load| load.capacity);
    let asked = asked.context("the searches of a spec without a capacity")?;
    let mut hunts: Vec<Hunt<'_>> = chosen
        .searches
        .iter()
        .map(|search| Hunt::new(search, asked))
        .collect();
    for round in 0.. {
        let mut moved = false;
        for turn in turns(&chosen.spec, round, hunts.len()) {
            moved |= hunts[turn].step(steps)?;
        }
        let records = hunts.iter().map(Hunt::record).collect();
        steps.folder.record_capacity(records)?;
        if !moved {
            break;
        }
    }
    Ok(())
}

/// One search under way.
struct Hunt<'a> {
    search: &'a Search,
    asked: Capacity,
    plan: bisection::Search,
    outcomes: Vec<(u64, Outcome)>,
    /// The trial of each outcome.
    trials: Vec<TrialId>,
    refused: Option<String>,
}

impl<'a> Hunt<'a> {
    fn new(search: &'a Search, asked: Capacity) -> Self {
        Self {
            search,
            asked,
            plan: bisection::Search {
                from_rps: asked.from.get(),
                to_rps: asked.to.get(),
                precision: asked.precision().fraction(),
                repeats: asked.repeats(),
                passes: asked.passes(),
            },
            outcomes: Vec::new(),
            trials: Vec::new(),
            refused: None,
        }
    }

    /// Takes the next trial; false when there is none.
    fn step(&mut self, steps: &mut Steps<'_>) -> Result<bool> {
        if self.refused.is_some() {
            return Ok(false);
        }
        let Step::Probe { rate_rps, repeat } = self.plan.next(&self.outcomes) else {
            return Ok(false);
        };
        let rate = Rate::new(rate_rps, self.asked.from.of());
        let trial = self.search.trial(rate, repeat);
        steps.progress.extend();
        let outcome = match steps.take(&trial)? {
            Taken::Recorded(record) => judge(&self.asked.service_level, &record),
            Taken::Failed => Outcome::Invalid,
            // What is refused does not depend on the rate.
            Taken::Refused(reason) => {
                self.refused = Some(reason);
                return Ok(false);
            }
        };
        self.outcomes.push((rate_rps, outcome));
        self.trials.push(trial.id());
        Ok(true)
    }

    fn record(&self) -> CapacityRecord {
        let tried = self.plan.tried(&self.outcomes);
        let bracket = match self.plan.next(&self.outcomes) {
            Step::Done(bracket) => Some(bracket),
            Step::Probe { .. } => None,
        };
        let of_rate = |rate_rps| {
            let both = self.outcomes.iter().zip(&self.trials);
            both.filter(move |((rate, _), _)| *rate == rate_rps)
                .map(|(_, trial)| trial.clone())
        };
        CapacityRecord {
            asked: self.asked,
            first: self.search.first().clone(),
            passing_rps: bracket.and_then(|bracket| bracket.passing_rps),
            failing_rps: bracket.and_then(|bracket| Some(bracket.failing?.0)),
            complete: bracket.is_some(),
            refused: self.refused.clone(),
            inversions: inversions(&tried),
            rates: tried
                .iter()
                .map(|one| RateRecord {
                    rate_rps: one.rate_rps,
                    passed: one.passed,
                    failed: one.failed,
                    invalid: one.invalid,
                    verdict: one.verdict.map(in_its_words),
                    trials: of_rate(one.rate_rps).collect(),
                })
                .collect(),
        }
    }
}

fn in_its_words(verdict: Verdict) -> RateVerdict {
    match verdict {
        Verdict::Passes => RateVerdict::Passes,
        Verdict::Fails => RateVerdict::Fails,
        Verdict::Undecided => RateVerdict::Undecided,
    }
}

/// What a recorded trial says about the service level.
fn judge(level: &ServiceLevel, record: &TrialRecord) -> Outcome {
    if !record.valid {
        Outcome::Invalid
    } else if holds(level, &record.latency, &record.ledger) {
        Outcome::Pass
    } else {
        Outcome::Fail
    }
}

/// Whether the service level held. A percentile beyond the timeout is above every limit.
fn holds(level: &ServiceLevel, latency: &Percentiles, ledger: &Ledger) -> bool {
    let limits = [
        (level.p50, latency.p50_ns),
        (level.p90, latency.p90_ns),
        (level.p99, latency.p99_ns),
        (level.p99_9, latency.p99_9_ns),
    ];
    let in_time = limits.iter().all(|(limit, found_ns)| {
        limit.is_none_or(|limit| found_ns.is_some_and(|ns| ns <= limit.as_nanos()))
    });
    let lost = ledger.unsent + ledger.timed_out;
    let kept = level
        .loss
        .is_none_or(|limit| lost as f64 <= ledger.offered as f64 * limit.fraction());
    in_time && kept
}

#[cfg(test)]
mod tests {
    use spec::{Duration, Share};

    use super::*;

    fn found(level: ServiceLevel, p99_ns: Option<u64>, timed_out: u64) -> bool {
        let latency = Percentiles {
            p99_ns,
            ..Percentiles::default()
        };
        let ledger = Ledger {
            offered: 1000,
            unsent: 0,
            sent: 1000,
            answered: 1000 - timed_out,
            timed_out,
            further_parts: 0,
            drops: Vec::new(),
            duplicates: 0,
        };
        holds(&level, &latency, &ledger)
    }

    #[test]
    fn every_limit_must_hold_and_the_limit_itself_does() {
        let level = ServiceLevel {
            p99: Some(Duration(200_000)),
            loss: Some(Share(1_000)),
            ..ServiceLevel::default()
        };
        assert!(found(level, Some(200_000), 1));
        assert!(!found(level, Some(200_001), 0));
        assert!(!found(level, Some(100), 2));
        assert!(!found(level, None, 0), "beyond the timeout");
    }

    #[test]
    fn what_is_not_limited_may_be_anything() {
        let level = ServiceLevel {
            loss: Some(Share(0)),
            ..ServiceLevel::default()
        };
        assert!(found(level, None, 0));
        assert!(!found(level, None, 1));
    }
}
