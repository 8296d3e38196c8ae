//! Accounts of the whole machine: softirq threads, pressure, time per CPU.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

use crate::cpu::CpuId;
use crate::error::{Doing, malformed, read_text};

/// The ksoftirqd thread of every CPU: softirq work that was pushed out of its interrupt.
///
/// # Errors
/// When /proc is not mounted.
pub fn ksoftirqd() -> io::Result<BTreeMap<CpuId, u32>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc").doing(|| "list processes".to_owned())? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(comm) = fs::read_to_string(format!("/proc/{pid}/comm")) else {
            continue;
        };
        let cpu = comm
            .trim_end()
            .strip_prefix("ksoftirqd/")
            .and_then(|cpu| cpu.parse().ok());
        // A user's process may take the name, but not the empty command line of a kernel thread.
        if let Some(cpu) = cpu
            && fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.is_empty())
        {
            found.insert(CpuId(cpu), pid);
        }
    }
    Ok(found)
}

/// Pressure stall information (Documentation/accounting/psi.rst): shares of time in percent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pressure {
    /// Share of the last 10 s in which some task waited for a CPU, in percent.
    pub some_avg10: f64,
    /// Share of the last 60 s, in percent.
    pub some_avg60: f64,
    /// Time since boot in which some task waited, in microseconds.
    pub some_total_us: u64,
}

/// The pressure on the machine's CPUs; `None` when this kernel does not account it.
///
/// # Errors
/// When the file exists but cannot be understood.
pub fn pressure_cpu() -> io::Result<Option<Pressure>> {
    match fs::read_to_string("/proc/pressure/cpu") {
        Ok(text) => parse_pressure(&text)
            .map(Some)
            .ok_or_else(|| malformed(format!("psi: {text}"))),
        // Compiled in but switched off, reading gives EOPNOTSUPP.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error).doing(|| "read /proc/pressure/cpu".to_owned()),
    }
}

fn parse_pressure(text: &str) -> Option<Pressure> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let field = |name: &str| {
        some.split_whitespace()
            .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
    };
    Some(Pressure {
        some_avg10: field("avg10")?.parse().ok()?,
        some_avg60: field("avg60")?.parse().ok()?,
        some_total_us: field("total")?.parse().ok()?,
    })
}

/// Time of one CPU since boot by kind, in clock ticks (10 ms), sampled by the kernel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuTimes {
    /// User code, niced or not.
    pub user: u64,
    /// Kernel code.
    pub system: u64,
    /// Nothing to do, also while waiting for disks.
    pub idle: u64,
    /// Hardware interrupts.
    pub irq: u64,
    /// Softirqs.
    pub softirq: u64,
    /// Taken away by the hypervisor.
    pub steal: u64,
}

/// /proc/stat by CPU.
///
/// # Errors
/// When the file cannot be read or understood.
pub fn cpu_times() -> io::Result<BTreeMap<CpuId, CpuTimes>> {
    parse_cpu_times(&read_text("/proc/stat")?)
}

fn parse_cpu_times(text: &str) -> io::Result<BTreeMap<CpuId, CpuTimes>> {
    let mut times = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.split_whitespace();
        let cpu = fields.next().and_then(|name| name.strip_prefix("cpu"));
        // The line "cpu" without a number is the sum.
        let Some(cpu) = cpu.filter(|cpu| !cpu.is_empty()) else {
            continue;
        };
        let wrong = || malformed(format!("/proc/stat: '{line}'"));
        let cpu = cpu.parse().map_err(|_| wrong())?;
        let ticks: Vec<u64> = fields.map_while(|field| field.parse().ok()).collect();
        let [user, nice, system, idle, iowait, irq, softirq, steal, ..] = ticks[..] else {
            return Err(wrong());
        };
        let (user, idle) = (user + nice, idle + iowait);
        times.insert(
            CpuId(cpu),
            CpuTimes {
                user,
                system,
                idle,
                irq,
                softirq,
                steal,
            },
        );
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cpu_has_its_softirq_thread() {
        let threads = ksoftirqd().unwrap();
        for cpu in crate::cpu::affinity(None).unwrap() {
            let tid = threads[&cpu];
            crate::account::schedstat(tid).unwrap();
            assert_eq!(crate::cpu::affinity(Some(tid)).unwrap(), [cpu]);
        }
    }

    #[test]
    fn pressure_is_read_from_its_line() {
        let text = "some avg10=1.25 avg60=0.50 avg300=0.74 total=1911\nfull avg10=0.00 total=0\n";
        let expected = Pressure {
            some_avg10: 1.25,
            some_avg60: 0.5,
            some_total_us: 1911,
        };
        assert_eq!(parse_pressure(text), Some(expected));
        assert_eq!(parse_pressure("full avg10=0.00 total=0\n"), None);
    }

    #[test]
    fn times_are_by_cpu_without_the_sum() {
        let text = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu1 1 2 3 4 5 6 7 8 0 0\nintr 5\n";
        let times = parse_cpu_times(text).unwrap();
        let expected = CpuTimes {
            user: 3,
            system: 3,
            idle: 9,
            irq: 6,
            softirq: 7,
            steal: 8,
        };
        assert_eq!(times, [(CpuId(1), expected)].into());
        assert!(parse_cpu_times("cpu0 1 2\n").is_err());
        assert!(!cpu_times().unwrap().is_empty());
    }
}
