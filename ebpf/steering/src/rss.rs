//! What a NIC does to choose a queue: Toeplitz RSS with an indirection table, or a Flow Director
//! rule on the UDP destination port.
//!
//! veth has neither. The sender emulates them: an AF_XDP client picks its transmit queue by these
//! functions, a clsact program does the same for kernel sockets. Definition and test vectors:
//! Microsoft's RSS documentation ("RSS hashing functions", "Verifying the RSS hash calculation").

use packet::{Addresses, Datagram, Packet};

/// Length of the secret key in bytes; enough for the IPv6 tuple of 36 bytes.
pub const KEY_LEN: usize = 40;
/// Entries of the indirection table, as in most NICs.
pub const INDIRECTION_LEN: usize = 128;

/// The key of the published verification suite.
pub const DEFAULT_KEY: [u8; KEY_LEN] = [
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
    0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
    0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
];

/// What RSS hashes of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuple {
    /// Source and destination address.
    pub addresses: Addresses,
    /// Source port, host byte order.
    pub src_port: u16,
    /// Destination port, host byte order.
    pub dst_port: u16,
}

impl Tuple {
    /// The tuple of a datagram; `None` if the addresses are not inside `p`.
    #[inline(always)]
    pub fn of<P: Packet + ?Sized>(p: &P, datagram: &Datagram) -> Option<Self> {
        Some(Self {
            addresses: datagram.addresses(p)?,
            src_port: datagram.src_port,
            dst_port: datagram.dst_port,
        })
    }
}

/// The key as big-endian words.
pub type KeyWords = [u32; KEY_LEN / 4];

/// Splits a key into words.
#[must_use]
pub const fn key_words(key: &[u8; KEY_LEN]) -> KeyWords {
    let (bytes, _) = key.as_chunks::<4>();
    let mut words = [0; KEY_LEN / 4];
    let mut i = 0;
    while i < words.len() {
        words[i] = u32::from_be_bytes(bytes[i]);
        i += 1;
    }
    words
}

/// A Toeplitz computation: the key's bits slide under the input's.
struct Toeplitz<'a> {
    key: &'a KeyWords,
    at: usize,
    hash: u32,
}

impl Toeplitz<'_> {
    /// Adds four bytes of input. Branch-free in the input, so that the verifier sees one path.
    #[inline(always)]
    fn absorb(self, input: [u8; 4]) -> Self {
        let Self { key, at, mut hash } = self;
        let window = u64::from(key[at]) << 32 | u64::from(key[at + 1]);
        let input = u32::from_be_bytes(input);
        for bit in 0..32 {
            let selected = (input >> (31 - bit) & 1).wrapping_neg();
            hash ^= (window >> (32 - bit)) as u32 & selected;
        }
        Self {
            key,
            at: at + 1,
            hash,
        }
    }
}

/// The Toeplitz hash of a flow: source address, destination address, source port, destination
/// port, in network byte order.
#[must_use]
pub fn toeplitz(key: &[u8; KEY_LEN], tuple: &Tuple) -> u32 {
    toeplitz_words(&key_words(key), tuple)
}

/// [`toeplitz`] with the key in words, as the kernel holds it.
#[inline(always)]
#[must_use]
pub fn toeplitz_words(key: &KeyWords, tuple: &Tuple) -> u32 {
    let start = Toeplitz {
        key,
        at: 0,
        hash: 0,
    };
    let addressed = match tuple.addresses {
        Addresses::V4(src, dst) => start.absorb(src).absorb(dst),
        Addresses::V6(src, dst) => {
            let [s0, s1, s2, s3] = quarters(src);
            let [d0, d1, d2, d3] = quarters(dst);
            let source = start.absorb(s0).absorb(s1).absorb(s2).absorb(s3);
            source.absorb(d0).absorb(d1).absorb(d2).absorb(d3)
        }
    };
    let [s1, s0] = tuple.src_port.to_be_bytes();
    let [d1, d0] = tuple.dst_port.to_be_bytes();
    addressed.absorb([s1, s0, d1, d0]).hash
}

#[inline(always)]
const fn quarters(a: [u8; 16]) -> [[u8; 4]; 4] {
    [
        [a[0], a[1], a[2], a[3]],
        [a[4], a[5], a[6], a[7]],
        [a[8], a[9], a[10], a[11]],
        [a[12], a[13], a[14], a[15]],
    ]
}

/// The table entry that a hash selects: its low seven bits.
#[inline(always)]
#[must_use]
pub const fn indirection_index(hash: u32) -> usize {
    hash as usize % INDIRECTION_LEN
}

/// The indirection table: queue numbers, of which there are at most 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indirection([u8; INDIRECTION_LEN]);

impl Indirection {
    /// Queues in turn, as drivers fill it by default. Zero queues count as one.
    #[must_use]
    pub fn even(queues: u16) -> Self {
        let queues = usize::from(queues.max(1));
        Self(core::array::from_fn(|i| (i % queues) as u8))
    }

    /// A table as it is.
    #[must_use]
    pub const fn new(entries: [u8; INDIRECTION_LEN]) -> Self {
        Self(entries)
    }

    /// The entries.
    #[must_use]
    pub const fn entries(&self) -> &[u8; INDIRECTION_LEN] {
        &self.0
    }

    /// The queue of a hash.
    #[must_use]
    pub const fn queue(&self, hash: u32) -> u16 {
        self.0[indirection_index(hash)] as u16
    }
}

/// RSS: the queue on which a flow's datagrams arrive.
#[must_use]
pub fn queue_of_flow(key: &[u8; KEY_LEN], indirection: &Indirection, tuple: &Tuple) -> u16 {
    indirection.queue(toeplitz(key, tuple))
}

/// Flow Director: one rule per UDP destination port, `base` to queue 0 and so on, around again
/// where there are more ports than queues. Ports below `base` match no rule and go to queue 0.
/// Zero queues count as one.
#[inline(always)]
#[must_use]
pub const fn queue_of_port(dst_port: u16, base: u16, queues: u16) -> u16 {
    let queues = if queues == 0 { 1 } else { queues };
    dst_port.saturating_sub(base) % queues
}
