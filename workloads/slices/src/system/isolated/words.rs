//! What a keeper and a slice's process say to each other beside the sockets: a length in 4 bytes, then so many of JSON. Nothing
//! is read ahead, for descriptors travel on the same stream.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::system::{Counters, SystemConfig, ThreadInfo};

/// Bytes of the longest message: the counters of a slice are some kilobytes.
const LONGEST: usize = 1 << 20;

/// Which slice of what a process is to run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) number: u16,
    pub(super) config: SystemConfig,
}

/// What a slice is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Question {
    /// Its threads.
    Threads,
    /// What it counted.
    Counters,
    /// Whether nothing is in it.
    Quiet,
}

/// What it says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Answer {
    Threads(Vec<ThreadInfo>),
    Counters(Counters),
    Quiet(bool),
    /// Why it has no answer.
    Failed(String),
}

/// Sends a message.
pub(super) fn tell<T: Serialize>(mut to: impl Write, message: &T) -> io::Result<()> {
    let body = serde_json::to_vec(message).map_err(io::Error::other)?;
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend(body);
    to.write_all(&bytes)
}

/// Waits for a message; `None` when the other end was closed between two messages.
pub(super) fn hear<T: DeserializeOwned>(mut from: impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    let first = loop {
        match from.read(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => break read?,
        }
    };
    if first == 0 {
        return Ok(None);
    }
    from.read_exact(&mut length[first..])?;
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST {
        let what = format!("{length} bytes are no message of a slice or its keeper");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    serde_json::from_slice(&body)
        .map(Some)
        .map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_heard_as_they_were_told_and_the_end_is_told_apart() {
        let mut stream = Vec::new();
        tell(&mut stream, &Question::Counters).unwrap();
        tell(&mut stream, &Answer::Quiet(true)).unwrap();
        let mut rest = stream.as_slice();
        assert_eq!(hear(&mut rest).unwrap(), Some(Question::Counters));
        assert_eq!(hear(&mut rest).unwrap(), Some(Answer::Quiet(true)));
        assert_eq!(hear::<Answer>(&mut rest).unwrap(), None);
        let cut = &stream[..stream.len() - 1];
        let mut rest = cut;
        hear::<Question>(&mut rest).unwrap();
        let error = hear::<Answer>(&mut rest).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let long = u32::MAX.to_le_bytes();
        let error = hear::<Question>(long.as_slice()).unwrap_err().to_string();
        assert!(
            error.starts_with("4294967295 bytes are no message"),
            "{error}"
        );
        let mut other = Vec::new();
        tell(&mut other, &17).unwrap();
        assert!(hear::<Question>(other.as_slice()).is_err());
    }
}
