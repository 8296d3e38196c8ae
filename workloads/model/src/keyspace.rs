//! The keys of a workload: how they are spelled, and how long they and their values are.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

use crate::stream::{self, Purpose, mix};
use crate::{Size, SpecError, WorkloadSpec};

const ALPHABET: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The longest key that memcached accepts, bytes.
pub(crate) const MAX_KEY: u32 = 250;

/// The keys with ids `0..len`, and the lengths of their values. Preload with it: for each id, set
/// [`key_bytes`](Self::key_bytes) to [`value_bytes`](crate::value_bytes) of
/// [`value_len`](Self::value_len).
///
/// A key is its id in base 62, with as many digits as the largest id needs, then filler up to its
/// length: text without spaces or control characters, and no two alike whatever their lengths.
#[derive(Debug, Clone)]
pub struct KeySpace {
    len: u32,
    digits: u32,
    key_size: Size,
    value_size: Size,
    key_salt: u64,
    value_salt: u64,
}

impl KeySpace {
    /// The keys of `spec`.
    ///
    /// # Errors
    /// When there are no keys, a size distribution is wrong, or keys are too short to be distinct
    /// or longer than 250 bytes.
    pub fn new(spec: &WorkloadSpec) -> Result<Self, SpecError> {
        if spec.keys == 0 {
            return Err(SpecError::NoKeys);
        }
        spec.key_size.validate("key_size")?;
        spec.value_size.validate("value_size")?;
        let digits = digits_for(spec.keys - 1);
        let (shortest, longest) = spec.key_size.bounds();
        if shortest < digits {
            return Err(SpecError::KeysTooShort {
                shortest,
                keys: spec.keys,
                digits,
            });
        }
        if longest > MAX_KEY {
            return Err(SpecError::KeysTooLong(longest));
        }
        Ok(Self {
            len: spec.keys,
            digits,
            key_size: spec.key_size.clone(),
            value_size: spec.value_size.clone(),
            key_salt: stream::of(spec.seed, Purpose::KeySize).next_u64(),
            value_salt: stream::of(spec.seed, Purpose::ValueSize).next_u64(),
        })
    }

    /// The number of keys; ids run from 0 to one below it.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Never true: a key space has at least one key.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The length of key `id`, bytes.
    #[must_use]
    pub fn key_len(&self, id: u32) -> usize {
        draw(&self.key_size, self.key_salt, id) as usize
    }

    /// The length of the value of key `id`, bytes.
    #[must_use]
    pub fn value_len(&self, id: u32) -> usize {
        draw(&self.value_size, self.value_salt, id) as usize
    }

    /// Replaces the content of `buf` by key `id`.
    pub fn key_bytes<'a>(&self, id: u32, buf: &'a mut Vec<u8>) -> &'a [u8] {
        buf.clear();
        self.append_key(id, buf);
        buf
    }

    /// The id of a key by its bytes; `None` for what is no key of this space. `scratch` is overwritten.
    #[must_use]
    pub fn id_of(&self, key: &[u8], scratch: &mut Vec<u8>) -> Option<u32> {
        let digits = key.get(..self.digits as usize)?;
        let mut id = 0u64;
        for digit in digits {
            id = id * 62 + u64::from(value_of(*digit)?);
        }
        let id = u32::try_from(id).ok().filter(|id| *id < self.len)?;
        (self.key_bytes(id, scratch) == key).then_some(id)
    }

    /// Appends key `id` to `buf`.
    pub fn append_key(&self, id: u32, buf: &mut Vec<u8>) {
        let start = buf.len();
        let digits = self.digits as usize;
        buf.resize(start + self.key_len(id), 0);
        let (number, filler) = buf[start..].split_at_mut(digits);
        let mut rest = id;
        for place in number.iter_mut().rev() {
            *place = ALPHABET[(rest % 62) as usize];
            rest /= 62;
        }
        let mut state = u64::from(id);
        for chunk in filler.chunks_mut(8) {
            state = mix(state);
            for (letter, byte) in chunk.iter_mut().zip(state.to_le_bytes()) {
                *letter = ALPHABET[usize::from(byte) % 62];
            }
        }
    }
}

fn draw(size: &Size, salt: u64, id: u32) -> u32 {
    match size {
        Size::Fixed(bytes) => *bytes,
        Size::Uniform { .. } | Size::Mix(_) | Size::GeneralizedPareto { .. } => {
            let seed = salt ^ mix(u64::from(id));
            size.draw(&mut Xoshiro256PlusPlus::seed_from_u64(seed))
        }
    }
}

/// What a letter of the alphabet stands for.
fn value_of(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'z' => Some(letter - b'a' + 10),
        b'A'..=b'Z' => Some(letter - b'A' + 36),
        _ => None,
    }
}

fn digits_for(largest: u32) -> u32 {
    largest.checked_ilog(62).map_or(1, |digits| digits + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arrivals, Popularity};
    use proptest::prelude::*;

    fn space(keys: u32) -> KeySpace {
        KeySpace::new(&WorkloadSpec {
            keys,
            key_size: Size::Uniform { min: 4, max: 30 },
            value_size: Size::Fixed(8),
            popularity: Popularity::Uniform,
            get_ratio: 1.0,
            keys_per_get: 1,
            consecutive: false,
            noreply_ratio: 0.0,
            arrivals: Arrivals::Poisson,
            pattern: None,
            rate_rps: 1.0,
            flows: 1,
            seed: 5,
        })
        .unwrap()
    }

    proptest! {
        #[test]
        fn a_key_tells_its_id_and_nothing_else_does(id in 0u32..50_000, at: usize, letter: u8) {
            let (space, mut scratch) = (space(50_000), Vec::new());
            let mut key = space.key_bytes(id, &mut Vec::new()).to_vec();
            prop_assert_eq!(space.id_of(&key, &mut scratch), Some(id));
            let at = at % key.len();
            if key[at] != letter {
                key[at] = letter;
                let other = space.id_of(&key, &mut scratch);
                prop_assert!(other != Some(id), "{other:?}");
            }
            key.truncate(2);
            prop_assert_eq!(space.id_of(&key, &mut scratch), None);
        }
    }
}
