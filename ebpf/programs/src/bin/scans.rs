//! XDP: steers calls to the owner of the range of keys that theirs lies in, or scans to all owners in turn
//! (ENCP'19, section 4, "Other use cases"). A program of its own, so that the others have nothing more to
//! be verified.

#![no_std]
#![no_main]

use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::PerCpuArray;
use aya_ebpf::programs::XdpContext;
use programs::ctx::{Frame, take_turn};
use programs::{redirecting, setting};
use steering::{Order, Policy, steer};

/// One of the two policies about scans.
#[inline(always)]
fn about_scans(number: u32) -> Policy {
    if number == Policy::ScansInTurn.number() {
        Policy::ScansInTurn
    } else {
        Policy::Range(Order {
            keys: ORDER_KEYS.load(),
            digits: ORDER_DIGITS.load(),
        })
    }
}

redirecting!(about_scans, turn);
setting!(ORDER_KEYS: u32 = 1);
setting!(ORDER_DIGITS: u32 = 1);

/// How many scans each CPU has spread.
#[map]
static TURNS: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

#[inline(always)]
fn turn(_hash: u64) -> Option<u32> {
    take_turn(&TURNS)
}

#[xdp]
fn steerer(ctx: XdpContext) -> u32 {
    take_time();
    let inputs = Kernel(&ctx);
    let verdict = steer(&Frame::new(&ctx), &KernelTable, &inputs);
    carry_out(&inputs, verdict, || ())
}
