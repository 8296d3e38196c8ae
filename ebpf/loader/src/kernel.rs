//! Which kernels are refused.

use std::fmt;

use crate::{Error, Result};

/// The numbers of a kernel's release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelVersion {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// Third number; 0 where the release has none.
    pub patch: u32,
}

impl KernelVersion {
    /// Reads a release as `uname -r` gives it: `6.9.3-amd64`, `6.9-rc7`, `6.18.44`.
    #[must_use]
    pub fn parse(release: &str) -> Option<Self> {
        let end = release.find(|c: char| c != '.' && !c.is_ascii_digit());
        let numbers = &release[..end.unwrap_or(release.len())];
        let mut numbers = numbers.split('.');
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        let patch = numbers
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or(0);
        Some(Self {
            major,
            minor,
            patch,
        })
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Refuses 6.9.0 to 6.9.4: they relaxed the rule that a frame goes only to a socket of its own
/// queue, which was withdrawn as CVE-2024-39293. A mesh of sockets means nothing there.
///
/// # Errors
/// [`Error::BrokenKernel`].
pub fn refuse_kernel(version: KernelVersion) -> Result<()> {
    match version {
        KernelVersion {
            major: 6,
            minor: 9,
            patch: 0..=4,
        } => Err(Error::BrokenKernel(version)),
        _ => Ok(()),
    }
}

/// The version of the running kernel.
///
/// # Errors
/// [`Error::UnknownKernel`] where the release does not begin with numbers.
pub fn running_kernel() -> Result<KernelVersion> {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    KernelVersion::parse(&release).ok_or_else(|| Error::UnknownKernel(release.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read() {
        let version = |major, minor, patch| {
            Some(KernelVersion {
                major,
                minor,
                patch,
            })
        };
        assert_eq!(KernelVersion::parse("6.18.44-fc-v657"), version(6, 18, 44));
        assert_eq!(KernelVersion::parse("6.9-rc7"), version(6, 9, 0));
        assert_eq!(KernelVersion::parse("5.10.0"), version(5, 10, 0));
        assert_eq!(KernelVersion::parse("linux"), None);
    }

    #[test]
    fn only_the_broken_ones_are_refused() {
        for (release, refused) in [
            ("6.8.12", false),
            ("6.9.0", true),
            ("6.9.4-arch1", true),
            ("6.9.5", false),
            ("6.10.0", false),
            ("7.9.1", false),
        ] {
            let version = KernelVersion::parse(release).unwrap();
            assert_eq!(refuse_kernel(version).is_err(), refused, "{release}");
        }
    }
}
