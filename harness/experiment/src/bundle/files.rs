//! The files of a run, read whole: the largest are a few MB.

use std::fs;
use std::io;
use std::path::Path;

use super::unfit;
use crate::hash;

/// A file of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its path in the archive's folder, `/` between parts.
    pub(crate) name: String,
    /// What it holds.
    pub(crate) content: Vec<u8>,
    /// SHA-256 of that, hexadecimal.
    pub(crate) sha256: String,
}

impl Entry {
    pub(super) fn new(name: &str, content: Vec<u8>) -> io::Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            sha256: hash::sha256(content.as_slice())?,
            content,
        })
    }
}

/// Every file below `folder` but hidden ones, which are unfinished.
pub(super) fn read(folder: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    walk(folder, "", &mut entries)?;
    Ok(entries)
}

fn walk(folder: &Path, prefix: &str, entries: &mut Vec<Entry>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name();
        let name = name
            .to_str()
            .ok_or_else(|| unfit(&path, "its name is not UTF-8"))?;
        if name.starts_with('.') {
            continue;
        }
        let inside = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&path, &format!("{inside}/"), entries)?;
        } else if kind.is_file() {
            entries.push(Entry::new(&inside, fs::read(&path)?)?);
        } else {
            return Err(unfit(
                &path,
                "neither a file nor a folder; remove it from the run",
            ));
        }
    }
    Ok(())
}
