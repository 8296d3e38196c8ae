//! Maelstrom's core: forward error correction by XOR over interleaved groups of packets, in layers.
//!
//! A pair of proxies stands at the ends of a link that loses packets (Balakrishnan et al., NSDI 2008, as
//! NetSlices describes it in section 4.4): the one at the egress sends repair packets beside the traffic, the one
//! at the ingress forwards the traffic and what it recovers. What NetSlices says is this pair, and that for
//! every r = 8 packets c = 3 repair packets are sent. That repairs are XORs, and that the c of them come from layers of
//! different interleaves, is Maelstrom's own "layered interleaving": in a layer of interleave i a group holds
//! r packets of which each is the i-th after the one before, so that a burst of up to i losses takes at most one of each
//! group. All the rest is our choice: interleaves of 1, 10 and 100 by default, the header, cascading between
//! layers, the window.
//!
//! - **Wire** ([`header`]): between the proxies a frame has a header behind its link addresses: version, kind, checksum,
//!   and a sequence number; a repair's tells its group (first number, distance, count) and the XOR of its
//!   packets' lengths. So all behind the addresses is protected, whatever it is. The link between
//!   them needs an MTU that is larger by [`header::REPAIR_LEN`] bytes than that of the hosts.
//! - **[`Encoder`]**: numbers frames in place and adds each to one open group of every layer. Full groups wait as repairs until they
//!   are written into frames of their own.
//! - **[`Decoder`]**: takes the header off, keeps a copy of each packet in a window, and solves: a repair that lacks exactly
//!   one packet gives it, and that packet may be the last that another layer's repair lacks. What it
//!   recovers is [what peeling the equations gives](theory::peeled), bit for bit. Its memory is fixed when it is made.
//!
//! **Numbers out of sequence.** Nothing is authenticated, and an encoder may begin anew. So one frame moves a decoder by
//! no more than its window (1024 numbers where that is smaller): packets of the traffic still find their places then, or the
//! second of them does. A packet that is further ahead, behind the window, or has a number that another packet has, is
//! refused; the next one that follows it moves the window there, as RFC 3550 (appendix A.1) has it for RTP. A repair
//! never does. Such a packet was not forwarded, for all that it may have been before, and it is one of those that repairs
//! recover; those before it are not. What is passed over is counted as lost up to a million numbers; beyond that, or backwards, it is a new
//! encoder's beginning. Two frames in a row that are from before the window are taken for one too: a link that delays or
//! repeats packets by more than a window is not for this code. Whose numbers are in the window, and whose packets are the same bit for
//! bit, is a duplicate.

mod code;
mod decoder;
mod delays;
mod encoder;
pub mod header;
mod repairs;
pub mod theory;
mod window;

pub use code::{BadCode, Code};
pub use decoder::{Arrival, Decoder, DecoderCounters, NotDecoded};
pub use delays::Delays;
pub use encoder::{Encoder, EncoderCounters, NotEncoded};
pub use header::Group;

/// Bytes of a frame's link addresses, which are not protected: each link has its own.
pub(crate) const ADDRESSES_LEN: usize = 12;

#[inline]
fn xor(to: &mut [u8], from: &[u8]) {
    for (to, byte) in to.iter_mut().zip(from) {
        *to ^= byte;
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod sequence_tests;
