//! The programs that a run starts, by version and content.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::process::Command;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sys::environment::Reading;

use crate::hash;

/// Everything that the run starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Software {
    /// This program's version.
    pub(crate) steerbench: String,
    /// SHA-256 of this program's file, hexadecimal: coordinator and agents are one binary.
    pub(crate) binary_sha256: Reading<String>,
    /// The memcached that is started where a spec names it.
    pub(crate) memcached: Reading<String>,
    /// SHA-256 of each embedded eBPF object by name.
    pub(crate) ebpf_objects: BTreeMap<String, String>,
}

impl Software {
    /// Looks at the programs of this machine.
    pub(crate) fn gather() -> Self {
        let objects = loader::OBJECTS.iter();
        Self {
            steerbench: env!("CARGO_PKG_VERSION").to_owned(),
            binary_sha256: own_hash().into(),
            memcached: memcached_version().into(),
            ebpf_objects: objects
                .map(|(name, hash)| ((*name).to_owned(), (*hash).to_owned()))
                .collect(),
        }
    }
}

fn own_hash() -> io::Result<String> {
    hash::sha256(File::open("/proc/self/exe")?)
}

/// What the memcached that would be started says of itself.
///
/// # Errors
/// When none is installed.
pub(crate) fn memcached_version() -> io::Result<String> {
    let output = Command::new("memcached").arg("-V").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn this_program_and_its_objects_are_named_by_their_content() {
        let software = Software::gather();
        let is_hash =
            |text: &String| text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit());
        assert!(software.binary_sha256.known().is_some_and(is_hash));
        assert!(software.ebpf_objects.contains_key("steer"));
        assert!(software.ebpf_objects.values().all(is_hash));
        let different: BTreeSet<_> = software.ebpf_objects.values().collect();
        assert_eq!(different.len(), software.ebpf_objects.len());
    }
}
