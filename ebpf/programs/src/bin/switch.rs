//! XDP on a port of a switch: what comes in goes out by the other port, whatever it is.
//!
//! The transmit queue is not the program's to choose: veth takes a redirected frame in by the queue "CPU modulo
//! number of queues" (`veth_xdp_xmit`, `veth_select_rxq`; Linux 6.18), the CPU being the one that this program runs
//! on. So a frame keeps its queue where the NAPI thread of queue q is pinned to such a CPU.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::XDP_DROP;
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::DevMap;
use aya_ebpf::programs::XdpContext;
use programs::ctx::count;
use programs::{Counters, counters, license};
use steering::layout;

/// The other port.
#[map]
static PORT: DevMap = DevMap::with_max_entries(1, 0);
#[map]
static COUNTERS: Counters = counters();

#[xdp]
fn switch(_ctx: XdpContext) -> u32 {
    let (action, counter) = match PORT.redirect(0, u64::from(XDP_DROP)) {
        Ok(action) => (action, layout::COUNTER_REDIRECTED),
        Err(_) => (XDP_DROP, layout::COUNTER_REFUSED),
    };
    count(&COUNTERS, counter);
    action
}

license!();
