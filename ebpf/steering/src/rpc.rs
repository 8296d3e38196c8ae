//! A small RPC protocol, to show that steering is not tied to memcached.
//!
//! "In an RPC call, the partition identifier can be the name of the RPC function or a parameter of the RPC
//! call, which determines a service thread that implements the RPC function" (ENCP'19, section 3.3). A call
//! is one datagram, all numbers big-endian:
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 1 | [`MAGIC`] |
//! | 1 | 1 | [`VERSION`] |
//! | 2 | 1 | [`Kind`]: 0 call, 1 reply |
//! | 3 | 1 | reserved, 0 |
//! | 4 | 4 | call id, chosen by the client and repeated in the reply |
//! | 8 | 1 | bytes of the function's name, 1 to [`LONGEST_NAME`] |
//! | 9 | 1 | number of arguments, at most [`MOST_ARGUMENTS`] |
//! | 10 | 2 | reserved |
//! | 12 | 8 | bytes of each argument, 16 bits each, 0 where there is none |
//! | 20 | | the name, and behind it the arguments in order |
//!
//! The lengths stand at fixed places, so that an argument is found without a loop over what is in the
//! packet. A reply has the first eight bytes; docs/rpc.md tells the rest, and the functions.

use packet::Packet;

use crate::{Drop, MAX_KEY_LEN, Order, hash};

/// First byte of a datagram of this protocol.
pub const MAGIC: u8 = 0xc7;
/// The only version of the protocol so far.
pub const VERSION: u8 = 1;
/// Bytes that calls and replies have in common: up to the call id's end.
pub const HEAD_LEN: usize = 8;
/// Bytes before the function's name.
pub const HEADER_LEN: usize = 20;
/// Bytes of the longest name.
pub const LONGEST_NAME: usize = 32;
/// Most arguments of a call.
pub const MOST_ARGUMENTS: usize = 4;
/// The argument that is a key, of every function that has one.
pub const KEY: u8 = 1;
/// The name of the function that reads keys that are neighbours.
pub const SCAN: [u8; 4] = *b"scan";
/// Where the lengths of the arguments stand.
const LENGTHS_AT: usize = 12;

/// What a datagram is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// From client to server.
    Call = 0,
    /// From server to client.
    Reply = 1,
}

/// The first eight bytes of a datagram of this kind.
#[must_use]
pub const fn head(kind: Kind, call: u32) -> [u8; HEAD_LEN] {
    let [a, b, c, d] = call.to_be_bytes();
    [MAGIC, VERSION, kind as u8, 0, a, b, c, d]
}

/// The call id of a datagram of this kind; `None` where it is none.
#[must_use]
pub fn call_id(kind: Kind, datagram: &[u8]) -> Option<u32> {
    let bytes = datagram.first_chunk::<HEAD_LEN>()?;
    let id = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    (*bytes == head(kind, id)).then_some(id)
}

/// The bytes behind the call id and before the name: the lengths of a name and of arguments, of which no
/// more than [`MOST_ARGUMENTS`] count.
#[must_use]
pub fn lengths(name: usize, arguments: &[usize]) -> [u8; HEADER_LEN - HEAD_LEN] {
    let mut bytes = [0; HEADER_LEN - HEAD_LEN];
    bytes[0] = name as u8;
    bytes[1] = arguments.len() as u8;
    for (place, len) in bytes[4..].chunks_exact_mut(2).zip(arguments) {
        place.copy_from_slice(&(*len as u16).to_be_bytes());
    }
    bytes
}

/// Where name and arguments of a call stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    /// Bytes of the function's name.
    pub(crate) name_len: usize,
    arguments: usize,
    lengths: [usize; MOST_ARGUMENTS],
}

impl Places {
    /// The offset of argument `number` from the header's end.
    #[inline(always)]
    const fn before(&self, number: usize) -> usize {
        let [first, second, third, _] = self.lengths;
        self.name_len
            + match number {
                0 => 0,
                1 => first,
                2 => first + second,
                _ => first + second + third,
            }
    }

    /// Where argument `number` stands of the call whose UDP payload begins at `at`, if it has so many.
    #[inline(always)]
    pub(crate) fn argument(&self, number: u8, at: usize) -> Option<Argument> {
        let number = usize::from(number) & (MOST_ARGUMENTS - 1);
        if number >= self.arguments {
            return None;
        }
        let [first, second, third, fourth] = self.lengths;
        Some(Argument {
            at: at + HEADER_LEN + self.before(number),
            len: match number {
                0 => first,
                1 => second,
                2 => third,
                _ => fourth,
            },
        })
    }
}

