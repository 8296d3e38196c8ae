//! The archive itself: tar, compressed with gzip, the same bytes for the same files.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::UNIX_EPOCH;

use flate2::{Compression, GzBuilder};
use record::Timestamp;
use tar::{Builder, EntryType, Header};

use super::Entry;

/// Writes the entries below the folder `stem`, all of them as old as the run (`time`) and nobody's.
/// The file at `path` appears when it is complete.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(path: &Path, stem: &str, time: Timestamp, entries: &[Entry]) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = Path::new(&unfinished);
    let written = File::create(unfinished)
        .and_then(|file| pack(BufWriter::new(file), stem, time, entries))
        .and_then(|()| std::fs::rename(unfinished, path));
    if written.is_err() {
        // The error says why; a half-made archive is of no use to anybody.
        let _ = std::fs::remove_file(unfinished);
    }
    written
}

/// Writes the archive to `to`.
pub(super) fn pack<W: Write>(
    to: W,
    stem: &str,
    time: Timestamp,
    entries: &[Entry],
) -> io::Result<()> {
    let since = time.system_time().duration_since(UNIX_EPOCH);
    let seconds = since.unwrap_or_default().as_secs();
    let gzip = GzBuilder::new().write(to, Compression::default());
    let mut archive = Builder::new(gzip);
    for entry in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(seconds);
        header.set_size(entry.content.len() as u64);
        let name = format!("{stem}/{}", entry.name);
        archive.append_data(&mut header, name, entry.content.as_slice())?;
    }
    archive.into_inner()?.finish()?.flush()
}
