//! XDP: every frame goes to the AF_XDP socket of its receive queue, which is a slice's; what the kernel keeps
//! goes to the network stack.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS, XDP_REDIRECT};
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{HashMap, XskMap};
use aya_ebpf::programs::XdpContext;
use programs::ctx::{Frame, count, rx_queue};
use programs::{Counters, counters, license, setting};
use steering::divert::{AddressKey, Kept, is_kept};
use steering::layout;

setting!(KEPT: u32 = Kept::ALL.bits());

/// The machine's own addresses.
#[map]
static OWN: HashMap<AddressKey, u64> = HashMap::with_max_entries(layout::MAX_OWN_ADDRESSES, 0);
#[map]
static SOCKETS: XskMap = XskMap::with_max_entries(1, 0);
#[map]
static COUNTERS: Counters = counters();

#[xdp]
fn divert(ctx: XdpContext) -> u32 {
    let kept = Kept::of_bits(KEPT.load());
    let owns = |address: AddressKey| OWN.get_ptr(address).is_some();
    let (action, counter) = if is_kept(&Frame::new(&ctx), kept, owns) {
        (XDP_PASS, layout::COUNTER_PASSED)
    } else {
        let queue = rx_queue(&ctx);
        match SOCKETS.redirect(queue, u64::from(XDP_DROP)) {
            Ok(_) => (XDP_REDIRECT, layout::COUNTER_REDIRECTED + queue),
            Err(_) => (XDP_DROP, layout::COUNTER_REFUSED),
        }
    };
    count(&COUNTERS, counter);
    action
}

license!();
