//! Replies that take more than one datagram.

use crate::wire::Reading;
use crate::wire::frame::Frame;

/// What has come of a reply so far.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    /// The keys seen in earlier messages of the same reply.
    pub(crate) reading: Reading,
    parts: Vec<Option<Box<[u8]>>>,
    missing: usize,
}

/// What a datagram did to its message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Gathered {
    /// The message is whole: its body.
    Whole(Vec<u8>),
    /// Other datagrams are missing.
    Missing,
    /// It had come before.
    Repeated,
}

impl Assembly {
    /// An assembly whose reply is read by `reading`.
    pub(crate) fn new(reading: Reading) -> Self {
        Self {
            reading,
            parts: Vec::new(),
            missing: 0,
        }
    }

    /// Adds a datagram to the message in the making.
    pub(crate) fn add(&mut self, frame: &Frame<'_>) -> Gathered {
        if self.missing == 0 {
            self.parts = vec![None; usize::from(frame.total)];
            self.missing = self.parts.len();
        }
        let Some(part) = self.parts.get_mut(usize::from(frame.sequence)) else {
            // A message of another length under the same id; the first one decides.
            return Gathered::Repeated;
        };
        if part.is_some() {
            return Gathered::Repeated;
        }
        *part = Some(frame.body.into());
        self.missing -= 1;
        if self.missing > 0 {
            return Gathered::Missing;
        }
        Gathered::Whole(self.parts.drain(..).flatten().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_order_gives_the_same_body() {
        let frame = |sequence, body| Frame {
            id: 1,
            sequence,
            total: 3,
            body,
        };
        let frames = [frame(0, &b"ab"[..]), frame(1, b"cd"), frame(2, b"e")];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let mut assembly = Assembly::default();
            assert_eq!(assembly.add(&frames[order[0]]), Gathered::Missing);
            assert_eq!(assembly.add(&frames[order[0]]), Gathered::Repeated);
            assert_eq!(assembly.add(&frames[order[1]]), Gathered::Missing);
            assert_eq!(
                assembly.add(&frames[order[2]]),
                Gathered::Whole(b"abcde".to_vec())
            );
        }
    }
}
