//! Which CPUs share a core, a last-level cache, a NUMA node: read from sysfs, decided purely.
//!
//! The thread-notification probe (the paper's Figure 4) is measured per class of CPU pair, and the
//! planner places owners by it. Reading and deciding are apart, so that a two-socket machine can be
//! tested on any machine. Files: Documentation/admin-guide/cputopology.rst and
//! Documentation/ABI/testing/sysfs-devices-system-cpu of the kernel.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CpuId, parse_list};
use crate::error::{Doing, read_text};

/// One online CPU and those that it shares hardware with; each list includes the CPU itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cpu {
    /// The CPU.
    pub id: CpuId,
    /// Hardware threads of the same core.
    pub siblings: Vec<CpuId>,
    /// CPUs under the same last-level cache. Where the machine does not tell (some hypervisors),
    /// only the siblings: nothing is claimed to be near without evidence.
    pub llc: Vec<CpuId>,
    /// NUMA node; 0 on a machine without NUMA.
    pub node: u32,
}

/// How near two CPUs are, nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairClass {
    /// One CPU with itself.
    SameCpu,
    /// Two hardware threads of one core.
    SmtSibling,
    /// Two cores under one last-level cache.
    SameLlc,
    /// Two last-level caches of one NUMA node.
    SameNode,
    /// Two NUMA nodes.
    RemoteNode,
}

impl PairClass {
    /// All classes, nearest first.
    pub const ALL: [Self; 5] = [
        Self::SameCpu,
        Self::SmtSibling,
        Self::SameLlc,
        Self::SameNode,
        Self::RemoteNode,
    ];

    /// The name that specs and result files use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SameCpu => "same_cpu",
            Self::SmtSibling => "smt_sibling",
            Self::SameLlc => "same_llc",
            Self::SameNode => "same_node",
            Self::RemoteNode => "remote_node",
        }
    }
}

/// The online CPUs of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Topology {
    cpus: Vec<Cpu>,
}

impl Topology {
    /// A topology from known CPUs, in any order.
    #[must_use]
    pub fn new(mut cpus: Vec<Cpu>) -> Self {
        cpus.sort_by_key(|cpu| cpu.id);
        Self { cpus }
    }

    /// This machine's topology.
    ///
    /// # Errors
    /// When sysfs is not mounted or not readable.
    pub fn read() -> io::Result<Self> {
        Self::read_from(Path::new("/sys/devices/system/cpu"))
    }

    /// Reads a folder of the form of `/sys/devices/system/cpu`.
    ///
    /// # Errors
    /// When the list of online CPUs or a CPU's siblings cannot be read.
    pub fn read_from(folder: &Path) -> io::Result<Self> {
        let online = parse_list(&read_text(folder.join("online"))?)?;
        let cpus = online
            .into_iter()
            .map(|id| read_cpu(folder, id))
            .collect::<io::Result<_>>()?;
        Ok(Self::new(cpus))
    }

    /// The online CPUs, ascending.
    #[must_use]
    pub fn cpus(&self) -> &[Cpu] {
        &self.cpus
    }

    /// One CPU; `None` when it is not online.
    #[must_use]
    pub fn cpu(&self, id: CpuId) -> Option<&Cpu> {
        self.cpus
            .binary_search_by_key(&id, |cpu| cpu.id)
            .ok()
            .map(|at| &self.cpus[at])
    }

    /// CPUs by NUMA node.
    #[must_use]
    pub fn nodes(&self) -> BTreeMap<u32, Vec<CpuId>> {
        let mut nodes = BTreeMap::<u32, Vec<CpuId>>::new();
        for cpu in &self.cpus {
            nodes.entry(cpu.node).or_default().push(cpu.id);
        }
        nodes
    }

    /// How near two CPUs are; `None` when one is not online.
    #[must_use]
    pub fn class(&self, a: CpuId, b: CpuId) -> Option<PairClass> {
        let (a, b) = (self.cpu(a)?, self.cpu(b)?);
        Some(if a.id == b.id {
            PairClass::SameCpu
        } else if a.siblings.contains(&b.id) {
            PairClass::SmtSibling
        } else if a.llc.contains(&b.id) {
            PairClass::SameLlc
        } else if a.node == b.node {
            PairClass::SameNode
        } else {
            PairClass::RemoteNode
        })
    }

    /// The best pair of each class that the machine has among `allowed` (a process' affinity).
    ///
    /// CPU 0 is avoided where another pair exists, since most machines leave interrupts and
    /// housekeeping there; among equals the lowest numbers win, so that the choice is stable.
    #[must_use]
    pub fn example_pairs(&self, allowed: &[CpuId]) -> BTreeMap<PairClass, (CpuId, CpuId)> {
        let mut best = BTreeMap::new();
        let usable: Vec<CpuId> = self
            .cpus
            .iter()
            .map(|cpu| cpu.id)
            .filter(|id| allowed.contains(id))
            .collect();
        for (at, &a) in usable.iter().enumerate() {
            for &b in &usable[at..] {
                let Some(class) = self.class(a, b) else {
                    continue;
                };
                let held = best.entry(class).or_insert((a, b));
                if rank((a, b)) < rank(*held) {
                    *held = (a, b);
                }
            }
        }
        best
    }
}

fn rank(pair: (CpuId, CpuId)) -> (bool, CpuId, CpuId) {
    (pair.0 == CpuId(0) || pair.1 == CpuId(0), pair.0, pair.1)
}

fn read_cpu(folder: &Path, id: CpuId) -> io::Result<Cpu> {
    let folder = folder.join(format!("cpu{id}"));
    let siblings = parse_list(&read_text(folder.join("topology/thread_siblings_list"))?)?;
    let llc = last_level_cache(&folder.join("cache"))?.unwrap_or_else(|| siblings.clone());
    Ok(Cpu {
        id,
        siblings,
        llc,
        node: node_of(&folder)?,
    })
}

