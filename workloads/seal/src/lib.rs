//! Encrypted requests that can be steered: what client and server do to a datagram, and the NIC cannot.
//!
//! The wire format is [`steering::sealed`]; docs/encryption.md says what it keeps secret. The cipher is
//! AES-256-GCM (NIST SP 800-38D), a key for each direction; header and ciphertext are authenticated
//! together. A token is SipHash-2-4 of the key (Aumasson and Bernstein, 2012), a pseudo-random function of
//! 64 bits under a key of its own. Both come from maintained crates; nothing here is cryptography.

mod secret;

use std::fmt;

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut as _, Aes256Gcm, KeyInit as _};
use siphasher::sip::SipHasher24;
use steering::sealed::{HEADER_LEN, Header, Kind, OVERHEAD, TAG_LEN};

pub use secret::Secret;

/// The shared secret, ready for use: either side seals and opens with it.
pub struct Seal {
    requests: Aes256Gcm,
    replies: Aes256Gcm,
    tokens: SipHasher24,
}

/// An opened datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// Its clear part, which is genuine.
    pub header: Header,
    /// How many bytes were encrypted. They stand in the clear now, at the datagram's start.
    pub len: usize,
}

/// Why a datagram does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// It is too short, or its header is not that of this kind and version.
    #[error("not a sealed datagram of this kind")]
    NotSealed,
    /// Its tag is not that of header and ciphertext under this secret.
    #[error("the datagram was forged or damaged")]
    Forged,
}

impl Seal {
    /// Expands a secret.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        Self {
            requests: Aes256Gcm::new(&secret.requests().into()),
            replies: Aes256Gcm::new(&secret.replies().into()),
            tokens: SipHasher24::new_with_key(&secret.tokens()),
        }
    }

    /// The token of a key.
    #[inline]
    #[must_use]
    pub fn token(&self, key: &[u8]) -> u64 {
        self.tokens.hash(key)
    }

    /// Seals the `len` bytes that stand in `room` behind [`HEADER_LEN`] others; returns how many bytes
    /// the datagram has, which are `len` and [`OVERHEAD`]. No two headers of one kind may have the same
    /// sender and number.
    ///
    /// # Panics
    /// When `room` is shorter than that, which is the caller's mistake.
    pub fn close(&self, header: &Header, room: &mut [u8], len: usize) -> usize {
        let clear = header.encode();
        room[..HEADER_LEN].copy_from_slice(&clear);
        let (text, rest) = room[HEADER_LEN..].split_at_mut(len);
        let tag = self
            .cipher(header.kind)
            .encrypt_inout_detached(&header.nonce().into(), &clear, InOutBuf::from(text))
            .expect("a datagram is not 64 GiB long");
        rest[..TAG_LEN].copy_from_slice(&tag);
        OVERHEAD + len
    }

    /// Opens a datagram of this kind where it lies.
    ///
    /// # Errors
    /// When it is not sealed, or not by this secret; its bytes are undefined then.
    pub fn open(&self, kind: Kind, datagram: &mut [u8]) -> Result<Opened, NotOpened> {
        let header = Header::decode(kind, datagram).ok_or(NotOpened::NotSealed)?;
        let len = datagram
            .len()
            .checked_sub(OVERHEAD)
            .ok_or(NotOpened::NotSealed)?;
        let (clear, sealed) = datagram.split_at_mut(HEADER_LEN);
        let (text, tag) = sealed.split_at_mut(len);
        let tag = <[u8; TAG_LEN]>::try_from(&*tag).map_err(|_| NotOpened::NotSealed)?;
        let nonce = header.nonce().into();
        self.cipher(kind)
            .decrypt_inout_detached(&nonce, clear, InOutBuf::from(text), &tag.into())
            .map_err(|_| NotOpened::Forged)?;
        datagram.copy_within(HEADER_LEN..HEADER_LEN + len, 0);
        Ok(Opened { header, len })
    }

    const fn cipher(&self, kind: Kind) -> &Aes256Gcm {
        match kind {
            Kind::Request => &self.requests,
            Kind::Reply => &self.replies,
        }
    }
}

