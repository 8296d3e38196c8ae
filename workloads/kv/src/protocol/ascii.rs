//! The classic text commands.

use super::known::KnownKey;
use super::line::{LINE_LIMIT, Line, MULTI_GET_LIMIT, Tokens, Words, signed, unsigned, unsigned32};
use super::meta;
use super::request::{
    AsciiOp, Global, GlobalCommand, Immediate, ImmediateReply, Incomplete, Multi, Op, Parsed,
    Request, Single, Span, StatsGroup, Wire,
};
use crate::store::{KEY_LIMIT, StoreMode, fits_limit};

pub(super) const BAD_FORMAT: &str = "CLIENT_ERROR bad command line format";
pub(super) const BAD_CHUNK: &str = "CLIENT_ERROR bad data chunk";
pub(super) const TOO_LARGE: &str = "SERVER_ERROR object too large for cache";
const BAD_EXPTIME: &str = "CLIENT_ERROR invalid exptime argument";
const BAD_DELTA: &str = "CLIENT_ERROR invalid numeric delta argument";
const BAD_DELETE: &str = "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]";
const ERROR: &str = "ERROR";

/// What `version` answers: the memcached whose semantics these are, then the program.
pub(super) const VERSION_LINE: &str =
    concat!("VERSION 1.6.18-steerbench-", env!("CARGO_PKG_VERSION"));

pub(super) type Outcome = Result<Request, Incomplete>;

/// A request being parsed: the buffer, and how much of it the first line takes.
pub(super) struct Input<'a> {
    pub(super) buffer: &'a [u8],
    pub(super) line: Line<'a>,
    /// What is known of its first key.
    known: Option<&'a KnownKey>,
}

impl Input<'_> {
    pub(super) fn done(&self, parsed: Parsed) -> Outcome {
        Ok(Request {
            consumed: self.line.consumed,
            swallow: 0,
            close: false,
            parsed,
        })
    }

    pub(super) fn reply(&self, line: &'static str) -> Outcome {
        self.done(line_reply(line))
    }

    fn reply_unless(&self, noreply: bool, line: &'static str) -> Outcome {
        if noreply {
            self.done(NOTHING)
        } else {
            self.reply(line)
        }
    }

    pub(super) fn span(&self, part: &[u8]) -> Span {
        Span::locate(self.buffer, part)
    }

    pub(super) fn single(&self, key: &[u8], op: Op) -> Single {
        let span = self.span(key);
        Single {
            hash: KnownKey::hash_of(self.known, span, key),
            key: span,
            op,
        }
    }

    /// The value behind the line and whether its end of line is right.
    pub(super) fn value(&self, len: usize) -> Result<(Span, bool), Incomplete> {
        let at = self.line.consumed;
        let needed = at + len + 2;
        let value = self.buffer.get(at..needed).ok_or(Incomplete { needed })?;
        Ok((self.span(&value[..len]), value.ends_with(b"\r\n")))
    }
}

const NOTHING: Parsed = Parsed::Immediate(Immediate {
    reply: ImmediateReply::Nothing,
});

pub(super) fn line_reply(line: &'static str) -> Parsed {
    Parsed::Immediate(Immediate {
        reply: ImmediateReply::Line(line),
    })
}

/// Cuts one text request from `buffer`, with what is known of its first key.
#[inline]
pub(super) fn parse(buffer: &[u8], known: Option<&KnownKey>) -> Outcome {
    let Some(line) = Line::cut(buffer, KnownKey::seen(known, buffer)) else {
        return unfinished(buffer);
    };
    let input = Input {
        buffer,
        line,
        known,
    };
    let mut words = Words::new(input.line.text);
    match words.next() {
        Some(b"get" | b"bget") => get(&input, words, false, None),
        Some(b"gets") => get(&input, words, true, None),
        Some(command) if command.len() >= 2 => command_line(&input, command),
        Some(_) | None => input.reply(ERROR),
    }
}

/// A line without its end: more is to come, or it is too long to be a request.
fn unfinished(buffer: &[u8]) -> Outcome {
    let start = buffer
        .iter()
        .position(|byte| *byte != b' ')
        .unwrap_or(buffer.len());
    let is_get = start <= 100
        && (buffer[start..].starts_with(b"get ") || buffer[start..].starts_with(b"gets "));
    let limit = if is_get { MULTI_GET_LIMIT } else { LINE_LIMIT };
    if buffer.len() > limit {
        return Ok(close(buffer.len()));
    }
    Err(Incomplete {
        needed: buffer.len() + 1,
    })
}

/// Nothing is answered and the stream is closed.
pub(super) fn close(consumed: usize) -> Request {
    Request {
        consumed,
        swallow: 0,
        close: true,
        parsed: NOTHING,
    }
}

