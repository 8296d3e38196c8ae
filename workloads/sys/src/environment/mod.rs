//! The machine that a result was obtained on: whatever a reader needs to judge or repeat it.
//!
//! Nothing here fails: what a machine does not tell is [`Reading::Absent`] with the reason.

mod frequency;
mod memory;
mod processor;
mod reading;
mod settings;

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cpu::Topology;
use crate::error::read_text;

pub use frequency::Frequency;
pub use memory::{HugePages, Memory, NodeMemory, available_bytes};
pub use processor::{Cache, Smt};
pub use reading::Reading;

/// A machine and its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Environment {
    /// Kernel release, as `uname -r`.
    pub kernel_release: String,
    /// Kernel version, as `uname -v`.
    pub kernel_version: String,
    /// Machine architecture, as `uname -m`.
    pub architecture: String,
    /// The kernel's command line.
    pub boot_command_line: Reading<String>,
    /// Distribution, from os-release.
    pub distribution: Reading<String>,
    /// Active Linux security modules.
    pub security_modules: Reading<Vec<String>>,
    /// Name of the CPU model.
    pub cpu_model: Reading<String>,
    /// Revision of the CPU's microcode.
    pub microcode: Reading<String>,
    /// Online CPUs with what they share: cores, last-level caches, NUMA nodes.
    pub topology: Reading<Topology>,
    /// Caches, nearest first.
    pub caches: Reading<Vec<Cache>>,
    /// Hardware threads.
    pub smt: Reading<Smt>,
    /// CPUs kept free of other work by the boot command line, as a list; empty text when none.
    pub isolated_cpus: Reading<String>,
    /// CPUs without a periodic timer tick, as a list.
    pub tickless_cpus: Reading<String>,
    /// State by CPU vulnerability: `Not affected`, `Mitigation: ...` or `Vulnerable...`.
    pub mitigations: Reading<BTreeMap<String, String>>,
    /// Frequency scaling.
    pub frequency: Frequency,
    /// Clock source of the kernel.
    pub clocksource: Reading<String>,
    /// Clock sources that the kernel could use.
    pub clocksources_available: Reading<Vec<String>>,
    /// Whether this is a virtual machine, as the CPU tells.
    pub hypervisor: Reading<bool>,
    /// The hypervisor's own name for itself.
    pub hypervisor_signature: Reading<String>,
    /// Maker and model of the machine, from its firmware.
    pub machine_model: Reading<String>,
    /// Memory.
    pub memory: Memory,
    /// Kernel settings by sysctl name.
    pub settings: BTreeMap<String, Reading<String>>,
}

impl Environment {
    /// Looks at this machine.
    #[must_use]
    pub fn gather() -> Self {
        let uname = rustix::system::uname();
        let text = |path: &str| Reading::from(read_text(path));
        let words = |path: &str, separator: char| {
            let split = |text: String| text.split(separator).map(str::to_owned).collect();
            text(path).map(split)
        };
        let cpuinfo = read_text("/proc/cpuinfo").unwrap_or_default();
        let cpus = Path::new("/sys/devices/system/cpu");
        let clock = "/sys/devices/system/clocksource/clocksource0";
        let hypervisor = processor::is_virtual(&cpuinfo);
        Self {
            kernel_release: uname.release().to_string_lossy().into_owned(),
            kernel_version: uname.version().to_string_lossy().into_owned(),
            architecture: uname.machine().to_string_lossy().into_owned(),
            boot_command_line: text("/proc/cmdline"),
            distribution: text("/etc/os-release").map(|text| distribution(&text).unwrap_or(text)),
            security_modules: words("/sys/kernel/security/lsm", ','),
            cpu_model: processor::reading(&cpuinfo, "model name"),
            microcode: processor::reading(&cpuinfo, "microcode"),
            topology: Topology::read().into(),
            caches: processor::caches(cpus),
            smt: processor::smt(&cpus.join("smt")),
            isolated_cpus: read_text(cpus.join("isolated")).into(),
            tickless_cpus: read_text(cpus.join("nohz_full")).into(),
            mitigations: processor::mitigations(&cpus.join("vulnerabilities")),
            frequency: Frequency::read_from(cpus),
            clocksource: text(&format!("{clock}/current_clocksource")),
            clocksources_available: words(&format!("{clock}/available_clocksource"), ' '),
            hypervisor_signature: processor::hypervisor_signature(
                hypervisor.known().copied().unwrap_or_default(),
            ),
            hypervisor,
            machine_model: machine_model(Path::new("/sys/class/dmi/id")),
            memory: Memory::read(),
            settings: settings::read(),
        }
    }
}

fn distribution(os_release: &str) -> Option<String> {
    let name = os_release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(name.trim_matches('"').to_owned())
}

fn machine_model(folder: &Path) -> Reading<String> {
    let vendor = read_text(folder.join("sys_vendor"));
    let both = vendor.and_then(|vendor| {
        Ok(format!(
            "{vendor} {}",
            read_text(folder.join("product_name"))?
        ))
    });
    both.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_described_and_survives_json() {
        let here = Environment::gather();
        assert!(!here.kernel_release.is_empty());
        assert!(here.memory.memory_kib.known().is_some_and(|kib| *kib > 0));
        let topology = here.topology.known();
        assert!(topology.is_some_and(|topology| !topology.cpus().is_empty()));
        let json = serde_json::to_string(&here).unwrap();
        assert_eq!(serde_json::from_str::<Environment>(&json).unwrap(), here);
    }

    #[test]
    fn names_come_from_the_firmware_and_the_distribution() {
        let os_release = "NAME=\"X\"\nPRETTY_NAME=\"X GNU/Linux 12\"\n";
        assert_eq!(distribution(os_release), Some("X GNU/Linux 12".to_owned()));
        let tree = tempfile::tempdir().unwrap();
        assert!(machine_model(tree.path()).reason().is_some());
        std::fs::write(tree.path().join("sys_vendor"), "Maker\n").unwrap();
        std::fs::write(tree.path().join("product_name"), "Model 1\n").unwrap();
        let model = Reading::Known("Maker Model 1".to_owned());
        assert_eq!(machine_model(tree.path()), model);
    }
}
