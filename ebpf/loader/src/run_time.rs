//! How long programs run: the kernel's own statistics (BPF_ENABLE_STATS, Linux 5.8).
//!
//! They cost about 50 ns a run, so nothing else is measured while they are kept.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use aya::sys::{Stats, enable_stats};

use crate::provenance::loaded;
use crate::{Error, Result};

/// Runs of the programs of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramRuns {
    /// The name; the kernel keeps 15 bytes of it.
    pub program: String,
    /// How often they ran.
    pub runs: u64,
    /// How long altogether, ns.
    pub run_ns: u64,
}

/// Statistics are kept while this lives, for every program of the machine.
#[derive(Debug)]
pub struct RunTimes {
    _kept: OwnedFd,
    before: BTreeMap<u32, Account>,
}

#[derive(Debug, Clone, Default)]
struct Account {
    name: String,
    runs: u64,
    run_ns: u64,
}

impl RunTimes {
    /// Begins to keep statistics.
    ///
    /// # Errors
    /// Missing privilege, or a kernel before 5.8.
    pub fn begin() -> Result<Self> {
        let kept = enable_stats(Stats::RunTime).map_err(|error| Error::RunTimes(error.io_error))?;
        Ok(Self {
            _kept: kept,
            before: accounts()?,
        })
    }

    /// Ends them and tells, by name, which programs ran meanwhile.
    ///
    /// # Errors
    /// Missing privilege.
    pub fn finish(self) -> Result<Vec<ProgramRuns>> {
        Ok(since(&self.before, accounts()?))
    }
}

fn since(before: &BTreeMap<u32, Account>, now: BTreeMap<u32, Account>) -> Vec<ProgramRuns> {
    let mut by_name: BTreeMap<String, ProgramRuns> = BTreeMap::new();
    for (id, account) in now {
        let earlier = before.get(&id).cloned().unwrap_or_default();
        let runs = account.runs.saturating_sub(earlier.runs);
        if runs == 0 {
            continue;
        }
        let entry = by_name
            .entry(account.name.clone())
            .or_insert_with(|| ProgramRuns {
                program: account.name,
                runs: 0,
                run_ns: 0,
            });
        entry.runs += runs;
        entry.run_ns += account.run_ns.saturating_sub(earlier.run_ns);
    }
    by_name.into_values().collect()
}

fn accounts() -> Result<BTreeMap<u32, Account>> {
    let mut accounts = BTreeMap::new();
    for info in loaded() {
        let info = info?;
        let account = Account {
            name: info.name_as_str().unwrap_or_default().to_owned(),
            runs: info.run_count(),
            run_ns: u64::try_from(info.run_time().as_nanos()).unwrap_or(u64::MAX),
        };
        accounts.insert(info.id(), account);
    }
    Ok(accounts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, runs: u64, run_ns: u64) -> Account {
        Account {
            name: name.to_owned(),
            runs,
            run_ns,
        }
    }

    #[test]
    fn programs_that_ran_are_told_by_name() {
        let before = [(1, account("steer", 10, 500)), (2, account("idle", 7, 70))].into();
        let now = [
            (1, account("steer", 30, 1_700)),
            (2, account("idle", 7, 70)),
            (3, account("steer", 5, 300)),
        ];
        let expected = ProgramRuns {
            program: "steer".to_owned(),
            runs: 25,
            run_ns: 1_500,
        };
        assert_eq!(since(&before, now.into()), [expected]);
    }
}
