//! Generic netlink: small messages of a family that is found by its name.
//!
//! Only what the `netdev` family needs; Documentation/userspace-api/netlink/intro.rst describes the
//! form. A message is a 4-byte header (command, version, two reserved bytes) and attributes.

use std::convert::Infallible;
use std::io;

use netlink_packet_core::{
    DefaultNla, Emitable, NetlinkDeserializable, NetlinkHeader, NetlinkSerializable, Nla,
    NlasIterator,
};
use netlink_sys::protocols::NETLINK_GENERIC;

use super::Connection;
use crate::error::{Doing, malformed};

const CONTROLLER: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const HEADER_LEN: usize = 4;

/// A generic netlink message of family number `family`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) family: u16,
    pub(crate) command: u8,
    pub(crate) attributes: Vec<DefaultNla>,
}

impl Message {
    /// The 32-bit value of an attribute (or a 16- or 8-bit one, widened), if it is there.
    pub(crate) fn number(&self, kind: u16) -> Option<u32> {
        let attribute = self
            .attributes
            .iter()
            .find(|attribute| attribute.kind() == kind)?;
        let mut value = vec![0; attribute.value_len()];
        attribute.emit_value(&mut value);
        match *value.as_slice() {
            [byte] => Some(byte.into()),
            [a, b] => Some(u16::from_ne_bytes([a, b]).into()),
            [a, b, c, d] => Some(u32::from_ne_bytes([a, b, c, d])),
            _ => None,
        }
    }
}

/// An attribute that holds a 32-bit number.
pub(crate) fn number(kind: u16, value: u32) -> DefaultNla {
    DefaultNla::new(kind, value.to_ne_bytes().to_vec())
}

impl NetlinkSerializable for Message {
    fn message_type(&self) -> u16 {
        self.family
    }

    fn buffer_len(&self) -> usize {
        HEADER_LEN + self.attributes.as_slice().buffer_len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer[..HEADER_LEN].copy_from_slice(&[self.command, 1, 0, 0]);
        self.attributes.as_slice().emit(&mut buffer[HEADER_LEN..]);
    }
}

impl NetlinkDeserializable for Message {
    type Error = Infallible;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, Infallible> {
        let attributes = NlasIterator::new(payload.get(HEADER_LEN..).unwrap_or_default())
            .filter_map(Result::ok)
            .map(|attribute| DefaultNla::new(attribute.kind(), attribute.value().to_vec()))
            .collect();
        let command = payload.first().copied().unwrap_or_default();
        Ok(Self {
            family: header.message_type,
            command,
            attributes,
        })
    }
}

/// A connection to one family.
pub(crate) struct Family {
    connection: Connection,
    id: u16,
}

impl Family {
    /// Opens the family called `name` in the calling thread's namespace; `NotFound` when this kernel
    /// does not have it.
    pub(crate) fn open(name: &str) -> io::Result<Self> {
        let mut connection = Connection::open(NETLINK_GENERIC)?;
        let mut terminated = name.as_bytes().to_vec();
        terminated.push(0);
        let question = Message {
            family: CONTROLLER,
            command: CTRL_CMD_GETFAMILY,
            attributes: vec![DefaultNla::new(CTRL_ATTR_FAMILY_NAME, terminated)],
        };
        let answers = connection
            .request(question, 0)
            .doing(|| format!("look up the netlink family '{name}'"))?;
        let id = answers
            .iter()
            .find_map(|answer| answer.number(CTRL_ATTR_FAMILY_ID));
        let id = id.and_then(|id| u16::try_from(id).ok());
        let id = id.ok_or_else(|| malformed(format!("no number for netlink family '{name}'")))?;
        Ok(Self { connection, id })
    }

    /// Asks for all things that `command` lists, narrowed by `attributes`.
    pub(crate) fn dump(
        &mut self,
        command: u8,
        attributes: Vec<DefaultNla>,
    ) -> io::Result<Vec<Message>> {
        self.connection.dump(Message {
            family: self.id,
            command,
            attributes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_its_own_form() {
        let message = Message {
            family: 99,
            command: 7,
            attributes: vec![number(1, 0xdead_beef), DefaultNla::new(2, vec![1, 2, 3])],
        };
        let mut bytes = vec![0xff; message.buffer_len()];
        message.serialize(&mut bytes);
        assert_eq!(bytes[..4], [7, 1, 0, 0]);
        let mut header = NetlinkHeader::default();
        header.message_type = 99;
        assert_eq!(Message::deserialize(&header, &bytes).unwrap(), message);
        assert_eq!(message.number(1), Some(0xdead_beef));
        assert_eq!(message.number(3), None);
    }

    #[test]
    fn a_truncated_answer_is_an_empty_one() {
        let header = NetlinkHeader::default();
        let message = Message::deserialize(&header, &[5]).unwrap();
        assert_eq!((message.command, message.attributes.len()), (5, 0));
    }

    #[test]
    fn an_unknown_family_is_not_found_by_name() {
        let error = Family::open("no-such-family").err().expect("there is none");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("no-such-family"));
    }
}
