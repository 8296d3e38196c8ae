//! What client and server share and nobody else.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Bytes of a cipher's key.
pub(crate) const CIPHER_KEY: usize = 32;
/// Bytes of the pseudo-random function's key.
pub(crate) const TOKEN_KEY: usize = 16;
const BYTES: usize = 2 * CIPHER_KEY + TOKEN_KEY;

/// Three independent keys: of the requests, of the replies, and of the tokens. A secret serves one client
/// and one server once, since both count their nonces from 0: make a new one for each trial, and write it
/// down nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; BYTES]);

impl Secret {
    /// A secret that nobody knows so far.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The key of what clients send.
    pub(crate) fn requests(&self) -> [u8; CIPHER_KEY] {
        std::array::from_fn(|at| self.0[at])
    }

    /// The key of what servers send.
    pub(crate) fn replies(&self) -> [u8; CIPHER_KEY] {
        std::array::from_fn(|at| self.0[CIPHER_KEY + at])
    }

    /// The key of the tokens.
    pub(crate) fn tokens(&self) -> [u8; TOKEN_KEY] {
        std::array::from_fn(|at| self.0[2 * CIPHER_KEY + at])
    }
}

/// A secret is not for logs.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// In hexadecimal, for the coordinator tells it to client and server in their configuration.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let digits = self.0.iter().map(|byte| format!("{byte:02x}"));
        to.serialize_str(&digits.collect::<String>())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let byte = |pair: &[u8]| {
            let digits = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(digits, 16).ok()
        };
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| de::Error::custom(format!("a secret has {BYTES} bytes in hexadecimal")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_travels_whole_and_is_not_shown() {
        let secret = Secret::random().unwrap();
        let json = serde_json::to_string(&secret).unwrap();
        assert_eq!(json.len(), 2 * BYTES + 2);
        assert_eq!(serde_json::from_str::<Secret>(&json).unwrap(), secret);
        assert_eq!(format!("{secret:?}"), "Secret");
        assert!(serde_json::from_str::<Secret>("\"00\"").is_err());
        assert!(serde_json::from_str::<Secret>(&json.replace('"', "\"zz")).is_err());
    }

    #[test]
    fn two_secrets_differ_and_so_do_the_keys_of_one() {
        let secret = Secret::random().unwrap();
        assert_ne!(secret, Secret::random().unwrap());
        assert_ne!(secret.requests(), secret.replies());
        assert_ne!(secret.tokens()[..], secret.requests()[..TOKEN_KEY]);
    }
}
