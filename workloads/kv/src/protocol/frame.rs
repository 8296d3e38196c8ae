//! The UDP frame of memcached: eight bytes before every datagram's payload.
//!
//! Source: "UDP protocol" in memcached's doc/protocol.txt. All fields are 16-bit big-endian:
//! request id, sequence number of this datagram, number of datagrams in the message, reserved.
//! A request must be one datagram; a reply may be several, each of at most
//! [`PAYLOAD_LIMIT`] bytes with its header, which memcached keeps below an Ethernet MTU.

/// Bytes of the frame header.
pub const HEADER_LEN: usize = 8;
/// Most bytes of a reply datagram's UDP payload, header included.
pub const PAYLOAD_LIMIT: usize = 1400;
/// Most reply bytes that one datagram carries behind its header.
pub const DATA_LIMIT: usize = PAYLOAD_LIMIT - HEADER_LEN;

/// The header of one datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Chosen by the client and echoed in every datagram of the reply.
    pub request_id: u16,
    /// Position of this datagram in the message, from 0.
    pub sequence: u16,
    /// Datagrams in the message.
    pub total: u16,
}

/// Why a datagram is no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Shorter than a header, or nothing behind it.
    #[error("datagram holds no request")]
    Truncated,
    /// A request in several datagrams, which memcached does not serve either.
    #[error("request spans several datagrams")]
    MultiDatagram,
}

impl FrameHeader {
    /// The header's bytes; the reserved field is 0.
    #[must_use]
    pub fn encode(self) -> [u8; HEADER_LEN] {
        let [i0, i1] = self.request_id.to_be_bytes();
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1] = self.total.to_be_bytes();
        [i0, i1, s0, s1, t0, t1, 0, 0]
    }

    /// Reads the header at the start of a datagram's payload, whatever message it belongs to.
    #[must_use]
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let header = payload.first_chunk::<HEADER_LEN>()?;
        let field = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        Some(Self {
            request_id: field(0),
            sequence: field(2),
            total: field(4),
        })
    }
}

/// Splits a request datagram's payload into its header and the request bytes.
///
/// # Errors
/// When there is no request in it, or only a part of one.
pub fn decode_request(payload: &[u8]) -> Result<(FrameHeader, &[u8]), FrameError> {
    let header = FrameHeader::decode(payload).ok_or(FrameError::Truncated)?;
    let body = &payload[HEADER_LEN..];
    match (header.total, body.is_empty()) {
        (1, false) => Ok((header, body)),
        (_, true) => Err(FrameError::Truncated),
        (_, false) => Err(FrameError::MultiDatagram),
    }
}

/// How many datagrams a reply of `len` bytes takes; `None` where the 16-bit count cannot say it.
#[must_use]
pub fn datagrams(len: usize) -> Option<u16> {
    u16::try_from(len.div_ceil(DATA_LIMIT)).ok()
}

/// The datagrams of `reply`, as header and data. Empty for an empty reply and for one too long
/// for the format (about 87 MiB).
pub fn split(request_id: u16, reply: &[u8]) -> impl Iterator<Item = (FrameHeader, &[u8])> {
    let total = datagrams(reply.len()).unwrap_or(0);
    (0..total)
        .zip(reply.chunks(DATA_LIMIT))
        .map(move |(sequence, data)| {
            (
                FrameHeader {
                    request_id,
                    sequence,
                    total,
                },
                data,
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_round_trips() {
        let header = FrameHeader {
            request_id: 0x1234,
            sequence: 2,
            total: 300,
        };
        let bytes = header.encode();
        assert_eq!(bytes, [0x12, 0x34, 0, 2, 1, 0x2c, 0, 0]);
        assert_eq!(FrameHeader::decode(&bytes), Some(header));
        assert_eq!(FrameHeader::decode(&bytes[..7]), None);
    }

    #[test]
    fn only_whole_requests_are_accepted() {
        let mut datagram = FrameHeader {
            request_id: 1,
            sequence: 0,
            total: 1,
        }
        .encode()
        .to_vec();
        assert_eq!(decode_request(&datagram), Err(FrameError::Truncated));
        datagram.extend(b"mn\r\n");
        assert_eq!(
            decode_request(&datagram).map(|(h, b)| (h.request_id, b)),
            Ok((1, &b"mn\r\n"[..]))
        );
        datagram[5] = 2;
        assert_eq!(decode_request(&datagram), Err(FrameError::MultiDatagram));
    }

    #[test]
    fn a_reply_is_cut_at_the_limit_and_loses_nothing() {
        for len in [0, 1, DATA_LIMIT, DATA_LIMIT + 1, 3 * DATA_LIMIT, 5000] {
            let reply: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let parts: Vec<_> = split(9, &reply).collect();
            assert_eq!(parts.len(), len.div_ceil(DATA_LIMIT));
            for (i, (header, data)) in parts.iter().enumerate() {
                assert_eq!(usize::from(header.sequence), i);
                assert_eq!(usize::from(header.total), parts.len());
                assert!(HEADER_LEN + data.len() <= PAYLOAD_LIMIT);
            }
            assert_eq!(
                parts
                    .iter()
                    .flat_map(|(_, d)| d.iter().copied())
                    .collect::<Vec<_>>(),
                reply
            );
        }
    }
}
