//! Sealed requests and replies, as the client makes and opens them.
//!
//! A flow numbers its requests from 0 on, and a request id is the lower half of that number; the reply's
//! clear part, which is authenticated, names the number, so that a reply to an earlier request cannot pass
//! for one to a later request of the same id.

use std::sync::Arc;

use seal::Seal;
use steering::sealed::{HEADER_LEN, Header, Kind, TAG_LEN};

use crate::wire::frame;

/// See the [module](self).
#[derive(Debug, Clone)]
pub(crate) struct Sealing(Arc<Seal>);

/// Which request of which flow is sealed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbered {
    /// The flow.
    pub(crate) flow: u16,
    /// Its requests before this one.
    pub(crate) number: u64,
}

impl Sealing {
    /// The client's part of a secret.
    pub(crate) fn new(secret: &seal::Secret) -> Self {
        Self(Arc::new(Seal::new(secret)))
    }

    /// Appends the sealed datagram of what `encode` appends, steered by `key`.
    pub(crate) fn seal(
        &self,
        request: Numbered,
        key: &[u8],
        datagram: &mut Vec<u8>,
        encode: impl FnOnce(&mut Vec<u8>),
    ) {
        let at = datagram.len();
        datagram.resize(at + HEADER_LEN, 0);
        encode(datagram);
        let len = datagram.len() - at - HEADER_LEN;
        datagram.resize(datagram.len() + TAG_LEN, 0);
        let header = Header {
            kind: Kind::Request,
            sender: u32::from(request.flow),
            number: request.number,
            subject: self.0.token(key),
        };
        self.0.close(&header, &mut datagram[at..], len);
    }

    /// Opens a datagram of a reply into `room`, if `is_of` says that request id and number belong to one
    /// request.
    pub(crate) fn open<'a>(
        &self,
        datagram: &[u8],
        room: &'a mut Vec<u8>,
        is_of: impl FnOnce(u16, u64) -> bool,
    ) -> Option<&'a [u8]> {
        room.clear();
        room.extend_from_slice(datagram);
        let opened = self.0.open(Kind::Reply, room).ok()?;
        let plain = &room[..opened.len];
        let frame = frame::parse(plain)?;
        is_of(frame.id, opened.header.subject).then_some(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: Numbered = Numbered {
        flow: 3,
        number: 65_537,
    };

    fn pair() -> (Sealing, Seal) {
        let secret = seal::Secret::random().unwrap();
        (Sealing::new(&secret), Seal::new(&secret))
    }

    #[test]
    fn a_request_is_the_flows_and_steered_by_its_key() {
        let (client, server) = pair();
        let mut datagram = Vec::new();
        client.seal(REQUEST, b"key", &mut datagram, |out| {
            out.extend_from_slice(b"secret");
        });
        assert!(!datagram.windows(6).any(|part| part == b"secret"));
        let opened = server.open(Kind::Request, &mut datagram).unwrap();
        assert_eq!(&datagram[..opened.len], b"secret");
        let Header { sender, number, .. } = opened.header;
        assert_eq!((sender, number), (3, 65_537));
        assert_eq!(opened.header.subject, server.token(b"key"));
    }

    #[test]
    fn only_a_whole_reply_to_the_request_opens() {
        let (client, server) = pair();
        let plain = [frame::header(1).as_slice(), b"END\r\n"].concat();
        let mut sealed = vec![0; HEADER_LEN];
        sealed.extend_from_slice(&plain);
        sealed.resize(sealed.len() + TAG_LEN, 0);
        let header = Header {
            kind: Kind::Reply,
            sender: 0,
            number: 9,
            subject: REQUEST.number,
        };
        server.close(&header, &mut sealed, plain.len());
        let mut room = Vec::new();
        let is_of = |id: u16, number: u64| (id, number) == (1, 65_537);
        assert_eq!(client.open(&sealed, &mut room, is_of), Some(&plain[..]));
        assert_eq!(
            client.open(&sealed, &mut room, |_, number| number == 1),
            None
        );
        let (_, stranger) = pair();
        stranger.close(&header, &mut sealed, plain.len());
        assert_eq!(client.open(&sealed, &mut room, is_of), None);
        assert_eq!(client.open(&plain, &mut room, is_of), None);
    }
}
