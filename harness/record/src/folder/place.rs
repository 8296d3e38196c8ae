//! Putting files in their place whole: made under a hidden name beside it, then moved by one rename.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::error::RecordError;

/// Names that begin so are unfinished.
pub(super) const UNFINISHED: &str = ".unfinished-";

/// Makes a file or folder under another name in the same folder, then moves it to `place`. What stands
/// there gives way in the same step, so that at every instant either the old or the new one is there.
/// What could not be made whole is removed.
pub(super) fn replace(
    place: &Path,
    make: impl FnOnce(&Path) -> Result<(), RecordError>,
) -> Result<(), RecordError> {
    let (Some(parent), Some(name)) = (place.parent(), place.file_name()) else {
        return Err(RecordError::unwritable(place, "it has no name"));
    };
    let unfinished = parent.join(format!("{UNFINISHED}{}", name.to_string_lossy()));
    fs::create_dir_all(parent).map_err(RecordError::io(parent))?;
    remove(&unfinished)?;
    let made = make(&unfinished).and_then(|()| {
        if place.is_dir() {
            // rename(2) replaces files and empty folders only.
            renameat_with(CWD, &unfinished, CWD, place, RenameFlags::EXCHANGE)
                .map_err(io::Error::from)
                .and_then(|()| fs::remove_dir_all(&unfinished))
        } else {
            fs::rename(&unfinished, place)
        }
        .map_err(RecordError::io(place))
    });
    if made.is_err() {
        // On a full disk the half-written files would take the room that mends it. The first error
        // is the one to tell; what stays here is removed by the next writer.
        let _ = remove(&unfinished);
    }
    made
}

/// Removes what earlier writers left unfinished in `folder`, if there is such a folder.
pub(super) fn remove_unfinished(folder: &Path) -> Result<(), RecordError> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(RecordError::io(folder))? {
        let path = entry.map_err(RecordError::io(folder))?.path();
        let unfinished = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(UNFINISHED));
        if unfinished {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Removes a file or a folder, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), RecordError> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(RecordError::io(path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
