//! XDP: redirects each memcached request to the AF_XDP socket of its key's owner, but gets of hot keys to
//! all owners in turn (ENCP'19, section 3.2). A program of its own: what it adds would take the other
//! policies beyond what the verifier walks through.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS, XDP_REDIRECT};
use aya_ebpf::macros::map;
use aya_ebpf::maps::{HashMap, PerCpuArray};
use aya_ebpf::programs::XdpContext;
use programs::ctx::{find, rx_queue, take_turn};
use programs::{license, partition_table, setting, situation, steerer};
use steering::{Policy, Situation as _, Verdict, layout, steer};

// What the loader sets for either program; this one has one policy.
setting!(POLICY: u32 = Policy::Key as u32);
setting!(MEMBERS: u32 = 1);
situation!(XdpContext, Policy::Key, MEMBERS.load(), rx_queue, turn);
partition_table!();
steerer!();

/// The hashes of the hot keys.
#[map]
static HOT: HashMap<u64, u64> = HashMap::with_max_entries(1, 0);
/// How many gets of hot keys each CPU has spread.
#[map]
static TURNS: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

#[inline(always)]
fn turn(hash: u64) -> Option<u32> {
    find(&HOT, hash)?;
    take_turn(&TURNS)
}

license!();
