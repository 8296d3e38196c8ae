//! XDP: redirects each memcached request to the AF_XDP socket of its owner.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS, XDP_REDIRECT};
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::XskMap;
use aya_ebpf::programs::XdpContext;
use programs::ctx::{Frame, count, rx_queue};
use programs::{Counters, counters, license, partition_table, setting, situation};
use steering::{Policy, Situation as _, Verdict, layout, steer};

setting!(POLICY: u32 = Policy::Key.number());
setting!(MEMBERS: u32 = 1);
situation!(
    XdpContext,
    Policy::of(POLICY.load()).unwrap_or(Policy::Key),
    MEMBERS.load(),
    rx_queue
);
partition_table!();

#[map]
static SOCKETS: XskMap = XskMap::with_max_entries(1, 0);
#[map]
static COUNTERS: Counters = counters();

#[xdp]
fn steerer(ctx: XdpContext) -> u32 {
    let inputs = Kernel(&ctx);
    let (action, counter) = match steer(&Frame::new(&ctx), &KernelTable, &inputs) {
        Verdict::Owner(owner) => redirect(&inputs, u32::from(owner)),
        Verdict::Pass => (XDP_PASS, layout::COUNTER_PASSED),
        Verdict::Drop(reason) => (XDP_DROP, layout::COUNTER_DROPS + reason.index()),
    };
    count(&COUNTERS, counter);
    action
}

#[inline(always)]
fn redirect(inputs: &Kernel<'_>, owner: u32) -> (u32, u32) {
    let index = layout::mesh_index(inputs.rx_queue(), inputs.owners(), owner);
    match SOCKETS.redirect(index, u64::from(XDP_DROP)) {
        Ok(_) => (XDP_REDIRECT, layout::COUNTER_REDIRECTED + owner),
        Err(_) => (XDP_DROP, layout::COUNTER_REFUSED),
    }
}

license!();
