//! How the response to a call lies in a map, found by the hash of the call.
//!
//! Call and response are kept without the bytes that name the call: what stands behind its id, which the reply
//! repeats. Two calls of one function with the same arguments are the same bytes from there on.
//!
//! | words | what |
//! |---|---|
//! | 0 | the sum of its key's clocks ([`super::coherence`]) before it was computed; nothing where it depends on no item |
//! | 1 | when it expires, ns of CLOCK_MONOTONIC |
//! | 2 | two lengths: the call, the response |
//! | 3.. | the call, filled up with zeros |
//! | 34.. | the response, with zeros in front of it |
//!
//! The zeros are in front, for it is written over the request from its first word on: what the first word has
//! too much falls on the headers, which are written last, and nothing stands behind the frame's end.
//!
//! **Limits.** A response may be longer than its call by the headroom of a frame, as in [`super::item`]: the shortest
//! call with tenant and key has 25 bytes, the longest response with what names the call 232.

use packet::{Packet, PacketMut};

use super::answer::{LONGEST_TEXT, put64};
use super::item::stands_at;
use crate::hash_key;
use crate::rpc::HEAD_LEN;

/// Longest call in bytes, from behind its id on.
pub const LONGEST_CALL: usize = 8 * CALL_WORDS;
/// Longest response in bytes, from behind the call's id on.
pub const LONGEST_RESPONSE: usize = 8 * BODY_WORDS;
/// Words of a response with its call.
pub const RESPONSE_WORDS: usize = BODY_AT + BODY_WORDS;

const _: () = assert!(LONGEST_RESPONSE <= LONGEST_TEXT);

const CALL_WORDS: usize = 31;
const BODY_WORDS: usize = 28;
const CLOCKS: usize = 0;
const EXPIRES: usize = 1;
const LENGTHS: usize = 2;
const CALL_AT: usize = 3;
const BODY_AT: usize = CALL_AT + CALL_WORDS;
/// No length is above this, whatever stands in the map: the verifier wants to know.
const LENGTH_MASK: u64 = 0xff;

/// A response with its call in a map.
pub type Response = [u64; RESPONSE_WORDS];

/// A call where it stands in the frame, short enough for its response to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    at: usize,
    len: usize,
    /// Its hash.
    pub hash: u64,
}

impl Call {
    /// The call of the datagram whose UDP payload reaches from `at` to `end`; `None` where it is too long.
    #[inline(always)]
    pub fn of<P: Packet + ?Sized>(p: &P, at: usize, end: usize) -> Option<Self> {
        let at = at + HEAD_LEN;
        let len = p.forget(end.wrapping_sub(at));
        if len > LONGEST_CALL {
            return None;
        }
        let hash = hash_key(p, at, len)?;
        Some(Self {
            at,
            len: p.forget(len) & LENGTH_MASK as usize,
            hash,
        })
    }
}

/// Whether it is the response to the call in the frame.
#[inline(always)]
pub fn answers<P: Packet + ?Sized>(response: &Response, p: &P, call: &Call) -> bool {
    (response[LENGTHS] & LENGTH_MASK) as usize == call.len
        && stands_at::<CALL_WORDS, P>(p, call.at, call.len, |i| {
            response[CALL_AT..BODY_AT].get(i).copied()
        })
}

/// Whether it has expired at a time in ns of CLOCK_MONOTONIC.
#[inline(always)]
#[must_use]
pub const fn has_expired(response: &Response, now_ns: u64) -> bool {
    response[EXPIRES] <= now_ns
}

/// The sum of clocks that it was computed at.
#[inline(always)]
#[must_use]
pub const fn clocks_of(response: &Response) -> u64 {
    response[CLOCKS]
}

/// Its length in bytes.
#[inline(always)]
#[must_use]
pub const fn len_of(response: &Response) -> usize {
    (response[LENGTHS] >> 16 & LENGTH_MASK) as usize
}

