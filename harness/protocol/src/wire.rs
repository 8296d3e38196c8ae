//! One message a line, as JSON.

use std::io::{self, BufRead, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// No message is longer than this many bytes: a client's histograms are the largest, below 1 MiB.
/// A longer line means that something else writes to the agent's output.
pub const LONGEST_LINE: u64 = 64 << 20;

/// Why no message could be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The other side is gone.
    #[error("the other side closed the connection")]
    Closed,
    /// The pipe failed.
    #[error("reading or writing the agent's pipe: {0}")]
    Pipe(#[from] io::Error),
    /// The line is no message of the expected kind.
    #[error("not a message: {error}: {line}")]
    Malformed {
        /// What the parser says.
        error: serde_json::Error,
        /// The start of the line.
        line: String,
    },
    /// The line does not end.
    #[error("a line of more than {LONGEST_LINE} bytes")]
    TooLong,
}

/// Writes `message` as one line and flushes.
///
/// # Errors
/// When the pipe is broken.
pub fn write_line(mut to: impl Write, message: &impl Serialize) -> Result<(), WireError> {
    let mut line = serde_json::to_vec(message).map_err(io::Error::other)?;
    line.push(b'\n');
    to.write_all(&line)?;
    Ok(to.flush()?)
}

/// Reads the next line as a message.
///
/// # Errors
/// [`WireError::Closed`] at the end of input; otherwise what is wrong with the line.
pub fn read_line<T: DeserializeOwned>(from: &mut impl BufRead) -> Result<T, WireError> {
    let mut line = Vec::new();
    let read = io::Read::take(&mut *from, LONGEST_LINE).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Err(WireError::Closed);
    }
    if line.last() != Some(&b'\n') && read as u64 == LONGEST_LINE {
        return Err(WireError::TooLong);
    }
    serde_json::from_slice(&line).map_err(|error| WireError::Malformed {
        error,
        line: String::from_utf8_lossy(&line).chars().take(120).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Hello, Reply};

    #[test]
    fn what_is_written_is_read_and_the_end_is_told_apart() {
        let mut pipe = Vec::new();
        let hello = Hello::of_this_process("client");
        write_line(&mut pipe, &hello).unwrap();
        write_line(&mut pipe, &Reply::<u32>::Failed("no queue".to_owned())).unwrap();
        let mut reader = pipe.as_slice();
        assert_eq!(read_line::<Hello>(&mut reader).unwrap(), hello);
        let reply: Reply<u32> = read_line(&mut reader).unwrap();
        assert_eq!(reply, Reply::Failed("no queue".to_owned()));
        assert!(matches!(
            read_line::<Hello>(&mut reader),
            Err(WireError::Closed)
        ));
    }

    #[test]
    fn a_stray_line_is_quoted_in_the_error() {
        let mut reader = &b"hello world\n"[..];
        let error = read_line::<Hello>(&mut reader).unwrap_err();
        assert!(error.to_string().contains("hello world"), "{error}");
    }
}
