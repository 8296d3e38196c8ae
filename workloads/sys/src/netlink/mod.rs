//! One synchronous netlink conversation: a request, its answers, its acknowledgement.
//!
//! A socket speaks to the namespace in which it was opened, so each call opens one in the namespace of
//! the calling thread. Extended acknowledgements are asked for, and the kernel's own sentence about a
//! refusal ends up in the error.

pub(crate) mod generic;
mod listener;

use std::io;

use netlink_packet_core::{
    ErrorMessage, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkDeserializable,
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable, NlaBuffer, NlasIterator,
};
use netlink_sys::{Socket, SocketAddr};

use crate::error::malformed;

pub(crate) use listener::{Listener, Notice};

/// Attribute of an extended acknowledgement that holds the kernel's sentence (NLMSGERR_ATTR_MSG).
const ACK_SENTENCE: u16 = 1;

/// How often things are listed that change meanwhile.
const ATTEMPTS: u32 = 10;

/// A bound netlink socket.
pub(crate) struct Connection {
    socket: Socket,
    sequence: u32,
    /// Whether what was listed last changed meanwhile.
    torn: bool,
}

impl Connection {
    /// Opens a socket of a netlink family (`netlink_sys::protocols`) in the calling thread's namespace.
    pub(crate) fn open(protocol: isize) -> io::Result<Self> {
        let mut socket = Socket::new(protocol)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        Ok(Self {
            socket,
            sequence: 0,
            torn: false,
        })
    }

    /// Sends a request that changes or asks for one thing, and waits until it is acknowledged.
    pub(crate) fn request<I>(&mut self, message: I, flags: u16) -> io::Result<Vec<I>>
    where
        I: NetlinkSerializable + NetlinkDeserializable,
    {
        self.exchange(message, flags | NLM_F_REQUEST | NLM_F_ACK)
    }

    /// Asks for all things of a kind.
    pub(crate) fn dump<I>(&mut self, message: I) -> io::Result<Vec<I>>
    where
        I: NetlinkSerializable + NetlinkDeserializable,
    {
        self.exchange(message, NLM_F_REQUEST | NLM_F_DUMP)
    }

    /// As [`dump`](Self::dump), of things that did not change while they were listed: else they are listed again.
    pub(crate) fn dump_whole<I>(&mut self, message: I) -> io::Result<Vec<I>>
    where
        I: NetlinkSerializable + NetlinkDeserializable + Clone,
    {
        for _ in 0..ATTEMPTS {
            let answers = self.dump(message.clone())?;
            if !self.torn {
                return Ok(answers);
            }
        }
        let reason = "the kernel's tables change faster than they can be read";
        Err(io::Error::new(io::ErrorKind::ResourceBusy, reason))
    }

    fn exchange<I>(&mut self, message: I, flags: u16) -> io::Result<Vec<I>>
    where
        I: NetlinkSerializable + NetlinkDeserializable,
    {
        self.sequence += 1;
        self.torn = false;
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        header.sequence_number = self.sequence;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;

        let mut answers = Vec::new();
        loop {
            let (datagram, _) = self.socket.recv_from_full()?;
            if self.take(&datagram, &mut answers)? {
                return Ok(answers);
            }
        }
    }

    /// Takes the answers from one datagram; true when the conversation has ended.
    fn take<I>(&mut self, mut datagram: &[u8], answers: &mut Vec<I>) -> io::Result<bool>
    where
        I: NetlinkSerializable + NetlinkDeserializable,
    {
        while !datagram.is_empty() {
            let message = NetlinkMessage::<I>::deserialize(datagram).map_err(io::Error::other)?;
            let length = message.header.length as usize;
            if message.header.sequence_number == self.sequence {
                self.torn |= message.header.flags & NLM_F_DUMP_INTR != 0;
                match message.payload {
                    NetlinkPayload::InnerMessage(answer) => answers.push(answer),
                    NetlinkPayload::Done(_) => return Ok(true),
                    NetlinkPayload::Error(error) if error.code.is_none() => return Ok(true),
                    NetlinkPayload::Error(error) => return Err(refusal(&error)),
                    NetlinkPayload::Noop => {}
                    NetlinkPayload::Overrun(_) => return Err(malformed("netlink lost messages")),
                    // The payload enum is open; a kind unknown to the library is none of an answer.
                    other => {
                        return Err(malformed(format!(
                            "netlink message of type {}",
                            other.message_type()
                        )));
                    }
                }
            }
            datagram = &datagram[length.next_multiple_of(4).min(datagram.len())..];
        }
        Ok(false)
    }
}

/// A refusal by the kernel that came with a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{plain}: {sentence}")]
struct Refused {
    plain: io::Error,
    sentence: String,
}

/// The error of a refused request, with the kernel's sentence where it gave one.
fn refusal(error: &ErrorMessage) -> io::Error {
    let plain = error.to_io();
    // With NETLINK_CAP_ACK only the 16-byte header of the request stands before the attributes.
    let attributes = error.header.get(16..).unwrap_or_default();
    let sentence = NlasIterator::new(attributes)
        .filter_map(Result::ok)
        .find(|attribute: &NlaBuffer<&[u8]>| attribute.kind() == ACK_SENTENCE)
        .map(|attribute| text(attribute.value()));
    match sentence {
        Some(sentence) => io::Error::new(plain.kind(), Refused { plain, sentence }),
        None => plain,
    }
}

/// The kernel's number of an error that a [`Connection`] gave.
pub(crate) fn errno(error: &io::Error) -> Option<i32> {
    let refused = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Refused>());
    refused
        .map_or(error, |refused| &refused.plain)
        .raw_os_error()
}

/// A NUL-terminated text of an attribute.
pub(crate) fn text(value: &[u8]) -> String {
    let end = value
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}
