//! One line of text: words, numbers, and where it ends.
//!
//! Words are separated by spaces alone; a NUL ends the line, as it does for memcached, which
//! treats the line as a C string. Numbers are read with C's rules for the same reason.

use super::known::KnownKey;
use crate::store::is_space;
pub(super) use crate::store::parse_number as unsigned;

/// Longest line that may still lack its end, unless it is a get of many keys.
pub(super) const LINE_LIMIT: usize = 2048;
/// Longest get of many keys, a bound that memcached lacks.
pub(super) const MULTI_GET_LIMIT: usize = 1 << 20;
/// Words that are looked at, except in a get.
const WORDS: usize = 23;

/// A line without its end.
pub(super) struct Line<'a> {
    /// The line up to its end or the first NUL.
    pub(super) text: &'a [u8],
    /// Bytes of the buffer that it takes, its end included.
    pub(super) consumed: usize,
}

impl<'a> Line<'a> {
    /// The first line of `buffer`, if its end is there; its first `seen` bytes have neither an end of line
    /// nor a NUL.
    #[inline]
    pub(super) fn cut(buffer: &'a [u8], seen: usize) -> Option<Self> {
        let end = seen + memchr::memchr(b'\n', &buffer[seen..])?;
        let text = match &buffer[..end] {
            [text @ .., b'\r'] if !text.is_empty() => text,
            text => text,
        };
        let unseen = &text[seen.min(text.len())..];
        let text = memchr::memchr(0, unseen).map_or(text, |nul| &text[..seen + nul]);
        Some(Self {
            text,
            consumed: end + 1,
        })
    }
}

/// The words of a line, one after another.
#[derive(Clone)]
pub(super) struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    #[inline]
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self(text)
    }

    /// What was not looked at yet.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.0.iter().position(|byte| *byte != b' ');
        let text = &self.0[start.unwrap_or(self.0.len())..];
        if text.is_empty() {
            self.0 = text;
            return None;
        }
        let end = memchr::memchr(b' ', text).unwrap_or(text.len());
        self.0 = &text[end..];
        Some(&text[..end])
    }
}

/// The first words of a line in an array. A longer line is cut: every command that takes this
/// many words refuses them.
pub(super) struct Tokens<'a> {
    words: [&'a [u8]; WORDS],
    len: usize,
}

impl<'a> Tokens<'a> {
    /// The words of a line; a known key is not searched for its end.
    pub(super) fn of(text: &'a [u8], known: Option<&KnownKey>) -> Self {
        let mut tokens = Self {
            words: [&[]; WORDS],
            len: 0,
        };
        match known.and_then(|known| known.split(text)) {
            None => tokens.add(Words::new(text)),
            Some([before, key, behind]) => {
                tokens.add(Words::new(before));
                tokens.add([key]);
                tokens.add(Words::new(behind));
            }
        }
        tokens
    }

    fn add(&mut self, words: impl IntoIterator<Item = &'a [u8]>) {
        for (to, word) in self.words[self.len..].iter_mut().zip(words) {
            *to = word;
            self.len += 1;
        }
    }

    /// Number of words.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The word at `at`; empty behind the last.
    pub(super) fn get(&self, at: usize) -> &'a [u8] {
        self.words.get(at).copied().unwrap_or_default()
    }

    /// Whether the last word is "noreply".
    pub(super) fn noreply(&self) -> bool {
        self.len > 0 && self.get(self.len - 1) == b"noreply"
    }
}

/// A 32-bit number that may be negative, cut from C's 64-bit `strtol`.
pub(super) fn signed(text: &[u8]) -> Option<i32> {
    let start = text.iter().position(|byte| !is_space(*byte))?;
    let (negative, digits) = match text[start] {
        b'-' => (true, &text[start + 1..]),
        b'+' => (false, &text[start + 1..]),
        _ => (false, &text[start..]),
    };
    let len = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if len == 0 || digits.get(len).is_some_and(|byte| !is_space(*byte)) {
        return None;
    }
    let number = digits[..len].iter().try_fold(0i64, |number, digit| {
        let digit = i64::from(digit - b'0');
        let digit = if negative { -digit } else { digit };
        number.checked_mul(10)?.checked_add(digit)
    })?;
    Some(number as i32)
}

/// A 32-bit number, cut from C's 64-bit `strtoul`.
pub(super) fn unsigned32(text: &[u8]) -> Option<u32> {
    unsigned(text).map(|number| number as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_newline_or_nul() {
        let line = |bytes| Line::cut(bytes, 0).map(|line| (line.text, line.consumed));
        assert_eq!(line(b"get a\r\nrest"), Some((&b"get a"[..], 7)));
        assert_eq!(line(b"get a\n"), Some((&b"get a"[..], 6)));
        assert_eq!(line(b"ge\0t\r\n"), Some((&b"ge"[..], 6)));
        assert_eq!(line(b"\r\n"), Some((&b"\r"[..], 2)));
        assert_eq!(line(b"get a\r"), None);
    }

    #[test]
    fn words_are_cut_at_spaces_only() {
        let words: Vec<_> = Words::new(b"  a b\tc  d ").collect();
        assert_eq!(words, [&b"a"[..], b"b\tc", b"d"]);
        assert_eq!(Tokens::of(&b"x ".repeat(40), None).len(), WORDS);
    }

    #[test]
    fn signed_numbers_are_cut_to_32_bits() {
        assert_eq!(signed(b"-17"), Some(-17));
        assert_eq!(signed(b"+3"), Some(3));
        assert_eq!(signed(b"4294967297"), Some(1));
        assert_eq!(signed(b"9223372036854775808"), None);
        assert_eq!(signed(b"-9223372036854775808"), Some(0));
        assert_eq!(signed(b"1x"), None);
        assert_eq!(signed(b""), None);
    }
}
