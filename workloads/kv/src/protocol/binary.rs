//! The binary protocol: parsing.
//!
//! Source: memcached's doc/protocol-binary.xml and, for what it leaves open (which faults close
//! the stream, what a quiet command still says), memcached 1.6.18's behaviour. Two departures:
//! after an unknown opcode memcached throws away key and extras twice and loses its place; here
//! the body is thrown away once. Where memcached has authentication switched off, and so here,
//! its opcodes are unknown.

use super::VERSION;
use super::ascii::{Outcome, close};
use super::known::KnownKey;
use super::request::{
    BinaryCommand, BinaryHead, BinaryOp, Global, GlobalCommand, Immediate, ImmediateReply,
    Incomplete, Op, Parsed, Request, Single, Span, StatsGroup, Wire,
};
use crate::store::{KEY_LIMIT, StoreMode, fits_limit};

/// The first byte of a binary request.
pub(super) const REQUEST_MAGIC: u8 = 0x80;
/// Bytes of the header of requests and responses.
pub(super) const HEADER: usize = 24;

/// The status field of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Status {
    Ok = 0x00,
    NotFound = 0x01,
    Exists = 0x02,
    TooLarge = 0x03,
    Invalid = 0x04,
    NotStored = 0x05,
    NonNumeric = 0x06,
    Unknown = 0x81,
    NoMemory = 0x82,
}

impl Status {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Ok => "",
            Self::NotFound => "Not found",
            Self::Exists => "Data exists for key.",
            Self::TooLarge => "Too large.",
            Self::Invalid => "Invalid arguments",
            Self::NotStored => "Not stored.",
            Self::NonNumeric => "Non-numeric server-side value for incr or decr",
            Self::Unknown => "Unknown command",
            Self::NoMemory => "Out of memory",
        }
    }
}

/// A request's header, and where its parts lie.
struct Packet<'a> {
    buffer: &'a [u8],
    /// What is known of its key.
    known: Option<&'a KnownKey>,
    head: BinaryHead,
    extras_len: usize,
    key_len: usize,
    body_len: usize,
    cas: u64,
}

impl<'a> Packet<'a> {
    fn read(buffer: &'a [u8], header: &[u8; HEADER], known: Option<&'a KnownKey>) -> Self {
        let h = header;
        Self {
            buffer,
            known,
            head: BinaryHead {
                opcode: h[1],
                opaque: [h[12], h[13], h[14], h[15]],
            },
            key_len: usize::from(u16::from_be_bytes([h[2], h[3]])),
            extras_len: usize::from(h[4]),
            body_len: u32::from_be_bytes([h[8], h[9], h[10], h[11]]) as usize,
            cas: u64::from_be_bytes([h[16], h[17], h[18], h[19], h[20], h[21], h[22], h[23]]),
        }
    }

    /// Header, extras and key: what is there before a command is looked at.
    fn prefix_len(&self) -> usize {
        HEADER + self.extras_len + self.key_len
    }

    fn value_len(&self) -> usize {
        self.body_len - self.extras_len - self.key_len
    }

