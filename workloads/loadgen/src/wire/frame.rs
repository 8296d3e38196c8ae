//! The 8-byte header that memcached puts before every UDP payload: request id, sequence number,
//! number of datagrams of the message, reserved; each 16 bits, big-endian (memcached's
//! `doc/protocol.txt`, "UDP protocol").

/// Bytes of the header.
pub(crate) const HEADER: usize = 8;

/// The header of a request, which is always one datagram.
pub(crate) const fn header(id: u16) -> [u8; HEADER] {
    let [high, low] = id.to_be_bytes();
    [high, low, 0, 0, 0, 1, 0, 0]
}

/// A datagram of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// Request id that is answered.
    pub(crate) id: u16,
    /// Index of the datagram within its message, below `total`.
    pub(crate) sequence: u16,
    /// Datagrams of the message, at least 1.
    pub(crate) total: u16,
    /// What follows the header.
    pub(crate) body: &'a [u8],
}

/// Reads the header; `None` for what cannot be a datagram of a reply.
pub(crate) fn parse(datagram: &[u8]) -> Option<Frame<'_>> {
    let (header, body) = datagram.split_first_chunk::<HEADER>()?;
    let field = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let frame = Frame {
        id: field(0),
        sequence: field(2),
        total: field(4),
        body,
    };
    (frame.sequence < frame.total).then_some(frame)
}

/// True for a header that announces no datagram and carries nothing. memcached 1.6 sends one
/// behind the reply to some multi-gets; it belongs to no message.
pub(crate) fn is_empty(datagram: &[u8]) -> bool {
    datagram.len() == HEADER && datagram[4..6] == [0, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_parses_as_the_only_datagram_of_its_message() {
        let mut datagram = header(0xABCD).to_vec();
        datagram.extend_from_slice(b"END\r\n");
        let expected = Frame {
            id: 0xABCD,
            sequence: 0,
            total: 1,
            body: b"END\r\n",
        };
        assert_eq!(parse(&datagram), Some(expected));
    }

    #[test]
    fn short_or_impossible_headers_are_refused() {
        assert_eq!(parse(&[0; 7]), None);
        assert_eq!(parse(&[0, 1, 0, 0, 0, 0, 0, 0]), None);
        assert!(is_empty(&[0, 1, 0, 0, 0, 0, 0, 0]) && !is_empty(&[0, 1, 0, 0, 0, 1, 0, 0]));
        assert_eq!(parse(&[0, 1, 0, 2, 0, 2, 0, 0]), None);
    }
}
