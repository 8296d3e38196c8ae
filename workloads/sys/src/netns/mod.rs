//! Network namespaces: anonymous ones that an agent lives in, and named ones for people.
//!
//! A namespace exists as long as a process lives in it or a descriptor or mount holds it. The
//! experiments use anonymous ones held by their agents only, so that `kill -9` removes everything;
//! `serve` and `--keep` give a name (see [`bind_name`]).
//!
//! Facts that shape this module (Linux 6.x):
//! - /sys shows the network namespace of whoever *mounted* it. After setns alone, a write to
//!   `/sys/class/net/DEV/threaded` reaches the device of the same name in the old namespace. Hence
//!   [`unshare_here`] also unshares the mounts and puts a fresh sysfs on /sys.
//! - A process inherits the namespace of the *thread* that starts it, and a parent-death signal follows
//!   that thread too. [`Namespace::spawn`] uses one thread that lives as long as the process.
#![expect(
    unsafe_code,
    reason = "unshare, which rustix marks unsafe for a flag not used here"
)]

mod named;
mod spawner;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command};

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use crate::error::{Doing, malformed, read_text};

pub use named::{bind_name, names, remove_name};

/// A network namespace, held open by a descriptor.
#[derive(Debug)]
pub struct Namespace {
    descriptor: OwnedFd,
}

impl Namespace {
    /// The namespace of the calling thread.
    ///
    /// # Errors
    /// When /proc is not mounted.
    pub fn current() -> io::Result<Self> {
        Self::open("/proc/thread-self/ns/net")
    }

    /// The namespace that a process lives in.
    ///
    /// # Errors
    /// When the process is gone or belongs to somebody else.
    pub fn of_pid(pid: u32) -> io::Result<Self> {
        Self::open(&format!("/proc/{pid}/ns/net"))
    }

