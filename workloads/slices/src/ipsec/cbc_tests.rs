//! CBC against published vectors, and every width of backend against the serial definition.

use std::marker::PhantomData;

use aes::Aes128;
use aes::cipher::consts::{U1, U2, U4, U8, U30};
use aes::cipher::{InOut, ParBlocksSizeUser};
use proptest::prelude::*;

use super::*;

fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn block(bytes: &[u8]) -> Block {
    Block::try_from(bytes).unwrap()
}

/// The mode by its definition, a block at a time (NIST SP 800-38A, section 6.2).
fn serial(key: &Aes128, iv: Block, text: &[u8]) -> Vec<u8> {
    let mut chain = iv;
    let mut out = Vec::new();
    for piece in text.chunks(BLOCK_LEN) {
        for (at, byte) in piece.iter().enumerate() {
            chain[at] ^= byte;
        }
        key.encrypt_block(&mut chain);
        out.extend_from_slice(&chain);
    }
    out
}

/// Key, IV, plaintext, ciphertext: RFC 3602, section 4, cases 1 to 4; NIST SP 800-38A, F.2.1.
fn vectors() -> Vec<[Vec<u8>; 4]> {
    vec![
        [
            hex("06a9214036b8a15b512e03d534120006"),
            hex("3dafba429d9eb430b422da802c9fac41"),
            b"Single block msg".to_vec(),
            hex("e353779c1079aeb82708942dbe77181a"),
        ],
        [
            hex("c286696d887c9aa0611bbb3e2025a45a"),
            hex("562e17996d093d28ddb3ba695a2e6f58"),
            (0..32).collect(),
            hex("d296cd94c2cccf8a3a863028b5e1dc0a 7586602d253cfff91b8266bea6d61ab1"),
        ],
        [
            hex("6c3ea0477630ce21a2ce334aa746c2cd"),
            hex("c782dc4c098c66cbd9cd27d825682c81"),
            b"This is a 48-byte message (exactly 3 AES blocks)".to_vec(),
            hex(
                "d0a02b3836451753d493665d33f0e886 2dea54cdb293abc7506939276772f8d5
                 021c19216bad525c8579695d83ba2684",
            ),
        ],
        [
            hex("56e47a38c5598974bc46903dba290349"),
            hex("8ce82eefbea0da3c44699ed7db51b7d9"),
            (0xa0..=0xdf).collect(),
            hex(
                "c30e32ffedc0774e6aff6af0869f71aa 0f3af07a9a31a9c684db207eb0ef8e4e
                 35907aa632c3ffdf868bb7b29d3d46ad 83ce9f9a102ee99d49a53e87f4c3da55",
            ),
        ],
        [
            hex("2b7e151628aed2a6abf7158809cf4f3c"),
            hex("000102030405060708090a0b0c0d0e0f"),
            hex(
                "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
                 30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710",
            ),
            hex(
                "7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2
                 73bed6b8e3c1743b7116e69e22229516 3ff1caa1681fac09120eca307586e1a7",
            ),
        ],
    ]
}

#[test]
fn published_vectors() {
    for [key, iv, plain, cipher] in vectors() {
        let key = block(&key);
        let mut text = plain.clone();
        let stream = Stream::new(block(&iv), &mut text);
        Encryptor::new(&key.0).encrypt(std::iter::once(stream));
        assert_eq!(text, cipher);
        decrypt(&Aes128Dec::new(&key), block(&iv), &mut text);
        assert_eq!(text, plain);
    }
}

/// A backend that takes `N` blocks at a time.
struct Width<'a, N>(&'a Aes128, PhantomData<N>);

impl<N> BlockSizeUser for Width<'_, N> {
    type BlockSize = U16;
}

impl<N: ArraySize> ParBlocksSizeUser for Width<'_, N> {
    type ParBlocksSize = N;
}

impl<N: ArraySize> BlockCipherEncBackend for Width<'_, N> {
    fn encrypt_block(&self, block: InOut<'_, '_, Block>) {
        self.0.encrypt_block_inout(block);
    }
}

impl<N: ArraySize> BlockCipherDecBackend for Width<'_, N> {
    fn decrypt_block(&self, block: InOut<'_, '_, Block>) {
        self.0.decrypt_block_inout(block);
    }
}

fn streams<'a>(ivs: &'a [Block], texts: &'a mut [Vec<u8>]) -> impl Iterator<Item = Stream<'a>> {
    let texts = ivs.iter().zip(texts);
    texts.map(|(iv, text)| Stream::new(*iv, text))
}

fn of_width<N: ArraySize>(key: &Aes128, ivs: &[Block], texts: &mut [Vec<u8>]) {
    let streams = streams(ivs, texts);
    Encrypt { streams }.call(&Width::<N>(key, PhantomData));
}

fn back_of_width<N: ArraySize>(key: &Aes128, ivs: &[Block], texts: &mut [Vec<u8>]) {
    for (iv, text) in ivs.iter().zip(texts) {
        let (iv, text) = (*iv, whole_blocks(text));
        Decrypt { iv, text }.call(&Width::<N>(key, PhantomData));
    }
}

type Job = fn(&Aes128, &[Block], &mut [Vec<u8>]);

proptest! {
    /// Any number of packets of any lengths, with the CPU's own backend and with every width.
    #[test]
    fn streams_side_by_side_are_streams_one_by_one(
        key in any::<[u8; 16]>(),
        packets in prop::collection::vec((any::<[u8; 16]>(), 0_usize..40, any::<u8>()), 0..80),
    ) {
        let aes = Aes128::new(&key.into());
        let ivs: Vec<Block> = packets.iter().map(|(iv, ..)| (*iv).into()).collect();
        let plain: Vec<Vec<u8>> = packets
            .iter()
            .map(|&(_, blocks, seed)| {
                (0..blocks * BLOCK_LEN).map(|at| (at as u8).wrapping_mul(31) ^ seed).collect()
            })
            .collect();
        let cipher: Vec<Vec<u8>> = ivs.iter().zip(&plain).map(|(iv, text)| serial(&aes, *iv, text)).collect();

        let mut texts = plain.clone();
        Encryptor::new(&key).encrypt(streams(&ivs, &mut texts));
        prop_assert_eq!(&texts, &cipher);
        for (iv, text) in ivs.iter().zip(&mut texts) {
            decrypt(&Aes128Dec::new(&key.into()), *iv, text);
        }
        prop_assert_eq!(&texts, &plain);

        let mut texts = plain.clone();
        Aes128Enc::new(&key.into()).encrypt_with_backend(Encrypt { streams: streams(&ivs, &mut texts) });
        prop_assert_eq!(&texts, &cipher, "what the crate chooses for this CPU");

        let widths: [(Job, Job); 5] = [
            (of_width::<U1>, back_of_width::<U1>),
            (of_width::<U2>, back_of_width::<U2>),
            (of_width::<U4>, back_of_width::<U4>),
            (of_width::<U8>, back_of_width::<U8>),
            (of_width::<U30>, back_of_width::<U30>),
        ];
        for (there, back) in widths {
            let mut texts = plain.clone();
            there(&aes, &ivs, &mut texts);
            prop_assert_eq!(&texts, &cipher);
            back(&aes, &ivs, &mut texts);
            prop_assert_eq!(&texts, &plain);
        }
    }
}

#[test]
#[should_panic(expected = "whole blocks")]
fn half_a_block_is_the_callers_mistake() {
    let _ = Stream::new(Block::default(), &mut [0; 17]);
}
