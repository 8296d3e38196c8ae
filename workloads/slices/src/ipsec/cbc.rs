//! AES-128-CBC over many packets at a time.
//!
//! Inside a packet CBC encryption is serial: each block waits for the one before, for the whole latency of
//! the AES unit, which could begin a block or more each cycle meanwhile. Packets do not wait for one another.
//! So many streams advance together, one block of each a step: up to 16 on 256-bit VAES, wherever the CPU has that (module
//! `vaes`), and else as many as the crate's cipher takes blocks at once (`ParBlocksSize` of its backend: 8 with AES-NI, fewer
//! in software). What the CPU has is asked at runtime. The crate runs the code here inside its backend, so no other
//! intrinsics are needed.
//!
//! Decryption is parallel within a packet: every ciphertext block is known.

use aes::cipher::array::ArraySize;
use aes::cipher::consts::U16;
use aes::cipher::{
    Array, BlockCipherDecBackend, BlockCipherDecClosure, BlockCipherDecrypt as _,
    BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt as _, BlockSizeUser,
    KeyInit as _, ParBlocks,
};
use aes::{Aes128Dec, Aes128Enc};

#[cfg(target_arch = "x86_64")]
use super::vaes;

pub use aes::Block;

/// Bytes of a block, and of an IV.
pub const BLOCK_LEN: usize = 16;

/// A packet's text, to be encrypted where it lies.
#[derive(Debug)]
pub struct Stream<'a> {
    iv: Block,
    text: &'a mut [Block],
}

impl<'a> Stream<'a> {
    /// The text `text` under an IV that no other text has.
    ///
    /// # Panics
    /// When the text is not of whole blocks: padding is the caller's.
    #[must_use]
    pub fn new(iv: Block, text: &'a mut [u8]) -> Self {
        Self {
            iv,
            text: whole_blocks(text),
        }
    }
}

fn whole_blocks(text: &mut [u8]) -> &mut [Block] {
    let (blocks, rest) = Block::slice_as_chunks_mut(text);
    assert!(rest.is_empty(), "a text of whole blocks");
    blocks
}

/// A key, for encryption.
#[derive(Debug)]
pub struct Encryptor {
    key: Aes128Enc,
    #[cfg(target_arch = "x86_64")]
    wide: Option<vaes::Wide>,
}

impl Encryptor {
    /// Expands a key.
    #[must_use]
    pub fn new(key: &[u8; 16]) -> Self {
        Self {
            key: Aes128Enc::new(&(*key).into()),
            #[cfg(target_arch = "x86_64")]
            wide: vaes::Wide::new(key),
        }
    }

    /// Encrypts all streams, as many of them side by side as the CPU has use for.
    pub fn encrypt<'a>(&self, streams: impl Iterator<Item = Stream<'a>>) {
        #[cfg(target_arch = "x86_64")]
        if let Some(wide) = &self.wide {
            schedule(
                &Doubled {
                    key: &self.key,
                    wide,
                },
                streams,
            );
            return;
        }
        self.key.encrypt_with_backend(Encrypt { streams });
    }
}

/// Decrypts a text where it lies.
///
/// # Panics
/// When the text is not of whole blocks.
pub fn decrypt(key: &Aes128Dec, iv: Block, text: &mut [u8]) {
    let text = whole_blocks(text);
    key.decrypt_with_backend(Decrypt { iv, text });
}

/// What encrypts streams side by side: each in a lane.
trait Lanes {
    /// How many.
    type Count: ArraySize;

    /// How many of the first `active` lanes, at least one, are to advance together.
    fn together(active: usize) -> usize;

    /// Encrypts `steps` blocks of each of these texts. A chain is the block that a lane's next one is added to; chains
    /// beyond the texts are free.
    fn advance(
        &self,
        chains: &mut Array<Block, Self::Count>,
        texts: &mut [&mut [Block]],
        steps: usize,
    );
}

/// Gives every stream a lane, and every lane that is done another stream.
#[inline(always)]
fn schedule<'a, L: Lanes>(lanes: &L, streams: impl Iterator<Item = Stream<'a>>) {
    let mut streams = streams.filter(|stream| !stream.text.is_empty()).fuse();
    let mut chains = Array::<Block, L::Count>::default();
    let mut texts = Array::<&'a mut [Block], L::Count>::from_fn(|_| &mut []);
    // The first `active` lanes have work.
    let mut active = 0;
    loop {
        while active < chains.len() {
            let Some(stream) = streams.next() else { break };
            chains[active] = stream.iv;
            texts[active] = stream.text;
            active += 1;
        }
        if active == 0 {
            return;
        }
        let mut together = L::together(active);
        let lengths = texts[..together].iter().map(|text| text.len());
        let steps = lengths.min().unwrap_or(0);
        lanes.advance(&mut chains, &mut texts[..together], steps);
        let mut lane = 0;
        while lane < together {
            let text = std::mem::take(&mut texts[lane]);
            if text.len() == steps {
                // A lane that advanced takes its place, and one that did not that one's.
                together -= 1;
                active -= 1;
                for (one, other) in [(lane, together), (together, active)] {
                    texts.swap(one, other);
                    chains.swap(one, other);
                }
            } else {
                texts[lane] = &mut text[steps..];
                lane += 1;
            }
        }
    }
}

