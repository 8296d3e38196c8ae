//! XDP that passes everything. A veth device accepts XDP_TX and redirected frames only if its peer
//! runs an XDP program (or has GRO on), so the plain side of a pair gets this one.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::XDP_PASS;
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use programs::license;

#[xdp]
fn pass(_ctx: XdpContext) -> u32 {
    XDP_PASS
}

license!();