    fn key(&self) -> &'a [u8] {
        &self.buffer[HEADER + self.extras_len..self.prefix_len()]
    }

    /// The big-endian number at `at` in the extras.
    fn extra32(&self, at: usize) -> u32 {
        let bytes = self.buffer[HEADER + at..].first_chunk();
        bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes))
    }

    fn extra64(&self, at: usize) -> u64 {
        u64::from(self.extra32(at)) << 32 | u64::from(self.extra32(at + 4))
    }

    fn request(&self, consumed: usize, parsed: Parsed) -> Outcome {
        Ok(Request {
            consumed,
            swallow: 0,
            close: false,
            parsed,
        })
    }

    fn status(&self, status: Status) -> Parsed {
        self.reply(status, status.text())
    }

    fn reply(&self, status: Status, body: &'static str) -> Parsed {
        let reply = ImmediateReply::Binary {
            head: self.head,
            status: status as u16,
            body,
        };
        Parsed::Immediate(Immediate { reply })
    }

    /// Lengths that do not fit the opcode: memcached answers and closes.
    fn invalid(&self) -> Outcome {
        let parsed = self.status(Status::Invalid);
        Ok(Request {
            consumed: self.prefix_len(),
            swallow: 0,
            close: true,
            parsed,
        })
    }

    fn unknown(&self) -> Outcome {
        let parsed = self.status(Status::Unknown);
        let swallow = self.value_len();
        Ok(Request {
            consumed: self.prefix_len(),
            swallow,
            close: false,
            parsed,
        })
    }

    fn single(&self, quiet: bool, command: BinaryCommand) -> Parsed {
        let key = self.key();
        let span = Span::locate(self.buffer, key);
        Parsed::Single(Single {
            hash: KnownKey::hash_of(self.known, span, key),
            key: span,
            op: Op::Binary(BinaryOp {
                head: self.head,
                quiet,
                cas: self.cas,
                command,
            }),
        })
    }

    fn global(&self, quiet: bool, command: GlobalCommand) -> Outcome {
        let global = Global {
            command,
            wire: Wire::Binary(self.head),
            noreply: quiet,
        };
        self.request(self.prefix_len(), Parsed::Global(global))
    }

    /// A command of a key and no value.
    fn keyed(&self, quiet: bool, command: BinaryCommand) -> Outcome {
        self.request(self.prefix_len(), self.single(quiet, command))
    }

    fn store(&self, quiet: bool, mode: StoreMode) -> Outcome {
        let joins = matches!(mode, StoreMode::Append | StoreMode::Prepend);
        let (flags, exptime) = if joins {
            (0, 0)
        } else {
            (self.extra32(0), self.extra32(4))
        };
        let len = self.value_len();
        if !fits_limit(self.key_len, flags, len) {
            let command = BinaryCommand::TooLarge {
                unlink: mode == StoreMode::Set,
            };
            let parsed = self.single(false, command);
            let consumed = self.prefix_len();
            return Ok(Request {
                consumed,
                swallow: len,
                close: false,
                parsed,
            });
        }
        let needed = HEADER + self.body_len;
        let value = self
            .buffer
            .get(self.prefix_len()..needed)
            .ok_or(Incomplete { needed })?;
        let mode = if self.cas != 0 && !joins {
            StoreMode::Cas
        } else {
            mode
        };
        let value = Span::locate(self.buffer, value);
        let command = BinaryCommand::Store {
            mode,
            flags,
            exptime,
            value,
        };
        self.request(needed, self.single(quiet, command))
    }
}

/// Cuts one binary request from `buffer`.
pub(super) fn parse(buffer: &[u8], known: Option<&KnownKey>) -> Outcome {
    let header = buffer.first_chunk().ok_or(Incomplete { needed: HEADER })?;
    if header[0] != REQUEST_MAGIC {
        return Ok(close(buffer.len()));
    }
    let packet = Packet::read(buffer, header, known);
    if buffer.len() < packet.prefix_len() {
        return Err(Incomplete {
            needed: packet.prefix_len(),
        });
    }
    if packet.key_len + packet.extras_len > packet.body_len {
        let parsed = packet.status(Status::Unknown);
        let consumed = packet.prefix_len();
        return Ok(Request {
            consumed,
            swallow: 0,
            close: true,
            parsed,
        });
    }
    if packet.key_len > KEY_LIMIT {
        return packet.invalid();
    }
    dispatch(&packet)
}

