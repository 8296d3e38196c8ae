//! What the objects are made from, and a name for exactly that.

use std::fs;
use std::hash::Hasher;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::Toolchain;

/// Where the sources are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The repository.
    pub root: PathBuf,
}

impl Layout {
    /// The workspace of the programs.
    #[must_use]
    pub fn programs(&self) -> PathBuf {
        self.root.join("ebpf/programs")
    }

    /// Files and folders whose change can change an object.
    #[must_use]
    pub fn sources(&self) -> Vec<PathBuf> {
        // The root manifest: packet and steering inherit edition and lints from it.
        [
            "Cargo.toml",
            "ebpf/programs/Cargo.toml",
            "ebpf/programs/Cargo.lock",
            "ebpf/programs/src",
            "ebpf/packet/Cargo.toml",
            "ebpf/packet/src",
            "ebpf/steering/Cargo.toml",
            "ebpf/steering/src",
        ]
        .map(|path| self.root.join(path))
        .to_vec()
    }

    /// The names of the programs, sorted: one per file of `src/bin`.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.programs().join("src/bin"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "rs")
                && let Some(name) = path.file_stem().and_then(|name| name.to_str())
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }
}

/// FNV-1a with 128 bits. Not against forgery; against confusing two states of a work tree.
struct Fingerprint(u128);

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b);
        }
    }

    fn finish(&self) -> u64 {
        self.0 as u64
    }
}

impl Fingerprint {
    /// Adds a field, with its length, so that fields cannot run into each other.
    fn field(&mut self, bytes: &[u8]) {
        self.write(&(bytes.len() as u64).to_le_bytes());
        self.write(bytes);
    }
}

/// A name for everything that determines the objects.
pub(crate) fn fingerprint(
    layout: &Layout,
    toolchain: &Toolchain,
    flags: &str,
) -> io::Result<String> {
    let mut hash = Fingerprint(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
    let linker = fs::metadata(&toolchain.linker)?;
    let modified = linker
        .modified()?
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    hash.field(toolchain.version.as_bytes());
    hash.field(toolchain.rustc.as_os_str().as_encoded_bytes());
    hash.field(toolchain.linker.as_os_str().as_encoded_bytes());
    hash.field(&linker.len().to_le_bytes());
    hash.field(&modified.as_nanos().to_le_bytes());
    hash.field(flags.as_bytes());
    for source in layout.sources() {
        add(&mut hash, &source)?;
    }
    Ok(format!("{:032x}", hash.0))
}

fn add(hash: &mut Fingerprint, path: &Path) -> io::Result<()> {
    if !path.is_dir() {
        hash.field(path.as_os_str().as_encoded_bytes());
        hash.field(&fs::read(path)?);
        return Ok(());
    }
    let mut entries = fs::read_dir(path)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    entries.iter().try_for_each(|entry| add(hash, entry))
}
