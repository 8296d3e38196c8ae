//! XDP at the end of a path: counts the frames of a trial by receive queue, with the bytes that they carry, and
//! discards them. All else goes on to the network stack.
//!
//! A frame counts only as what it should have become on its way: to this device's hardware address, with the hops that
//! routers leave it and as much payload as was sent. One to the trial's port that differs is a misfit: counted apart and
//! discarded too, lest the network stack answer it.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS};
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::programs::XdpContext;
use packet::{Datagram, L3, Packet as _, datagram};
use programs::ctx::{Frame, add, count, rx_queue};
use programs::{Counters, counters, license, setting};
use steering::divert::{AddressKey, v4_key, v6_key};
use steering::layout;

setting!(MAC: u64 = 0);
setting!(ADDRESS_HIGH: u64 = 0);
setting!(ADDRESS_LOW: u64 = 0);
setting!(HOPS: u8 = 0);
setting!(PORT: u16 = 0);
setting!(FIRST_FLOW: u16 = 0);
setting!(FLOWS: u16 = 0);
setting!(PAYLOAD: u32 = 0);

#[map]
static COUNTERS: Counters = counters();

/// Whether an address is the one that the frames are sent to.
#[inline(always)]
fn is_ours(address: AddressKey) -> bool {
    address == [ADDRESS_HIGH.load(), ADDRESS_LOW.load()]
}

/// Whether a datagram to the trial's port is one of the trial, as it should arrive.
#[inline(always)]
fn fits(frame: &Frame, datagram: &Datagram) -> bool {
    let Some([a, b, c, d, e, f]) = frame.read_at::<0, 6>() else {
        return false;
    };
    let (hops, to) = match datagram.l3 {
        L3::V4(ip) => (frame.read(ip.at + 8), frame.read(ip.at + 16).map(v4_key)),
        L3::V6(ip) => (frame.read(ip.at + 7), frame.read(ip.at + 24).map(v6_key)),
    };
    to.is_some_and(is_ours)
        && hops == Some([HOPS.load()])
        && u64::from_be_bytes([0, 0, a, b, c, d, e, f]) == MAC.load()
        && datagram.src_port.wrapping_sub(FIRST_FLOW.load()) < FLOWS.load()
        && datagram.payload_len == PAYLOAD.load() as usize
}

#[xdp]
fn count_frames(ctx: XdpContext) -> u32 {
    let frame = Frame::new(&ctx);
    let (action, counter) = match datagram(&frame) {
        Ok(datagram) if datagram.dst_port == PORT.load() => {
            if fits(&frame, &datagram) {
                add(
                    &COUNTERS,
                    layout::COUNTER_PAYLOAD,
                    datagram.payload_len as u64,
                );
                (XDP_DROP, layout::COUNTER_REDIRECTED + rx_queue(&ctx))
            } else {
                (XDP_DROP, layout::COUNTER_REFUSED)
            }
        }
        Ok(_) | Err(_) => (XDP_PASS, layout::COUNTER_PASSED),
    };
    count(&COUNTERS, counter);
    action
}

license!();
