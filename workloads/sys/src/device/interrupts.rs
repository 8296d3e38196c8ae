//! The interrupts of a device and the CPUs that take them (Documentation/core-api/irq/irq-affinity.rst).

use std::fs;
use std::io;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Doing, read_text};

/// An interrupt of a device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Interrupt {
    /// Its number.
    pub irq: u32,
    /// What the driver calls it, such as `eth0-TxRx-0`.
    pub name: Option<String>,
    /// CPUs that may take it, as a list.
    pub affinity: Option<String>,
    /// CPUs that do take it, as a list.
    pub effective: Option<String>,
}

/// The interrupts of the device with this folder in sysfs.
///
/// # Errors
/// `NotFound` for a device without hardware behind it.
pub(super) fn of(folder: &Path) -> io::Result<Vec<Interrupt>> {
    of_in(folder, Path::new("/proc"))
}

fn of_in(folder: &Path, proc: &Path) -> io::Result<Vec<Interrupt>> {
    let device = folder.join("device");
    if !device.exists() {
        let reason = "a virtual device has no interrupts";
        return Err(io::Error::new(io::ErrorKind::NotFound, reason));
    }
    let table = read_text(proc.join("interrupts")).unwrap_or_default();
    let mut found: Vec<Interrupt> = numbers(&device)?
        .into_iter()
        .map(|irq| {
            let file = |name| read_text(proc.join(format!("irq/{irq}/{name}"))).ok();
            Interrupt {
                irq,
                name: name_of(&table, irq),
                affinity: file("smp_affinity_list"),
                effective: file("effective_affinity_list"),
            }
        })
        .collect();
    found.sort();
    Ok(found)
}

/// Message-signalled interrupts, or else the device's one line.
fn numbers(device: &Path) -> io::Result<Vec<u32>> {
    let Ok(entries) = fs::read_dir(device.join("msi_irqs")) else {
        let irq = read_text(device.join("irq"))?;
        return Ok(irq.parse().into_iter().filter(|irq| *irq != 0).collect());
    };
    let names = entries
        .map(|entry| Ok(entry?.file_name()))
        .collect::<io::Result<Vec<_>>>();
    let names = names.doing(|| format!("read {}/msi_irqs", device.display()))?;
    Ok(names
        .iter()
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect())
}

/// The last word of an interrupt's line in /proc/interrupts.
fn name_of(table: &str, irq: u32) -> Option<String> {
    let line = table.lines().find_map(|line| {
        let (number, rest) = line.split_once(':')?;
        (number.trim().parse() == Ok(irq)).then_some(rest)
    })?;
    line.split_whitespace().next_back().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupts_are_listed_with_their_names_and_cpus() {
        let tree = tempfile::tempdir().unwrap();
        let (device, proc) = (tree.path().join("net"), tree.path().join("proc"));
        assert!(of_in(&device, &proc).is_err());
        fs::create_dir_all(device.join("device/msi_irqs")).unwrap();
        for irq in ["41", "40"] {
            fs::write(device.join("device/msi_irqs").join(irq), "msix\n").unwrap();
            fs::create_dir_all(proc.join("irq").join(irq)).unwrap();
            fs::write(
                proc.join("irq").join(irq).join("smp_affinity_list"),
                "0-3\n",
            )
            .unwrap();
        }
        let table =
            "           CPU0\n 40:   7  PCI-MSI  eth0-TxRx-0\n 41:   8  PCI-MSI  eth0-TxRx-1\n";
        fs::write(proc.join("interrupts"), table).unwrap();
        let found = of_in(&device, &proc).unwrap();
        let names: Vec<_> = found.iter().filter_map(|one| one.name.as_deref()).collect();
        assert_eq!(names, ["eth0-TxRx-0", "eth0-TxRx-1"]);
        assert_eq!(
            (found[0].irq, found[0].affinity.as_deref()),
            (40, Some("0-3"))
        );
        assert_eq!(found[0].effective, None);
    }
}
