//! What a parsed request is, in offsets into the bytes it was parsed from.
//!
//! Nothing here borrows or allocates: a thread that hands a request to the owner of its key
//! sends the frame and this small `Copy` description along, and the owner executes it without
//! parsing again.

use super::rpc::{RpcOp, Status};
use super::scan::Scan;
use crate::store::StoreMode;

/// A range of a request's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Where it starts, counted from the start of the request.
    pub at: u32,
    /// Its length in bytes.
    pub len: u32,
}

impl Span {
    /// The bytes meant; empty if `request` is not the buffer that was parsed and is too short.
    #[inline]
    #[must_use]
    pub fn of<'a>(&self, request: &'a [u8]) -> &'a [u8] {
        let at = self.at as usize;
        request.get(at..at + self.len as usize).unwrap_or_default()
    }

    /// Behind its last byte.
    #[inline]
    pub(crate) const fn end(&self) -> usize {
        self.at as usize + self.len as usize
    }

    /// Where `part` lies in `whole`.
    pub(crate) fn locate(whole: &[u8], part: &[u8]) -> Self {
        let at = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        debug_assert!(at + part.len() <= whole.len());
        Self {
            at: at as u32,
            len: part.len() as u32,
        }
    }
}

/// One request cut from a buffer.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// Bytes of the buffer that belong to the request.
    pub consumed: usize,
    /// Bytes after `consumed` that are to be thrown away when they arrive: the value of a
    /// request that was refused by its first line.
    pub swallow: usize,
    /// Close the stream after the reply.
    pub close: bool,
    /// What is to be done.
    pub parsed: Parsed,
}

/// The buffer ends before the request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incomplete {
    /// Bytes that the buffer must hold, from the start of the request, before it pays to parse
    /// again. It may be raised by the next attempt.
    pub needed: usize,
}

/// What a request asks for, by who must execute it.
#[derive(Debug, Clone, Copy)]
pub enum Parsed {
    /// One key: whoever owns it executes all of it.
    Single(Single),
    /// Several keys: each part goes to its key's owner, in order, then comes the trailer.
    Multi(Multi),
    /// Several keys that the request does not name one by one: to be spelt out, then as above.
    Scan(Scan),
    /// Every shard takes part.
    Global(Global),
    /// No store is needed: version, verbosity, noop, quit, and everything malformed.
    Immediate(Immediate),
}

/// A request for one key. [`execute`](super::execute()) runs it.
#[derive(Debug, Clone, Copy)]
pub struct Single {
    /// `steering::hash` of the key, by which owner and index entry are found.
    pub hash: u64,
    /// The key as it stands in the request (in base64 where a meta command says so).
    pub key: Span,
    pub(crate) op: Op,
}

/// The operations on one key, by the protocol that shapes their reply.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Op {
    Ascii { op: AsciiOp, noreply: bool },
    Meta(MetaOp),
    Binary(BinaryOp),
    Rpc(RpcOp),
}

/// The classic text commands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AsciiOp {
    /// `end` is set where the trailer follows at once: the only key of its command.
    Get {
        with_cas: bool,
        touch: Option<i32>,
        end: bool,
    },
    Store {
        mode: StoreMode,
        flags: u32,
        exptime: i32,
        cas: u64,
        value: Span,
    },
    /// A value above the item limit; a `set` still unlinks what it would have replaced.
    TooLarge {
        unlink: bool,
    },
    Delete,
    Touch {
        exptime: i32,
    },
    Delta {
        up: bool,
        by: u64,
    },
}

/// The meta commands that name a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetaVerb {
    Get,
    Set,
    Delete,
    Arithmetic,
    Debug,
}

/// A meta command: its flags are read again when it is executed, since they also shape the reply.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MetaOp {
    pub(crate) verb: MetaVerb,
    /// The tokens after the key (after the value's length for a set).
    pub(crate) flags: Span,
    pub(crate) value: Span,
    /// The value is above the item limit and was not kept.
    pub(crate) too_large: bool,
    pub(crate) base64: bool,
}

/// A binary request: opcode already reduced to its loud form, quiet kept apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BinaryOp {
    pub(crate) head: BinaryHead,
    pub(crate) quiet: bool,
    pub(crate) cas: u64,
    pub(crate) command: BinaryCommand,
}

/// What a binary reply repeats of its request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BinaryHead {
    pub(crate) opcode: u8,
    pub(crate) opaque: [u8; 4],
}

/// The binary commands that name a key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BinaryCommand {
    Get {
        with_key: bool,
    },
    Touch {
        exptime: u32,
        with_value: bool,
        with_key: bool,
    },
    Store {
        mode: StoreMode,
        flags: u32,
        exptime: u32,
        value: Span,
    },
    TooLarge {
        unlink: bool,
    },
    Delete,
    Delta {
        up: bool,
        by: u64,
        initial: u64,
        exptime: u32,
    },
}

/// A get of several keys.
#[derive(Debug, Clone, Copy)]
pub struct Multi {
    /// How many keys it names.
    pub count: u32,
    pub(crate) keys: Span,
    pub(crate) with_cas: bool,
    pub(crate) touch: Option<i32>,
}

impl Single {
    /// The reply that refuses the request for this reason, a line that begins with `CLIENT_ERROR`.
    pub(crate) const fn refusal(&self, reason: &'static str) -> Immediate {
        /// "Invalid arguments" of the binary protocol.
        const INVALID: u16 = 0x0004;
        let reply = match &self.op {
            Op::Ascii { .. } | Op::Meta(_) => ImmediateReply::Line(reason),
            Op::Binary(op) => ImmediateReply::Binary {
                head: op.head,
                status: INVALID,
                body: reason,
            },
            Op::Rpc(_) => ImmediateReply::Rpc(Status::BadArgument),
        };
        Immediate { reply }
    }
}

/// A request in which every shard takes part.
#[derive(Debug, Clone, Copy)]
pub struct Global {
    pub(crate) command: GlobalCommand,
    pub(crate) wire: Wire,
    pub(crate) noreply: bool,
}

/// What the shards are asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GlobalCommand {
    /// Seconds or absolute time as in an exptime; 0 is now.
    Flush {
        exptime: i64,
    },
    Stats(StatsGroup),
}

/// The groups of statistics that are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatsGroup {
    General,
    Settings,
    Items,
    Slabs,
    Sizes,
    Reset,
}

/// How a reply is put on the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wire {
    Ascii,
    Binary(BinaryHead),
}

/// A reply that needs no store.
#[derive(Debug, Clone, Copy)]
pub struct Immediate {
    pub(crate) reply: ImmediateReply,
}

/// The replies that need no store.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ImmediateReply {
    Nothing,
    /// A line of text, without its end of line.
    Line(&'static str),
    /// Of a call: a status without a result.
    Rpc(Status),
    /// A binary response with a text as its body.
    Binary {
        head: BinaryHead,
        status: u16,
        body: &'static str,
    },
}
