//! What threads of a server send one another.

use std::sync::Arc;

use super::hot::CopyNews;
use super::wire::Head;
use crate::protocol::{Gathered, Global, Single};

/// A message between two threads. `F` is the token of a received frame.
#[derive(Debug)]
pub(crate) enum Message<F> {
    /// A whole request for one key, to be executed and answered by its owner.
    Request(Handed<F>),
    /// A whole request that takes several threads, to be gathered and answered by another one.
    Whole {
        /// The received frame.
        frame: F,
        /// Where it came from.
        from: Arrival,
    },
    /// A part of a request whose answer comes back.
    Ask(Ask),
    /// The answer to a part.
    Answer(Answer),
    /// Items of a slot that has changed owners.
    Items(Box<Moved>),
    /// Something about copies of hot items.
    Copy(CopyNews),
}

/// What is remembered of a datagram's arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// What the reply repeats.
    pub(crate) head: Head,
    /// The receive queue, where it is known.
    pub(crate) queue: Option<u16>,
    /// The clock of a cache in the path that it has advanced there.
    pub(crate) clock: Option<u32>,
    /// What was read of its clear part, where it was sealed and the reply is to be.
    pub(crate) sealed: Option<Sealed>,
}

/// The clear part of a sealed request, which is genuine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sealed {
    /// Its sender's number of it.
    pub(crate) number: u64,
    /// The token, which is that of its (first) key if it has one.
    pub(crate) token: u64,
}

/// A request that changes threads together with its frame: nothing of it is copied.
#[derive(Debug)]
pub(crate) struct Handed<F> {
    /// The received frame.
    pub(crate) frame: F,
    /// Where it came from.
    pub(crate) from: Arrival,
    /// What is asked, in offsets into the frame's payload behind the frame header.
    pub(crate) single: Single,
}

/// Where an answer belongs: a thread, one of its waiting jobs, and which part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// The thread that asks.
    pub(crate) thread: usize,
    /// Its job.
    pub(crate) job: usize,
    /// The part of the job.
    pub(crate) part: usize,
}

/// A part of a request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// Where the answer goes.
    pub(crate) ticket: Ticket,
    /// The bytes that `what` refers to.
    pub(crate) request: Arc<[u8]>,
    /// Where in them the command starts.
    pub(crate) at: usize,
    /// What is asked.
    pub(crate) what: Question,
}

/// What one thread asks another.
#[derive(Debug, Clone)]
pub(crate) enum Question {
    /// To execute this on its key.
    One(Single),
    /// To execute these, each the part of this number, on their keys.
    Several(Box<[(usize, Single)]>),
    /// To do its share of a command about all keys.
    All(Global),
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Where it belongs.
    pub(crate) ticket: Ticket,
    /// What came of it.
    pub(crate) content: Answered,
}

/// What an answer is about.
#[derive(Debug)]
pub(crate) enum Answered {
    /// The part that its ticket names.
    Part(Content),
    /// Several parts of the job.
    Several(Pieces),
}

/// The result of a part.
#[derive(Debug)]
pub(crate) enum Content {
    /// Reply bytes.
    Bytes(Vec<u8>),
    /// A shard's share of a command about all keys.
    Share(Box<Gathered>),
}

/// The results of several parts, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    /// Reply bytes.
    pub(crate) bytes: Vec<u8>,
    /// Each part's number, and where its bytes end.
    pub(crate) ends: Vec<(usize, usize)>,
}

impl Pieces {
    /// Each part with its bytes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        let ranges = starts.zip(&self.ends);
        ranges.map(|(start, (part, end))| (*part, &self.bytes[start..*end]))
    }
}

/// Items on their way to their new owner.
#[derive(Debug)]
pub(crate) struct Moved {
    /// The slot.
    pub(crate) slot: u16,
    /// Its new owner.
    pub(crate) to: u16,
    /// Its items.
    pub(crate) items: Vec<MovedItem>,
}

/// One item without its place in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MovedItem {
    /// The key.
    pub(crate) key: Vec<u8>,
    /// The value.
    pub(crate) value: Vec<u8>,
    /// The client's flags.
    pub(crate) flags: u32,
    /// When it expires, in Unix seconds; 0 is never.
    pub(crate) deadline: u32,
}
