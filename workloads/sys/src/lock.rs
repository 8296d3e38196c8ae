//! One experiment at a time on a machine: a lock file that names its holder.
//!
//! flock, so that the lock ends with its holder however that ends. The file is removed on release; a
//! waiter that locked a removed file notices by its inode and tries again.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{Access, FlockOperation, Mode, OFlags, access, fchmod, flock};
use serde::{Deserialize, Serialize};

use crate::error::Doing;
use crate::process::Identity;

/// How often a waiter looks again.
const RETRY: Duration = Duration::from_millis(100);

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The holding process.
    pub process: Identity,
    /// When it took the lock, in seconds since 1970.
    pub since_unix_s: u64,
    /// What it runs, for people.
    pub what: String,
}

/// Why the lock was not obtained.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error("{}", held(path, holder.as_ref()))]
    Held {
        /// The lock file.
        path: PathBuf,
        /// Who holds it; `None` when it had not yet written its name.
        holder: Option<Holder>,
    },
    /// The lock file cannot be used.
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn held(path: &Path, holder: Option<&Holder>) -> String {
    let place = path.display();
    match holder {
        Some(Holder {
            process,
            since_unix_s,
            what,
        }) => format!(
            "another experiment holds this machine: process {} runs {what}, {} s ago it locked {place}",
            process.pid,
            unix_now().saturating_sub(*since_unix_s),
        ),
        None => format!("another experiment holds this machine and has just locked {place}"),
    }
}

/// The machine-wide lock; released when dropped.
#[derive(Debug)]
pub struct MachineLock {
    path: PathBuf,
    // Held for its lock.
    _file: File,
}

impl MachineLock {
    /// Where the lock file lies unless the user says otherwise: in /run/lock where the caller may write
    /// (on Debian everybody may), else in the folder for temporary files.
    #[must_use]
    pub fn default_path() -> PathBuf {
        let shared = Path::new("/run/lock");
        let writable = access(shared, Access::WRITE_OK | Access::EXEC_OK).is_ok();
        let folder = if writable {
            shared.to_owned()
        } else {
            std::env::temp_dir()
        };
        folder.join("steerbench.lock")
    }

    /// Takes the lock, or says at once who has it. `what` tells others what is running.
    ///
    /// # Errors
    /// [`LockError::Held`] when somebody has it.
    pub fn try_acquire(path: &Path, what: &str) -> Result<Self, LockError> {
        loop {
            let mut file = open(path)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    return Err(LockError::Held {
                        path: path.to_owned(),
                        holder: read(&mut file),
                    });
                }
                Err(error) => {
                    return Err(error).doing(|| format!("lock {}", path.display()))?;
                }
            }
            // The holder before us may have removed the file between our opening and locking it.
            let same = path.metadata().is_ok_and(|now| {
                file.metadata()
                    .is_ok_and(|ours| (now.ino(), now.dev()) == (ours.ino(), ours.dev()))
            });
            if same {
                write(&mut file, what).doing(|| format!("write {}", path.display()))?;
                return Ok(Self {
                    path: path.to_owned(),
                    _file: file,
                });
            }
        }
    }

    /// Waits for the lock. `waiting` is called with the holder at every look and may give up by
    /// returning false, for instance after a signal.
    ///
    /// # Errors
    /// [`LockError::Held`] when `waiting` gave up.
    pub fn acquire(
        path: &Path,
        what: &str,
        mut waiting: impl FnMut(Option<&Holder>) -> bool,
    ) -> Result<Self, LockError> {
        loop {
            match Self::try_acquire(path, what) {
                Err(LockError::Held { path, holder }) => {
                    if !waiting(holder.as_ref()) {
                        return Err(LockError::Held { path, holder });
                    }
                    std::thread::sleep(RETRY);
                }
                obtained => return obtained,
            }
        }
    }

    /// The lock file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for MachineLock {
    fn drop(&mut self) {
        // While the lock is still held, so that no other holder's file is removed.
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "the lock file stays");
        }
    }
}

/// Opens or creates the file, for everybody to write: a crash leaves it behind, and the next user may
/// be another one. An existing file is opened without O_CREAT, since in a sticky folder the kernel may
/// forbid even root to "create" another user's file (fs.protected_regular).
fn open(path: &Path) -> io::Result<File> {
    let what = || format!("open the lock file {}", path.display());
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return opened.doing(what),
    }
    let file = options.create(true).open(path).doing(what)?;
    // Another user may have created it first; then it has the mode already.
    let everybody = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH;
    match fchmod(&file, everybody) {
        Ok(()) | Err(rustix::io::Errno::PERM) => Ok(file),
        Err(error) => Err(error).doing(what),
    }
}

fn write(file: &mut File, what: &str) -> io::Result<()> {
    let holder = Holder {
        process: Identity::current()?,
        since_unix_s: unix_now(),
        what: what.to_owned(),
    };
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(serde_json::to_string(&holder)?.as_bytes())
}

fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_experiment_is_told_who_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = MachineLock::try_acquire(&path, "quickstart.yaml").unwrap();
        assert_eq!(lock.path(), path);
        let error = MachineLock::try_acquire(&path, "other.yaml").unwrap_err();
        let sentence = error.to_string();
        let pid = std::process::id().to_string();
        assert!(
            sentence.contains("quickstart.yaml") && sentence.contains(&pid),
            "{sentence}"
        );
        assert!(matches!(
            error,
            LockError::Held {
                holder: Some(_),
                ..
            }
        ));
        drop(lock);
        assert!(!path.exists());
        drop(MachineLock::try_acquire(&path, "other.yaml").unwrap());
    }

    #[test]
    fn a_waiter_gets_the_lock_when_it_is_released_and_may_give_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let mut lock = Some(MachineLock::try_acquire(&path, "first").unwrap());
        let mut looks = 0;
        let second = MachineLock::acquire(&path, "second", |holder| {
            assert_eq!(holder.unwrap().what, "first");
            looks += 1;
            lock = None;
            true
        });
        assert_eq!(looks, 1);
        let given_up = MachineLock::acquire(&path, "third", |_| false);
        assert!(matches!(given_up, Err(LockError::Held { .. })));
        drop(second);
    }

    #[test]
    fn what_a_dead_holder_left_does_not_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        std::fs::write(&path, "{\"half\": ").unwrap();
        drop(MachineLock::try_acquire(&path, "next").unwrap());
    }

    #[test]
    fn threads_that_race_hold_it_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let inside = std::sync::atomic::AtomicU32::new(0);
        let order = std::sync::atomic::Ordering::SeqCst;
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        if let Ok(lock) = MachineLock::try_acquire(&path, "racer") {
                            assert_eq!(inside.fetch_add(1, order), 0);
                            inside.fetch_sub(1, order);
                            drop(lock);
                        }
                    }
                });
            }
        });
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        std::os::unix::fs::symlink(folder.path().join("victim"), &path).unwrap();
        assert!(matches!(
            MachineLock::try_acquire(&path, "x"),
            Err(LockError::Io(_))
        ));
    }
}
