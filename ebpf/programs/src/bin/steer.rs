//! XDP: redirects each memcached request to the AF_XDP socket of its owner.

#![no_std]
#![no_main]

use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use programs::ctx::Frame;
use programs::redirecting;
use steering::{Policy, steer};

redirecting!(|number| Policy::of(number).unwrap_or(Policy::Key));

#[xdp]
fn steerer(ctx: XdpContext) -> u32 {
    take_time();
    let inputs = Kernel(&ctx);
    let verdict = steer(&Frame::new(&ctx), &KernelTable, &inputs);
    carry_out(&inputs, verdict, || ())
}
