//! Finished objects under the outer target folder, by the hash of what they were made from.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Sets of objects that are kept; the oldest beyond that go.
const KEPT: usize = 8;

/// The shared folder, locked against other builds for as long as this lives.
pub(crate) struct Cache {
    folder: PathBuf,
    _lock: File,
}

impl Cache {
    /// Opens (and waits for) the folder that belongs to the target folder around `out_dir`.
    pub(crate) fn open(out_dir: &Path) -> io::Result<Self> {
        // Cargo marks its target folder for backup programs; without the mark keep to ourselves.
        let marked = out_dir
            .ancestors()
            .find(|folder| folder.join("CACHEDIR.TAG").is_file());
        let folder = marked.unwrap_or(out_dir).join("ebpf");
        fs::create_dir_all(folder.join("objects"))?;
        let lock = File::create(folder.join("lock"))?;
        lock.lock()?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    /// The target folder of the inner cargo.
    pub(crate) fn cargo_target(&self) -> PathBuf {
        self.folder.join("cargo")
    }

    /// The objects of a fingerprint, if they are there.
    pub(crate) fn find(&self, fingerprint: &str) -> Option<PathBuf> {
        let folder = self.folder.join("objects").join(fingerprint);
        folder.is_dir().then_some(folder)
    }

    /// Keeps `names` out of `from` under a fingerprint; returns where.
    pub(crate) fn keep(
        &self,
        fingerprint: &str,
        from: &Path,
        names: &[String],
    ) -> io::Result<PathBuf> {
        let objects = self.folder.join("objects");
        let making = objects.join(".making");
        if making.exists() {
            fs::remove_dir_all(&making)?;
        }
        fs::create_dir(&making)?;
        for name in names {
            fs::copy(from.join(name), making.join(name))?;
        }
        let folder = objects.join(fingerprint);
        fs::rename(&making, &folder)?;
        forget_the_oldest(&objects)?;
        Ok(folder)
    }
}

fn forget_the_oldest(objects: &Path) -> io::Result<()> {
    let mut sets = fs::read_dir(objects)?
        .map(|entry| {
            let entry = entry?;
            Ok((entry.metadata()?.modified()?, entry.path()))
        })
        .collect::<io::Result<Vec<_>>>()?;
    sets.sort();
    let surplus = sets.len().saturating_sub(KEPT);
    sets.iter()
        .take(surplus)
        .try_for_each(|(_, folder)| fs::remove_dir_all(folder))
}
