//! Who else ran: every task of the machine between two moments.
//!
//! A measurement shares its CPUs with whatever else the machine does. What processes outside the
//! measurement used is the sum of their tasks' schedstat, which is exact; a process that ended in
//! between took its account with it, and only shows as time in which a CPU was busy that no task
//! accounts for, and in the number of tasks that were begun. Idle time comes from /proc/stat, where the
//! kernel takes it from the clock and not from samples (`get_cpu_idle_time_us`, with NO_HZ).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

use super::machine::{CpuTimes, cpu_times, pressure_cpu};
use super::thread::{SchedStat, schedstat, threads_of};
use crate::clock;
use crate::cpu::CpuId;
use crate::error::{Doing, malformed, read_text};

/// A clock tick of /proc/stat (USER_HZ is 100 on every architecture of Linux that runs eBPF).
const TICK_NS: u64 = 10_000_000;
/// PF_KTHREAD of include/linux/sched.h.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// Every task of the machine at one moment.
#[derive(Debug, Clone)]
pub struct Scan {
    at_ns: u64,
    cpus: BTreeMap<CpuId, CpuTimes>,
    stalled_us: Option<u64>,
    begun: u64,
    tasks: BTreeMap<u32, SchedStat>,
}

/// What ran between two moments on the CPUs of a measurement.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Others {
    /// Time between the moments, ns.
    pub elapsed_ns: u64,
    /// The CPUs that are meant.
    pub cpus: u32,
    /// Time that they were not idle, summed over them, ns, to 10 ms a CPU.
    pub busy_ns: u64,
    /// Time that the hypervisor took from them, ns, to 10 ms a CPU.
    pub steal_ns: u64,
    /// CPU time of the measurement's own processes and kernel threads, ns.
    pub own_ns: u64,
    /// CPU time of other kernel threads, ns: they work for everybody.
    pub kernel_ns: u64,
    /// CPU time of all other processes that were there at the end, ns.
    pub foreign_ns: u64,
    /// Time that their tasks were runnable but waited for a CPU, ns.
    pub foreign_wait_ns: u64,
    /// The process that used most of `foreign_ns`.
    pub busiest_foreign: Option<String>,
    /// Tasks that the whole machine began.
    pub tasks_begun: u64,
    /// Share of the time in which some task of the machine waited for a CPU (PSI), 0 to 1; `None`
    /// where the kernel does not account it.
    pub pressure_share: Option<f64>,
}

/// What /proc/PID/stat tells of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stat {
    name: String,
    parent: u32,
    kernel: bool,
    cpu: CpuId,
}

impl Scan {
    /// Looks at the machine now.
    ///
    /// # Errors
    /// When /proc cannot be read.
    pub fn take() -> io::Result<Self> {
        let mut tasks = BTreeMap::new();
        for pid in processes()? {
            each_task(pid, |tid, account| {
                tasks.insert(tid, account);
            })?;
        }
        Ok(Self {
            at_ns: clock::now_ns(),
            cpus: cpu_times()?,
            stalled_us: pressure_cpu()?.map(|pressure| pressure.some_total_us),
            begun: tasks_begun()?,
            tasks,
        })
    }

