//! The CPU: model, microcode, caches, hardware threads, vulnerabilities, hypervisor.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Reading;
use crate::error::{Doing, read_text};

/// One kind of cache, and which CPUs share each instance of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cache {
    /// 1 is nearest to the core.
    pub level: u32,
    /// `Data`, `Instruction` or `Unified`.
    pub kind: String,
    /// Size of one instance, as the kernel writes it (`32K`).
    pub size: String,
    /// Length of a line, bytes.
    pub line_bytes: Option<u32>,
    /// CPUs of each instance, as lists (`0-3,8`).
    pub shared_by: Vec<String>,
}

/// Hardware threads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Smt {
    /// Whether some core runs more than one thread.
    pub active: bool,
    /// The kernel's switch (`on`, `off`, `forceoff`, `notsupported`, `notimplemented`).
    pub control: String,
}

/// The value of the first `name : value` of /proc/cpuinfo.
pub(super) fn field<'a>(cpuinfo: &'a str, name: &str) -> Option<&'a str> {
    let pairs = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    pairs
        .map(|(key, value)| (key.trim(), value.trim()))
        .find(|(key, _)| *key == name)
        .map(|p| p.1)
}

/// A field of /proc/cpuinfo, or that there is none.
pub(super) fn reading(cpuinfo: &str, name: &str) -> Reading<String> {
    let value = field(cpuinfo, name).map(str::to_owned);
    Reading::or_absent(value, &format!("/proc/cpuinfo has no '{name}'"))
}

/// Whether the CPU says that it is a virtual one.
pub(super) fn is_virtual(cpuinfo: &str) -> Reading<bool> {
    let flags = field(cpuinfo, "flags");
    let found = flags.map(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor"));
    Reading::or_absent(found, "/proc/cpuinfo has no 'flags' (not an x86 machine)")
}

/// The hypervisor's signature (CPUID leaf 0x4000_0000): `KVMKVMKVM`, `Microsoft Hv`, `VMwareVMware` ...
#[cfg(target_arch = "x86_64")]
pub(super) fn hypervisor_signature(is_virtual: bool) -> Reading<String> {
    if !is_virtual {
        return Reading::absent("no hypervisor announces itself");
    }
    let leaf = std::arch::x86_64::__cpuid(0x4000_0000);
    let bytes: Vec<u8> = [leaf.ebx, leaf.ecx, leaf.edx]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .take_while(|byte| *byte != 0)
        .collect();
    Reading::Known(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// Only x86 names its hypervisor in a register.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn hypervisor_signature(_is_virtual: bool) -> Reading<String> {
    Reading::absent("this architecture has no register that names the hypervisor")
}

/// Mitigation by vulnerability (Documentation/ABI/testing/sysfs-devices-system-cpu).
pub(super) fn mitigations(folder: &Path) -> Reading<BTreeMap<String, String>> {
    let read = || -> io::Result<_> {
        let shown = folder.display();
        let entries = fs::read_dir(folder).doing(|| format!("read {shown}"))?;
        let mut found = BTreeMap::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            found.insert(name, read_text(entry.path())?);
        }
        Ok(found)
    };
    read().into()
}

/// SMT as `/sys/devices/system/cpu/smt` tells.
pub(super) fn smt(folder: &Path) -> Reading<Smt> {
    let read = || -> io::Result<Smt> {
        Ok(Smt {
            active: read_text(folder.join("active"))? == "1",
            control: read_text(folder.join("control"))?,
        })
    };
    read().into()
}

/// The caches below `/sys/devices/system/cpu`, nearest first.
pub(super) fn caches(folder: &Path) -> Reading<Vec<Cache>> {
    let mut found: BTreeMap<(u32, String, String), Cache> = BTreeMap::new();
    let indices = folders(folder, "cpu")
        .into_iter()
        .flat_map(|cpu| folders(&cpu.join("cache"), "index"));
    for index in indices {
        let Ok((cache, sharers)) = one_cache(&index) else {
            continue;
        };
        let key = (cache.level, cache.kind.clone(), cache.size.clone());
        let held = found.entry(key).or_insert(cache);
        if !held.shared_by.contains(&sharers) {
            held.shared_by.push(sharers);
        }
    }
    let caches: Vec<Cache> = found.into_values().collect();
    let reason = "the machine describes no caches (sysfs has none; some hypervisors hide them)";
    Reading::or_absent((!caches.is_empty()).then_some(caches), reason)
}

fn one_cache(index: &Path) -> io::Result<(Cache, String)> {
    let text = |name| read_text(index.join(name));
    let level = text("level")?;
    let level = level
        .parse()
        .map_err(|_| crate::error::malformed(format!("cache level '{level}'")))?;
    let cache = Cache {
        level,
        kind: text("type")?,
        size: text("size")?,
        line_bytes: text("coherency_line_size")
            .ok()
            .and_then(|text| text.parse().ok()),
        shared_by: Vec::new(),
    };
    Ok((cache, text("shared_cpu_list")?))
}

/// Folders in `parent` named `prefix` and a number, by number.
fn folders(parent: &Path, prefix: &str) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    let mut numbered: Vec<(u32, std::path::PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let number = name.to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    numbered.sort();
    numbered.into_iter().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Some CPU: fast\nflags\t\t: fpu hypervisor\n";
        assert_eq!(field(cpuinfo, "model name"), Some("Some CPU: fast"));
        assert!(reading(cpuinfo, "model").reason().is_some());
        assert_eq!(is_virtual(cpuinfo), Reading::Known(true));
        assert!(is_virtual("Features : fp asimd").reason().is_some());
        assert!(hypervisor_signature(false).reason().is_some());
    }

    #[test]
    fn caches_are_told_once_with_their_sharers() {
        let tree = tempfile::tempdir().unwrap();
        assert!(caches(tree.path()).reason().is_some());
        for (cpu, index, level, kind, size, shared) in [
            (0, 0, "1", "Data", "32K", "0"),
            (1, 0, "1", "Data", "32K", "1"),
            (0, 3, "3", "Unified", "16M", "0-1"),
            (1, 3, "3", "Unified", "16M", "0-1"),
        ] {
            let folder = tree.path().join(format!("cpu{cpu}/cache/index{index}"));
            fs::create_dir_all(&folder).unwrap();
            for (name, text) in [
                ("level", level),
                ("type", kind),
                ("size", size),
                ("shared_cpu_list", shared),
            ] {
                fs::write(folder.join(name), text).unwrap();
            }
        }
        let Reading::Known(found) = caches(tree.path()) else {
            panic!("there are caches");
        };
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].shared_by, ["0", "1"]);
        assert_eq!((found[1].level, &*found[1].size), (3, "16M"));
        assert_eq!(found[1].shared_by, ["0-1"]);
    }
}
