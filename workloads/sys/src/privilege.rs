//! What the calling process may do, and for whom it does it under sudo.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Gid, Uid, chownat};
use rustix::thread::CapabilitySet;
use serde::{Deserialize, Serialize};

use crate::error::{Doing, read_text};

/// The capabilities that the experiments need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Links, addresses, attaching XDP, AF_XDP with zero-copy.
    NetAdmin,
    /// Packet and AF_XDP sockets.
    NetRaw,
    /// Namespaces and mounts.
    SysAdmin,
    /// Loading eBPF programs.
    Bpf,
    /// eBPF programs that look at kernel memory or use tracing.
    Perfmon,
    /// Locked memory beyond the limit.
    IpcLock,
    /// Priorities and affinities of other users' threads, NAPI threads among them.
    SysNice,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::NetAdmin,
        Self::NetRaw,
        Self::SysAdmin,
        Self::Bpf,
        Self::Perfmon,
        Self::IpcLock,
        Self::SysNice,
    ];

    fn bit(self) -> CapabilitySet {
        match self {
            Self::NetAdmin => CapabilitySet::NET_ADMIN,
            Self::NetRaw => CapabilitySet::NET_RAW,
            Self::SysAdmin => CapabilitySet::SYS_ADMIN,
            Self::Bpf => CapabilitySet::BPF,
            Self::Perfmon => CapabilitySet::PERFMON,
            Self::IpcLock => CapabilitySet::IPC_LOCK,
            Self::SysNice => CapabilitySet::SYS_NICE,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NetAdmin => "CAP_NET_ADMIN",
            Self::NetRaw => "CAP_NET_RAW",
            Self::SysAdmin => "CAP_SYS_ADMIN",
            Self::Bpf => "CAP_BPF",
            Self::Perfmon => "CAP_PERFMON",
            Self::IpcLock => "CAP_IPC_LOCK",
            Self::SysNice => "CAP_SYS_NICE",
        })
    }
}

/// What the process may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Privileges {
    /// Effective user id.
    pub euid: u32,
    /// Effective capabilities, of those that matter here.
    pub effective: BTreeSet<Capability>,
    /// Whether this machine lets an unprivileged user make user namespaces (and with them network
    /// namespaces, though no eBPF programs).
    pub user_namespaces: bool,
}

impl Privileges {
    /// Asks the kernel.
    ///
    /// # Errors
    /// When the kernel refuses capget.
    pub fn current() -> io::Result<Self> {
        let held = rustix::thread::capabilities(None)?.effective;
        Ok(Self {
            euid: rustix::process::geteuid().as_raw(),
            effective: Capability::ALL
                .into_iter()
                .filter(|capability| held.contains(capability.bit()))
                .collect(),
            user_namespaces: user_namespaces_allowed(Path::new("/proc/sys")),
        })
    }

    /// Those of `needed` that are missing.
    #[must_use]
    pub fn missing(&self, needed: &[Capability]) -> Vec<Capability> {
        needed
            .iter()
            .copied()
            .filter(|one| !self.effective.contains(one))
            .collect()
    }
}

/// Reads the switches of the kernel, of Debian's patch and of AppArmor below `sysctls`; a switch that
/// does not exist forbids nothing.
fn user_namespaces_allowed(sysctls: &Path) -> bool {
    let value = |name: &str| read_text(sysctls.join(name)).ok()?.parse::<u64>().ok();
    value("user/max_user_namespaces").is_some_and(|most| most > 0)
        && value("kernel/unprivileged_userns_clone") != Some(0)
        && value("kernel/apparmor_restrict_unprivileged_userns").unwrap_or(0) == 0
}

/// The user who called sudo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SudoUser {
    /// Login name, where sudo told it.
    pub name: Option<String>,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// Who called sudo; `None` when the process was not started by it, or sudo was called by root.
#[must_use]
pub fn sudo_user() -> Option<SudoUser> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    sudo_user_of(|name| std::env::var(name).ok())
}

fn sudo_user_of(variable: impl Fn(&str) -> Option<String>) -> Option<SudoUser> {
    let number = |name: &str| variable(name)?.parse::<u32>().ok();
    let user = SudoUser {
        name: variable("SUDO_USER"),
        uid: number("SUDO_UID")?,
        gid: number("SUDO_GID")?,
    };
    (user.uid != 0).then_some(user)
}

