//! A case: its name, its needs, and what it does.

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};

use crate::bench::Bench;
use crate::needs::Need;

/// Set where a tier that cannot run is an error.
const EVERY_TIER: &str = "STEERBENCH_REQUIRE_ALL_TIERS";

/// One end-to-end test.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    name: &'static str,
    needs: &'static [Need],
    run: fn(&Bench) -> Result<()>,
}

impl Case {
    /// A case called `name` that runs where `needs` are met.
    pub(crate) const fn new(
        name: &'static str,
        needs: &'static [Need],
        run: fn(&Bench) -> Result<()>,
    ) -> Self {
        Self { name, needs, run }
    }

    fn obstacle(&self) -> Option<String> {
        self.needs.iter().find_map(|need| need.missing())
    }

    fn run_alone(self) -> Result<(), Failed> {
        let bench = Bench::new().map_err(|error| format!("{error:#}"))?;
        let result = (self.run)(&bench);
        let left = bench.processes();
        result.map_err(|error| Failed::from(format!("{error:#}")))?;
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("processes are left behind: {left:?}").into())
        }
    }
}

/// The cases for the runner; those that cannot run here are skipped aloud, or fail.
pub(crate) fn into_trials(cases: Vec<Case>, arguments: &Arguments) -> Vec<Trial> {
    let demanded = std::env::var_os(EVERY_TIER).is_some_and(|value| value == "1");
    cases
        .into_iter()
        .map(|case| {
            let obstacle = if arguments.list {
                None
            } else {
                case.obstacle()
            };
            match obstacle {
                None => Trial::test(case.name, move || case.run_alone()),
                Some(reason) if demanded => Trial::test(case.name, move || {
                    Err(format!("{EVERY_TIER} is set, but here is {reason}").into())
                }),
                Some(reason) => {
                    eprintln!("SKIPPED: {}: {reason}", case.name);
                    Trial::test(case.name, || Ok(())).with_ignored_flag(true)
                }
            }
        })
        .collect()
}