fn command_line(input: &Input<'_>, command: &[u8]) -> Outcome {
    let tokens = Tokens::of(input.line.text, input.known);
    let count = tokens.len();
    match command {
        b"set" => store(input, &tokens, StoreMode::Set),
        b"add" => store(input, &tokens, StoreMode::Add),
        b"replace" => store(input, &tokens, StoreMode::Replace),
        b"append" => store(input, &tokens, StoreMode::Append),
        b"prepend" => store(input, &tokens, StoreMode::Prepend),
        b"cas" => store(input, &tokens, StoreMode::Cas),
        b"mg" | b"ms" | b"md" | b"ma" | b"me" => meta::parse(input, command, &tokens),
        b"mn" => input.reply("MN"),
        b"delete" => delete(input, &tokens),
        b"incr" => delta(input, &tokens, true),
        b"decr" => delta(input, &tokens, false),
        b"touch" => touch(input, &tokens),
        b"gat" => get_and_touch(input, &tokens, false),
        b"gats" => get_and_touch(input, &tokens, true),
        b"stats" => stats(input, &tokens),
        b"flush_all" if count <= 3 => flush_all(input, &tokens),
        b"verbosity" if matches!(count, 2 | 3) => {
            let fine = unsigned32(tokens.get(1)).is_some();
            input.reply_unless(tokens.noreply(), if fine { "OK" } else { BAD_FORMAT })
        }
        b"version" => input.reply(VERSION_LINE),
        b"quit" => Ok(close(input.line.consumed)),
        b"shutdown" => input.reply("ERROR: shutdown not enabled"),
        _ if is_http(command, &tokens) => Ok(close(input.line.consumed)),
        _ => input.reply(ERROR),
    }
}

/// A browser that was led to this port is cut off, as memcached does, for words that start like
/// none of its commands.
fn is_http(command: &[u8], tokens: &Tokens<'_>) -> bool {
    let by_letter = matches!(command[0], b'g' | b's' | b'a' | b'c' | b'i' | b'd' | b't');
    let meta = command[0] == b'm' && command.len() == 2;
    !by_letter && !meta && tokens.get(tokens.len() - 1).starts_with(b"HTTP/")
}

fn too_long(key: &[u8]) -> bool {
    key.len() > KEY_LIMIT
}

fn get_and_touch(input: &Input<'_>, tokens: &Tokens<'_>, with_cas: bool) -> Outcome {
    if tokens.len() < 2 {
        return input.reply(ERROR);
    }
    let Some(exptime) = signed(tokens.get(1)) else {
        return input.reply(BAD_EXPTIME);
    };
    let mut words = Words::new(input.line.text);
    words.by_ref().nth(1);
    if words.clone().next().is_none() {
        return input.reply("END");
    }
    get(input, words, with_cas, Some(exptime))
}

#[inline]
fn get(input: &Input<'_>, words: Words<'_>, with_cas: bool, touch: Option<i32>) -> Outcome {
    let keys = words.rest();
    let mut words = words;
    let Some(key) = words.next() else {
        return input.reply(ERROR);
    };
    if too_long(key) || words.clone().any(too_long) {
        return input.reply(BAD_FORMAT);
    }
    let more = words.count();
    if more == 0 {
        let op = AsciiOp::Get {
            with_cas,
            touch,
            end: true,
        };
        return input.done(Parsed::Single(
            input.single(key, Op::Ascii { op, noreply: false }),
        ));
    }
    let keys = input.span(keys);
    input.done(Parsed::Multi(Multi {
        count: more as u32 + 1,
        keys,
        with_cas,
        touch,
    }))
}

fn store(input: &Input<'_>, tokens: &Tokens<'_>, mode: StoreMode) -> Outcome {
    let fixed = if mode == StoreMode::Cas { 6 } else { 5 };
    if tokens.len() != fixed && tokens.len() != fixed + 1 {
        return input.reply(ERROR);
    }
    let noreply = tokens.noreply();
    let refuse = |line| input.reply_unless(noreply, line);
    let key = tokens.get(1);
    let (Some(flags), Some(exptime), Some(len)) = (
        unsigned32(tokens.get(2)),
        signed(tokens.get(3)),
        signed(tokens.get(4)),
    ) else {
        return refuse(BAD_FORMAT);
    };
    let cas = if mode == StoreMode::Cas {
        unsigned(tokens.get(5))
    } else {
        Some(0)
    };
    let (Some(cas), Some(len)) = (cas, value_len(len)) else {
        return refuse(BAD_FORMAT);
    };
    if too_long(key) {
        return refuse(BAD_FORMAT);
    }
    if !fits_limit(key.len(), flags, len) {
        let op = AsciiOp::TooLarge {
            unlink: mode == StoreMode::Set,
        };
        return Ok(Request {
            consumed: input.line.consumed,
            swallow: len + 2,
            close: false,
            parsed: Parsed::Single(input.single(key, Op::Ascii { op, noreply })),
        });
    }
    let (value, terminated) = input.value(len)?;
    let parsed = if terminated {
        let op = AsciiOp::Store {
            mode,
            flags,
            exptime,
            cas,
            value,
        };
        Parsed::Single(input.single(key, Op::Ascii { op, noreply }))
    } else if noreply {
        NOTHING
    } else {
        line_reply(BAD_CHUNK)
    };
    let consumed = input.line.consumed + len + 2;
    Ok(Request {
        consumed,
        swallow: 0,
        close: false,
        parsed,
    })
}

