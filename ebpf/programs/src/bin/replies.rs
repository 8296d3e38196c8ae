//! XDP on the client: counts the server's replies by what they say and discards them. All else goes
//! on to the network stack.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS};
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::programs::XdpContext;
use packet::datagram;
use programs::ctx::{Frame, count};
use programs::{Counters, counters, license, setting};
use steering::layout;
use steering::reply::{ReplyKind, reply_kind};

setting!(SERVER_PORT: u16 = 0);
setting!(PORTS: u16 = 0);

#[map]
static COUNTERS: Counters = counters();

#[inline(always)]
fn kind(ctx: &XdpContext) -> Option<ReplyKind> {
    let frame = Frame::new(ctx);
    let datagram = datagram(&frame).ok()?;
    let ours = datagram.src_port.wrapping_sub(SERVER_PORT.load()) < PORTS.load();
    ours.then(|| reply_kind(&frame, datagram.payload_at))
}

#[xdp]
fn replies(ctx: XdpContext) -> u32 {
    let (action, counter) = match kind(&ctx) {
        Some(kind) => (XDP_DROP, layout::COUNTER_REDIRECTED + kind as u32),
        None => (XDP_PASS, layout::COUNTER_PASSED),
    };
    count(&COUNTERS, counter);
    action
}

license!();
