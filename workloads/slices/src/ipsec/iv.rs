//! Initialisation vectors.

use aes::Aes128Enc;
use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};

use super::cbc::Block;

/// IVs made at a time: enough to use the cipher's full width.
const AT_A_TIME: usize = 60;

/// Unpredictable IVs, each once: AES-128 of a counter, under a random key that is used for nothing else.
///
/// RFC 3602, section 3, asks for an IV that nobody can predict before the packet is sent. The encryption of a
/// counter is one of the two ways that NIST SP 800-38A, appendix C, names; with a key apart, even who
/// chooses the plaintext learns nothing of the next. It costs one more block a packet, and no system call.
pub struct Ivs {
    key: Aes128Enc,
    made: u64,
    ready: [Block; AT_A_TIME],
    left: usize,
}

impl Ivs {
    /// IVs under a key that the system's random numbers give.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut key = [0; 16];
        getrandom::fill(&mut key)?;
        Ok(Self {
            key: Aes128Enc::new(&key.into()),
            made: 0,
            ready: [Block::default(); AT_A_TIME],
            left: 0,
        })
    }

    /// An IV that was not given out before.
    pub fn fresh(&mut self) -> Block {
        if self.left == 0 {
            for block in &mut self.ready {
                *block = u128::from(self.made).to_be_bytes().into();
                self.made += 1;
            }
            self.key.encrypt_blocks(&mut self.ready);
            self.left = AT_A_TIME;
        }
        self.left -= 1;
        self.ready[self.left]
    }
}

/// What comes next is not for logs.
impl std::fmt::Debug for Ivs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ivs")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_iv_comes_twice_and_none_is_anothers() {
        let (mut one, mut other) = (Ivs::random().unwrap(), Ivs::random().unwrap());
        let mut seen = HashSet::new();
        for _ in 0..10 * AT_A_TIME {
            assert!(seen.insert(one.fresh()));
            assert!(seen.insert(other.fresh()));
        }
    }
}
