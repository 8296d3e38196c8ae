//! The key's hash as it came with the packet, in place of parsing and hashing the key again.
//!
//! ENCP'19, section 4. The kernel's program has found and hashed the key in the very bytes that lie in the
//! frame, by the code that user space has. An owner believes it, and asks the partition table of the
//! present epoch whether the key is its own, so that a misroute is seen for every request. One request
//! in so many is parsed and hashed anew from its bytes, and is executed by what came of that; a
//! disagreement, in the hash or in the place of the key, is counted and makes a trial invalid.

use std::num::NonZeroU32;

use steering::KeyNote;

use super::counters::LiveCounts;
use crate::protocol::frame::HEADER_LEN;
use crate::protocol::{self, Incomplete, KnownKey, Parsed, Request, Span};

/// How one owner parses requests whose keys may be known.
#[derive(Debug)]
pub(crate) struct Reuse {
    check_one_in: NonZeroU32,
    until_check: u32,
}

impl Reuse {
    /// The first request is checked, then one in so many.
    pub(crate) const fn new(check_one_in: NonZeroU32) -> Self {
        Self {
            check_one_in,
            until_check: 0,
        }
    }

    /// Cuts the request that begins a datagram's body, with the note of the datagram.
    ///
    /// # Errors
    /// When the request is not complete.
    pub(crate) fn parse(
        &mut self,
        body: &[u8],
        note: Option<KeyNote>,
        counts: &LiveCounts,
    ) -> Result<Request, Incomplete> {
        let Some(known) = note.and_then(in_body) else {
            let request = protocol::parse(body)?;
            if key_of(&request).is_some() {
                counts.hashes_unnoted.one();
            }
            return Ok(request);
        };
        match self.until_check.checked_sub(1) {
            Some(left) => {
                self.until_check = left;
                let request = protocol::parse_known(body, &known)?;
                match key_of(&request) {
                    Some(key) if key == known => counts.hashes_reused.one(),
                    Some(_) => counts.hashes_unnoted.one(),
                    None => {}
                }
                Ok(request)
            }
            None => {
                self.until_check = self.check_one_in.get() - 1;
                let request = protocol::parse(body)?;
                if let Some(key) = key_of(&request) {
                    counts.hashes_checked.one();
                    if key != known {
                        counts.hashes_disagreed.one();
                    }
                }
                Ok(request)
            }
        }
    }
}

/// What a note of a payload says of the request behind the frame header.
fn in_body(note: KeyNote) -> Option<KnownKey> {
    let at = u32::from(note.at).checked_sub(HEADER_LEN as u32)?;
    Some(KnownKey {
        span: Span {
            at,
            len: u32::from(note.len),
        },
        hash: note.hash,
    })
}

/// The key of a request for one key.
fn key_of(request: &Request) -> Option<KnownKey> {
    match &request.parsed {
        Parsed::Single(single) => Some(KnownKey::of(single)),
        Parsed::Multi(_) | Parsed::Scan(_) | Parsed::Global(_) | Parsed::Immediate(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use steering::hash_bytes;

    const BODY: &[u8] = b"get key\r\n";

    fn note() -> KeyNote {
        KeyNote::new(hash_bytes(b"key"), HEADER_LEN + 4, 3)
    }

    fn every(check_one_in: u32) -> Reuse {
        Reuse::new(NonZeroU32::new(check_one_in).unwrap())
    }

    /// Reused, checked, disagreed, unnoted; and the last request's hash.
    fn counted(reuse: &mut Reuse, notes: &[Option<KeyNote>], body: &[u8]) -> ([u64; 4], u64) {
        let counts = LiveCounts::default();
        let mut hash = 0;
        for note in notes {
            let request = reuse.parse(body, *note, &counts).unwrap();
            hash = key_of(&request).map_or(0, |key| key.hash);
        }
        let counts = counts.read();
        let counts = [
            counts.hashes_reused,
            counts.hashes_checked,
            counts.hashes_disagreed,
            counts.hashes_unnoted,
        ];
        (counts, hash)
    }

    #[test]
    fn one_in_so_many_is_checked() {
        let notes = [Some(note()); 10];
        let hash = hash_bytes(b"key");
        assert_eq!(counted(&mut every(1), &notes, BODY), ([0, 10, 0, 0], hash));
        assert_eq!(counted(&mut every(4), &notes, BODY), ([7, 3, 0, 0], hash));
    }

    #[test]
    fn a_check_sees_a_wrong_hash_and_a_wrong_place_and_believes_neither() {
        let shifted = KeyNote {
            at: note().at + 1,
            ..note()
        };
        let hash = hash_bytes(b"key");
        for wrong in [note().corrupted(), shifted] {
            let counted = counted(&mut every(1), &[Some(wrong)], BODY);
            assert_eq!(counted, ([0, 1, 1, 0], hash));
        }
    }

    #[test]
    fn without_a_note_the_key_is_hashed() {
        let hash = hash_bytes(b"key");
        let outside = KeyNote { at: 3, ..note() };
        for missing in [None, Some(outside)] {
            let counted = counted(&mut every(2), &[missing; 3], BODY);
            assert_eq!(counted, ([0, 0, 0, 3], hash));
        }
    }

    #[test]
    fn requests_without_one_key_are_not_counted() {
        let counted = counted(&mut every(2), &[Some(note()); 4], b"get key two\r\n");
        assert_eq!(counted, ([0; 4], 0));
    }
}
