//! A rig for tests, XDP: discards the first N datagrams to our ports behind every counter's back,
//! so that a ledger must show exactly N as its remainder. All else goes on to the program under
//! test by a tail call, or to the network stack where there is none.
//!
//! In XDP, for frames that an AF_XDP socket sends never see a clsact hook.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS};
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{Array, ProgramArray};
use aya_ebpf::programs::XdpContext;
use packet::datagram;
use programs::ctx::{Frame, go_on, take_one};
use programs::{license, setting};

setting!(FIRST_PORT: u16 = 0);
setting!(PORTS: u16 = 0);

/// How many frames are still to be discarded: one number for all CPUs.
#[map]
static LEFT: Array<u64> = Array::with_max_entries(1, 0);
#[map]
static NEXT: ProgramArray = ProgramArray::with_max_entries(1, 0);

#[xdp]
fn loss(ctx: XdpContext) -> u32 {
    let ours = match datagram(&Frame::new(&ctx)) {
        Ok(datagram) => datagram.dst_port.wrapping_sub(FIRST_PORT.load()) < PORTS.load(),
        Err(_) => false,
    };
    if ours && take_one(&LEFT) {
        return XDP_DROP;
    }
    go_on(&ctx, &NEXT);
    XDP_PASS
}

license!();