/// Gives a file, or a folder with all that is in it, to the user who called sudo, so that results do
/// not belong to root. Symbolic links are given away themselves and not followed. False when there is
/// no such user and nothing was done.
///
/// # Errors
/// When something cannot be listed or changed.
pub fn give_to_user(path: &Path) -> io::Result<bool> {
    let Some(user) = sudo_user() else {
        return Ok(false);
    };
    give(path, user.uid, user.gid)?;
    Ok(true)
}

fn give(path: &Path, uid: u32, gid: u32) -> io::Result<()> {
    let (uid_raw, gid_raw) = (Uid::from_raw(uid), Gid::from_raw(gid));
    chownat(
        CWD,
        path,
        Some(uid_raw),
        Some(gid_raw),
        AtFlags::SYMLINK_NOFOLLOW,
    )
    .doing(|| format!("give {} to user {uid}", path.display()))?;
    if !path.symlink_metadata()?.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(path).doing(|| format!("read {}", path.display()))? {
        give(&entry?.path(), uid, gid)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::*;

    #[test]
    fn capabilities_agree_with_proc() {
        let status = fs::read_to_string("/proc/thread-self/status").unwrap();
        let held = status
            .lines()
            .find_map(|line| line.strip_prefix("CapEff:"))
            .unwrap();
        let held = u64::from_str_radix(held.trim(), 16).unwrap();
        let privileges = Privileges::current().unwrap();
        for (capability, number) in [(Capability::NetAdmin, 12), (Capability::Bpf, 39)] {
            let there = privileges.effective.contains(&capability);
            assert_eq!(there, held >> number & 1 == 1, "{capability}");
            assert_eq!(privileges.missing(&[capability]).is_empty(), there);
        }
    }

    #[test]
    fn sudo_by_root_or_by_nobody_has_no_user() {
        let environment = |uid: &'static str| {
            move |name: &str| match name {
                "SUDO_UID" => Some(uid.to_owned()),
                "SUDO_GID" => Some("1001".to_owned()),
                "SUDO_USER" => Some("ada".to_owned()),
                _ => None,
            }
        };
        let ada = SudoUser {
            name: Some("ada".to_owned()),
            uid: 1000,
            gid: 1001,
        };
        assert_eq!(sudo_user_of(environment("1000")), Some(ada));
        assert_eq!(sudo_user_of(environment("0")), None);
        assert_eq!(sudo_user_of(environment("x")), None);
        assert_eq!(sudo_user_of(|_| None), None);
    }

    #[test]
    fn each_switch_can_forbid_user_namespaces() {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir_all(tree.path().join("user")).unwrap();
        fs::create_dir_all(tree.path().join("kernel")).unwrap();
        let set = |name: &str, value: &str| fs::write(tree.path().join(name), value).unwrap();
        assert!(
            !user_namespaces_allowed(tree.path()),
            "a kernel without them has no limit to read"
        );
        set("user/max_user_namespaces", "100\n");
        assert!(user_namespaces_allowed(tree.path()));
        set("kernel/apparmor_restrict_unprivileged_userns", "1\n");
        assert!(!user_namespaces_allowed(tree.path()));
        set("kernel/apparmor_restrict_unprivileged_userns", "0\n");
        set("kernel/unprivileged_userns_clone", "0\n");
        assert!(!user_namespaces_allowed(tree.path()));
    }

    #[test]
    fn a_folder_is_given_whole_and_links_are_not_followed() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED: giving files away needs root");
            return;
        }
        let tree = tempfile::tempdir().unwrap();
        let outside = tempfile::NamedTempFile::new().unwrap();
        let results = tree.path().join("results");
        fs::create_dir_all(results.join("trials")).unwrap();
        fs::write(results.join("trials/a.csv"), "x").unwrap();
        symlink(outside.path(), results.join("link")).unwrap();
        give(&results, 12_345, 54_321).unwrap();
        for path in ["", "trials", "trials/a.csv", "link"] {
            let owner = results.join(path).symlink_metadata().unwrap();
            assert_eq!((owner.uid(), owner.gid()), (12_345, 54_321), "{path}");
        }
        assert_eq!(outside.path().metadata().unwrap().uid(), 0);
    }
}
