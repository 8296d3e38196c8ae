//! The form of XFRM's messages (linux/xfrm.h): structures with numbers of this machine's byte order, addresses and SPIs of the
//! network's, and attributes behind them.

use std::convert::Infallible;
use std::net::Ipv4Addr;

use netlink_packet_core::{NetlinkDeserializable, NetlinkHeader, NetlinkSerializable};

use super::{Association, Direction, Policy};

const NEW_STATE: u16 = 0x10;
const DELETE_STATE: u16 = 0x11;
const NEW_POLICY: u16 = 0x13;
const DELETE_POLICY: u16 = 0x14;

const ATTRIBUTE_CIPHER: u16 = 2;
const ATTRIBUTE_TEMPLATES: u16 = 5;
const ATTRIBUTE_INTEGRITY: u16 = 20;

/// Protocol number of ESP (RFC 4303).
const ESP: u8 = 50;
const TUNNEL: u8 = 1;
/// Bytes of an algorithm's name.
const NAME_LEN: usize = 64;
/// Bits of HMAC-SHA-256 that are sent (RFC 4868).
const TRUNCATED_BITS: u32 = 128;
/// Bits of the kernel's window in the form that stands in the structure.
const WINDOW_MOST: u8 = 32;

/// A message: its kind, and its bytes behind netlink's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    kind: u16,
    body: Vec<u8>,
}

impl NetlinkSerializable for Message {
    fn message_type(&self) -> u16 {
        self.kind
    }

    fn buffer_len(&self) -> usize {
        self.body.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer[..self.body.len()].copy_from_slice(&self.body);
    }
}

impl NetlinkDeserializable for Message {
    type Error = Infallible;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, Infallible> {
        Ok(Self {
            kind: header.message_type,
            body: payload.to_vec(),
        })
    }
}

/// `struct xfrm_usersa_info`, with its algorithms.
pub(super) fn new_state(association: &Association) -> Message {
    let mut body = vec![0; 224];
    // Behind an empty selector, which every packet meets that a policy sends here.
    put(&mut body, 40, &family());
    id(&mut body, 56, association.destination, association.spi);
    put(&mut body, 80, &association.source.octets());
    no_limits(&mut body, 96);
    put(&mut body, 208, &association.spi.to_ne_bytes());
    put(&mut body, 212, &family());
    body[214] = TUNNEL;
    body[215] = association.replay_window.min(WINDOW_MOST);
    let mut cipher = named("cbc(aes)", association.cipher.len());
    cipher.extend(association.cipher);
    attribute(&mut body, ATTRIBUTE_CIPHER, &cipher);
    if let Some(key) = association.integrity {
        let mut integrity = named("hmac(sha256)", key.len());
        integrity.extend(TRUNCATED_BITS.to_ne_bytes());
        integrity.extend(key);
        attribute(&mut body, ATTRIBUTE_INTEGRITY, &integrity);
    }
    Message {
        kind: NEW_STATE,
        body,
    }
}

/// `struct xfrm_usersa_id`.
pub(super) fn delete_state(association: &Association) -> Message {
    let mut body = vec![0; 24];
    put(&mut body, 0, &association.destination.octets());
    put(&mut body, 16, &association.spi.to_be_bytes());
    put(&mut body, 20, &family());
    body[22] = ESP;
    Message {
        kind: DELETE_STATE,
        body,
    }
}

/// `struct xfrm_userpolicy_info`, with its one template.
pub(super) fn new_policy(policy: &Policy) -> Message {
    let mut body = vec![0; 168];
    selector(&mut body, policy.device);
    no_limits(&mut body, 56);
    body[160] = direction(policy.direction);
    let mut template = vec![0; 64];
    id(&mut template, 0, policy.destination, 0);
    put(&mut template, 24, &family());
    put(&mut template, 28, &policy.source.octets());
    put(&mut template, 44, &policy.spi.to_ne_bytes());
    template[48] = TUNNEL;
    // Any algorithm: the association says which.
    template[52..64].fill(0xff);
    attribute(&mut body, ATTRIBUTE_TEMPLATES, &template);
    Message {
        kind: NEW_POLICY,
        body,
    }
}