    /// What ran on `cpus` since this look. `root` and its descendants are the measurement, and so are
    /// the kernel threads `own_kernel`; tasks count that ran on one of the CPUs last.
    ///
    /// # Errors
    /// When /proc cannot be read.
    pub fn until_now(
        &self,
        cpus: &BTreeSet<CpuId>,
        root: u32,
        own_kernel: &BTreeSet<u32>,
    ) -> io::Result<Others> {
        let mut stats = BTreeMap::new();
        for pid in processes()? {
            match stat(pid) {
                Ok(stat) => drop(stats.insert(pid, stat)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let mut others = Others {
            cpus: cpus.len() as u32,
            ..Others::default()
        };
        let mut busiest_ns = 0;
        for (pid, stat) in &stats {
            let own = own_kernel.contains(pid) || descends(*pid, root, &stats);
            let mut used = SchedStat::default();
            each_task(*pid, |tid, now| {
                let used_now = self.since(tid, now);
                let counts = own || (used_now.run_ns + used_now.wait_ns > 0 && ran_on(tid, cpus));
                if counts {
                    used = used + used_now;
                }
            })?;
            if own {
                others.own_ns += used.run_ns;
            } else if stat.kernel {
                others.kernel_ns += used.run_ns;
            } else {
                others.foreign_ns += used.run_ns;
                others.foreign_wait_ns += used.wait_ns;
                if used.run_ns > busiest_ns {
                    busiest_ns = used.run_ns;
                    others.busiest_foreign = Some(format!("{} (process {pid})", stat.name));
                }
            }
        }
        others.elapsed_ns = clock::now_ns().saturating_sub(self.at_ns);
        self.add_times(cpus, &cpu_times()?, &mut others);
        others.tasks_begun = tasks_begun()?.saturating_sub(self.begun);
        others.pressure_share = pressure_cpu()?
            .zip(self.stalled_us)
            .map(|(now, before_us)| {
                let stalled_us = now.some_total_us.saturating_sub(before_us);
                stalled_us as f64 * 1e3 / others.elapsed_ns.max(1) as f64
            });
        Ok(others)
    }

    /// A task that is new, or has a number that another had before, is counted whole.
    fn since(&self, tid: u32, now: SchedStat) -> SchedStat {
        match self.tasks.get(&tid) {
            Some(&before) if before.run_ns <= now.run_ns && before.wait_ns <= now.wait_ns => {
                now - before
            }
            Some(_) | None => now,
        }
    }

    fn add_times(
        &self,
        cpus: &BTreeSet<CpuId>,
        now: &BTreeMap<CpuId, CpuTimes>,
        others: &mut Others,
    ) {
        for cpu in cpus {
            let (Some(before), Some(now)) = (self.cpus.get(cpu), now.get(cpu)) else {
                continue;
            };
            let since = |now: u64, before: u64| now.saturating_sub(before) * TICK_NS;
            let idle_ns = since(now.idle, before.idle);
            others.busy_ns += others.elapsed_ns.saturating_sub(idle_ns);
            others.steal_ns += since(now.steal, before.steal);
        }
    }
}

fn processes() -> io::Result<Vec<u32>> {
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc").doing(|| "list processes".to_owned())? {
        let name = entry?.file_name();
        pids.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    Ok(pids)
}

/// Gives each task of a process with its account; a process that is gone has none.
fn each_task(pid: u32, mut give: impl FnMut(u32, SchedStat)) -> io::Result<()> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let tids = match threads_of(pid) {
        Err(error) if gone(&error) => return Ok(()),
        tids => tids?,
    };
    for tid in tids {
        match schedstat(tid) {
            Err(error) if gone(&error) => {}
            account => give(tid, account?),
        }
    }
    Ok(())
}

fn ran_on(tid: u32, cpus: &BTreeSet<CpuId>) -> bool {
    stat(tid).is_ok_and(|stat| cpus.contains(&stat.cpu))
}

fn descends(pid: u32, root: u32, stats: &BTreeMap<u32, Stat>) -> bool {
    let mut at = pid;
    // A chain of parents that changed while it was read could close on itself.
    for _ in 0..stats.len() {
        if at == root {
            return true;
        }
        match stats.get(&at) {
            Some(stat) if stat.parent != 0 => at = stat.parent,
            Some(_) | None => return false,
        }
    }
    false
}

fn stat(pid: u32) -> io::Result<Stat> {
    // ESRCH, of a process that ends between opening and reading, says the same as a missing file.
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|error| {
        if error.raw_os_error() == Some(libc::ESRCH) {
            io::ErrorKind::NotFound.into()
        } else {
            error
        }
    })?;
    parse_stat(&text).ok_or_else(|| malformed(format!("stat of {pid}: '{text}'")))
}

/// Fields 2, 4, 9 and 39 of proc_pid_stat(5).
fn parse_stat(text: &str) -> Option<Stat> {
    let (before, after_name) = text.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Stat {
        name: name.to_owned(),
        parent: u32::try_from(number(4)?).ok()?,
        kernel: number(9)? & KERNEL_THREAD != 0,
        cpu: CpuId(u32::try_from(number(39)?).ok()?),
    })
}

/// Tasks that the machine began since boot.
fn tasks_begun() -> io::Result<u64> {
    let text = read_text("/proc/stat")?;
    let count = text
        .lines()
        .find_map(|line| line.strip_prefix("processes "));
    count
        .and_then(|count| count.parse().ok())
        .ok_or_else(|| malformed("/proc/stat does not count processes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn every_cpu() -> BTreeSet<CpuId> {
        cpu_times().unwrap().into_keys().collect()
    }

    #[test]
    fn the_fields_of_a_process_are_found_behind_any_name() {
        let rest =
            "S 5 7 7 0 -1 2129984 0 0 0 0 1 2 0 0 20 0 1 0 99 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 3 0";
        let found = parse_stat(&format!("7 (a) (b) {rest}")).unwrap();
        let expected = Stat {
            name: "a) (b".to_owned(),
            parent: 5,
            kernel: true,
            cpu: CpuId(3),
        };
        assert_eq!(found, expected);
        assert_eq!(parse_stat("7 (a) S 1"), None);
    }

    #[test]
    fn descent_is_followed_to_the_root_and_no_further() {
        let stat = |parent| Stat {
            name: String::new(),
            parent,
            kernel: false,
            cpu: CpuId(0),
        };
        let stats = [
            (1, stat(0)),
            (5, stat(1)),
            (6, stat(5)),
            (8, stat(9)),
            (9, stat(8)),
        ]
        .into();
        assert!(descends(6, 5, &stats) && descends(5, 5, &stats));
        assert!(!descends(5, 6, &stats) && !descends(1, 5, &stats));
        assert!(!descends(8, 5, &stats), "a ring of parents ends");
    }

    #[test]
    fn a_child_is_our_own_and_foreign_to_another_root() {
        let before = Scan::take().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", "while :; do :; done"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let look = |root| before.until_now(&every_cpu(), root, &BTreeSet::new());
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(10);
        let (ours, theirs) = loop {
            std::thread::sleep(std::time::Duration::from_millis(200));
            let (ours, theirs) = (look(std::process::id()).unwrap(), look(child.id()).unwrap());
            if theirs.own_ns > 0 || std::time::Instant::now() >= patience {
                break (ours, theirs);
            }
        };
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(theirs.own_ns > 0, "the shell ran: {theirs:?}");
        assert!(ours.own_ns >= theirs.own_ns / 2, "{ours:?} {theirs:?}");
        assert!(theirs.own_ns <= theirs.elapsed_ns + TICK_NS, "{theirs:?}");
        assert!(ours.tasks_begun >= 1 && ours.busy_ns <= ours.elapsed_ns * u64::from(ours.cpus));
    }
}
