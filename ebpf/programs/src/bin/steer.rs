//! XDP: redirects each memcached request to the AF_XDP socket of its owner.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS, XDP_REDIRECT};
use aya_ebpf::programs::XdpContext;
use programs::ctx::rx_queue;
use programs::{license, partition_table, setting, situation, steerer};
use steering::{Policy, Situation as _, Verdict, layout, steer};

setting!(POLICY: u32 = Policy::Key as u32);
setting!(MEMBERS: u32 = 1);
situation!(
    XdpContext,
    Policy::of(POLICY.load()).unwrap_or(Policy::Key),
    MEMBERS.load(),
    rx_queue
);
partition_table!();
steerer!();
license!();
