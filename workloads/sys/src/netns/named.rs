//! Names for namespaces, in the place where `ip netns` looks: a mount under /run/netns.
//!
//! Must be called by a process that has the machine's mounts. A mount made inside an agent's private
//! mount namespace is seen by nobody else.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::{Path, PathBuf};

use rustix::mount::{UnmountFlags, mount_bind, unmount};

use super::Namespace;
use crate::error::Doing;

const FOLDER: &str = "/run/netns";

/// Names a namespace, so that `ip netns exec NAME ...` enters it, and returns the path of the name.
/// It lives until [`remove_name`], whatever becomes of the processes in it.
///
/// # Errors
/// `AlreadyExists` when the name is taken; `PermissionDenied` without CAP_SYS_ADMIN.
pub fn bind_name(namespace: &Namespace, name: &str) -> io::Result<PathBuf> {
    let path = path(name)?;
    fs::create_dir_all(FOLDER).doing(|| format!("create {FOLDER}"))?;
    fs::File::create_new(&path).doing(|| format!("create {}", path.display()))?;
    let source = format!("/proc/self/fd/{}", namespace.as_fd().as_raw_fd());
    let bound = mount_bind(source, &path).doing(|| format!("mount on {}", path.display()));
    if bound.is_err() {
        fs::remove_file(&path).doing(|| format!("remove {}", path.display()))?;
    }
    bound.map(|()| path)
}

/// Takes the name away; the namespace goes when nothing else holds it.
///
/// # Errors
/// `NotFound` when there is no such name; `PermissionDenied` without CAP_SYS_ADMIN.
pub fn remove_name(name: &str) -> io::Result<()> {
    let path = path(name)?;
    match unmount(&path, UnmountFlags::DETACH) {
        // A file without a mount is what a crash between the two steps of binding leaves.
        Ok(()) | Err(rustix::io::Errno::INVAL) => {}
        Err(error) => return Err(error).doing(|| format!("unmount {}", path.display())),
    }
    fs::remove_file(&path).doing(|| format!("remove {}", path.display()))
}

/// The names of all namespaces that have one, sorted.
///
/// # Errors
/// When the folder of names exists and cannot be read.
pub fn names() -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(FOLDER) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).doing(|| format!("read {FOLDER}")),
    };
    let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().display().to_string());
    let mut names = entries.map(name).collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

pub(super) fn path(name: &str) -> io::Result<PathBuf> {
    if name.is_empty() || name.starts_with('.') || name.contains('/') {
        let reason = format!("'{name}' cannot name a network namespace");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    Ok(Path::new(FOLDER).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_folder() {
        for name in ["", ".", "..", "a/b", "/etc"] {
            assert_eq!(path(name).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
        assert_eq!(
            path("sb-server").unwrap(),
            Path::new("/run/netns/sb-server")
        );
    }
}
