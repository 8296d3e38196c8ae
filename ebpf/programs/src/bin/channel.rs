//! A rig, XDP: the path to this device loses frames by [`steering::channel`], all kinds alike. What is left goes on to
//! another program by a tail call, or to the network stack. Each receive queue has a path of its own.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS};
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::ProgramArray;
use aya_ebpf::programs::XdpContext;
use programs::ctx::{Numbers, change, go_on, rx_queue};
use programs::{license, setting};
use steering::channel::Channel;
use steering::layout::{CHANNEL_LOST, CHANNEL_NUMBERS, CHANNEL_PASSED, CHANNEL_STATE, MAX_TARGETS};

setting!(TO_BAD: u64 = 0);
setting!(TO_GOOD: u64 = 0);
setting!(LOST_GOOD: u64 = 0);
setting!(LOST_BAD: u64 = 0);

/// Of each queue where its path stands, frames passed, frames lost.
#[map]
static PATHS: Numbers<CHANNEL_NUMBERS> = Numbers::with_max_entries(MAX_TARGETS, 0);
#[map]
static NEXT: ProgramArray = ProgramArray::with_max_entries(1, 0);

#[xdp]
fn channel(ctx: XdpContext) -> u32 {
    let channel = Channel {
        to_bad: TO_BAD.load(),
        to_good: TO_GOOD.load(),
        lost_good: LOST_GOOD.load(),
        lost_bad: LOST_BAD.load(),
    };
    let lost = change(&PATHS, rx_queue(&ctx), |path| {
        let (state, lost) = channel.next(path[CHANNEL_STATE]);
        path[CHANNEL_STATE] = state;
        path[if lost { CHANNEL_LOST } else { CHANNEL_PASSED }] += 1;
        lost
    });
    if lost == Some(true) {
        return XDP_DROP;
    }
    go_on(&ctx, &NEXT);
    XDP_PASS
}

license!();