/// The length of a value as memcached limits it before it looks at the item limit.
pub(super) fn value_len(len: i32) -> Option<usize> {
    usize::try_from(len)
        .ok()
        .filter(|len| *len <= i32::MAX as usize - 2)
}

/// A command of one key and no value.
fn keyed(input: &Input<'_>, tokens: &Tokens<'_>, op: AsciiOp) -> Outcome {
    let op = Op::Ascii {
        op,
        noreply: tokens.noreply(),
    };
    input.done(Parsed::Single(input.single(tokens.get(1), op)))
}

fn delete(input: &Input<'_>, tokens: &Tokens<'_>) -> Outcome {
    let count = tokens.len();
    if !(2..=4).contains(&count) {
        return input.reply(ERROR);
    }
    // Once there was a hold time; 0 is still let through.
    let (zero, noreply) = (tokens.get(2) == b"0", count > 2 && tokens.noreply());
    let valid = count == 2 || (count == 3 && (zero || noreply)) || (count == 4 && zero && noreply);
    if !valid {
        return input.reply_unless(noreply, BAD_DELETE);
    }
    let key = tokens.get(1);
    if too_long(key) {
        return input.reply_unless(noreply, BAD_FORMAT);
    }
    let op = Op::Ascii {
        op: AsciiOp::Delete,
        noreply,
    };
    input.done(Parsed::Single(input.single(key, op)))
}

fn delta(input: &Input<'_>, tokens: &Tokens<'_>, up: bool) -> Outcome {
    if !matches!(tokens.len(), 3 | 4) {
        return input.reply(ERROR);
    }
    if too_long(tokens.get(1)) {
        return input.reply_unless(tokens.noreply(), BAD_FORMAT);
    }
    match unsigned(tokens.get(2)) {
        Some(by) => keyed(input, tokens, AsciiOp::Delta { up, by }),
        None => input.reply_unless(tokens.noreply(), BAD_DELTA),
    }
}

fn touch(input: &Input<'_>, tokens: &Tokens<'_>) -> Outcome {
    if !matches!(tokens.len(), 3 | 4) {
        return input.reply(ERROR);
    }
    if too_long(tokens.get(1)) {
        return input.reply_unless(tokens.noreply(), BAD_FORMAT);
    }
    match signed(tokens.get(2)) {
        Some(exptime) => keyed(input, tokens, AsciiOp::Touch { exptime }),
        None => input.reply_unless(tokens.noreply(), BAD_EXPTIME),
    }
}

fn flush_all(input: &Input<'_>, tokens: &Tokens<'_>) -> Outcome {
    let noreply = tokens.noreply();
    let bare = tokens.len() == if noreply { 2 } else { 1 };
    let exptime = if bare { Some(0) } else { signed(tokens.get(1)) };
    match exptime {
        Some(exptime) => input.done(Parsed::Global(Global {
            command: GlobalCommand::Flush {
                exptime: i64::from(exptime.max(0)),
            },
            wire: Wire::Ascii,
            noreply,
        })),
        None => input.reply_unless(noreply, BAD_EXPTIME),
    }
}

fn stats(input: &Input<'_>, tokens: &Tokens<'_>) -> Outcome {
    let group = match tokens.get(1) {
        b"" => StatsGroup::General,
        b"settings" => StatsGroup::Settings,
        b"items" => StatsGroup::Items,
        b"slabs" => StatsGroup::Slabs,
        b"sizes" => StatsGroup::Sizes,
        b"reset" => StatsGroup::Reset,
        b"detail" => {
            // Counts per key prefix are not kept; switching them off is no lie.
            let off = tokens.get(2) == b"off";
            return input.reply(if off {
                "OK"
            } else {
                "CLIENT_ERROR usage: stats detail on|off|dump"
            });
        }
        b"cachedump" => return input.reply("CLIENT_ERROR stats cachedump not allowed"),
        _ => return input.reply(ERROR),
    };
    let command = GlobalCommand::Stats(group);
    input.done(Parsed::Global(Global {
        command,
        wire: Wire::Ascii,
        noreply: false,
    }))
}
