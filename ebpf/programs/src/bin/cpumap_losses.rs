//! Raw tracepoints: what a CPUMAP lost. The kernel keeps no counter of it; it only tells, after each
//! bulk of frames, how many found the queue to the other CPU full, and how many the thread there could
//! make no packet of (include/trace/events/xdp.h).

#![no_std]
#![no_main]

use aya_ebpf::macros::{map, raw_tracepoint};
use aya_ebpf::programs::RawTracePointContext;
use programs::ctx::add;
use programs::{Counters, counters, license, setting};
use steering::layout::{COUNTER_CPUMAP_NO_PACKET, COUNTER_CPUMAP_QUEUE_FULL};

setting!(MAP_ID: u32 = 0);

#[map]
static COUNTERS: Counters = counters();

/// Both tracepoints begin alike: the map, the frames that went on, those that were lost.
#[inline(always)]
fn note(ctx: &RawTracePointContext, counter: u32) -> i32 {
    if ctx.arg::<u32>(0) == MAP_ID.load() {
        add(&COUNTERS, counter, u64::from(ctx.arg::<u32>(2)));
    }
    0
}

#[raw_tracepoint]
fn queue_full(ctx: RawTracePointContext) -> i32 {
    note(&ctx, COUNTER_CPUMAP_QUEUE_FULL)
}

#[raw_tracepoint]
fn no_packet(ctx: RawTracePointContext) -> i32 {
    note(&ctx, COUNTER_CPUMAP_NO_PACKET)
}

license!();
