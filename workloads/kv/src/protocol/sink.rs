//! Where replies are written.
//!
//! A server that answers in place writes into the frame the request came in, a stream server
//! into a byte vector. Replies are built by appending only, so that both can take them without
//! a copy in between.

/// An append-only place for reply bytes.
pub trait Sink {
    /// Appends `bytes`. A sink with bounded room keeps what fits and remembers the overflow
    /// itself; execution never fails because of it.
    fn put(&mut self, bytes: &[u8]);

    /// Announces that about `bytes` more will follow, so that a sink can make room once.
    fn reserve(&mut self, bytes: usize) {
        let _ = bytes;
    }

    /// Appends an unsigned decimal number.
    fn put_number(&mut self, number: u64) {
        let mut digits = [0; Decimal::WIDTH];
        self.put(Decimal::format(number, &mut digits));
    }
}

impl Sink for Vec<u8> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    #[inline]
    fn reserve(&mut self, bytes: usize) {
        Self::reserve(self, bytes);
    }
}

/// Decimal text of 64-bit numbers without allocation.
pub struct Decimal;

impl Decimal {
    /// Digits of `u64::MAX`.
    pub const WIDTH: usize = 20;

    /// Writes `number` right-aligned into `buffer` and returns the digits.
    #[inline]
    pub fn format(mut number: u64, buffer: &mut [u8; Self::WIDTH]) -> &[u8] {
        let mut at = Self::WIDTH;
        loop {
            at -= 1;
            buffer[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return &buffer[at..];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_plain_decimals() {
        for number in [0, 7, 10, 999, 1_000, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            out.put_number(number);
            assert_eq!(out, number.to_string().into_bytes());
        }
    }
}
