//! XDP: every frame goes to the AF_XDP socket of its receive queue, which is a slice's; what the kernel keeps
//! goes to the network stack. Where it is asked for, a frame takes its next link along by the kernel's tables.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS, XDP_REDIRECT};
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{HashMap, XskMap};
use aya_ebpf::programs::XdpContext;
use programs::ctx::{Frame, count, next_link, put_note, rx_queue};
use programs::{Counters, counters, license, setting};
use steering::divert::{AddressKey, Kept, is_kept};
use steering::forward::{Fate, NextLink, question};
use steering::layout;

setting!(KEPT: u32 = Kept::ALL.bits());
setting!(LOOKS_UP: u32 = 0);

/// The machine's own addresses.
#[map]
static OWN: HashMap<AddressKey, u64> = HashMap::with_max_entries(layout::MAX_OWN_ADDRESSES, 0);
#[map]
static SOCKETS: XskMap = XskMap::with_max_entries(1, 0);
#[map]
static COUNTERS: Counters = counters();

#[inline(always)]
fn asked(ctx: &XdpContext) -> Result<NextLink, Fate> {
    next_link(ctx, &question(&Frame::new(ctx))?)
}

/// Notes where the kernel's tables send a frame. Of one that they do not send on, for whatever fate, it notes that there is
/// nothing to tell: what becomes of it is the slice's to decide.
#[inline(always)]
fn note_next_link(ctx: &XdpContext) {
    let words = asked(ctx).map_or(NextLink::NO_NOTE, NextLink::words);
    // Where the driver has no room for metadata, the slice finds none and asks its own tables.
    let _ = put_note(ctx, words);
}

#[xdp]
fn divert(ctx: XdpContext) -> u32 {
    let kept = Kept::of_bits(KEPT.load());
    let owns = |address: AddressKey| OWN.get_ptr(address).is_some();
    let (action, counter) = if is_kept(&Frame::new(&ctx), kept, owns) {
        (XDP_PASS, layout::COUNTER_PASSED)
    } else {
        if LOOKS_UP.load() != 0 {
            note_next_link(&ctx);
        }
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
