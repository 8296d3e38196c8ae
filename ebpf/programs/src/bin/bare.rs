//! XDP: the reference that the steering program's cost is measured against. Same tables, counters,
//! hash and redirect, but the barest parser: untagged IPv4 without options and ASCII `get`, one
//! bounds check for all headers, everything at fixed offsets. Any other datagram passes.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS, XDP_REDIRECT};
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{Array, XskMap};
use aya_ebpf::programs::XdpContext;
use packet::{Head as _, Packet as _};
use programs::ctx::{Frame, count, rx_queue};
use programs::{Counters, counters, license, setting};
use steering::hash::hash_text;
use steering::{Drop, SLOTS, layout, slot_of, table::owner_in};

setting!(POLICY: u32 = 0);
setting!(OWNERS: u32 = 1);
setting!(MEMBERS: u32 = 1);
setting!(SERVER_PORT: u16 = 0);
setting!(PORTS: u16 = 0);

#[map]
static TABLE: Array<u64> = Array::with_max_entries(SLOTS as u32, 0);
#[map]
static SOCKETS: XskMap = XskMap::with_max_entries(1, 0);
#[map]
static COUNTERS: Counters = counters();

/// Ethernet, IPv4, UDP, memcached's frame header, `get `.
const HEAD: usize = 14 + 20 + 8 + 8 + 4;

/// The hash of the key of an ASCII get, or nothing.
#[inline(always)]
fn key_hash(frame: &Frame) -> Option<u64> {
    let head = frame.head::<HEAD>()?;
    let port = u16::from_be_bytes(head.bytes::<36, 2>());
    // EtherType, version and header length; fragment bits and protocol; frame header; command.
    let plain = u32::from_be_bytes(head.bytes::<12, 4>()) & 0xffff_ff00 == 0x0800_4500
        && u32::from_be_bytes(head.bytes::<20, 4>()) & 0x3fff_00ff == 17
        && port.wrapping_sub(SERVER_PORT.load()) < PORTS.load()
        && head.bytes::<44, 4>() == [0, 0, 0, 1]
        && head.bytes::<50, 4>() == *b"get ";
    if !plain {
        return None;
    }
    let end = 34 + usize::from(u16::from_be_bytes(head.bytes::<38, 2>()));
    hash_text(frame, HEAD, end).ok().map(|key| key.hash)
}

#[xdp]
fn steerer(ctx: XdpContext) -> u32 {
    let (action, counter) = match key_hash(&Frame::new(&ctx)) {
        Some(hash) => redirect(rx_queue(&ctx), hash),
        None => {
            // The loader tells every program the policy; this one knows a single one.
            let _ = POLICY.load();
            (XDP_PASS, layout::COUNTER_PASSED)
        }
    };
    count(&COUNTERS, counter);
    action
}

#[inline(always)]
fn redirect(queue: u32, hash: u64) -> (u32, u32) {
    let owner = match TABLE.get(u32::from(slot_of(hash))) {
        Some(entry) if owner_in(*entry) < OWNERS.load() => owner_in(*entry),
        Some(_) | None => return (XDP_DROP, layout::COUNTER_DROPS + Drop::NoOwner.index()),
    };
    match SOCKETS.redirect(
        layout::mesh_index(queue, OWNERS.load(), owner),
        u64::from(XDP_DROP),
    ) {
        Ok(_) => (XDP_REDIRECT, layout::COUNTER_REDIRECTED + owner),
        Err(_) => (XDP_DROP, layout::COUNTER_REFUSED),
    }
}

license!();