/// Checks the call whose UDP payload lies from `at` to `end`.
///
/// # Errors
/// As [`hash_function`].
#[inline(always)]
pub(crate) fn places<P: Packet + ?Sized>(p: &P, at: usize, end: usize) -> Result<Places, Drop> {
    if at + HEADER_LEN > end {
        return Err(Drop::Truncated);
    }
    let begins = p.read::<4>(at).ok_or(Drop::Truncated)?;
    if u32::from_le_bytes(begins) != const { u32::from_le_bytes([MAGIC, VERSION, 0, 0]) } {
        return Err(Drop::BadRpcHeader);
    }
    let [name_len, arguments] = p.read::<2>(at + HEAD_LEN).ok_or(Drop::Truncated)?;
    let lengths = p.read::<8>(at + LENGTHS_AT).map(u64::from_be_bytes);
    let lengths = lengths.ok_or(Drop::Truncated)?;
    let of = |number: u32| (lengths >> (48 - 16 * number)) as usize & 0xffff;
    let places = Places {
        name_len: usize::from(name_len),
        arguments: usize::from(arguments),
        lengths: [of(0), of(1), of(2), of(3)],
    };
    // Lengths of arguments that there are not must be 0: shifted by all four, a word is none.
    let beyond = match places.arguments {
        0..MOST_ARGUMENTS => lengths << (16 * places.arguments),
        MOST_ARGUMENTS => 0,
        _ => return Err(Drop::BadRpcHeader),
    };
    if beyond != 0 || places.name_len == 0 || places.name_len > LONGEST_NAME {
        return Err(Drop::BadRpcHeader);
    }
    let [.., last] = places.lengths;
    if at + HEADER_LEN + places.before(3) + last > end {
        return Err(Drop::Truncated);
    }
    Ok(places)
}

/// The hash of the called function's name.
///
/// # Errors
/// [`Drop::Truncated`] for what ends too early, [`Drop::BadRpcHeader`] for what is no call of this version.
#[inline(always)]
pub fn hash_function<P: Packet + ?Sized>(
    p: &P,
    at: usize,
    end: usize,
) -> Result<Option<u64>, Drop> {
    let places = places(p, at, end)?;
    hash::hash_key(p, at + HEADER_LEN, places.name_len)
        .map(Some)
        .ok_or(Drop::Truncated)
}

/// The hash of argument `number`, from 0 on; a call with fewer is steered as one without a key.
///
/// # Errors
/// As [`hash_function`]; [`Drop::EmptyKey`] and [`Drop::KeyTooLong`] for an argument of no bytes or of more
/// than [`MAX_KEY_LEN`].
#[inline(always)]
pub fn hash_argument<P: Packet + ?Sized>(
    p: &P,
    at: usize,
    end: usize,
    number: u8,
) -> Result<Option<u64>, Drop> {
    let Some(argument) = argument(p, at, end, number)? else {
        return Ok(None);
    };
    hash::hash_key(p, argument.at, argument.len)
        .map(Some)
        .ok_or(Drop::Truncated)
}

/// The place in an order of keys ([`Order`]) of the call's key, which is argument [`KEY`]; a call without
/// one is steered as such.
///
/// # Errors
/// As [`hash_argument`].
#[inline(always)]
pub fn place_of_key<P: Packet + ?Sized>(
    p: &P,
    at: usize,
    end: usize,
    order: Order,
) -> Result<Option<u64>, Drop> {
    let Some(argument) = argument(p, at, end, KEY)? else {
        return Ok(None);
    };
    order
        .place_of(p, argument.at, argument.len)
        .map(Some)
        .ok_or(Drop::Truncated)
}

/// Whether what is known to be a call is one of the function [`SCAN`].
#[inline(always)]
pub fn is_scan<P: Packet + ?Sized>(p: &P, at: usize) -> bool {
    p.read::<1>(at + HEAD_LEN) == Some([SCAN.len() as u8])
        && p.read::<{ SCAN.len() }>(at + HEADER_LEN) == Some(SCAN)
}

/// Where an argument stands, and its length in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Argument {
    pub(crate) at: usize,
    pub(crate) len: usize,
}

/// Finds argument `number`, which is to be a key, if the call has so many.
#[inline(always)]
fn argument<P: Packet + ?Sized>(
    p: &P,
    at: usize,
    end: usize,
    number: u8,
) -> Result<Option<Argument>, Drop> {
    let Some(argument) = places(p, at, end)?.argument(number, at) else {
        return Ok(None);
    };
    match argument.len {
        0 => Err(Drop::EmptyKey),
        1..=MAX_KEY_LEN => Ok(Some(argument)),
        _ => Err(Drop::KeyTooLong),
    }
}
