//! Meta commands: parsing. Their execution is in `meta_exec`.
//!
//! Source: "Meta Commands" in memcached's doc/protocol.txt, as of 1.6.18.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::ascii::{BAD_CHUNK, BAD_FORMAT, Input, Outcome, line_reply, value_len};
use super::line::{Tokens, Words, signed, unsigned, unsigned32};
use super::request::{MetaOp, MetaVerb, Op, Parsed, Request, Span};
use crate::store::{KEY_LIMIT, fits_limit};

/// Most words of a meta command.
const WORD_LIMIT: usize = 19;
/// Longest opaque token, its letter included.
const OPAQUE_LIMIT: usize = 32;
/// Padding is required; what it cuts off need not be 0.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);
const BAD_TOKEN: &str = "CLIENT_ERROR bad token in command line format";

/// The flags of a meta command, apart from those that only shape the reply.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) base64: bool,
    pub(super) quiet: bool,
    pub(super) value: bool,
    pub(super) no_update: bool,
    pub(super) invalidate: bool,
    /// `N`: make a missing item, with this exptime.
    pub(super) vivify: Option<i32>,
    /// `T`.
    pub(super) exptime: Option<i32>,
    /// `R`.
    pub(super) recache: Option<i32>,
    /// `F`.
    pub(super) client_flags: u32,
    /// `C`.
    pub(super) cas: Option<u64>,
    /// `M`.
    pub(super) mode: Option<u8>,
    /// `J`.
    pub(super) initial: u64,
    /// `D`.
    pub(super) delta: Option<u64>,
}

impl Flags {
    /// Reads all flags. Of several faults the last is named, but a duplicate or unknown flag ends
    /// the search.
    pub(super) fn read(flags: &[u8], key: &[u8]) -> Result<Self, &'static str> {
        let mut read = Self::default();
        let mut seen = [false; 127];
        let mut fault = None;
        for word in Words::new(flags) {
            let (letter, argument) = (word[0], &word[1..]);
            match seen.get_mut(usize::from(letter)) {
                Some(seen) if !*seen => *seen = true,
                Some(_) | None => return Err("CLIENT_ERROR duplicate flag"),
            }
            if let Err(why) = read.take(letter, argument, key, fault.unwrap_or(BAD_FORMAT))? {
                fault = Some(why);
            }
        }
        fault.map_or(Ok(read), Err)
    }

    /// Takes one flag. The outer error ends the search, the inner one does not.
    fn take(
        &mut self,
        letter: u8,
        argument: &[u8],
        key: &[u8],
        before: &'static str,
    ) -> Result<Result<(), &'static str>, &'static str> {
        let number = |to: &mut Option<i32>| {
            *to = signed(argument);
            to.map(drop).ok_or(BAD_TOKEN)
        };
        Ok(match letter {
            b'b' => {
                self.base64 = true;
                decode_key(key, &mut [0; KEY_LIMIT])
                    .map(drop)
                    .ok_or("CLIENT_ERROR error decoding key")
            }
            b'N' => number(&mut self.vivify),
            b'T' => number(&mut self.exptime),
            b'R' => number(&mut self.recache),
            b'v' => set(&mut self.value),
            b'u' => set(&mut self.no_update),
            b'q' => set(&mut self.quiet),
            b'I' => set(&mut self.invalidate),
            b'O' | b'P' | b'L' | b'k' | b's' | b't' | b'c' | b'f' | b'h' | b'l' => Ok(()),
            b'F' => {
                let flags = unsigned32(argument);
                self.client_flags = flags.unwrap_or(0);
                // memcached names no reason of its own for this one.
                flags.map(drop).ok_or(before)
            }
            b'C' => {
                self.cas = unsigned(argument);
                self.cas.map(drop).ok_or(BAD_TOKEN)
            }
            b'M' => {
                self.mode = argument.first().copied().filter(|_| argument.len() == 1);
                self.mode
                    .map(drop)
                    .ok_or("CLIENT_ERROR incorrect length for M token")
            }
            b'J' => {
                let initial = unsigned(argument);
                self.initial = initial.unwrap_or(0);
                initial
                    .map(drop)
                    .ok_or("CLIENT_ERROR invalid numeric initial value")
            }
            b'D' => {
                self.delta = unsigned(argument);
                self.delta
                    .map(drop)
                    .ok_or("CLIENT_ERROR invalid numeric delta value")
            }
            _ => return Err("CLIENT_ERROR invalid flag"),
        })
    }
}

fn set(flag: &mut bool) -> Result<(), &'static str> {
    *flag = true;
    Ok(())
}

/// The bytes of a key in base64; `None` if it is none. As in memcached, whatever is no base64 is
/// passed over, and the first padded block is the last one. (It also takes padding within a block.)
pub(super) fn decode_key<'b>(text: &[u8], room: &'b mut [u8; KEY_LIMIT]) -> Option<&'b [u8]> {
    let of_base64 = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let mut digits = [0; KEY_LIMIT];
    let mut count = 0;
    for (digit, byte) in digits.iter_mut().zip(text.iter().filter(of_base64)) {
        *digit = *byte;
        count += 1;
    }
    let digits = digits[..count].chunks_exact(4);
    if count == 0 || !digits.remainder().is_empty() {
        return None;
    }
    let mut len = 0;
    for block in digits {
        len += BASE64.decode_slice(block, &mut room[len..]).ok()?;
        if block.contains(&b'=') {
            break;
        }
    }
    (len > 0).then(|| &room[..len])
}