    /// The namespace of this name, as `ip netns` knows it.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub fn of_name(name: &str) -> io::Result<Self> {
        Self::open(named::path(name)?.to_str().unwrap_or_default())
    }

    /// A new, empty namespace; the calling thread stays where it is.
    ///
    /// # Errors
    /// `PermissionDenied` without CAP_SYS_ADMIN.
    pub fn create() -> io::Result<Self> {
        std::thread::scope(|scope| {
            let made = scope.spawn(|| {
                unshare(UnshareFlags::NEWNET)?;
                Self::current()
            });
            joined(made.join())
        })
        .doing(|| "create a network namespace".to_owned())
    }

    /// Takes over a descriptor of `/proc/<pid>/ns/net` that was received from elsewhere.
    #[must_use]
    pub fn from_descriptor(descriptor: OwnedFd) -> Self {
        Self { descriptor }
    }

    /// The number by which the kernel tells namespaces apart (the inode of `/proc/<pid>/ns/net`).
    ///
    /// # Errors
    /// When the descriptor cannot be examined.
    pub fn inode(&self) -> io::Result<u64> {
        Ok(File::from(self.descriptor.try_clone()?).metadata()?.ino())
    }

    /// Moves the calling thread here for good. Its /sys keeps showing the old namespace.
    ///
    /// # Errors
    /// `PermissionDenied` without CAP_SYS_ADMIN.
    pub fn enter(&self) -> io::Result<()> {
        move_into_link_name_space(self.descriptor.as_fd(), Some(LinkNameSpaceType::Network))
            .doing(|| "enter a network namespace".to_owned())
    }

    /// Runs `work` on a thread of its own inside the namespace and returns what it returned.
    ///
    /// # Errors
    /// As [`enter`](Self::enter); `work` has not run then.
    ///
    /// # Panics
    /// When `work` panics.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        std::thread::scope(|scope| {
            let running = scope.spawn(|| {
                self.enter()?;
                Ok(work())
            });
            joined(running.join())
        })
    }

    /// Starts a process inside the namespace.
    ///
    /// It is started from a thread that outlives it, so that a parent-death signal
    /// ([`die_with_parent_on_exec`](crate::process::die_with_parent_on_exec)) means the end of this
    /// process. The child's /sys still shows the namespace of this process' mounts; a child that reads
    /// or writes it calls [`fresh_sysfs`] first.
    ///
    /// # Errors
    /// As [`enter`](Self::enter), and when the program cannot be started.
    pub fn spawn(&self, command: Command) -> io::Result<Child> {
        spawner::spawn(self.descriptor.try_clone()?, command)
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Namespace {
    fn open(path: &str) -> io::Result<Self> {
        let file = File::open(path).doing(|| format!("open the network namespace {path}"))?;
        Ok(Self {
            descriptor: file.into(),
        })
    }
}

/// Moves the whole calling process into a new network namespace with mounts of its own and a fresh
/// sysfs. For an agent's first lines: it must still have one thread.
///
/// The loopback device is down in the new namespace.
///
/// # Errors
/// `PermissionDenied` without CAP_SYS_ADMIN; `InvalidInput` when the process has several threads.
pub fn unshare_here() -> io::Result<()> {
    single_threaded()?;
    unshare(UnshareFlags::NEWNET).doing(|| "create a network namespace".to_owned())?;
    fresh_sysfs()
}

/// Gives the calling process mounts of its own in which /sys shows its present network namespace.
/// Mounts below /sys (cgroups, the bpf file system) are hidden by it.
///
/// # Errors
/// As [`unshare_here`].
pub fn fresh_sysfs() -> io::Result<()> {
    single_threaded()?;
    unshare(UnshareFlags::NEWNS).doing(|| "create a mount namespace".to_owned())?;
    // Without this the new /sys would appear in the mount namespace that we came from.
    let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
    mount_change("/", private).doing(|| "make the mounts private".to_owned())?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("sysfs", "/sys", "sysfs", flags, None).doing(|| "mount a fresh sysfs".to_owned())
}

/// A thread that exists already would stay behind in the old namespaces.
fn single_threaded() -> io::Result<()> {
    let threads = std::fs::read_dir("/proc/self/task")
        .doing(|| "list threads".to_owned())?
        .count();
    if threads == 1 {
        return Ok(());
    }
    let reason =
        format!("namespaces must be unshared before there are threads, here are {threads}");
    Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
}

fn unshare(flags: UnshareFlags) -> io::Result<()> {
    debug_assert!(!flags.contains(UnshareFlags::FILES));
    // SAFETY: only FILES can take descriptors away from other threads, and it is never passed.
    Ok(unsafe { unshare_unsafe(flags) }?)
}

fn joined<T>(result: std::thread::Result<io::Result<T>>) -> io::Result<T> {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Whether /sys/class/net shows the calling thread's namespace, judged by its devices: the same
/// names, numbers and hardware addresses as netlink reports.
///
/// # Errors
/// A sentence that says what to do when it shows another namespace.
pub(crate) fn sysfs_is_ours() -> io::Result<()> {
    let links = crate::link::list()?;
    let mut shown = 0;
    for entry in std::fs::read_dir("/sys/class/net").doing(|| "list /sys/class/net".to_owned())? {
        let folder = entry?.path();
        // bonding_masters is a file among the devices' folders.
        if !folder.is_dir() {
            continue;
        }
        shown += 1;
        let index = read_text(folder.join("ifindex"))?;
        let address = read_text(folder.join("address"))?;
        let same = links.iter().any(|link| {
            folder.ends_with(&link.name)
                && link.index.to_string() == index
                && link.mac.is_none_or(|mac| mac.to_string() == address)
        });
        if !same {
            return Err(foreign_sysfs());
        }
    }
    if shown == links.len() {
        Ok(())
    } else {
        Err(foreign_sysfs())
    }
}

fn foreign_sysfs() -> io::Error {
    malformed(
        "/sys shows another network namespace than this thread's: the process must call \
         netns::unshare_here or netns::fresh_sysfs before it starts threads",
    )
}
