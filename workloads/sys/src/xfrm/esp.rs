//! The kernel's IPsec (XFRM): whether it has ESP.
//!
//! XFRM and ESP are options of a kernel by themselves (CONFIG_XFRM_USER, CONFIG_INET_ESP), the latter often a module that is
//! loaded when the first state asks for it. No file tells; so a state is added, in a namespace that is thrown away. The
//! layouts are those of linux/xfrm.h.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;

use netlink_packet_core::{
    DefaultNla, Emitable, NetlinkDeserializable, NetlinkHeader, NetlinkSerializable,
};
use netlink_sys::protocols::NETLINK_XFRM;

use crate::netlink::{Connection, errno};
use crate::netns::Namespace;

/// XFRM_MSG_NEWSA.
const NEW_STATE: u16 = 0x10;
/// XFRMA_ALG_CRYPT.
const CIPHER: u16 = 2;
/// Bytes of `struct xfrm_usersa_info`, and where its fields begin that are not 0.
const STATE_LEN: usize = 224;
const DESTINATION: usize = 56;
const SPI: usize = 72;
const PROTOCOL: usize = 76;
const SOURCE: usize = 80;
const FAMILY: usize = 212;
const MODE: usize = 214;
/// XFRM_MODE_TUNNEL.
const TUNNEL: u8 = 1;
/// Bytes of an algorithm's name in `struct xfrm_algo`.
const NAME_LEN: usize = 64;
/// Bytes of a key of AES-128.
const KEY_LEN: usize = 16;

/// A state to be added.
#[derive(Debug, Clone)]
struct NewState(Vec<u8>);

impl NewState {
    /// One direction of a tunnel by ESP with AES-128-CBC, between two addresses for documentation (RFC 5737).
    fn tunnel() -> Self {
        let mut state = vec![0; STATE_LEN];
        let mut put = |at: usize, bytes: &[u8]| state[at..at + bytes.len()].copy_from_slice(bytes);
        put(DESTINATION, &Ipv4Addr::new(192, 0, 2, 2).octets());
        put(SPI, &0x1000u32.to_be_bytes());
        put(PROTOCOL, &[libc::IPPROTO_ESP as u8]);
        put(SOURCE, &Ipv4Addr::new(192, 0, 2, 1).octets());
        put(FAMILY, &(libc::AF_INET as u16).to_ne_bytes());
        put(MODE, &[TUNNEL]);
        let mut cipher = b"cbc(aes)".to_vec();
        cipher.resize(NAME_LEN, 0);
        cipher.extend((KEY_LEN as u32 * 8).to_ne_bytes());
        cipher.extend([0x5a; KEY_LEN]);
        let attributes = [DefaultNla::new(CIPHER, cipher)];
        let attributes = attributes.as_slice();
        state.resize(STATE_LEN + attributes.buffer_len(), 0);
        attributes.emit(&mut state[STATE_LEN..]);
        Self(state)
    }
}

impl NetlinkSerializable for NewState {
    fn message_type(&self) -> u16 {
        NEW_STATE
    }

    fn buffer_len(&self) -> usize {
        self.0.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer[..self.0.len()].copy_from_slice(&self.0);
    }
}

impl NetlinkDeserializable for NewState {
    type Error = Infallible;

    fn deserialize(_: &NetlinkHeader, payload: &[u8]) -> Result<Self, Infallible> {
        Ok(Self(payload.to_vec()))
    }
}

/// Why this kernel takes no state of ESP with AES-CBC, in its own words; `None` where it does.
///
/// # Errors
/// `PermissionDenied` without CAP_SYS_ADMIN and CAP_NET_ADMIN, and whatever else is no answer to the question.
pub fn esp_refusal() -> io::Result<Option<String>> {
    let added = Namespace::create()?.run(|| {
        let mut connection = Connection::open(NETLINK_XFRM)?;
        connection.request(NewState::tunnel(), 0).map(drop)
    })?;
    match added {
        Ok(()) => Ok(None),
        Err(error) => match errno(&error) {
            // Neither XFRM nor ESP, or no such cipher.
            Some(libc::EPROTONOSUPPORT | libc::ENOSYS) => Ok(Some(error.to_string())),
            Some(_) | None => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_the_kernels_layout() {
        let NewState(bytes) = NewState::tunnel();
        // The attribute has 4 bytes of header.
        assert_eq!(bytes.len(), STATE_LEN + 4 + NAME_LEN + 4 + KEY_LEN);
        assert_eq!(bytes[DESTINATION..DESTINATION + 4], [192, 0, 2, 2]);
        assert_eq!(bytes[SOURCE..SOURCE + 4], [192, 0, 2, 1]);
        assert_eq!(bytes[SPI..=PROTOCOL], [0, 0, 0x10, 0, 50]);
        let length = u16::try_from(bytes.len() - STATE_LEN).unwrap();
        assert_eq!(bytes[STATE_LEN..STATE_LEN + 2], length.to_ne_bytes());
        assert_eq!(bytes[STATE_LEN + 2..STATE_LEN + 4], CIPHER.to_ne_bytes());
        assert!(bytes[STATE_LEN + 4..].starts_with(b"cbc(aes)\0"));
    }
}
