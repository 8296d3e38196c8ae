//! Checked views of packet headers, for the kernel and user space alike.
//!
//! Everything is read through [`Packet`], which answers `None` past the end. The eBPF verifier
//! demands a comparison against the packet's end immediately before each load; with the trait
//! that comparison has one place per side, and no parser here can forget it. The crate holds no
//! slices of packets and takes no loop bound from a packet, for the same reason.
//!
//! Checksums live in [`checksum`]. They are for writers of frames and for tests: veth delivers
//! frames of kernel sockets with an unfinished checksum (`CHECKSUM_PARTIAL`), so nothing that
//! looks at a frame in XDP verifies one.

#![no_std]

pub mod checksum;
mod datagram;
pub mod ethernet;
pub mod hop;
pub mod ipv4;
pub mod ipv6;
mod reason;
pub mod udp;

pub use datagram::{Addresses, Datagram, L3, datagram};
pub use reason::{Reason, Refusal};

/// Bytes that can be read with a bounds check, from a frame's first byte on.
pub trait Packet {
    /// Number of bytes.
    fn len(&self) -> usize;

    /// The `N` bytes from offset `at`, or `None` where they are not all inside.
    fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]>;

    /// [`read`](Self::read) at an offset known to the compiler, which can make it cheaper.
    #[inline(always)]
    fn read_at<const AT: usize, const N: usize>(&self) -> Option<[u8; N]> {
        self.read(AT)
    }

    /// The first `N` bytes, compared against the end once; `None` if there are fewer.
    #[inline(always)]
    fn head<const N: usize>(&self) -> Option<impl Head> {
        self.read::<N>(0)
    }

    /// The same number. In the kernel the verifier is made to forget what it knows of it, lest it follow
    /// the rest of the program once for each value that a loop can leave it with.
    #[inline(always)]
    fn forget(&self, number: usize) -> usize {
        number
    }

    /// Whether there are no bytes at all.
    #[inline(always)]
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The byte at `at`.
    #[inline(always)]
    fn u8(&self, at: usize) -> Option<u8> {
        self.read::<1>(at).map(|[byte]| byte)
    }

    /// The big-endian 16-bit number at `at`.
    #[inline(always)]
    fn be16(&self, at: usize) -> Option<u16> {
        self.read(at).map(u16::from_be_bytes)
    }
}

/// A packet whose bytes can be overwritten, with the same bounds check.
pub trait PacketMut: Packet {
    /// Overwrites the bytes at `at`; false, and nothing written, where they are not all inside.
    fn write<const N: usize>(&mut self, at: usize, bytes: [u8; N]) -> bool;
}

/// The first bytes of a packet, known to be inside: fields at fixed offsets need no comparison.
pub trait Head {
    /// The `M` bytes at `AT`. Outside the head it does not compile.
    fn bytes<const AT: usize, const M: usize>(&self) -> [u8; M];
}

impl<const N: usize> Head for [u8; N] {
    #[inline(always)]
    fn bytes<const AT: usize, const M: usize>(&self) -> [u8; M] {
        const { assert!(AT + M <= N, "outside the head") };
        core::array::from_fn(|i| self[AT + i])
    }
}

impl Packet for [u8] {
    #[inline(always)]
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    #[inline(always)]
    fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.get(at..)?.first_chunk::<N>().copied()
    }
}

impl PacketMut for [u8] {
    #[inline(always)]
    fn write<const N: usize>(&mut self, at: usize, bytes: [u8; N]) -> bool {
        let place = self.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<N>);
        match place {
            Some(place) => {
                *place = bytes;
                true
            }
            None => false,
        }
    }
}
