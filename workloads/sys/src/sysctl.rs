//! Kernel settings by name, and guards that put them back.
//!
//! Settings below `net` mostly belong to a network namespace, and within an anonymous one they vanish
//! with it; those of the machine must be journalled, so that `experiment clean` can undo a run that was
//! killed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Doing, read_text};
use crate::journal::{Change, Journal};

/// Reads a setting: `net.core.netdev_budget`, or `net/ipv6/conf/eth0.5/mtu` where a part has dots.
///
/// # Errors
/// `NotFound` when this kernel has no such setting.
pub fn read(name: &str) -> io::Result<String> {
    read_text(path(name)?)
}

/// Changes a setting for good.
///
/// # Errors
/// `NotFound` when there is no such setting; `InvalidInput` when the kernel refuses the value.
pub fn write(name: &str, value: &str) -> io::Result<()> {
    write_setting(&path(name)?, value)
}

/// The file of a setting.
///
/// # Errors
/// `InvalidInput` when the name would lead out of /proc/sys.
pub fn path(name: &str) -> io::Result<PathBuf> {
    let parts: Vec<&str> = if name.contains('/') {
        name.split('/').collect()
    } else {
        name.split('.').collect()
    };
    if parts
        .iter()
        .any(|part| part.is_empty() || *part == "." || *part == "..")
    {
        let reason = format!("'{name}' is no sysctl");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    Ok(Path::new("/proc/sys").join(parts.join("/")))
}

/// Writes a one-value file of /proc/sys or /sys.
pub(crate) fn write_setting(path: &Path, value: &str) -> io::Result<()> {
    fs::write(path, value).doing(|| format!("set {} to '{value}'", path.display()))
}

/// A changed setting that is put back when this is dropped.
#[derive(Debug)]
#[must_use = "the setting is put back when the guard is dropped"]
pub struct Guard {
    path: PathBuf,
    old: String,
}

impl Guard {
    /// Changes a setting, by name, until the guard is dropped. With a journal, the old value is on
    /// disk before the change; nothing is done, or noted, when the setting has the value already.
    ///
    /// # Errors
    /// As [`write()`]; also when the journal cannot be written, in which case nothing was changed.
    pub fn set(name: &str, value: &str, journal: Option<&mut Journal>) -> io::Result<Self> {
        Self::set_file(path(name)?, value, journal)
    }

    /// As [`set`](Self::set) for any one-value file, such as one of /sys.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn set_file(path: PathBuf, value: &str, journal: Option<&mut Journal>) -> io::Result<Self> {
        let old = read_text(&path)?;
        if old != value {
            if let Some(journal) = journal {
                let (path, old, new) = (path.clone(), old.clone(), value.to_owned());
                journal.record(&Change::Setting { path, old, new })?;
            }
            write_setting(&path, value)?;
        }
        Ok(Self { path, old })
    }

    /// The value before the change.
    #[must_use]
    pub fn old(&self) -> &str {
        &self.old
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let restored = match read_text(&self.path) {
            Ok(now) if now == self.old => Ok(()),
            Ok(_) => write_setting(&self.path, &self.old),
            Err(error) => Err(error),
        };
        if let Err(error) = restored {
            tracing::warn!(%error, path = %self.path.display(), "a setting could not be restored");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_paths_and_stay_inside() {
        let expected = Path::new("/proc/sys/net/core/netdev_budget");
        assert_eq!(path("net.core.netdev_budget").unwrap(), expected);
        let dotted = Path::new("/proc/sys/net/ipv6/conf/eth0.5/mtu");
        assert_eq!(path("net/ipv6/conf/eth0.5/mtu").unwrap(), dotted);
        for name in ["", "net..core", "../etc/passwd", "/etc/passwd"] {
            assert_eq!(
                path(name).unwrap_err().kind(),
                io::ErrorKind::InvalidInput,
                "{name}"
            );
        }
        assert!(!read("kernel.osrelease").unwrap().is_empty());
        assert_eq!(
            read("kernel.no_such").unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }

    #[test]
    fn a_guard_puts_back_what_it_changed_in_reverse() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("setting");
        fs::write(&file, "1\n").unwrap();
        let outer = Guard::set_file(file.clone(), "2", None).unwrap();
        let inner = Guard::set_file(file.clone(), "3", None).unwrap();
        assert_eq!((outer.old(), inner.old()), ("1", "2"));
        assert_eq!(read_text(&file).unwrap(), "3");
        drop(inner);
        assert_eq!(read_text(&file).unwrap(), "2");
        drop(outer);
        assert_eq!(read_text(&file).unwrap(), "1");
    }
}