fn opaque_too_long(flags: &[u8]) -> bool {
    Words::new(flags).any(|word| word[0] == b'O' && word.len() > OPAQUE_LIMIT)
}

/// Parses the meta commands that name a key.
pub(super) fn parse(input: &Input<'_>, command: &[u8], tokens: &Tokens<'_>) -> Outcome {
    let verb = match command {
        b"mg" => MetaVerb::Get,
        b"ms" => MetaVerb::Set,
        b"md" => MetaVerb::Delete,
        b"ma" => MetaVerb::Arithmetic,
        _ => MetaVerb::Debug,
    };
    let key = tokens.get(1);
    if tokens.len() < 2 {
        return input.reply(if verb == MetaVerb::Debug {
            BAD_FORMAT
        } else {
            "ERROR"
        });
    }
    if key.len() > KEY_LIMIT || (verb == MetaVerb::Set && tokens.len() == 2) {
        return input.reply(BAD_FORMAT);
    }
    if verb == MetaVerb::Debug {
        return debug(input, tokens, key);
    }
    if tokens.len() > WORD_LIMIT {
        return input.reply(if verb == MetaVerb::Get {
            "CLIENT_ERROR options flags are too long"
        } else {
            "CLIENT_ERROR options flags too long"
        });
    }
    if verb == MetaVerb::Set {
        return set_command(input, tokens, key);
    }
    let flags = words_after(input, 2);
    match check(verb, flags, key) {
        Ok(read) => {
            let op = op(input, verb, flags, read.base64);
            input.done(Parsed::Single(input.single(key, Op::Meta(op))))
        }
        Err(line) => input.reply(line),
    }
}

/// Reads the flags and refuses what the verb cannot do with them.
fn check(verb: MetaVerb, flags: &[u8], key: &[u8]) -> Result<Flags, &'static str> {
    let read = Flags::read(flags, key).map_err(|line| match verb {
        MetaVerb::Delete | MetaVerb::Arithmetic => "CLIENT_ERROR invalid or duplicate flag",
        MetaVerb::Get | MetaVerb::Set | MetaVerb::Debug => line,
    })?;
    let mode = read.mode.unwrap_or(0);
    match verb {
        MetaVerb::Set if !matches!(mode, 0 | b'E' | b'A' | b'P' | b'R' | b'S') => {
            Err("CLIENT_ERROR invalid mode for ms M token")
        }
        MetaVerb::Arithmetic if !matches!(mode, 0 | b'I' | b'+' | b'D' | b'-') => {
            Err("CLIENT_ERROR invalid mode for ma M token")
        }
        _ if opaque_too_long(flags) => Err("CLIENT_ERROR opaque token too long"),
        MetaVerb::Get
        | MetaVerb::Set
        | MetaVerb::Delete
        | MetaVerb::Arithmetic
        | MetaVerb::Debug => Ok(read),
    }
}

fn op(input: &Input<'_>, verb: MetaVerb, flags: &[u8], base64: bool) -> MetaOp {
    let flags = input.span(flags);
    MetaOp {
        verb,
        flags,
        value: Span::default(),
        too_large: false,
        base64,
    }
}

/// What follows the first `count` words.
fn words_after<'a>(input: &Input<'a>, count: usize) -> &'a [u8] {
    let mut words = Words::new(input.line.text);
    words.by_ref().take(count).for_each(drop);
    words.rest()
}

fn set_command(input: &Input<'_>, tokens: &Tokens<'_>, key: &[u8]) -> Outcome {
    let Some(len) = signed(tokens.get(2)).and_then(value_len) else {
        return input.reply(BAD_FORMAT);
    };
    let flags = words_after(input, 3);
    let refused = |parsed| {
        let consumed = input.line.consumed;
        Ok(Request {
            consumed,
            swallow: len + 2,
            close: false,
            parsed,
        })
    };
    let read = match check(MetaVerb::Set, flags, key) {
        Ok(read) => read,
        Err(line) => return refused(line_reply(line)),
    };
    let mut op = op(input, MetaVerb::Set, flags, read.base64);
    let key_len = decode_key(key, &mut [0; KEY_LIMIT])
        .filter(|_| read.base64)
        .map_or(key.len(), <[u8]>::len);
    if !fits_limit(key_len, read.client_flags, len) {
        op.too_large = true;
        return refused(Parsed::Single(input.single(key, Op::Meta(op))));
    }
    let (value, terminated) = input.value(len)?;
    op.value = value;
    let parsed = if terminated {
        Parsed::Single(input.single(key, Op::Meta(op)))
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

/// `me`, which knows no flag but `b`.
fn debug(input: &Input<'_>, tokens: &Tokens<'_>, key: &[u8]) -> Outcome {
    let base64 = tokens.len() >= 3 && tokens.get(2) == b"b";
    if base64 && decode_key(key, &mut [0; KEY_LIMIT]).is_none() {
        return input.reply(BAD_FORMAT);
    }
    let op = op(input, MetaVerb::Debug, words_after(input, 2), base64);
    input.done(Parsed::Single(input.single(key, Op::Meta(op))))
}