/// Writes it at `at`, and up to seven zeros in front of it; `None` where the frame is too short.
#[inline(always)]
pub fn write_response<P: PacketMut + ?Sized>(
    p: &mut P,
    at: usize,
    response: &Response,
) -> Option<()> {
    let len = len_of(response);
    let words = len.div_ceil(8);
    let from = at + len - 8 * words;
    for i in 0..BODY_WORDS {
        if i >= words {
            break;
        }
        put64(p, from + 8 * i, *response[BODY_AT..].get(i)?)?;
    }
    Some(())
}

/// A response from user space; `None` where call or response are too long or there is none.
#[cfg(not(target_arch = "bpf"))]
#[must_use]
pub fn response_of(call: &[u8], body: &[u8], clocks: u64, expires_ns: u64) -> Option<Response> {
    if call.len() > LONGEST_CALL || body.is_empty() || body.len() > LONGEST_RESPONSE {
        return None;
    }
    let mut response = [0; RESPONSE_WORDS];
    response[CLOCKS] = clocks;
    response[EXPIRES] = expires_ns;
    response[LENGTHS] = call.len() as u64 | (body.len() as u64) << 16;
    for (word, bytes) in response[CALL_AT..BODY_AT].iter_mut().zip(call.chunks(8)) {
        let mut filled = [0; 8];
        filled[..bytes.len()].copy_from_slice(bytes);
        *word = u64::from_le_bytes(filled);
    }
    let words = body.len().div_ceil(8);
    let ends = response[BODY_AT..BODY_AT + words].iter_mut().rev();
    for (word, bytes) in ends.zip(body.rchunks(8)) {
        let mut filled = [0; 8];
        filled[8 - bytes.len()..].copy_from_slice(bytes);
        *word = u64::from_le_bytes(filled);
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::hash_bytes;

    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|i| i as u8 + 1).collect()
    }

    #[test]
    fn a_response_of_every_length_is_written_as_it_is() {
        for len in 1..=LONGEST_RESPONSE {
            let body = bytes(len);
            let response = response_of(b"call", &body, 5, 6).unwrap();
            assert_eq!((len_of(&response), clocks_of(&response)), (len, 5));
            let mut frame = vec![0xee; 50 + len];
            write_response(frame.as_mut_slice(), 50, &response).unwrap();
            assert_eq!(frame[50..], body);
            assert!(frame[..43].iter().all(|byte| *byte == 0xee));
            let short = &mut frame[..49 + len];
            assert_eq!(write_response(short, 50, &response), None);
        }
        assert_eq!(
            response_of(b"call", &bytes(LONGEST_RESPONSE + 1), 0, 0),
            None
        );
        assert_eq!(response_of(b"call", b"", 0, 0), None);
    }

    #[test]
    fn a_call_is_found_by_its_bytes_and_hash() {
        for len in 12..=LONGEST_CALL {
            let call = bytes(len);
            let datagram = [&b"somebody"[..], &call].concat();
            let here = Call::of(datagram.as_slice(), 0, datagram.len()).unwrap();
            assert_eq!(here.hash, hash_bytes(&call));
            let response = response_of(&call, b"x", 0, 0).unwrap();
            assert!(answers(&response, datagram.as_slice(), &here));
            for at in [0, len / 2, len - 1] {
                let mut other = call.clone();
                other[at] ^= 1;
                let response = response_of(&other, b"x", 0, 0).unwrap();
                assert!(
                    !answers(&response, datagram.as_slice(), &here),
                    "{at} of {len}"
                );
            }
            let response = response_of(&call[..len - 1], b"x", 0, 0).unwrap();
            assert!(!answers(&response, datagram.as_slice(), &here));
        }
        let long = [0; HEAD_LEN + LONGEST_CALL + 1];
        assert_eq!(Call::of(long.as_slice(), 0, long.len()), None);
        assert_eq!(response_of(&long, b"x", 0, 0), None);
        assert_eq!(Call::of(b"short".as_slice(), 0, 5), None);
    }

    #[test]
    fn it_expires_at_its_time() {
        let response = response_of(b"call", b"x", 0, 100).unwrap();
        assert!(!has_expired(&response, 99) && has_expired(&response, 100));
    }
}
