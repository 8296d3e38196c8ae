//! The accounts of a set of threads at one moment, and what happened between two moments.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use super::thread::threads_of;
use super::usage::Usage;
use crate::clock;

/// The accounts of some threads at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuSnapshot {
    /// When the reading began, by [`clock::now_ns`].
    pub at_ns: u64,
    /// Account by thread id.
    pub threads: BTreeMap<u32, Usage>,
}

/// What a set of threads used between two snapshots.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuUse {
    /// Time between the snapshots, in nanoseconds.
    pub elapsed_ns: u64,
    /// Sum over all threads.
    pub total: Usage,
    /// Use by thread id.
    pub threads: BTreeMap<u32, Usage>,
    /// Threads that began in between; they are counted whole.
    pub came: Vec<u32>,
    /// Threads that ended in between. What they used since the earlier snapshot is unknown and not in
    /// the sum, so a list that is not empty makes the total a lower bound.
    pub gone: Vec<u32>,
}

impl CpuSnapshot {
    /// Reads the accounts of these threads; one that is gone is left out.
    ///
    /// # Errors
    /// When an account exists but cannot be read.
    pub fn of_threads(tids: impl IntoIterator<Item = u32>) -> io::Result<Self> {
        let mut snapshot = Self {
            at_ns: clock::now_ns(),
            threads: BTreeMap::new(),
        };
        for tid in tids {
            match Usage::of_thread(tid) {
                Ok(account) => {
                    snapshot.threads.insert(tid, account);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(snapshot)
    }

    /// Reads the accounts of all threads of a process.
    ///
    /// # Errors
    /// `NotFound` when the process is gone.
    pub fn of_process(pid: u32) -> io::Result<Self> {
        Self::of_threads(threads_of(pid)?)
    }

    /// What was used since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> CpuUse {
        let mut used = CpuUse {
            elapsed_ns: self.at_ns.saturating_sub(earlier.at_ns),
            ..CpuUse::default()
        };
        for (&tid, &now) in &self.threads {
            let delta = match earlier.threads.get(&tid) {
                Some(&before) if !is_another(before, now) => now - before,
                Some(_) => {
                    used.gone.push(tid);
                    used.came.push(tid);
                    now
                }
                None => {
                    used.came.push(tid);
                    now
                }
            };
            used.threads.insert(tid, delta);
            used.total = used.total + delta;
        }
        let missing = earlier
            .threads
            .keys()
            .filter(|tid| !self.threads.contains_key(tid));
        used.gone.extend(missing);
        used.gone.sort_unstable();
        used
    }
}

/// Accounts only grow: one that shrank belongs to a later thread that was given the same id.
fn is_another(before: Usage, now: Usage) -> bool {
    let (before, now) = (before.sched, now.sched);
    now.run_ns < before.run_ns || now.wait_ns < before.wait_ns || now.timeslices < before.timeslices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::SchedStat;

    fn account(run_ns: u64) -> Usage {
        Usage {
            sched: SchedStat {
                run_ns,
                wait_ns: run_ns / 10,
                timeslices: run_ns / 100,
            },
            ..Usage::default()
        }
    }

    fn snapshot(at_ns: u64, threads: &[(u32, u64)]) -> CpuSnapshot {
        let threads = threads
            .iter()
            .map(|&(tid, run_ns)| (tid, account(run_ns)))
            .collect();
        CpuSnapshot { at_ns, threads }
    }

    #[test]
    fn threads_that_came_went_or_were_replaced_are_told() {
        let before = snapshot(1_000, &[(1, 500), (2, 700), (4, 10_000)]);
        let after = snapshot(3_000, &[(1, 800), (3, 200), (4, 100)]);
        let used = after.since(&before);
        assert_eq!(used.elapsed_ns, 2_000);
        assert_eq!(used.total.sched.run_ns, 300 + 200 + 100);
        assert_eq!(
            used.threads[&1].sched,
            SchedStat {
                run_ns: 300,
                wait_ns: 30,
                timeslices: 3
            }
        );
        assert_eq!((used.came, used.gone), (vec![3, 4], vec![2, 4]));
    }

    #[test]
    fn nothing_happens_between_a_snapshot_and_itself() {
        let once = snapshot(5, &[(1, 500)]);
        let used = once.since(&once);
        assert_eq!(
            (used.total, used.came, used.gone),
            (Usage::default(), vec![], vec![])
        );
    }

    #[test]
    fn a_process_is_read_with_all_its_threads() {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || stopped.recv());
        let count = CpuSnapshot::of_process(std::process::id())
            .unwrap()
            .threads
            .len();
        assert!(count >= 2, "{count} threads");
        drop(stop);
        thread.join().unwrap().unwrap_err();
        let gone = CpuSnapshot::of_threads([u32::MAX >> 1]).unwrap();
        assert!(gone.threads.is_empty());
    }
}
