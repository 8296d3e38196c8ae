//! For benchmarks, XDP: makes the frame a prepared request again and goes on to the program under test.
//!
//! BPF_PROG_TEST_RUN gives one frame again and again as the last run left it, and a program that answers
//! leaves a reply. Nothing is attached; the time of this program alone is measured beside.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::{XDP_ABORTED, XDP_PASS};
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{Array, ProgramArray};
use aya_ebpf::programs::XdpContext;
use programs::ctx::{Requests, go_on, overwrite, resize};
use programs::{license, setting};

setting!(FRAME_LEN: u32 = 0);

#[map]
static REQUESTS: Array<Requests> = Array::with_max_entries(1, 0);
#[map]
static NEXT: ProgramArray = ProgramArray::with_max_entries(1, 0);

#[xdp]
fn renew(ctx: XdpContext) -> u32 {
    // By its head, where the programs under test have changed it.
    let renewed =
        resize(&ctx, FRAME_LEN.load() as usize).and_then(|_| overwrite(&ctx, &REQUESTS, 0));
    if renewed.is_none() {
        return XDP_ABORTED;
    }
    go_on(&ctx, &NEXT);
    XDP_PASS
}

license!();