/// `struct xfrm_userpolicy_id`.
pub(super) fn delete_policy(policy: &Policy) -> Message {
    let mut body = vec![0; 64];
    selector(&mut body, policy.device);
    body[60] = direction(policy.direction);
    Message {
        kind: DELETE_POLICY,
        body,
    }
}

const fn direction(direction: Direction) -> u8 {
    match direction {
        Direction::Out => 1,
        Direction::Forward => 2,
    }
}

const fn family() -> [u8; 2] {
    (libc::AF_INET as u16).to_ne_bytes()
}

fn put(body: &mut [u8], at: usize, bytes: &[u8]) {
    body[at..at + bytes.len()].copy_from_slice(bytes);
}

/// `struct xfrm_selector`: every packet of IPv4 that leaves by the device.
fn selector(body: &mut [u8], device: u32) {
    put(body, 40, &family());
    put(body, 48, &device.to_ne_bytes());
}

/// `struct xfrm_id`.
fn id(body: &mut [u8], at: usize, destination: Ipv4Addr, spi: u32) {
    put(body, at, &destination.octets());
    put(body, at + 16, &spi.to_be_bytes());
    body[at + 20] = ESP;
}

/// `struct xfrm_lifetime_cfg`: no end by bytes or packets, and none by time, which 0 means.
fn no_limits(body: &mut [u8], at: usize) {
    body[at..at + 32].fill(0xff);
}

/// The begin of `struct xfrm_algo` and its like: a name, and the bits of the key.
fn named(name: &str, key_bytes: usize) -> Vec<u8> {
    let mut algorithm = name.as_bytes().to_vec();
    algorithm.resize(NAME_LEN, 0);
    algorithm.extend((key_bytes as u32 * 8).to_ne_bytes());
    algorithm
}

/// `struct nlattr`, and the padding behind its value.
fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    body.extend((4 + value.len() as u16).to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn association(integrity: Option<[u8; 32]>) -> Association {
        Association {
            source: Ipv4Addr::new(198, 18, 128, 1),
            destination: Ipv4Addr::new(198, 18, 128, 2),
            spi: 0x1000,
            cipher: [7; 16],
            integrity,
            replay_window: 64,
        }
    }

    #[test]
    fn an_association_stands_where_the_kernel_looks_for_it() {
        let plain = new_state(&association(None));
        assert_eq!(plain.kind, 0x10);
        assert_eq!(plain.body[56..60], [198, 18, 128, 2]);
        assert_eq!(plain.body[72..77], [0, 0, 0x10, 0, 50]);
        assert_eq!(plain.body[80..84], [198, 18, 128, 1]);
        assert_eq!(plain.body[214..216], [1, 32]);
        // One attribute: name, bits, key.
        let attribute = &plain.body[224..];
        assert_eq!(attribute.len(), 4 + 64 + 4 + 16);
        assert_eq!(attribute[..4], [88, 0, 2, 0]);
        assert_eq!(attribute[4..13], *b"cbc(aes)\0");
        assert_eq!(attribute[68..72], 128_u32.to_ne_bytes());
        assert_eq!(attribute[72..], [7; 16]);
        let sealed = new_state(&association(Some([9; 32])));
        let further = &sealed.body[224 + 88..];
        assert_eq!(further[..4], [108, 0, 20, 0]);
        assert_eq!(further[72..76], 128_u32.to_ne_bytes());
        assert_eq!(further[76..], [9; 32]);
    }

    #[test]
    fn a_policy_names_its_device_its_direction_and_its_tunnel() {
        let policy = Policy {
            direction: Direction::Forward,
            device: 9,
            source: Ipv4Addr::new(198, 18, 128, 1),
            destination: Ipv4Addr::new(198, 18, 128, 2),
            spi: 0x1000,
        };
        let message = new_policy(&policy);
        assert_eq!(message.body[48..52], 9_u32.to_ne_bytes());
        assert_eq!(message.body[160], 2);
        let template = &message.body[168 + 4..];
        assert_eq!(template.len(), 64);
        assert_eq!(template[..4], [198, 18, 128, 2]);
        assert_eq!(template[28..32], [198, 18, 128, 1]);
        assert_eq!(template[44..49], [0, 0x10, 0, 0, 1]);
        let gone = delete_policy(&policy);
        assert_eq!(gone.body[48..52], message.body[48..52]);
        assert_eq!((gone.body.len(), gone.body[60]), (64, 2));
    }
}
