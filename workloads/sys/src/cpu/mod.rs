//! CPUs: identity, pinning, and how near they are to each other.

mod list;
mod pinned;
mod topology;

use std::fmt;
use std::io;

use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_getcpu, sched_setaffinity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Doing, malformed};

pub use list::{format_list, format_mask, parse_list};
pub use pinned::Pinned;
pub use topology::{Cpu, PairClass, Topology};

/// A logical CPU by the kernel's number.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct CpuId(pub u32);

impl fmt::Display for CpuId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The CPU that the calling thread runs on at this moment.
#[must_use]
pub fn current() -> CpuId {
    CpuId(sched_getcpu() as u32)
}

/// Pins the calling thread to one CPU; it has moved there when this returns.
///
/// # Errors
/// When the CPU does not exist, is offline, or lies outside the process' cpuset.
pub fn pin_current(cpu: CpuId) -> io::Result<()> {
    set_affinity(None, &[cpu])
}

/// Pins another thread, by its thread id, to one CPU.
///
/// # Errors
/// As [`pin_current`], and when the thread is gone, belongs to somebody else, or is a per-CPU kernel
/// thread, which the kernel lets nobody move.
pub fn pin_thread(tid: u32, cpu: CpuId) -> io::Result<()> {
    set_affinity(Some(tid), &[cpu])
}

/// Restricts a thread (`None`: the calling one) to these CPUs.
///
/// # Errors
/// As [`pin_thread`]; also when `cpus` is empty.
pub fn set_affinity(tid: Option<u32>, cpus: &[CpuId]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for cpu in cpus {
        if cpu.0 as usize >= CpuSet::MAX_CPU {
            return Err(malformed(format!(
                "CPU {cpu} is beyond the {} of a CPU set",
                CpuSet::MAX_CPU
            )));
        }
        set.set(cpu.0 as usize);
    }
    sched_setaffinity(thread_id(tid)?, &set)
        .doing(|| format!("pin {} to CPUs {}", describe(tid), format_list(cpus)))
}

/// The CPUs that a thread (`None`: the calling one) may run on, ascending.
///
/// # Errors
/// When the thread is gone.
pub fn affinity(tid: Option<u32>) -> io::Result<Vec<CpuId>> {
    let set = sched_getaffinity(thread_id(tid)?)
        .doing(|| format!("read the affinity of {}", describe(tid)))?;
    Ok((0..CpuSet::MAX_CPU)
        .filter(|&cpu| set.is_set(cpu))
        .map(|cpu| CpuId(cpu as u32))
        .collect())
}

fn thread_id(tid: Option<u32>) -> io::Result<Option<Pid>> {
    tid.map(crate::process::pid).transpose()
}

fn describe(tid: Option<u32>) -> String {
    tid.map_or_else(
        || "the calling thread".to_owned(),
        |tid| format!("thread {tid}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_runs_where_it_was_told() {
        let allowed = affinity(None).unwrap();
        for &cpu in &allowed {
            std::thread::spawn(move || {
                pin_current(cpu).unwrap();
                assert_eq!(current(), cpu);
                assert_eq!(affinity(None).unwrap(), [cpu]);
            })
            .join()
            .unwrap();
        }
        assert_eq!(
            affinity(None).unwrap(),
            allowed,
            "other threads are not affected"
        );
    }

    #[test]
    fn an_impossible_cpu_is_refused_by_name() {
        let error = pin_current(CpuId(1000)).unwrap_err().to_string();
        assert!(error.contains("1000"), "{error}");
        assert!(pin_current(CpuId(70_000)).is_err());
        assert!(set_affinity(None, &[]).is_err());
    }
}
