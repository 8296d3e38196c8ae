//! XDP: hands each memcached request to the CPU of its owner, where a thread of the kernel runs the
//! network stack for it. Which socket it reaches is not decided here (`reuseport` does that).
//!
//! What cannot be read as a request stays on the CPU that it came to; it is counted by its reason.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS, XDP_REDIRECT};
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{Array, CpuMap};
use aya_ebpf::programs::XdpContext;
use packet::checksum::{Completion, completion};
use packet::{PacketMut as _, datagram, udp};
use programs::ctx::{Frame, count, rx_queue};
use programs::{Counters, counters, license, partition_table, situation};
use steering::{Policy, Verdict, layout, steer};

situation!(XdpContext, Policy::Key, OWNERS.load(), rx_queue);
partition_table!();

/// The CPU of each owner.
#[map]
static OWNER_CPUS: Array<u64> = Array::with_max_entries(1, 0);
/// By CPU.
#[map]
static CPUS: CpuMap = CpuMap::with_max_entries(1, 0);
#[map]
static COUNTERS: Counters = counters();

/// Makes the checksum one that holds in a packet made anew from the frame. False if that cannot be.
#[inline(always)]
fn complete(frame: &mut Frame) -> bool {
    let Ok(datagram) = datagram(frame) else {
        return false;
    };
    match completion(frame, &datagram) {
        Completion::Finished => true,
        Completion::Write(sum) => {
            frame.write(datagram.udp_at + udp::CHECKSUM_AT, sum.to_be_bytes())
        }
        Completion::Impossible => false,
    }
}

#[inline(always)]
fn redirect(frame: &mut Frame, owner: u32) -> (u32, u32) {
    let cpu = OWNER_CPUS.get(owner).copied();
    // The stack takes a frame with an unfinished checksum only as the packet that it came in.
    if !complete(frame) {
        return (XDP_PASS, layout::COUNTER_PASSED);
    }
    match cpu.map(|cpu| CPUS.redirect(cpu as u32, u64::from(XDP_DROP))) {
        Some(Ok(_)) => (XDP_REDIRECT, layout::COUNTER_REDIRECTED + owner),
        Some(Err(_)) | None => (XDP_DROP, layout::COUNTER_REFUSED),
    }
}

#[xdp]
fn cpumap(ctx: XdpContext) -> u32 {
    let mut frame = Frame::new(&ctx);
    let (action, counter) = match steer(&frame, &KernelTable, &Kernel(&ctx)) {
        Verdict::Owner(owner) => redirect(&mut frame, u32::from(owner)),
        Verdict::Pass => (XDP_PASS, layout::COUNTER_PASSED),
        Verdict::Drop(reason) => (XDP_PASS, layout::COUNTER_DROPS + reason.index()),
    };
    count(&COUNTERS, counter);
    action
}

license!();
