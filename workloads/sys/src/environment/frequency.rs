//! How fast the CPUs' clocks run, and who decides it (Documentation/admin-guide/pm/cpufreq.rst).

use std::fs;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Reading;
use crate::error::read_text;

/// Frequency scaling of the CPUs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Frequency {
    /// Scaling drivers in use (`intel_pstate`, `amd-pstate-epp`, `acpi-cpufreq` ...), each once.
    pub drivers: Reading<Vec<String>>,
    /// Scaling governors in use (`performance`, `powersave` ...), each once.
    pub governors: Reading<Vec<String>>,
    /// Lowest and highest frequency that the governors may choose, kHz.
    pub range_khz: Reading<[u64; 2]>,
    /// Whether the CPUs may exceed their nominal frequency.
    pub turbo: Reading<bool>,
    /// Driver of the idle states; with deep ones, waking takes longer.
    pub idle_driver: Reading<String>,
    /// Governor of the idle states.
    pub idle_governor: Reading<String>,
}

impl Frequency {
    /// Reads a folder of the form of `/sys/devices/system/cpu`.
    pub(super) fn read_from(folder: &Path) -> Self {
        let scaling = folder.join("cpufreq");
        Self {
            drivers: each(&scaling, "scaling_driver"),
            governors: each(&scaling, "scaling_governor"),
            range_khz: range(&scaling),
            turbo: turbo(folder),
            idle_driver: read_text(folder.join("cpuidle/current_driver")).into(),
            idle_governor: read_text(folder.join("cpuidle/current_governor_ro")).into(),
        }
    }
}

/// What the frequency policies say under `name`, each value once.
fn each(scaling: &Path, name: &str) -> Reading<Vec<String>> {
    let policies = fs::read_dir(scaling).into_iter().flatten();
    let mut values: Vec<String> = policies
        .filter_map(Result::ok)
        .filter_map(|policy| read_text(policy.path().join(name)).ok())
        .collect();
    values.sort();
    values.dedup();
    let reason = "the kernel does not manage the frequency here (no cpufreq policy)";
    Reading::or_absent((!values.is_empty()).then_some(values), reason)
}

fn range(scaling: &Path) -> Reading<[u64; 2]> {
    let number = |name| {
        each(scaling, name).map(|all| {
            all.iter()
                .filter_map(|v| v.parse().ok())
                .collect::<Vec<u64>>()
        })
    };
    match (number("scaling_min_freq"), number("scaling_max_freq")) {
        (Reading::Known(low), Reading::Known(high)) => {
            let ends = low.into_iter().min().zip(high.into_iter().max());
            Reading::or_absent(ends.map(|(low, high)| [low, high]), "not given as numbers")
        }
        (Reading::Absent { absent }, _) | (_, Reading::Absent { absent }) => {
            Reading::Absent { absent }
        }
    }
}

/// Intel's driver has a switch that says "no turbo", others one that says "boost".
fn turbo(folder: &Path) -> Reading<bool> {
    if let Ok(off) = read_text(folder.join("intel_pstate/no_turbo")) {
        return Reading::Known(off == "0");
    }
    let boost = read_text(folder.join("cpufreq/boost")).ok();
    let reason = "no frequency driver tells (neither intel_pstate/no_turbo nor cpufreq/boost)";
    Reading::or_absent(boost.map(|on| on == "1"), reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_turbo_switch_are_understood_and_absence_has_a_reason() {
        let tree = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let bare = Frequency::read_from(tree.path());
        assert!(
            bare.governors
                .reason()
                .is_some_and(|reason| reason.contains("cpufreq"))
        );
        assert!(bare.turbo.reason().is_some());
        assert!(bare.range_khz.reason().is_some());

        write("cpufreq/boost", "0\n");
        for (policy, low) in [("policy0", "400000\n"), ("policy1", "800000\n")] {
            write(&format!("cpufreq/{policy}/scaling_governor"), "powersave\n");
            write(
                &format!("cpufreq/{policy}/scaling_driver"),
                "acpi-cpufreq\n",
            );
            write(&format!("cpufreq/{policy}/scaling_min_freq"), low);
            write(&format!("cpufreq/{policy}/scaling_max_freq"), "3400000\n");
        }
        let seen = Frequency::read_from(tree.path());
        assert_eq!(seen.turbo, Reading::Known(false));
        assert_eq!(seen.governors, Reading::Known(vec!["powersave".to_owned()]));
        assert_eq!(seen.range_khz, Reading::Known([400_000, 3_400_000]));

        write("intel_pstate/no_turbo", "0\n");
        assert_eq!(
            Frequency::read_from(tree.path()).turbo,
            Reading::Known(true)
        );
    }
}
