//! SK_REUSEPORT: the kernel, having found that several UDP sockets share a port, gives each memcached
//! request to the socket of its owner.
//!
//! What has no key or cannot be read as a request is left to the kernel, which chooses by the flow's
//! hash: the server behind any of the sockets can answer it, with an error where one is due. It is
//! counted by its reason.

#![no_std]
#![no_main]

use aya_ebpf::bindings::sk_action::SK_PASS;
use aya_ebpf::macros::{map, sk_reuseport};
use aya_ebpf::maps::{Array, ReusePortSockArray};
use aya_ebpf::programs::SkReuseportContext;
use packet::{Packet, udp};
use programs::ctx::{Scattered, Segment, count};
use programs::{Counters, counters, hops_to, license, partition_table, situation};
use steering::{Policy, Verdict, layout, steer_payload};

// No queue is known here; the flow's hash is as good for a request that anybody can answer.
situation!(
    SkReuseportContext,
    Policy::Key,
    OWNERS.load(),
    SkReuseportContext::hash
);
partition_table!();

#[map]
static SOCKETS: ReusePortSockArray = ReusePortSockArray::with_max_entries(1, 0);
#[map]
static OWNER_CPUS: Array<u64> = Array::with_max_entries(1, 0);
#[map]
static COUNTERS: Counters = counters();

#[inline(always)]
fn verdict<P: Packet>(datagram: &P, ctx: &SkReuseportContext) -> Verdict {
    let end = datagram.len();
    steer_payload(datagram, udp::HEADER_LEN, end, &KernelTable, &Kernel(ctx))
}

#[inline(always)]
fn select(ctx: &SkReuseportContext, owner: u32) -> u32 {
    match SOCKETS.select_reuseport(ctx, owner) {
        Ok(()) => {
            if hops_to(&OWNER_CPUS, owner) {
                count(&COUNTERS, layout::COUNTER_HOPPED);
            }
            layout::COUNTER_REDIRECTED + owner
        }
        Err(_) => layout::COUNTER_REFUSED,
    }
}

#[sk_reuseport]
fn reuseport(ctx: SkReuseportContext) -> u32 {
    let verdict = match Segment::new(&ctx) {
        Some(datagram) => verdict(&datagram, &ctx),
        None => verdict(&Scattered(&ctx), &ctx),
    };
    let counter = match verdict {
        Verdict::Owner(owner) => select(&ctx, u32::from(owner)),
        Verdict::Pass => layout::COUNTER_PASSED,
        Verdict::Drop(reason) => layout::COUNTER_DROPS + reason.index(),
    };
    count(&COUNTERS, counter);
    SK_PASS
}

license!();
