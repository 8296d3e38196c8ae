//! The machine that a result was obtained on: whatever a reader needs to judge or repeat it.
//!
//! Nothing here fails: what a machine does not tell is `None` or empty, and the result says so.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cpu::Topology;
use crate::error::read_text;

/// A machine and its settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Kernel release, as `uname -r`.
    pub kernel_release: String,
    /// Kernel version, as `uname -v`.
    pub kernel_version: String,
    /// Machine architecture, as `uname -m`.
    pub architecture: String,
    /// The kernel's command line.
    pub boot_command_line: Option<String>,
    /// Distribution, from os-release.
    pub distribution: Option<String>,
    /// Name of the CPU model.
    pub cpu_model: Option<String>,
    /// CPUs with what they share; empty when sysfs does not tell.
    pub topology: Option<Topology>,
    /// CPUs kept free of other work by the boot command line, as a list; empty text when none.
    pub isolated_cpus: Option<String>,
    /// Mitigation by CPU vulnerability.
    pub mitigations: BTreeMap<String, String>,
    /// Frequency governors in use; empty where the frequency is not the kernel's business.
    pub governors: Vec<String>,
    /// Whether the CPUs may exceed their nominal frequency; `None` where unknown.
    pub turbo: Option<bool>,
    /// Clock source of the kernel.
    pub clocksource: Option<String>,
    /// Whether this is a virtual machine, as the CPU tells; `None` where it cannot.
    pub hypervisor: Option<bool>,
    /// Memory in KiB.
    pub memory_kib: Option<u64>,
    /// Reserved 2 MiB (or default-size) huge pages.
    pub huge_pages: Option<u64>,
    /// Mode of transparent huge pages.
    pub transparent_huge_pages: Option<String>,
    /// Whether the eBPF compiler of the kernel is on (`net.core.bpf_jit_enable`).
    pub bpf_jit: Option<String>,
}

impl Environment {
    /// Looks at this machine.
    #[must_use]
    pub fn gather() -> Self {
        let uname = rustix::system::uname();
        let text = |path: &str| read_text(path).ok();
        let cpuinfo = text("/proc/cpuinfo").unwrap_or_default();
        let meminfo = text("/proc/meminfo").unwrap_or_default();
        Self {
            kernel_release: uname.release().to_string_lossy().into_owned(),
            kernel_version: uname.version().to_string_lossy().into_owned(),
            architecture: uname.machine().to_string_lossy().into_owned(),
            boot_command_line: text("/proc/cmdline"),
            distribution: text("/etc/os-release").and_then(|text| distribution(&text)),
            cpu_model: cpu_field(&cpuinfo, "model name").map(str::to_owned),
            topology: Topology::read().ok(),
            isolated_cpus: text("/sys/devices/system/cpu/isolated"),
            mitigations: mitigations(Path::new("/sys/devices/system/cpu/vulnerabilities")),
            governors: governors(Path::new("/sys/devices/system/cpu/cpufreq")),
            turbo: turbo(Path::new("/sys/devices/system/cpu")),
            clocksource: text("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
            hypervisor: cpu_field(&cpuinfo, "flags")
                .map(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor")),
            memory_kib: memory_field(&meminfo, "MemTotal"),
            huge_pages: memory_field(&meminfo, "HugePages_Total"),
            transparent_huge_pages: text("/sys/kernel/mm/transparent_hugepage/enabled")
                .and_then(|modes| chosen(&modes)),
            bpf_jit: crate::sysctl::read("net.core.bpf_jit_enable").ok(),
        }
    }
}

/// The first `name : value` of /proc/cpuinfo.
fn cpu_field<'a>(cpuinfo: &'a str, name: &str) -> Option<&'a str> {
    let pairs = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    pairs
        .map(|(key, value)| (key.trim(), value.trim()))
        .find(|(key, _)| *key == name)
        .map(|p| p.1)
}

/// `MemTotal:  24684092 kB`
fn memory_field(meminfo: &str, name: &str) -> Option<u64> {
    let rest = meminfo
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// The one in brackets: `always [madvise] never`.
fn chosen(modes: &str) -> Option<String> {
    let (_, rest) = modes.split_once('[')?;
    Some(rest.split_once(']')?.0.to_owned())
}

fn distribution(os_release: &str) -> Option<String> {
    let name = os_release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(name.trim_matches('"').to_owned())
}

fn mitigations(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    entries
        .filter_map(|entry| {
            let state = read_text(entry.path()).ok()?;
            Some((entry.file_name().to_string_lossy().into_owned(), state))
        })
        .collect()
}

fn governors(folder: &Path) -> Vec<String> {
    let policies = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    let mut governors: Vec<String> = policies
        .filter_map(|policy| read_text(policy.path().join("scaling_governor")).ok())
        .collect();
    governors.sort();
    governors.dedup();
    governors
}

/// Intel's driver has a switch that says "no turbo", others one that says "boost".
fn turbo(folder: &Path) -> Option<bool> {
    if let Ok(off) = read_text(folder.join("intel_pstate/no_turbo")) {
        return Some(off == "0");
    }
    read_text(folder.join("cpufreq/boost"))
        .ok()
        .map(|on| on == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_described_and_survives_json() {
        let here = Environment::gather();
        assert!(!here.kernel_release.is_empty());
        assert!(here.memory_kib.is_some_and(|kib| kib > 0));
        assert!(
            here.topology
                .as_ref()
                .is_some_and(|topology| !topology.cpus().is_empty())
        );
        let json = serde_json::to_string(&here).unwrap();
        assert_eq!(serde_json::from_str::<Environment>(&json).unwrap(), here);
    }

    #[test]
    fn texts_are_read_by_name() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Some CPU: fast\nflags\t\t: fpu hypervisor\n";
        assert_eq!(cpu_field(cpuinfo, "model name"), Some("Some CPU: fast"));
        assert_eq!(cpu_field(cpuinfo, "model"), None);
        let meminfo = "MemTotal:       24684092 kB\nHugePages_Total:       3\n";
        assert_eq!(memory_field(meminfo, "MemTotal"), Some(24_684_092));
        assert_eq!(memory_field(meminfo, "HugePages_Total"), Some(3));
        assert_eq!(chosen("always [madvise] never"), Some("madvise".to_owned()));
        assert_eq!(chosen("never"), None);
        let os_release = "NAME=\"X\"\nPRETTY_NAME=\"X GNU/Linux 12\"\n";
        assert_eq!(distribution(os_release), Some("X GNU/Linux 12".to_owned()));
    }

    #[test]
    fn both_kinds_of_turbo_switch_are_understood() {
        let tree = tempfile::tempdir().unwrap();
        assert_eq!(turbo(tree.path()), None);
        fs::create_dir_all(tree.path().join("cpufreq/policy0")).unwrap();
        fs::write(tree.path().join("cpufreq/boost"), "0\n").unwrap();
        fs::write(
            tree.path().join("cpufreq/policy0/scaling_governor"),
            "powersave\n",
        )
        .unwrap();
        assert_eq!(turbo(tree.path()), Some(false));
        assert_eq!(governors(&tree.path().join("cpufreq")), ["powersave"]);
        fs::create_dir_all(tree.path().join("intel_pstate")).unwrap();
        fs::write(tree.path().join("intel_pstate/no_turbo"), "0\n").unwrap();
        assert_eq!(turbo(tree.path()), Some(true));
    }
}
