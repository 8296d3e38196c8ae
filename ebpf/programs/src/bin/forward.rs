//! XDP: forwards IPv4 and IPv6 by the kernel's own tables, from device to device, past the network stack.
//!
//! What is decided is in `steering::forward`, the lookup in `programs::ctx::next_link`; a program that leaves the
//! rest to user space takes both and notes what was found. Frames of kernel sockets that come over veth lose the
//! note that their transport checksum is unfinished: such senders must finish it (`ethtool -K DEV tx off`).

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS, XDP_REDIRECT};
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::DevMap;
use aya_ebpf::programs::XdpContext;
use programs::ctx::{Frame, count, next_link};
use programs::{Counters, counters, license};
use steering::forward::{Action, Fate, question, send_on};

/// The ports, each at the kernel's number of its device.
#[map]
static PORTS: DevMap = DevMap::with_max_entries(1, 0);
#[map]
static COUNTERS: Counters = counters();

#[inline(always)]
fn try_forward(ctx: &XdpContext) -> Result<(), Fate> {
    let mut frame = Frame::new(ctx);
    let question = question(&frame)?;
    let next = next_link(ctx, &question)?;
    // Before the frame is written: one that stays is to be as it came.
    if PORTS.redirect(next.device, u64::from(XDP_PASS)).is_err() {
        return Err(Fate::NotAPort);
    }
    if send_on(&mut frame, &question, &next) {
        Ok(())
    } else {
        Err(Fate::BadHeader)
    }
}

#[xdp]
fn forward(ctx: XdpContext) -> u32 {
    let fate = match try_forward(&ctx) {
        Ok(()) => Fate::Forwarded,
        Err(fate) => fate,
    };
    count(&COUNTERS, fate as u32);
    match fate.action() {
        Action::Redirect => XDP_REDIRECT,
        Action::Pass => XDP_PASS,
        Action::Drop => XDP_DROP,
    }
}

license!();
