//! XDP on the client: UDP from the server's ports goes to the AF_XDP socket of the receive queue.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS, XDP_REDIRECT};
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::XskMap;
use aya_ebpf::programs::XdpContext;
use packet::datagram;
use programs::ctx::{Frame, count, rx_queue};
use programs::{Counters, counters, license, setting};
use steering::layout;

setting!(SERVER_PORT: u16 = 0);
setting!(PORTS: u16 = 0);

#[map]
static SOCKETS: XskMap = XskMap::with_max_entries(1, 0);
#[map]
static COUNTERS: Counters = counters();

#[inline(always)]
fn is_reply(ctx: &XdpContext) -> bool {
    match datagram(&Frame::new(ctx)) {
        Ok(datagram) => datagram.src_port.wrapping_sub(SERVER_PORT.load()) < PORTS.load(),
        Err(_) => false,
    }
}

#[xdp]
fn receive(ctx: XdpContext) -> u32 {
    let (action, counter) = if is_reply(&ctx) {
        let queue = rx_queue(&ctx);
        match SOCKETS.redirect(queue, u64::from(XDP_DROP)) {
            Ok(_) => (XDP_REDIRECT, layout::COUNTER_REDIRECTED + queue),
            Err(_) => (XDP_DROP, layout::COUNTER_REFUSED),
        }
    } else {
        (XDP_PASS, layout::COUNTER_PASSED)
    };
    count(&COUNTERS, counter);
    action
}

license!();
