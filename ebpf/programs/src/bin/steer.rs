//! XDP: redirects each memcached request to the AF_XDP socket of its owner.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS, XDP_REDIRECT};
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{Array, XskMap};
use aya_ebpf::programs::XdpContext;
use programs::ctx::{Frame, count, rx_queue};
use programs::{Counters, counters, license, setting};
use steering::{Policy, SLOTS, Situation, Table, Verdict, layout, steer};

setting!(POLICY: u32 = Policy::Key as u32);
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

struct KernelTable;

impl Table for KernelTable {
    #[inline(always)]
    fn entry(&self, slot: u16) -> Option<u64> {
        TABLE.get(u32::from(slot)).copied()
    }
}

struct Kernel<'a>(&'a XdpContext);

impl Situation for Kernel<'_> {
    #[inline(always)]
    fn policy(&self) -> Policy {
        match POLICY.load() {
            0 => Policy::Rss,
            1 => Policy::Key,
            2 => Policy::Port,
            _ => Policy::Cluster,
        }
    }

    #[inline(always)]
    fn owners(&self) -> u32 {
        OWNERS.load()
    }

    #[inline(always)]
    fn members(&self) -> u32 {
        MEMBERS.load()
    }

    #[inline(always)]
    fn server_port(&self) -> u16 {
        SERVER_PORT.load()
    }

    #[inline(always)]
    fn ports(&self) -> u16 {
        PORTS.load()
    }

    #[inline(always)]
    fn rx_queue(&self) -> u32 {
        rx_queue(self.0)
    }
}

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
