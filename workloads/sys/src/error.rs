//! `io::Error` with what was being attempted in front of it.

use std::io;

/// An I/O error and the attempt that it ended.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
struct Failed {
    what: String,
    source: io::Error,
}

/// Names the attempt in an error; the kind of the error is kept.
pub(crate) trait Doing<T> {
    /// Adds `what` (lower case, no full stop: "read /proc/stat") to the error.
    fn doing(self, what: impl FnOnce() -> String) -> io::Result<T>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> io::Result<T> {
        self.map_err(|error| {
            let source = error.into();
            io::Error::new(
                source.kind(),
                Failed {
                    what: what(),
                    source,
                },
            )
        })
    }
}

/// An error about data that is not of the form that the kernel documents.
pub(crate) fn malformed(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// Reads a small file of /proc or /sys, without the newline at its end.
pub(crate) fn read_text(path: impl AsRef<std::path::Path>) -> io::Result<String> {
    let path = path.as_ref();
    let mut text = std::fs::read_to_string(path).doing(|| format!("read {}", path.display()))?;
    text.truncate(text.trim_end().len());
    Ok(text)
}