/// The sharers of the cache of the highest level; `None` where no cache is described.
fn last_level_cache(folder: &Path) -> io::Result<Option<Vec<CpuId>>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).doing(|| format!("read {}", folder.display())),
    };
    let mut highest: Option<(u32, Vec<CpuId>)> = None;
    for entry in entries {
        let cache = entry?.path();
        let Ok(level) = read_text(cache.join("level")) else {
            continue;
        };
        let Ok(level) = level.parse::<u32>() else {
            continue;
        };
        if highest.as_ref().is_none_or(|(held, _)| level > *held) {
            highest = Some((
                level,
                parse_list(&read_text(cache.join("shared_cpu_list"))?)?,
            ));
        }
    }
    Ok(highest.map(|(_, sharers)| sharers))
}

/// A CPU's folder links to its node as `nodeN`; without NUMA there is no such link.
fn node_of(folder: &Path) -> io::Result<u32> {
    for entry in fs::read_dir(folder).doing(|| format!("read {}", folder.display()))? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("node"));
        if let Some(node) = number.and_then(|number| number.parse().ok()) {
            return Ok(node);
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two sockets of two cores of two threads; on each socket, every core has a cache of its own
    /// when `split`, else the cores share one. Numbered as Linux does: threads of a core 4 apart.
    fn two_nodes(split: bool) -> Topology {
        let cpu = |id: u32| {
            let core = id % 4;
            let siblings = vec![CpuId(core), CpuId(core + 4)];
            let socket: Vec<CpuId> = (0..8)
                .filter(|other| other % 4 / 2 == core / 2)
                .map(CpuId)
                .collect();
            let llc = if split { siblings.clone() } else { socket };
            Cpu {
                id: CpuId(id),
                siblings,
                llc,
                node: core / 2,
            }
        };
        Topology::new((0..8).rev().map(cpu).collect())
    }

    fn all(topology: &Topology) -> Vec<CpuId> {
        topology.cpus().iter().map(|cpu| cpu.id).collect()
    }

    #[test]
    fn pairs_are_classed_by_the_nearest_thing_shared() {
        let shared = two_nodes(false);
        let class = |topology: &Topology, a, b| topology.class(CpuId(a), CpuId(b)).unwrap();
        assert_eq!(class(&shared, 3, 3), PairClass::SameCpu);
        assert_eq!(class(&shared, 0, 4), PairClass::SmtSibling);
        assert_eq!(class(&shared, 0, 1), PairClass::SameLlc);
        assert_eq!(class(&shared, 1, 6), PairClass::RemoteNode);
        assert_eq!(class(&two_nodes(true), 0, 1), PairClass::SameNode);
        assert_eq!(shared.class(CpuId(0), CpuId(9)), None);
        for a in all(&shared) {
            for b in all(&shared) {
                assert_eq!(shared.class(a, b), shared.class(b, a));
            }
        }
    }

    #[test]
    fn examples_avoid_cpu_0_and_respect_the_affinity() {
        let topology = two_nodes(false);
        let pair = |a, b| (CpuId(a), CpuId(b));
        let best = topology.example_pairs(&all(&topology));
        assert_eq!(best[&PairClass::SameCpu], pair(1, 1));
        assert_eq!(best[&PairClass::SmtSibling], pair(1, 5));
        assert_eq!(best[&PairClass::SameLlc], pair(1, 4));
        assert_eq!(best[&PairClass::RemoteNode], pair(1, 2));
        assert!(
            !best.contains_key(&PairClass::SameNode),
            "every node has one cache here"
        );

        let few = topology.example_pairs(&[CpuId(0), CpuId(1)]);
        assert_eq!(
            few[&PairClass::SameLlc],
            pair(0, 1),
            "no pair without CPU 0 exists"
        );
        assert!(!few.contains_key(&PairClass::RemoteNode));
        assert_eq!(topology.nodes()[&1], [2, 3, 6, 7].map(CpuId));
    }

    #[test]
    fn a_sysfs_tree_is_read_with_and_without_caches_and_nodes() {
        let tree = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("online", "0,2\n");
        write("cpu0/topology/thread_siblings_list", "0\n");
        write("cpu0/cache/index0/level", "1\n");
        write("cpu0/cache/index0/shared_cpu_list", "0\n");
        write("cpu0/cache/index3/level", "3\n");
        write("cpu0/cache/index3/shared_cpu_list", "0-2\n");
        write("cpu0/node1/cpulist", "0\n");
        write("cpu2/topology/thread_siblings_list", "2\n");
        let topology = Topology::read_from(tree.path()).unwrap();
        let expected = [
            Cpu {
                id: CpuId(0),
                siblings: vec![CpuId(0)],
                llc: [0, 1, 2].map(CpuId).to_vec(),
                node: 1,
            },
            Cpu {
                id: CpuId(2),
                siblings: vec![CpuId(2)],
                llc: vec![CpuId(2)],
                node: 0,
            },
        ];
        assert_eq!(topology.cpus(), expected);
    }

    #[test]
    fn this_machine_has_its_affinity_online() {
        let topology = Topology::read().unwrap();
        for cpu in crate::cpu::affinity(None).unwrap() {
            assert_eq!(topology.class(cpu, cpu), Some(PairClass::SameCpu));
        }
    }

    #[test]
    fn names_are_those_of_serde() {
        for class in PairClass::ALL {
            assert_eq!(serde_json::to_value(class).unwrap(), class.name());
        }
    }
}