/// Keys are not for logs.
impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(kind: Kind, number: u64) -> Header {
        Header {
            kind,
            sender: 7,
            number,
            subject: 0x0123_4567_89ab_cdef,
        }
    }

    fn closed(seal: &Seal, header: &Header, text: &[u8]) -> Vec<u8> {
        let mut room = vec![0; OVERHEAD + text.len()];
        room[HEADER_LEN..HEADER_LEN + text.len()].copy_from_slice(text);
        assert_eq!(seal.close(header, &mut room, text.len()), room.len());
        room
    }

    fn seal() -> Seal {
        Seal::new(&Secret::random().unwrap())
    }

    #[test]
    fn tokens_are_siphash_of_the_key() {
        // SipHash-2-4, key 00 01 .. 0f, of no bytes and of 00 .. 0e: the vectors of its paper and of its
        // reference code.
        let mut digits = "00".repeat(64);
        digits.extend((0..16).map(|byte| format!("{byte:02x}")));
        let secret: Secret = serde_json::from_str(&format!("\"{digits}\"")).unwrap();
        let seal = Seal::new(&secret);
        let key: Vec<u8> = (0..15).collect();
        assert_eq!(seal.token(b""), 0x726f_db47_dd0e_0e31);
        assert_eq!(seal.token(&key), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn tokens_depend_on_the_secret_and_on_every_byte_of_the_key() {
        let seal = seal();
        let key = *b"key-of-16-bytes!";
        assert_eq!(seal.token(&key), seal.token(&key));
        assert_ne!(seal.token(&key), super::tests::seal().token(&key));
        for at in 0..key.len() {
            let mut other = key;
            other[at] ^= 1;
            assert_ne!(seal.token(&other), seal.token(&key));
        }
    }

    #[test]
    fn a_direction_does_not_open_the_other() {
        let seal = seal();
        let mut request = closed(&seal, &header(Kind::Request, 1), b"get k\r\n");
        let opened = seal.open(Kind::Reply, &mut request);
        assert_eq!(opened, Err(NotOpened::NotSealed));
        // Relabelled, it is authentic under neither key.
        request[2] = Kind::Reply as u8;
        let opened = seal.open(Kind::Reply, &mut request);
        assert_eq!(opened, Err(NotOpened::Forged));
    }

    #[test]
    fn equal_texts_look_different() {
        let seal = seal();
        let one = closed(&seal, &header(Kind::Request, 1), b"get k\r\n");
        let two = closed(&seal, &header(Kind::Request, 2), b"get k\r\n");
        assert_ne!(one[HEADER_LEN..], two[HEADER_LEN..]);
    }

    #[test]
    fn another_secret_does_not_open_it() {
        let mut request = closed(&seal(), &header(Kind::Request, 1), b"get k\r\n");
        assert_eq!(
            seal().open(Kind::Request, &mut request),
            Err(NotOpened::Forged)
        );
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(
            text in prop::collection::vec(any::<u8>(), 0..1400),
            number in any::<u64>(),
            reply in any::<bool>(),
        ) {
            let kind = if reply { Kind::Reply } else { Kind::Request };
            let (seal, header) = (seal(), header(kind, number));
            let mut datagram = closed(&seal, &header, &text);
            if text.len() > 7 {
                prop_assert!(!datagram.windows(text.len()).any(|part| part == text));
            }
            let opened = seal.open(kind, &mut datagram);
            prop_assert_eq!(opened, Ok(Opened { header, len: text.len() }));
            prop_assert_eq!(&datagram[..text.len()], &text);
        }

        #[test]
        fn no_byte_can_be_changed_or_cut(
            text in prop::collection::vec(any::<u8>(), 0..100),
            at in any::<prop::sample::Index>(),
            change in 1_u8..,
            cut in any::<bool>(),
        ) {
            let seal = seal();
            let mut datagram = closed(&seal, &header(Kind::Request, 1), &text);
            let at = at.index(datagram.len());
            if cut {
                datagram.truncate(at);
            } else {
                datagram[at] ^= change;
            }
            prop_assert!(seal.open(Kind::Request, &mut datagram).is_err());
        }
    }
}