fn dispatch(packet: &Packet<'_>) -> Outcome {
    let bare = packet.body_len == 0;
    let keyed = packet.key_len > 0;
    let key_only = keyed && packet.extras_len == 0 && packet.body_len == packet.key_len;
    let stored = keyed && packet.extras_len == 8;
    let joined = keyed && packet.extras_len == 0;
    let touched = keyed && packet.extras_len == 4;
    let counted = keyed && packet.extras_len == 20 && packet.value_len() == 0;
    let flushed = packet.key_len == 0
        && packet.body_len == packet.extras_len
        && matches!(packet.extras_len, 0 | 4);
    match packet.head.opcode {
        0x00 | 0x09 if key_only => get(packet, 0x09, false),
        0x0c | 0x0d if key_only => get(packet, 0x0d, true),
        op @ (0x01 | 0x11) if stored => packet.store(op == 0x11, StoreMode::Set),
        op @ (0x02 | 0x12) if stored => packet.store(op == 0x12, StoreMode::Add),
        op @ (0x03 | 0x13) if stored => packet.store(op == 0x13, StoreMode::Replace),
        op @ (0x0e | 0x19) if joined => packet.store(op == 0x19, StoreMode::Append),
        op @ (0x0f | 0x1a) if joined => packet.store(op == 0x1a, StoreMode::Prepend),
        op @ (0x04 | 0x14) if key_only => packet.keyed(op == 0x14, BinaryCommand::Delete),
        op @ (0x05 | 0x15) if counted => delta(packet, op == 0x15, true),
        op @ (0x06 | 0x16) if counted => delta(packet, op == 0x16, false),
        op @ (0x07 | 0x17) if bare => quit(packet, op == 0x17),
        op @ (0x08 | 0x18) if flushed => {
            let exptime = if packet.extras_len == 4 {
                packet.extra32(0)
            } else {
                0
            };
            let exptime = i64::from(exptime);
            packet.global(op == 0x18, GlobalCommand::Flush { exptime })
        }
        0x0a if bare => packet.request(HEADER, packet.reply(Status::Ok, "")),
        0x0b if bare => packet.request(HEADER, packet.reply(Status::Ok, VERSION)),
        0x10 if packet.extras_len == 0 => stat(packet),
        op @ (0x1c | 0x1d | 0x1e | 0x23 | 0x24) if touched => touch(packet, op),
        0x20 if bare => packet.unknown(),
        0x21 | 0x22 if joined => packet.unknown(),
        0x00..=0x1a | 0x1c..=0x1e | 0x20..=0x24 => packet.invalid(),
        0x1b | 0x1f | 0x25..=0xff => packet.unknown(),
    }
}

fn get(packet: &Packet<'_>, quiet: u8, with_key: bool) -> Outcome {
    packet.keyed(packet.head.opcode == quiet, BinaryCommand::Get { with_key })
}

fn touch(packet: &Packet<'_>, opcode: u8) -> Outcome {
    let command = BinaryCommand::Touch {
        exptime: packet.extra32(0),
        with_value: opcode != 0x1c,
        with_key: matches!(opcode, 0x23 | 0x24),
    };
    packet.keyed(matches!(opcode, 0x1e | 0x24), command)
}

fn delta(packet: &Packet<'_>, quiet: bool, up: bool) -> Outcome {
    let (by, initial, exptime) = (packet.extra64(0), packet.extra64(8), packet.extra32(16));
    packet.keyed(
        quiet,
        BinaryCommand::Delta {
            up,
            by,
            initial,
            exptime,
        },
    )
}

fn quit(packet: &Packet<'_>, quiet: bool) -> Outcome {
    let parsed = if quiet {
        Parsed::Immediate(Immediate {
            reply: ImmediateReply::Nothing,
        })
    } else {
        packet.reply(Status::Ok, "")
    };
    Ok(Request {
        consumed: HEADER,
        swallow: 0,
        close: true,
        parsed,
    })
}

fn stat(packet: &Packet<'_>) -> Outcome {
    let group = match packet.key() {
        b"" => StatsGroup::General,
        b"items" => StatsGroup::Items,
        b"slabs" => StatsGroup::Slabs,
        b"sizes" => StatsGroup::Sizes,
        key if key.starts_with(b"reset") => StatsGroup::Reset,
        key if key.starts_with(b"settings") => StatsGroup::Settings,
        _ => return packet.request(packet.prefix_len(), packet.status(Status::NotFound)),
    };
    packet.global(false, GlobalCommand::Stats(group))
}
