//! What a run could leave behind on a machine, and whether it did.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::bench::Bench;
use crate::bpf;

/// Agents notice their coordinator's death at once; the kernel tears namespaces down after.
const GONE_WITHIN: Duration = Duration::from_secs(5);
/// Files and folders of /proc/sys and /sys that steering experiments are known to touch somewhere.
const SETTINGS: [&str; 10] = [
    "/proc/sys/net/core",
    "/proc/sys/net/ipv4",
    "/proc/sys/net/ipv4/conf/all",
    "/proc/sys/net/ipv4/conf/default",
    "/proc/sys/net/ipv6/conf/all",
    "/proc/sys/net/ipv6/conf/default",
    "/proc/sys/kernel/bpf_stats_enabled",
    "/proc/sys/kernel/sched_autogroup_enabled",
    "/proc/sys/kernel/sched_rt_runtime_us",
    "/proc/sys/vm/nr_hugepages",
];
/// Settings of each link of this host.
const LINK_SETTINGS: [&str; 5] = [
    "flags",
    "mtu",
    "threaded",
    "gro_flush_timeout",
    "napi_defer_hard_irqs",
];

/// The machine at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Links of this host's namespace and their settings.
    links: BTreeMap<PathBuf, Option<String>>,
    /// Names of network namespaces, and mounted ones without a name.
    namespaces: BTreeSet<String>,
    settings: BTreeMap<PathBuf, Option<String>>,
    /// Ids of loaded programs.
    programs: BTreeSet<u32>,
    /// Ids of bpf_links.
    attachments: BTreeSet<u32>,
}

impl Machine {
    /// Looks at the machine.
    pub(crate) fn look() -> Result<Self> {
        let mut links = BTreeMap::new();
        for link in entries(Path::new("/sys/class/net")) {
            links.extend(LINK_SETTINGS.map(|name| setting(link.join(name))));
        }
        let mut settings = BTreeMap::new();
        for path in SETTINGS.map(PathBuf::from) {
            if path.is_dir() {
                let files = entries(&path).into_iter().filter(|path| path.is_file());
                settings.extend(files.map(setting));
            } else {
                settings.extend([setting(path)]);
            }
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let mounted = mounts.lines().filter(|line| line.contains(" - nsfs "));
        let named = entries(Path::new("/run/netns")).into_iter();
        Ok(Self {
            links,
            namespaces: mounted
                .map(str::to_owned)
                .chain(named.map(|path| path.display().to_string()))
                .collect(),
            settings,
            programs: bpf::programs()?,
            attachments: bpf::links()?,
        })
    }

    /// Fails unless, a few seconds from now at most, everything is again as it is in `self` and
    /// nothing of `bench` lives. Programs that other living processes hold are theirs.
    pub(crate) fn expect_restored(&self, bench: &Bench) -> Result<()> {
        let deadline = Instant::now() + GONE_WITHIN;
        loop {
            let left = self.differences(bench)?;
            if left.is_empty() {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "the machine is not as it was after {GONE_WITHIN:?}:\n{}",
                left.join("\n")
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn differences(&self, bench: &Bench) -> Result<Vec<String>> {
        let mut left: Vec<String> = bench
            .processes()
            .into_iter()
            .map(|(pid, what)| format!("process {pid}: {what}"))
            .collect();
        let now = Self::look()?;
        let held = held_by_processes();
        let new = |before: &BTreeSet<u32>, now: &BTreeSet<u32>, held: &BTreeSet<u32>| {
            let new: Vec<u32> = now.difference(before).copied().collect();
            new.into_iter()
                .filter(|id| !held.contains(id))
                .collect::<Vec<u32>>()
        };
        for id in new(&self.programs, &now.programs, &held.programs) {
            left.push(format!("eBPF program {id}, held by no process"));
        }
        for id in new(&self.attachments, &now.attachments, &held.attachments) {
            left.push(format!("bpf_link {id}, held by no process"));
        }
        for name in self.namespaces.symmetric_difference(&now.namespaces) {
            left.push(format!("network namespace {name}"));
        }
        left.extend(changed(&self.links, &now.links));
        left.extend(changed(&self.settings, &now.settings));
        Ok(left)
    }
}

fn changed(
    before: &BTreeMap<PathBuf, Option<String>>,
    now: &BTreeMap<PathBuf, Option<String>>,
) -> Vec<String> {
    let paths: BTreeSet<&PathBuf> = before.keys().chain(now.keys()).collect();
    paths
        .into_iter()
        .filter(|path| before.get(*path) != now.get(*path))
        .map(|path| {
            let (old, new) = (before.get(path), now.get(path));
            format!("{}: {old:?} became {new:?}", path.display())
        })
        .collect()
}

fn setting(path: PathBuf) -> (PathBuf, Option<String>) {
    let value = fs::read_to_string(&path).ok();
    (path, value)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).into_iter().flatten().flatten();
    found.map(|entry| entry.path()).collect()
}

/// What processes hold through descriptors.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// Ids of programs.
    pub(crate) programs: BTreeSet<u32>,
    /// Ids of bpf_links.
    pub(crate) attachments: BTreeSet<u32>,
}

/// Programs and links that any living process holds. A process that is ending gives up its memory
/// before its descriptors: without a command line, what it holds is about to go.
fn held_by_processes() -> Held {
    let mut held = Held::default();
    for pid in processes() {
        if !command_line(pid).is_empty() {
            held_by(pid, &mut held);
        }
    }
    held
}

/// Adds what `pid` holds to `held`.
pub(crate) fn held_by(pid: u32, held: &mut Held) {
    for descriptor in entries(Path::new(&format!("/proc/{pid}/fdinfo"))) {
        let text = fs::read_to_string(descriptor).unwrap_or_default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            if let (Some(name), Some(Ok(id))) = (words.next(), words.next().map(str::parse)) {
                match name {
                    "prog_id:" => drop(held.programs.insert(id)),
                    "link_id:" => drop(held.attachments.insert(id)),
                    _ => {}
                }
            }
        }
    }
}

fn processes() -> Vec<u32> {
    entries(Path::new("/proc"))
        .iter()
        .filter_map(|path| path.file_name()?.to_str()?.parse().ok())
        .collect()
}

/// Living processes whose environment has `name=value`: those that descend from who set it, also
/// when their parents are dead. Those being started (and still without an environment) have a parent
/// that is found.
pub(crate) fn processes_with(name: &str, value: &Path) -> Vec<(u32, String)> {
    let mut wanted = format!("{name}=").into_bytes();
    wanted.extend_from_slice(value.as_os_str().as_bytes());
    processes()
        .into_iter()
        .filter_map(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
            let marked = environment
                .split(|byte| *byte == 0)
                .any(|one| one == wanted);
            marked.then(|| (pid, command_line(pid)))
        })
        .collect()
}

fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes)
        .replace('\0', " ")
        .trim_end()
        .to_owned()
}
