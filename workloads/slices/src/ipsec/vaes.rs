//! Eight to sixteen CBC streams on the AES unit's 256-bit instructions (VAES).
//!
//! The `aes` crate has a backend for them, but does not choose it on a CPU without AVX-512 (cpufeatures 0.3 believes
//! in VAES only where the operating system saves 512-bit registers): AMD's Zen 3, Intel's Alder Lake. Here two streams
//! share a register, and the chains never leave the registers. All else of the mode, and every other CPU, is the crate's.
//!
//! A CPU with AVX-512 has these instructions too, and runs this module, never the crate's backend of 64 lanes: that one
//! wants 32 packets or more at a time. Which is faster there was not measured.

#![expect(
    unsafe_code,
    reason = "instructions that not every CPU has, and loads by pointer"
)]

use std::arch::x86_64::{
    __m128i, __m256i, _mm_aeskeygenassist_si128, _mm_loadu_si128, _mm_shuffle_epi32,
    _mm_slli_si128, _mm_storeu_si128, _mm_xor_si128, _mm256_aesenc_epi128,
    _mm256_aesenclast_epi128, _mm256_broadcastsi128_si256, _mm256_castsi256_si128,
    _mm256_extracti128_si256, _mm256_set_m128i, _mm256_setzero_si256, _mm256_xor_si256,
};

use super::cbc::Block;

/// The fewest streams that pay for it.
pub(crate) const NARROWEST: usize = 8;

/// A key's schedule, each round's twice in a register. Who has one has the instructions.
#[derive(Clone)]
pub(crate) struct Wide([__m256i; 11]);

impl Wide {
    /// The schedule of AES-128 (FIPS 197, section 5.2); nothing on a CPU without the instructions.
    pub(crate) fn new(key: &[u8; 16]) -> Option<Self> {
        let there = std::arch::is_x86_feature_detected!("vaes")
            && std::arch::is_x86_feature_detected!("aes")
            && std::arch::is_x86_feature_detected!("avx2");
        // SAFETY: the CPU has what the function is compiled for.
        there.then(|| Self(unsafe { schedule(key) }))
    }

    /// Encrypts the first `steps` blocks of each text under its chain, which is its last block of ciphertext then.
    ///
    /// # Panics
    /// When there are not as many chains as texts, an even number from 8 to 16, or a text is shorter.
    pub(crate) fn advance(&self, chains: &mut [Block], texts: &mut [&mut [Block]], steps: usize) {
        match chains.len() {
            8 => self.pairs::<4>(chains, texts, steps),
            10 => self.pairs::<5>(chains, texts, steps),
            12 => self.pairs::<6>(chains, texts, steps),
            14 => self.pairs::<7>(chains, texts, steps),
            16 => self.pairs::<8>(chains, texts, steps),
            other => panic!("{other} streams"),
        }
    }

    fn pairs<const PAIRS: usize>(
        &self,
        chains: &mut [Block],
        texts: &mut [&mut [Block]],
        steps: usize,
    ) {
        let (chains, _) = chains.as_chunks_mut::<2>();
        let (texts, _) = texts.as_chunks_mut::<2>();
        assert!(chains.len() == PAIRS && texts.len() == PAIRS, "a text each");
        assert!(texts.as_flattened().iter().all(|text| text.len() >= steps));
        let texts: [[*mut __m128i; 2]; PAIRS] =
            std::array::from_fn(|pair| texts[pair].each_mut().map(|text| text.as_mut_ptr().cast()));
        // SAFETY: the CPU has the instructions, or there would be no schedule. Each pointer is that of a text of its own
        // that has at least `steps` blocks of 16 bytes.
        unsafe { advance(&self.0, chains, texts, steps) };
    }
}

