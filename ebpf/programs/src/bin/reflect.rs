//! XDP: sends each UDP datagram to our ports straight back. What remains of a round trip is the
//! instrument's own floor.
//!
//! Addresses and ports change places, which leaves every checksum as it is (a sum does not care
//! about order).
//!
//! By XDP_TX, or where the device at the far end has no XDP program by a redirect to the device itself: a veth does not wake a
//! NAPI that only GRO has made for what XDP_TX gives it (veth_xdp_flush), and does for redirected frames.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::{XDP_ABORTED, XDP_PASS, XDP_TX};
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::DevMap;
use aya_ebpf::programs::XdpContext;
use packet::{Datagram, L3, Packet as _, PacketMut as _, datagram};
use programs::ctx::{Frame, count};
use programs::{Counters, counters, license, setting};
use steering::layout;

setting!(SERVER_PORT: u16 = 0);
setting!(PORTS: u16 = 0);
setting!(REDIRECTS: u32 = 0);

#[map]
static COUNTERS: Counters = counters();
/// The device itself, where frames are redirected.
#[map]
static DEVICE: DevMap = DevMap::with_max_entries(1, 0);

#[inline(always)]
fn back() -> u32 {
    if REDIRECTS.load() == 0 {
        return XDP_TX;
    }
    DEVICE.redirect(0, 0).unwrap_or(XDP_ABORTED)
}

/// Exchanges two neighbouring fields of `N` bytes.
#[inline(always)]
fn swap<const N: usize>(frame: &mut Frame, at: usize) -> Option<()> {
    let (first, second) = (frame.read::<N>(at)?, frame.read::<N>(at + N)?);
    (frame.write(at, second) && frame.write(at + N, first)).then_some(())
}

#[inline(always)]
fn reflect_datagram(frame: &mut Frame, datagram: &Datagram) -> Option<()> {
    swap::<6>(frame, 0)?;
    match datagram.l3 {
        L3::V4(ip) => swap::<4>(frame, ip.at + 12)?,
        L3::V6(ip) => swap::<16>(frame, ip.at + 8)?,
    }
    swap::<2>(frame, datagram.udp_at)
}

#[xdp]
fn reflect(ctx: XdpContext) -> u32 {
    let mut frame = Frame::new(&ctx);
    let reflected = match datagram(&frame) {
        Ok(datagram) if datagram.dst_port.wrapping_sub(SERVER_PORT.load()) < PORTS.load() => {
            reflect_datagram(&mut frame, &datagram).is_some()
        }
        Ok(_) | Err(_) => false,
    };
    let (action, counter) = if reflected {
        (back(), layout::COUNTER_REDIRECTED)
    } else {
        (XDP_PASS, layout::COUNTER_PASSED)
    };
    count(&COUNTERS, counter);
    action
}

license!();
