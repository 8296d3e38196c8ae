//! XDP without a device: run over live frames by BPF_PROG_TEST_RUN, it makes each of them the next of
//! a list of prepared requests and sends it out through a device.
//!
//! The kernel gives the same frames again and again as the last user left them, so each is written
//! anew from its first byte to its last. One loaded program belongs to one CPU: on veth the receive
//! queue of such a frame is the sender's CPU modulo the number of queues.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::XDP_ABORTED;
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{Array, DevMap};
use aya_ebpf::programs::XdpContext;
use programs::ctx::{Requests, next_number, overwrite};
use programs::{license, setting};

setting!(MASK: u64 = 0);
setting!(STRIDE: u64 = 0);
setting!(WRITES: u32 = 1);

/// How many frames were made.
#[map]
static MADE: Array<u64> = Array::with_max_entries(1, 0);
#[map]
static REQUESTS: Array<Requests> = Array::with_max_entries(1, 0);
#[map]
static DEVICE: DevMap = DevMap::with_max_entries(1, 0);

#[inline(always)]
fn make(ctx: &XdpContext) -> Option<()> {
    let number = next_number(&MADE)?;
    if WRITES.load() == 0 {
        return Some(());
    }
    overwrite(ctx, &REQUESTS, (number & MASK.load()) * STRIDE.load())
}

#[xdp]
fn generate(ctx: XdpContext) -> u32 {
    match make(&ctx) {
        Some(()) => DEVICE.redirect(0, 0).unwrap_or(XDP_ABORTED),
        None => XDP_ABORTED,
    }
}

license!();
