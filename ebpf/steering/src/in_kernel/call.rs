//! What a call of the RPC service is to a cache of responses: which functions are pure, which depend on an
//! item, and which change one.
//!
//! The paper names the price of caching responses: "the NIC program needs more application-specific knowledge to
//! perform the cache lookup" (ENCP'19, section 3.2). This table is that knowledge:
//!
//! | function | its response depends on | it changes |
//! |---|---|---|
//! | `echo`, `spin` | its arguments | nothing |
//! | `get` | its arguments and its key's item | nothing |
//! | `scan` | items of keys that it does not name: never kept | nothing |
//! | `set`, `add` | never kept | its key's item |
//!
//! A function that is not listed is taken for one that changes any item. A call without a key that could be one
//! is refused by the server and changes nothing.

use packet::Packet;

use super::coherence::{EVERY_KEY, clock_of};
use crate::rpc::{self, KEY, Places};
use crate::{Drop, MAX_KEY_LEN, hash_key};

/// See the [module](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEffect {
    /// None, and the response follows from the call's bytes.
    Computes,
    /// None, and the response follows from the call's bytes and the item whose key has this hash.
    Reads(u64),
    /// None, and the response is not to be kept.
    Unkept,
    /// It can change the item whose key has this hash, and no other.
    Writes(u64),
    /// It can change any item.
    Anything,
}

impl CallEffect {
    /// The clock that it advances ([`super::coherence`]); none where it changes nothing.
    #[inline(always)]
    #[must_use]
    pub const fn clock(&self) -> Option<u32> {
        match self {
            Self::Computes | Self::Reads(_) | Self::Unkept => None,
            Self::Writes(hash) => Some(clock_of(*hash)),
            Self::Anything => Some(EVERY_KEY),
        }
    }
}

const fn name<const N: usize>(letters: [u8; N]) -> u64 {
    let mut word = 0;
    let mut i = 0;
    while i < N {
        word |= (letters[i] as u64) << (8 * i);
        i += 1;
    }
    word
}

const GET: u64 = name(*b"get");
const SET: u64 = name(*b"set");
const ADD: u64 = name(*b"add");
const ECHO: u64 = name(*b"echo");
const SPIN: u64 = name(*b"spin");
const SCAN: u64 = name(rpc::SCAN);
/// Bytes of the longest of these names.
const LONGEST: usize = 4;

/// The effect of the call whose UDP payload reaches from `at` to `end`.
///
/// # Errors
/// The reason for which the datagram is to be dropped: it is no call.
#[inline(always)]
pub fn call_effect<P: Packet + ?Sized>(p: &P, at: usize, end: usize) -> Result<CallEffect, Drop> {
    let places = rpc::places(p, at, end)?;
    let name = called(p, at, &places).ok_or(Drop::Truncated)?;
    let writes = match name {
        ECHO | SPIN => return Ok(CallEffect::Computes),
        SCAN => return Ok(CallEffect::Unkept),
        GET => false,
        SET | ADD => true,
        _ => return Ok(CallEffect::Anything),
    };
    let Some(key) = places.argument(KEY, at) else {
        return Ok(CallEffect::Unkept);
    };
    if key.len == 0 || key.len > MAX_KEY_LEN {
        return Ok(CallEffect::Unkept);
    }
    let hash = hash_key(p, key.at, key.len).ok_or(Drop::Truncated)?;
    Ok(match writes {
        true => CallEffect::Writes(hash),
        false => CallEffect::Reads(hash),
    })
}

/// The name of the called function, filled up with zeros; 0 for one that is longer than any listed.
#[inline(always)]
fn called<P: Packet + ?Sized>(p: &P, at: usize, places: &Places) -> Option<u64> {
    let at = at + rpc::HEADER_LEN;
    Some(match places.name_len {
        3 => u64::from(u32::from_le_bytes(p.read::<4>(at - 1)?) >> 8),
        LONGEST => u64::from(u32::from_le_bytes(p.read::<4>(at)?)),
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;
    use crate::hash_bytes;
    use crate::rpc::{Kind, head, lengths};

    fn datagram(name: &[u8], arguments: &[&[u8]]) -> Vec<u8> {
        let lens: Vec<usize> = arguments.iter().map(|it| it.len()).collect();
        let lengths = lengths(name.len(), &lens);
        [
            &head(Kind::Call, 7)[..],
            &lengths,
            name,
            &arguments.concat(),
        ]
        .concat()
    }

    fn told(name: &[u8], arguments: &[&[u8]]) -> Result<CallEffect, Drop> {
        let datagram = datagram(name, arguments);
        call_effect(datagram.as_slice(), 0, datagram.len())
    }

    #[test]
    fn each_function_has_its_effect() {
        let (tenant, key) = (b"tenant".as_slice(), b"key".as_slice());
        let hash = hash_bytes(key);
        let cases = [
            (&b"echo"[..], CallEffect::Computes),
            (b"spin", CallEffect::Computes),
            (b"get", CallEffect::Reads(hash)),
            (b"scan", CallEffect::Unkept),
            (b"set", CallEffect::Writes(hash)),
            (b"add", CallEffect::Writes(hash)),
            (b"ge", CallEffect::Anything),
            (b"getx", CallEffect::Anything),
            (b"delete", CallEffect::Anything),
        ];
        for (name, effect) in cases {
            assert_eq!(told(name, &[tenant, key, b"12345678"]), Ok(effect));
        }
        assert_eq!(told(b"set", &[tenant]), Ok(CallEffect::Unkept));
        assert_eq!(told(b"set", &[tenant, b""]), Ok(CallEffect::Unkept));
        assert_eq!(
            told(b"add", &[tenant, &[b'k'; 251]]),
            Ok(CallEffect::Unkept)
        );
        let longest = [b'k'; MAX_KEY_LEN];
        let hash = hash_bytes(&longest);
        assert_eq!(told(b"get", &[b"", &longest]), Ok(CallEffect::Reads(hash)));
    }

    #[test]
    fn what_is_no_call_is_dropped() {
        let mut call = datagram(b"get", &[b"t", b"k"]);
        for end in 0..call.len() {
            let told = call_effect(&call[..end], 0, end);
            assert_eq!(told, Err(Drop::Truncated), "{end}");
        }
        call[2] = Kind::Reply as u8;
        let told = call_effect(call.as_slice(), 0, call.len());
        assert_eq!(told, Err(Drop::BadRpcHeader));
    }

    #[test]
    fn writes_advance_a_clock_and_nothing_else_does() {
        assert_eq!(CallEffect::Writes(7).clock(), Some(clock_of(7)));
        assert_eq!(CallEffect::Anything.clock(), Some(EVERY_KEY));
        for effect in [
            CallEffect::Computes,
            CallEffect::Reads(7),
            CallEffect::Unkept,
        ] {
            assert_eq!(effect.clock(), None);
        }
    }
}