/// Two streams to a register, where enough of them are there.
#[cfg(target_arch = "x86_64")]
struct Doubled<'a> {
    key: &'a Aes128Enc,
    wide: &'a vaes::Wide,
}

#[cfg(target_arch = "x86_64")]
impl Lanes for Doubled<'_> {
    type Count = U16;

    fn together(active: usize) -> usize {
        if active < vaes::NARROWEST {
            active
        } else {
            active & !1
        }
    }

    fn advance(&self, chains: &mut Array<Block, U16>, texts: &mut [&mut [Block]], steps: usize) {
        let chains = &mut chains[..texts.len()];
        if texts.len() < vaes::NARROWEST {
            let few = Few {
                chains,
                texts,
                steps,
            };
            self.key.encrypt_with_backend(few);
        } else {
            self.wide.advance(chains, texts, steps);
        }
    }
}

struct Few<'a, 'b> {
    chains: &'a mut [Block],
    texts: &'a mut [&'b mut [Block]],
    steps: usize,
}

impl BlockSizeUser for Few<'_, '_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Few<'_, '_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        few(backend, self.chains, self.texts, self.steps);
    }
}

struct Encrypt<I> {
    streams: I,
}

impl<I> BlockSizeUser for Encrypt<I> {
    type BlockSize = U16;
}

// All that is called in here is inlined, or it would be compiled without the instructions of the backend.
impl<'a, I: Iterator<Item = Stream<'a>>> BlockCipherEncClosure for Encrypt<I> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        schedule(&OfCrate(backend), self.streams);
    }
}

/// As many lanes as the crate's backend takes blocks at once.
struct OfCrate<'a, B>(&'a B);

impl<B: BlockCipherEncBackend<BlockSize = U16>> Lanes for OfCrate<'_, B> {
    type Count = B::ParBlocksSize;

    #[inline(always)]
    fn together(active: usize) -> usize {
        active
    }

    #[inline(always)]
    fn advance(
        &self,
        chains: &mut Array<Block, B::ParBlocksSize>,
        texts: &mut [&mut [Block]],
        steps: usize,
    ) {
        if 2 * texts.len() < chains.len() {
            few(self.0, &mut chains[..texts.len()], texts, steps);
        } else {
            many(self.0, chains, texts, steps);
        }
    }
}

/// One stream: the chain stays in a register.
#[inline(always)]
fn one<B: BlockCipherEncBackend<BlockSize = U16>>(
    backend: &B,
    mut chain: Block,
    text: &mut [Block],
) -> Block {
    for block in text {
        add(&mut chain, block);
        backend.encrypt_block_inplace(&mut chain);
        *block = chain;
    }
    chain
}

/// Too few streams to fill the backend's width: block after block, which the CPU overlaps by itself.
#[inline(always)]
fn few<B: BlockCipherEncBackend<BlockSize = U16>>(
    backend: &B,
    chains: &mut [Block],
    texts: &mut [&mut [Block]],
    steps: usize,
) {
    if let ([chain], [text]) = (&mut *chains, &mut *texts) {
        *chain = one(backend, *chain, &mut text[..steps]);
        return;
    }
    for step in 0..steps {
        for (chain, text) in chains.iter_mut().zip(&mut *texts) {
            add(chain, &text[step]);
            backend.encrypt_block_inplace(chain);
            text[step] = *chain;
        }
    }
}

/// A block of each stream at a time; chains beyond the texts are encrypted for nothing.
#[inline(always)]
fn many<B: BlockCipherEncBackend<BlockSize = U16>>(
    backend: &B,
    chains: &mut ParBlocks<B>,
    texts: &mut [&mut [Block]],
    steps: usize,
) {
    for step in 0..steps {
        for (chain, text) in chains.iter_mut().zip(&*texts) {
            add(chain, &text[step]);
        }
        backend.encrypt_par_blocks_inplace(chains);
        for (chain, text) in chains.iter().zip(&mut *texts) {
            text[step] = *chain;
        }
    }
}

struct Decrypt<'a> {
    iv: Block,
    text: &'a mut [Block],
}

impl BlockSizeUser for Decrypt<'_> {
    type BlockSize = U16;
}

impl BlockCipherDecClosure for Decrypt<'_> {
    #[inline(always)]
    fn call<B: BlockCipherDecBackend<BlockSize = U16>>(self, backend: &B) {
        let mut chain = self.iv;
        let (chunks, rest) = ParBlocks::<B>::slice_as_chunks_mut(self.text);
        for chunk in chunks {
            let ciphertext = chunk.clone();
            backend.decrypt_par_blocks_inplace(chunk);
            for (block, before) in chunk.iter_mut().zip(&ciphertext) {
                add(block, &chain);
                chain = *before;
            }
        }
        for block in rest {
            let ciphertext = *block;
            backend.decrypt_block_inplace(block);
            add(block, &chain);
            chain = ciphertext;
        }
    }
}

// By value: in place, the compiler would have to expect that the two overlap, and would add byte by byte.
#[inline(always)]
fn add(to: &mut Block, block: &Block) {
    let (one, other) = (to.0, block.0);
    to.0 = std::array::from_fn(|at| one[at] ^ other[at]);
}

#[cfg(test)]
#[path = "cbc_tests.rs"]
mod tests;
