//! Layouts that the eBPF programs and their loaders share. Map values are plain `u64`s.

use crate::reason::Drop;

/// Counter of frames that were not ours and went on to the network stack.
pub const COUNTER_PASSED: u32 = 0;
/// Counter of frames for which the XSKMAP had no socket.
pub const COUNTER_REFUSED: u32 = 1;
/// Counter of requests that will change CPUs: the one that handled the packet is not the owner's. Only
/// programs that are told the owners' CPUs count it.
pub const COUNTER_HOPPED: u32 = 2;
/// Counter of the first [`Drop`] reason; the others follow in their order. A program that leaves such
/// datagrams to the network stack counts them here all the same.
pub const COUNTER_DROPS: u32 = 3;
/// Counter of frames redirected to owner 0 (on the client: to queue 0); the others follow.
pub const COUNTER_REDIRECTED: u32 = COUNTER_DROPS + Drop::ALL.len() as u32;
/// Most owners (or queues) that a counter map has room for.
pub const MAX_TARGETS: u32 = 256;
/// Number of counters.
pub const COUNTERS: u32 = COUNTER_REDIRECTED + MAX_TARGETS;

/// No slot of the partition table, where a setting may name one.
pub const NO_SLOT: u32 = u32::MAX;

/// Index of a socket in the XSKMAP of the Q x K mesh.
#[inline(always)]
#[must_use]
pub const fn mesh_index(rx_queue: u32, owners: u32, owner: u32) -> u32 {
    rx_queue * owners + owner
}

/// Counter, of the program that watches a CPUMAP, of frames that found its queue full.
pub const COUNTER_CPUMAP_QUEUE_FULL: u32 = 0;
/// Counter of the same program of frames of which no packet could be made.
pub const COUNTER_CPUMAP_NO_PACKET: u32 = 1;

/// Numbers that the program of a lossy path keeps of each queue.
pub const CHANNEL_NUMBERS: usize = 3;
/// The place among them of where the path stands.
pub const CHANNEL_STATE: usize = 0;
/// The place of the frames that passed.
pub const CHANNEL_PASSED: usize = 1;
/// The place of the frames that were lost.
pub const CHANNEL_LOST: usize = 2;

/// Mode of the transmit-queue program: RSS over the flow.
pub const TX_BY_RSS: u32 = 0;
/// Mode of the transmit-queue program: by UDP destination port.
pub const TX_BY_PORT: u32 = 1;

/// Bytes of the generator's list of requests. They lie `stride` bytes apart, each as its length (16
/// bits, little-endian), padding up to [`REQUEST_HEADER`], and the frame.
pub const REQUEST_BYTES: usize = 16 << 20;
/// Bytes before a listed frame.
pub const REQUEST_HEADER: usize = 8;
/// Bytes of the longest frame that can be listed.
pub const LONGEST_REQUEST: usize = 1536;

/// Most addresses that a machine may call its own where slices take the rest.
pub const MAX_OWN_ADDRESSES: u32 = 1024;
