//! AES-128-CBC over many packets at a time.
//!
//! Inside a packet CBC encryption is serial: each block waits for the one before, for the whole latency of
//! the AES unit, which could begin a block or more each cycle meanwhile. Packets do not wait for one another.
//! So as many streams advance together as the cipher takes blocks at once (`ParBlocksSize` of the crate's
//! backend: 8 with AES-NI, 30 with VAES on 256-bit registers, 64 on 512-bit ones, fewer in software), one block of each
//! a step. The crate chooses the backend by what the CPU has, at runtime, and runs this code inside it, so
//! there is no intrinsic and no unsafe here.
//!
//! Decryption is parallel within a packet: every ciphertext block is known.

use aes::cipher::consts::U16;
use aes::cipher::{
    Array, BlockCipherDecBackend, BlockCipherDecClosure, BlockCipherDecrypt as _,
    BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt as _, BlockSizeUser,
    ParBlocks,
};
use aes::{Aes128Dec, Aes128Enc};

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

/// Encrypts all streams, as many of them side by side as the CPU has use for.
pub fn encrypt<'a>(key: &Aes128Enc, streams: impl Iterator<Item = Stream<'a>>) {
    key.encrypt_with_backend(Encrypt { streams });
}

/// Decrypts a text where it lies.
///
/// # Panics
/// When the text is not of whole blocks.
pub fn decrypt(key: &Aes128Dec, iv: Block, text: &mut [u8]) {
    let text = whole_blocks(text);
    key.decrypt_with_backend(Decrypt { iv, text });
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
        let mut streams = self.streams.filter(|stream| !stream.text.is_empty()).fuse();
        // The first `active` lanes have work. A chain is the block that the lane's next one is added to.
        let mut chains = ParBlocks::<B>::default();
        let mut texts = Array::<&'a mut [Block], B::ParBlocksSize>::from_fn(|_| &mut []);
        let mut active = 0;
        loop {
            while active < chains.len() {
                let Some(stream) = streams.next() else { break };
                chains[active] = stream.iv;
                texts[active] = stream.text;
                active += 1;
            }
            let Some(steps) = texts[..active].iter().map(|text| text.len()).min() else {
                return;
            };
            if active == 1 {
                chains[0] = one(backend, chains[0], &mut texts[0][..steps]);
            } else if 2 * active < chains.len() {
                few(backend, &mut chains[..active], &mut texts[..active], steps);
            } else {
                many(backend, &mut chains, &mut texts[..active], steps);
            }
            let mut lane = 0;
            while lane < active {
                let text = std::mem::take(&mut texts[lane]);
                if text.len() == steps {
                    active -= 1;
                    texts.swap(lane, active);
                    chains.swap(lane, active);
                } else {
                    texts[lane] = &mut text[steps..];
                    lane += 1;
                }
            }
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

#[inline(always)]
fn add(to: &mut Block, block: &Block) {
    for (to, byte) in to.iter_mut().zip(block) {
        *to ^= byte;
    }
}

#[cfg(test)]
#[path = "cbc_tests.rs"]
mod tests;
