//! `netslice`: spatial partitions of queues and CPUs, in user space.

use super::Io;
use super::traits::Traits;

pub(super) const TRAITS: Traits = Traits {
    name: "netslice",
    summary: "a slice for each queue: a CPU for the kernel's part, another for the processor, frames in batches",
    paper: "Marian, Lee, Weatherspoon, ANCS'12 (NetSlices)",
    fidelity: "AF_XDP sockets and pinned NAPI threads stand in for the paper's kernel module; frames are processed in the \
               memory that they were received into, where the paper's read and write copy; batch 1 is its `no batching`, \
               `placement` its Figure 5, as far as the machine has such CPUs, and `routing: kernel` has routes looked up where \
               the paper's kernel part does it, on the k-peer (but before the slice has the frame, not when it sends)",
    ios: &[Io::AfXdp],
    io_reason: "a slice is an AF_XDP socket on its queue of each device",
    queue_per_owner: true,
    batches: true,
    peers: true,
    asks_kernel: true,
    ..Traits::FORWARDER
};