/// # Safety
/// Behind each pointer, and behind no other, are `steps` blocks that nobody else uses meanwhile.
#[target_feature(enable = "vaes,aes,avx2")]
unsafe fn advance<const PAIRS: usize>(
    keys: &[__m256i; 11],
    chains: &mut [[Block; 2]],
    texts: [[*mut __m128i; 2]; PAIRS],
    steps: usize,
) {
    let mut states = [_mm256_setzero_si256(); PAIRS];
    for (state, [low, high]) in states.iter_mut().zip(&*chains) {
        // SAFETY: a block has 16 bytes; the load needs no alignment.
        *state = unsafe {
            _mm256_set_m128i(
                _mm_loadu_si128(high.as_ptr().cast()),
                _mm_loadu_si128(low.as_ptr().cast()),
            )
        };
    }
    for step in 0..steps {
        for (state, [low, high]) in states.iter_mut().zip(texts) {
            // SAFETY: `step` is below `steps`, and by the contract there are so many blocks.
            let plain = unsafe {
                _mm256_set_m128i(
                    _mm_loadu_si128(high.add(step)),
                    _mm_loadu_si128(low.add(step)),
                )
            };
            *state = _mm256_xor_si256(*state, _mm256_xor_si256(plain, keys[0]));
        }
        for key in &keys[1..10] {
            for state in &mut states {
                *state = _mm256_aesenc_epi128(*state, *key);
            }
        }
        for (state, [low, high]) in states.iter_mut().zip(texts) {
            *state = _mm256_aesenclast_epi128(*state, keys[10]);
            // SAFETY: as above.
            unsafe {
                _mm_storeu_si128(low.add(step), _mm256_castsi256_si128(*state));
                _mm_storeu_si128(high.add(step), _mm256_extracti128_si256::<1>(*state));
            }
        }
    }
    for (state, [low, high]) in states.iter().zip(chains) {
        // SAFETY: a block has 16 bytes; the store needs no alignment.
        unsafe {
            _mm_storeu_si128(low.as_mut_ptr().cast(), _mm256_castsi256_si128(*state));
            _mm_storeu_si128(
                high.as_mut_ptr().cast(),
                _mm256_extracti128_si256::<1>(*state),
            );
        }
    }
}

#[target_feature(enable = "aes,avx2")]
fn schedule(key: &[u8; 16]) -> [__m256i; 11] {
    // SAFETY: a key has 16 bytes; the load needs no alignment.
    let first = unsafe { _mm_loadu_si128(key.as_ptr().cast()) };
    let mut keys = [first; 11];
    keys[1] = next::<0x01>(keys[0]);
    keys[2] = next::<0x02>(keys[1]);
    keys[3] = next::<0x04>(keys[2]);
    keys[4] = next::<0x08>(keys[3]);
    keys[5] = next::<0x10>(keys[4]);
    keys[6] = next::<0x20>(keys[5]);
    keys[7] = next::<0x40>(keys[6]);
    keys[8] = next::<0x80>(keys[7]);
    keys[9] = next::<0x1b>(keys[8]);
    keys[10] = next::<0x36>(keys[9]);
    let mut twice = [_mm256_setzero_si256(); 11];
    for (to, key) in twice.iter_mut().zip(keys) {
        *to = _mm256_broadcastsi128_si256(key);
    }
    twice
}

/// The next round's key: each word is added to all behind it, and the last one's substitution to all.
#[target_feature(enable = "aes")]
fn next<const ROUND: i32>(key: __m128i) -> __m128i {
    let word = _mm_shuffle_epi32::<0xff>(_mm_aeskeygenassist_si128::<ROUND>(key));
    let one = _mm_slli_si128::<4>(key);
    let two = _mm_slli_si128::<4>(one);
    let three = _mm_slli_si128::<4>(two);
    let sums = _mm_xor_si128(_mm_xor_si128(key, one), _mm_xor_si128(two, three));
    _mm_xor_si128(sums, word)
}

/// Keys are not for logs.
impl std::fmt::Debug for Wide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wide")
    }
}
