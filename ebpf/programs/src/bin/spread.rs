//! XDP: redirects each memcached request to the AF_XDP socket of its key's owner, but gets of hot keys to
//! all owners in turn (ENCP'19, section 3.2). A program of its own: what it adds would take the other
//! policies beyond what the verifier walks through.

#![no_std]
#![no_main]

use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{HashMap, PerCpuArray};
use aya_ebpf::programs::XdpContext;
use programs::ctx::{Frame, find, take_turn};
use programs::redirecting;
use steering::{Policy, steer};

// The loader sets the policy for either program; this one has one.
redirecting!(|_| Policy::Key, turn);

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

#[xdp]
fn steerer(ctx: XdpContext) -> u32 {
    take_time();
    let inputs = Kernel(&ctx);
    let verdict = steer(&Frame::new(&ctx), &KernelTable, &inputs);
    carry_out(&inputs, verdict, || ())
}
