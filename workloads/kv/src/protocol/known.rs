//! Requests whose first key somebody has found and hashed before: it is neither hashed nor looked at again.
//!
//! ENCP'19, section 4: the hash that XDP computes for steering can be reused by the store. What stands
//! here is a shorter way to what [`parse`](super::parse) finds, never another answer, as long as what is
//! known is true; who may doubt it parses anew and compares.

use super::request::{AsciiOp, Incomplete, Op, Parsed, Request, Single, Span};
use super::{Dialect, ascii, binary};

/// The first key of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownKey {
    /// Where it stands, inside the request.
    pub span: Span,
    /// `steering::hash` of its bytes.
    pub hash: u64,
}

impl KnownKey {
    /// What a request for one key says of its key.
    #[must_use]
    pub const fn of(single: &Single) -> Self {
        Self {
            span: single.key,
            hash: single.hash,
        }
    }

    /// The hash of the key at `span`, computed where it is not known.
    #[inline]
    pub(super) fn hash_of(known: Option<&Self>, span: Span, key: &[u8]) -> u64 {
        match known {
            Some(known) if known.span == span => known.hash,
            Some(_) | None => steering::hash::hash_bytes(key),
        }
    }

    /// How many bytes of a text request are known to hold neither an end of line nor a NUL: whoever found
    /// the key has read up to there.
    #[inline]
    pub(super) fn seen(known: Option<&Self>, buffer: &[u8]) -> usize {
        known.map_or(0, |known| known.span.end().min(buffer.len()))
    }

    /// What stands before the key, the key, and what stands behind it, if it is a word of the line.
    pub(super) fn split<'a>(&self, line: &'a [u8]) -> Option<[&'a [u8]; 3]> {
        let (before, rest) = line.split_at_checked(self.span.at as usize)?;
        let (key, behind) = rest.split_at_checked(self.span.len as usize)?;
        let is_word = before.ends_with(b" ") && matches!(behind, [] | [b' ', ..]);
        is_word.then_some([before, key, behind])
    }
}

/// Cuts one request from a datagram's body, as [`parse`](super::parse) does, with what is known of its
/// first key.
///
/// # Errors
/// When the request is not complete.
pub fn parse_known(buffer: &[u8], known: &KnownKey) -> Result<Request, Incomplete> {
    if let Some(request) = plain_get(buffer, known) {
        return Ok(request);
    }
    match buffer.first() {
        Some(first) => match Dialect::of(*first) {
            Dialect::Text => ascii::parse(buffer, Some(known)),
            Dialect::Binary => binary::parse(buffer, Some(known)),
        },
        None => Err(Incomplete { needed: 1 }),
    }
}

/// The commonest request, `get` of one key and nothing more: what is not the key is compared, and the key
/// is left alone.
#[inline]
fn plain_get(buffer: &[u8], known: &KnownKey) -> Option<Request> {
    const COMMAND: &[u8] = b"get ";
    let is_plain = known.span.at as usize == COMMAND.len()
        && buffer.len() == known.span.end() + 2
        && buffer.starts_with(COMMAND)
        && buffer.ends_with(b"\r\n");
    let op = AsciiOp::Get {
        with_cas: false,
        touch: None,
        end: true,
    };
    is_plain.then_some(Request {
        consumed: buffer.len(),
        swallow: 0,
        close: false,
        parsed: Parsed::Single(Single {
            hash: known.hash,
            key: known.span,
            op: Op::Ascii { op, noreply: false },
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::frame::HEADER_LEN;
    use crate::protocol::parse;
    use proptest::prelude::*;
    use steering::request::{KeyHash, hash_first_key};

    /// What XDP would know of a request, which it sees behind the frame's headers.
    fn known(request: &[u8]) -> Option<KnownKey> {
        let payload = [&[0, 1, 0, 0, 0, 1, 0, 0], request].concat();
        match hash_first_key(payload.as_slice(), 0, payload.len()) {
            Ok(KeyHash::Key(note)) => Some(KnownKey {
                span: Span {
                    at: u32::from(note.at) - HEADER_LEN as u32,
                    len: u32::from(note.len),
                },
                hash: note.hash,
            }),
            Ok(KeyHash::Keyless) | Err(_) => None,
        }
    }

    /// Whether something was known of the request, which is understood alike then.
    fn alike(request: &[u8]) -> bool {
        let Some(known) = known(request) else {
            return false;
        };
        let described = |parsed| format!("{parsed:?}");
        let text = request.escape_ascii();
        assert_eq!(
            described(parse_known(request, &known)),
            described(parse(request)),
            "{text}"
        );
        true
    }

    #[test]
    fn every_command_is_understood_alike() {
        let requests: &[&[u8]] = &[
            b"get a\r\n",
            b"get key\n",
            b"get key \r\n",
            b"get a\rb\r\n",
            b"get a b c\r\n",
            b"get a\r\nget b\r\n",
            b"gets key\r\n",
            b"gat 60 key\r\n",
            b"set key 1 0 3\r\nabc\r\n",
            b"set key 1 0 3 noreply\r\nabc\r\n",
            b"set key 1 0 3\r\nab",
            b"set key 1 0 3\r\nabcd\r\n",
            b"set key \0 0 3\r\nabc\r\n",
            b"cas key 1 0 1 77\r\nx\r\n",
            b"append key 0 0 1\r\nx\r\n",
            b"delete key\r\n",
            b"delete key 0 noreply\r\n",
            b"incr key 5\r\n",
            b"decr key x\r\n",
            b"touch key 9 noreply\r\n",
            b"mg key v t\r\n",
            b"mg a2V5 b v\r\n",
            b"ms key 2 T9\r\nab\r\n",
            b"md key q\r\n",
            b"ma key D3\r\n",
        ];
        let understood = requests.iter().filter(|request| alike(request));
        assert_eq!(understood.count(), requests.len());
    }

    #[test]
    fn a_hash_that_is_known_is_believed_and_another_key_is_hashed() {
        let request = b"set key 0 0 1\r\nx\r\n";
        let mut told = known(request).unwrap();
        told.hash ^= 1;
        let hash = |known: &KnownKey| {
            let Parsed::Single(single) = parse_known(request, known).unwrap().parsed else {
                panic!("a request for one key")
            };
            single.hash
        };
        assert_eq!(hash(&told), told.hash);
        told.span.len -= 1;
        assert_eq!(hash(&told), steering::hash_bytes(b"key"));
    }

    proptest! {
        #[test]
        fn whatever_is_known_of_any_request_changes_nothing(
            command in prop::sample::select(vec![
                "get ", "gets ", "gat 1 ", "set ", "add ", "delete ", "incr ", "mg ", "ms ", "bget ", "",
            ]),
            key in "[ -~\r\n\0]{0,40}|[a-z]{0,251}",
            rest in "( [0-9]{1,3}){0,5}( noreply| v| k)?",
            end in "(\r)?\n|",
            value in "[a-z]{0,5}(\r\n)?",
        ) {
            alike(format!("{command}{key}{rest}{end}{value}").as_bytes());
        }

        #[test]
        fn binary_requests_too(
            opcode in 0_u8..0x30,
            key in prop::collection::vec(any::<u8>(), 0..251),
            extras in 0_usize..21,
            value in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let body = extras + key.len() + value.len();
            let mut request = vec![0x80, opcode, 0, key.len() as u8, extras as u8, 0, 0, 0];
            request.extend((body as u32).to_be_bytes());
            request.extend([0; 12]);
            request.extend(vec![0; extras]);
            request.extend(&key);
            request.extend(&value);
            alike(&request);
        }
    }
}
