//! incr and decr: arithmetic on decimal text, as memcached does it.

use super::items::Items;
use super::key::Key;
use super::shard::{Shard, StoreMode, StoreRequest, Stored};

/// The result of an arithmetic command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delta {
    /// The new number.
    pub number: u64,
    /// The item's new cas number.
    pub cas: u64,
}

/// Why a number was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeltaError {
    /// There is no item.
    NotFound,
    /// The value is no decimal number of 64 bits.
    NonNumeric,
    /// The cas number did not match.
    Exists,
    /// The number grew by a digit and no slot could be freed.
    NoMemory,
}

/// Largest value that is looked at as a number. memcached refuses values that it keeps in
/// several chunks, which starts at half a page.
const NUMERIC_LIMIT: usize = 512 * 1024;

impl<M: Items> Shard<M> {
    /// Adds to (wrapping at 2^64) or subtracts from (stopping at 0) the number in the value.
    ///
    /// A result with fewer digits than the value is padded with spaces and keeps its length.
    ///
    /// # Errors
    /// When there is no such number; a missing item is counted as a miss.
    pub fn delta(
        &mut self,
        key: Key<'_>,
        up: bool,
        by: u64,
        cas: u64,
        now: u32,
    ) -> Result<Delta, DeltaError> {
        let handle = self.locate(key, now).ok_or(DeltaError::NotFound)?;
        let item = self.item_at(handle);
        let (facts, len) = (item.facts, item.value.len());
        if len == 0 || len > NUMERIC_LIMIT {
            return Err(DeltaError::NonNumeric);
        }
        if cas != 0 && cas != facts.cas {
            return Err(DeltaError::Exists);
        }
        let before = parse_number(item.value).ok_or(DeltaError::NonNumeric)?;
        let number = if up {
            before.wrapping_add(by)
        } else {
            before.saturating_sub(by)
        };
        if up {
            self.counters.incr_hits += 1;
        } else {
            self.counters.decr_hits += 1;
        }
        let text = number.to_string();
        if text.len() <= len {
            self.overwrite_padded(handle, text.as_bytes(), now);
            return Ok(Delta {
                number,
                cas: self.renew_cas(handle),
            });
        }
        let sets = self.counters.cmd_set;
        let stored = self.store(
            &StoreRequest {
                // A number that cannot grow stays as it is.
                mode: StoreMode::Replace,
                flags: facts.flags,
                deadline: facts.deadline,
                ..StoreRequest::set(key, text.as_bytes())
            },
            now,
        );
        self.counters.cmd_set = sets;
        match stored {
            Stored::Stored { cas } => Ok(Delta { number, cas }),
            Stored::NotStored
            | Stored::Exists
            | Stored::NotFound
            | Stored::TooLarge
            | Stored::NoMemory => Err(DeltaError::NoMemory),
        }
    }
}

/// The number at the start of `text`, read like C's `strtoull`: white space and a sign may come
/// first, white space, a NUL or the end must follow. A negative number is none.
#[must_use]
pub fn parse_number(text: &[u8]) -> Option<u64> {
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
    if len == 0
        || digits
            .get(len)
            .is_some_and(|byte| *byte != 0 && !is_space(*byte))
    {
        return None;
    }
    let magnitude = digits[..len].iter().try_fold(0u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })?;
    // strtoull negates modulo 2^64; what then looks negative is refused.
    let number = if negative {
        magnitude.wrapping_neg()
    } else {
        magnitude
    };
    (!negative || number <= i64::MAX as u64).then_some(number)
}

/// C's `isspace` in the C locale.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_like_strtoull() {
        let cases: [(&[u8], Option<u64>); 14] = [
            (b"0", Some(0)),
            (b"18446744073709551615", Some(u64::MAX)),
            (b"18446744073709551616", None),
            (b" 12", Some(12)),
            (b"\t+12 ", Some(12)),
            (b"12 abc", Some(12)),
            (b"12\0abc", Some(12)),
            (b"12abc", None),
            (b"-1", None),
            (b"-0", Some(0)),
            (b"-18446744073709551615", Some(1)),
            (b"", None),
            (b"-", None),
            (b"+ 1", None),
        ];
        for (text, number) in cases {
            assert_eq!(parse_number(text), number, "{}", text.escape_ascii());
        }
    }
}
