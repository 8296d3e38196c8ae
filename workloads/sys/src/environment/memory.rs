//! Memory: how much, in which pages, on which nodes.

use std::fs;
use std::io;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Reading;
use crate::error::{malformed, read_text};

/// Memory of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Memory {
    /// All of it, KiB.
    pub memory_kib: Reading<u64>,
    /// What was available when it was looked at, KiB.
    pub available_kib: Reading<u64>,
    /// Reserved huge pages, by size; empty on a kernel without them.
    pub huge_pages: Vec<HugePages>,
    /// Mode of transparent huge pages (`always`, `madvise`, `never`).
    pub transparent_huge_pages: Reading<String>,
    /// Memory of each NUMA node; empty on a kernel without NUMA.
    pub nodes: Vec<NodeMemory>,
}

/// Reserved huge pages of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HugePages {
    /// Size of a page, KiB.
    pub page_kib: u64,
    /// Pages reserved.
    pub total: u64,
    /// Of them, unused.
    pub free: u64,
}

/// Memory of one NUMA node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeMemory {
    /// The node.
    pub node: u32,
    /// All of its memory, KiB.
    pub memory_kib: u64,
}

impl Memory {
    /// This machine's memory.
    pub(super) fn read() -> Self {
        let meminfo = read_text("/proc/meminfo").unwrap_or_default();
        let amount = |name: &str| {
            Reading::or_absent(
                field(&meminfo, name),
                &format!("/proc/meminfo has no {name}"),
            )
        };
        let mode = read_text("/sys/kernel/mm/transparent_hugepage/enabled");
        Self {
            memory_kib: amount("MemTotal"),
            available_kib: amount("MemAvailable"),
            huge_pages: huge_pages(Path::new("/sys/kernel/mm/hugepages")),
            transparent_huge_pages: Reading::from(mode)
                .map(|modes| chosen(&modes).unwrap_or(&modes).to_owned()),
            nodes: nodes(Path::new("/sys/devices/system/node")),
        }
    }
}

/// Memory that programs can have without swapping, now.
///
/// # Errors
/// When /proc/meminfo cannot be read or does not tell.
pub fn available_bytes() -> io::Result<u64> {
    let meminfo = read_text("/proc/meminfo")?;
    let available_kib = field(&meminfo, "MemAvailable");
    available_kib
        .map(|kib| kib << 10)
        .ok_or_else(|| malformed("/proc/meminfo has no MemAvailable".to_owned()))
}

/// `MemTotal:  24684092 kB`, also behind `Node 0 `.
fn field(meminfo: &str, name: &str) -> Option<u64> {
    let rest = meminfo
        .lines()
        .find_map(|line| line.split_once(name)?.1.strip_prefix(':'))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// The one in brackets: `always [madvise] never`.
fn chosen(modes: &str) -> Option<&str> {
    let (_, rest) = modes.split_once('[')?;
    Some(rest.split_once(']')?.0)
}

fn huge_pages(folder: &Path) -> Vec<HugePages> {
    let entries = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    let mut all: Vec<HugePages> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let size = name
                .to_str()?
                .strip_prefix("hugepages-")?
                .strip_suffix("kB")?;
            let number = |file| read_text(entry.path().join(file)).ok()?.parse().ok();
            Some(HugePages {
                page_kib: size.parse().ok()?,
                total: number("nr_hugepages")?,
                free: number("free_hugepages")?,
            })
        })
        .collect();
    all.sort_by_key(|pages| pages.page_kib);
    all
}

fn nodes(folder: &Path) -> Vec<NodeMemory> {
    let entries = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    let mut all: Vec<NodeMemory> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let node = name.to_str()?.strip_prefix("node")?.parse().ok()?;
            let meminfo = read_text(entry.path().join("meminfo")).ok()?;
            Some(NodeMemory {
                node,
                memory_kib: field(&meminfo, "MemTotal")?,
            })
        })
        .collect();
    all.sort_by_key(|memory| memory.node);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_by_name_for_machine_and_node() {
        let meminfo = "MemTotal:       24684092 kB\nMemFree: 7 kB\nHugePages_Total:       3\n";
        assert_eq!(field(meminfo, "MemTotal"), Some(24_684_092));
        assert_eq!(field(meminfo, "HugePages_Total"), Some(3));
        assert_eq!(field(meminfo, "MemAvailable"), None);
        assert_eq!(field("Node 0 MemTotal:       12 kB", "MemTotal"), Some(12));
        assert_eq!(chosen("always [madvise] never"), Some("madvise"));
        assert_eq!(chosen("never"), None);
    }

    #[test]
    fn huge_pages_are_told_by_size() {
        let tree = tempfile::tempdir().unwrap();
        let folder = tree.path().join("hugepages-2048kB");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("nr_hugepages"), "8\n").unwrap();
        fs::write(folder.join("free_hugepages"), "5\n").unwrap();
        let expected = HugePages {
            page_kib: 2048,
            total: 8,
            free: 5,
        };
        assert_eq!(huge_pages(tree.path()), [expected]);
    }
}
