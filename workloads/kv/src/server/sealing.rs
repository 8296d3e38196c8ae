//! One thread's part in sealed requests and replies.
//!
//! A sealed request is opened in its frame by the thread that receives it, before anything else, and is
//! from then on a request like any other; only its arrival remembers that the reply is to be sealed, which
//! the thread does that answers. So it costs a branch where nothing is sealed.

use std::sync::Arc;

use pktio::DatagramIo;
use seal::Seal;
use steering::sealed::{Header, Kind};

use super::message::Sealed;
use crate::protocol::{Immediate, Parsed};

/// What a thread answers whose client has steered by another key than it asks for.
const WRONG_TOKEN: &str = "CLIENT_ERROR the token is not of this key";

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Sealing {
    seal: Arc<Seal>,
    /// The sender of this thread's replies.
    thread: u32,
    /// Datagrams that it has sealed: the number of the next.
    sealed: u64,
}

impl Sealing {
    /// The part of thread `me`.
    pub(crate) fn new(seal: Arc<Seal>, me: usize) -> Self {
        Self {
            seal,
            thread: u32::try_from(me).unwrap_or(u32::MAX),
            sealed: 0,
        }
    }

    /// Opens a received datagram in its frame, whose payload is the plain request then; `None` where it
    /// does not open.
    pub(crate) fn open<I: DatagramIo>(&self, io: &mut I, frame: &mut I::Frame) -> Option<Sealed> {
        let len = io.payload(frame).len();
        let datagram = io.room(frame).get_mut(..len)?;
        let opened = self.seal.open(Kind::Request, datagram).ok()?;
        io.shorten(frame, opened.len);
        let Header {
            number, subject, ..
        } = opened.header;
        Some(Sealed {
            number,
            token: subject,
        })
    }

    /// Seals a datagram of the reply to the request of this number, as [`Seal::close`] does.
    pub(crate) fn close(&mut self, answers: u64, room: &mut [u8], len: usize) -> usize {
        let header = Header {
            kind: Kind::Reply,
            sender: self.thread,
            number: self.sealed,
            subject: answers,
        };
        self.sealed += 1;
        self.seal.close(&header, room, len)
    }

    /// The refusal of a request whose token is not that of the key by which it is steered, its first; one
    /// without a key may have any.
    pub(crate) fn refusal(&self, request: &[u8], parsed: &Parsed, token: u64) -> Option<Immediate> {
        let first = match parsed {
            Parsed::Single(single) => Some(*single),
            Parsed::Multi(multi) => multi.parts(request).next(),
            Parsed::Scan(_) | Parsed::Global(_) | Parsed::Immediate(_) => None,
        }?;
        let owned = first.of_store_key(request, |key| self.seal.token(key));
        (owned != token).then(|| first.refusal(WRONG_TOKEN))
    }
}
