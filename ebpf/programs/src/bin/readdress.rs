//! XDP: rewrites the UDP destination port of each memcached request to the port of its owner's
//! socket, and lets the network stack do the rest. `restore` does the opposite to the replies.
//!
//! Owner 0 listens on the server's own port, owner `i` on the `i`-th after it. What cannot be read as
//! a request keeps its port, and so reaches owner 0, which can answer it; it is counted by its reason.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::XDP_PASS;
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::Array;
use aya_ebpf::programs::XdpContext;
use packet::{Packet as _, PacketMut as _, checksum, datagram, udp};
use programs::ctx::{Frame, count, rx_queue};
use programs::{Counters, counters, hops_to, license, partition_table, situation};
use steering::{Policy, Situation as _, Verdict, layout, steer};

situation!(XdpContext, Policy::Key, OWNERS.load(), rx_queue);
partition_table!();

#[map]
static OWNER_CPUS: Array<u64> = Array::with_max_entries(1, 0);
#[map]
static COUNTERS: Counters = counters();

/// Writes the owner's port, and what it makes of the checksum. False if the frame does not have them.
#[inline(always)]
fn address(frame: &mut Frame, port: u16) -> bool {
    let Ok(datagram) = datagram(frame) else {
        return false;
    };
    let sum_at = datagram.udp_at + udp::CHECKSUM_AT;
    let Some(sum) = frame.be16(sum_at) else {
        return false;
    };
    let sum = checksum::replaced(sum, datagram.dst_port, port);
    frame.write(datagram.udp_at + udp::DST_PORT_AT, port.to_be_bytes())
        && frame.write(sum_at, sum.to_be_bytes())
}

#[xdp]
fn readdress(ctx: XdpContext) -> u32 {
    let inputs = Kernel(&ctx);
    let mut frame = Frame::new(&ctx);
    let counter = match steer(&frame, &KernelTable, &inputs) {
        Verdict::Owner(owner) => {
            let owner = u32::from(owner);
            let port = inputs.server_port().wrapping_add(owner as u16);
            if hops_to(&OWNER_CPUS, owner) {
                count(&COUNTERS, layout::COUNTER_HOPPED);
            }
            if address(&mut frame, port) {
                layout::COUNTER_REDIRECTED + owner
            } else {
                layout::COUNTER_REFUSED
            }
        }
        Verdict::Pass => layout::COUNTER_PASSED,
        Verdict::Drop(reason) => layout::COUNTER_DROPS + reason.index(),
    };
    count(&COUNTERS, counter);
    XDP_PASS
}

license!();
