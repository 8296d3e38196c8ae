//! What became of the trials of one run or several, and what the program's exit code says of it. Pure.
//!
//! A trial that this machine refuses is no failure: a paper's specs ask for hyperthreads and second nodes, and say of a
//! machine that has none what it cannot show. What failed may go well next time, and is worth a second try.

use crate::exit::Outcome;

/// Trials by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// They gave data; probes are among them.
    pub(super) recorded: usize,
    /// Of these, those that a gate found invalid.
    pub(super) invalid: usize,
    /// They began and did not come to their end.
    pub(super) failed: usize,
    /// This machine cannot run them.
    pub(super) refused: usize,
}

impl Tally {
    /// With those of a further run.
    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            recorded: self.recorded + other.recorded,
            invalid: self.invalid + other.invalid,
            failed: self.failed + other.failed,
            refused: self.refused + other.refused,
        }
    }

    /// What the program ends with; `strict` asks for all trials, and for valid ones.
    pub(super) const fn outcome(self, strict: bool) -> Outcome {
        let short = strict && self.invalid + self.refused > 0;
        if self.failed > 0 || short {
            Outcome::Incomplete
        } else if self.recorded == 0 && self.refused > 0 {
            Outcome::Impossible
        } else {
            Outcome::Complete
        }
    }

    /// How many trials were refused, and that their reasons stand `place`; nothing where none was.
    pub(super) fn refusals(self, place: &str) -> Option<String> {
        let trials = match self.refused {
            0 => return None,
            1 => "1 trial".to_owned(),
            more => format!("{more} trials"),
        };
        Some(format!(
            "refused  {trials} that this machine cannot run; the reasons stand in {place}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Tally = Tally {
        recorded: 10,
        invalid: 0,
        failed: 0,
        refused: 0,
    };
    const REFUSED: Tally = Tally { refused: 2, ..GOOD };

    #[test]
    fn what_failed_is_incomplete_and_what_was_refused_is_not() {
        let failed = Tally { failed: 1, ..GOOD };
        for (tally, outcome) in [
            (GOOD, Outcome::Complete),
            (REFUSED, Outcome::Complete),
            (failed, Outcome::Incomplete),
            (REFUSED.and(failed), Outcome::Incomplete),
            (Tally { invalid: 3, ..GOOD }, Outcome::Complete),
            (Tally::default(), Outcome::Complete),
        ] {
            assert_eq!(tally.outcome(false), outcome, "{tally:?}");
        }
    }

    #[test]
    fn a_host_that_can_run_nothing_is_told_apart() {
        let nothing = Tally {
            refused: 2,
            ..Tally::default()
        };
        assert_eq!(nothing.outcome(false), Outcome::Impossible);
        // Another spec of the same command ran.
        assert_eq!(nothing.and(GOOD).outcome(false), Outcome::Complete);
    }

    #[test]
    fn strictly_every_trial_is_wanted_and_valid() {
        let invalid = Tally { invalid: 1, ..GOOD };
        assert_eq!(GOOD.outcome(true), Outcome::Complete);
        assert_eq!(REFUSED.outcome(true), Outcome::Incomplete);
        assert_eq!(invalid.outcome(true), Outcome::Incomplete);
    }

    #[test]
    fn refusals_are_counted_and_located() {
        assert_eq!(GOOD.refusals("here"), None);
        let told = REFUSED.refusals("here").expect("two");
        assert!(
            told.contains("2 trials") && told.ends_with("here"),
            "{told}"
        );
    }
}
