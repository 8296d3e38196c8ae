//! One slot: who may write it, and how the other learns that all is written.
//!
//! Its first word is its state, and each state has one author for the next:
//!
//! | state | whose | next |
//! |---|---|---|
//! | free | the client's, to write a request | asked |
//! | asked | the server's, to read it | taken |
//! | taken | the server's, until it has a reply or none is due | answered, or free |
//! | answered | the client's, to read the reply | free |
//!
//! The author of a change writes everything else before it and stores the state last (release); the
//! other reads the state first (acquire). So a request that a client did not finish, because it died, is
//! never seen. The other words are relaxed atomics: a client that breaks the rules makes requests
//! garbage, as over a network, and nothing else; what is read is copied before anybody looks at it, and
//! a length is checked.

use super::ROOM;

/// Words before the bytes: the state, then tag and length.
pub const HEADER_WORDS: usize = 2;

/// The client may write a request.
pub(super) const FREE: u64 = 0;
/// A request is there.
const ASKED: u64 = 1;
/// The server has it.
const TAKEN: u64 = 2;
/// A reply is there.
const ANSWERED: u64 = 3;

/// The words of a slot.
pub trait Words {
    /// Reads the state with acquire ordering.
    fn state(&self) -> u64;
    /// Writes the state with release ordering.
    fn set_state(&self, state: u64);
    /// Reads a word behind the state.
    fn word(&self, at: usize) -> u64;
    /// Writes a word behind the state.
    fn set_word(&self, at: usize, value: u64);
}

/// What a client finds in a slot that it has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The server has not answered.
    Waiting,
    /// There is nothing in it: it was answered before, or no reply is due.
    Free,
    /// A reply to the request with this tag was copied out, and the slot is free again.
    Reply(u32),
    /// A reply of an impossible length, and the slot is free again.
    Garbage,
}

/// The client writes a request; false when the slot is not free.
pub fn ask(slot: &(impl Words + ?Sized), tag: u32, request: &[u8]) -> bool {
    if slot.state() != FREE {
        return false;
    }
    write(slot, tag, request);
    slot.set_state(ASKED);
    true
}

/// The client looks for a reply, which replaces what `into` holds.
pub fn look(slot: &(impl Words + ?Sized), into: &mut Vec<u8>) -> Seen {
    match slot.state() {
        ANSWERED => {
            let seen = read(slot, into).map_or(Seen::Garbage, Seen::Reply);
            slot.set_state(FREE);
            seen
        }
        FREE => Seen::Free,
        _ => Seen::Waiting,
    }
}

/// The server takes a request, if one is there; it replaces what `into` holds. Returns its tag, or
/// nothing inside where its length is impossible.
pub fn take(slot: &(impl Words + ?Sized), into: &mut Vec<u8>) -> Option<Option<u32>> {
    if slot.state() != ASKED {
        return None;
    }
    let tag = read(slot, into);
    // Seen by the server alone: the client waits for what follows.
    slot.set_state(TAKEN);
    Some(tag)
}

/// The server answers the request that it has taken.
pub fn answer(slot: &(impl Words + ?Sized), tag: u32, reply: &[u8]) {
    write(slot, tag, reply);
    slot.set_state(ANSWERED);
}

/// The server gives the slot of a request back for which no reply is due.
pub fn release(slot: &(impl Words + ?Sized)) {
    slot.set_state(FREE);
}

fn write(slot: &(impl Words + ?Sized), tag: u32, bytes: &[u8]) {
    assert!(bytes.len() <= ROOM, "longer than a slot");
    slot.set_word(1, u64::from(tag) << 32 | bytes.len() as u64);
    let (whole, rest) = bytes.as_chunks::<8>();
    for (at, word) in whole.iter().enumerate() {
        slot.set_word(HEADER_WORDS + at, u64::from_le_bytes(*word));
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        slot.set_word(HEADER_WORDS + whole.len(), u64::from_le_bytes(last));
    }
}

fn read(slot: &(impl Words + ?Sized), into: &mut Vec<u8>) -> Option<u32> {
    into.clear();
    let header = slot.word(1);
    let (tag, len) = ((header >> 32) as u32, header as u32 as usize);
    if len > ROOM {
        return None;
    }
    for at in 0..len.div_ceil(8) {
        into.extend_from_slice(&slot.word(HEADER_WORDS + at).to_le_bytes());
    }
    into.truncate(len);
    Some(tag)
}

#[cfg(test)]
#[path = "slot_model.rs"]
mod model;
