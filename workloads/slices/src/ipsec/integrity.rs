//! HMAC-SHA-256-128 (RFC 4868): what authenticates an ESP packet.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Bytes of the integrity check value: the hash's first half.
pub const ICV_LEN: usize = 16;

/// A key's hash, ready to go on with a packet's bytes.
#[derive(Clone)]
pub struct Integrity(Hmac<Sha256>);

impl Integrity {
    /// Under a key of the one length that RFC 4868, section 2.1.1, allows.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes a key of any length"))
    }

    /// The check value of these bytes: of an ESP packet, from the SPI to the next header.
    #[must_use]
    pub fn icv(&self, covered: &[u8]) -> [u8; ICV_LEN] {
        let whole = self.0.clone().chain_update(covered).finalize().into_bytes();
        std::array::from_fn(|at| whole[at])
    }

    /// Whether `icv` is theirs; the time that it takes does not tell where it differs.
    #[must_use]
    pub fn holds(&self, covered: &[u8], icv: &[u8; ICV_LEN]) -> bool {
        let whole = self.0.clone().chain_update(covered);
        whole.verify_truncated_left(icv).is_ok()
    }
}

/// Keys are not for logs.
impl std::fmt::Debug for Integrity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Integrity")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4868, section 2.7.2.1, AUTH256-1.
    #[test]
    fn the_rfc_vector() {
        let integrity = Integrity::new(&[0x0b; 32]);
        let icv = integrity.icv(b"Hi There");
        assert_eq!(
            u128::from_be_bytes(icv),
            0x198a_607e_b44b_fbc6_9903_a0f1_cf2b_bdc5
        );
        assert!(integrity.holds(b"Hi There", &icv));
        for at in 0..ICV_LEN {
            let mut other = icv;
            other[at] ^= 1;
            assert!(!integrity.holds(b"Hi There", &other));
        }
        assert!(!integrity.holds(b"Hi there", &icv));
    }
}
