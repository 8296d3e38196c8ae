//! clsact egress: gives the replies of every owner's socket the server's own port as their source, so
//! that a client that knows of no owners recognises them. The opposite of `readdress`.
//!
//! A reply of several datagrams has the port in each; one that IP took apart has it in its first
//! piece only, and memcached's replies are never that long (protocol.txt: 1400 bytes a datagram).

#![no_std]
#![no_main]

use aya_ebpf::bindings::{BPF_F_MARK_MANGLED_0, TC_ACT_SHOT, TC_ACT_UNSPEC};
use aya_ebpf::macros::{classifier, map};
use aya_ebpf::programs::TcContext;
use packet::{Datagram, datagram, udp};
use programs::ctx::{Skb, count};
use programs::{Counters, counters, license, setting};
use steering::layout;

setting!(OWNERS: u16 = 1);
setting!(SERVER_PORT: u16 = 0);

#[map]
static COUNTERS: Counters = counters();

const PORT_BYTES: u64 = 2;

/// Writes the port. The checksum follows through the kernel's helper, which alone knows whether it is
/// finished: if not, the port is no part of it yet.
#[inline(always)]
fn restore_port(ctx: &TcContext, reply: &Datagram) -> bool {
    let (from, to) = (reply.src_port.to_be(), SERVER_PORT.load().to_be());
    let sum_at = reply.udp_at + udp::CHECKSUM_AT;
    let flags = u64::from(BPF_F_MARK_MANGLED_0) | PORT_BYTES;
    ctx.l4_csum_replace(sum_at, u64::from(from), u64::from(to), flags)
        .is_ok()
        && ctx.store(reply.udp_at, &to, 0).is_ok()
}

#[classifier]
fn restore(ctx: TcContext) -> i32 {
    let (action, counter) = match datagram(&Skb::new(&ctx)) {
        Ok(reply) if reply.src_port.wrapping_sub(SERVER_PORT.load()) < OWNERS.load() => {
            let owner = u32::from(reply.src_port.wrapping_sub(SERVER_PORT.load()));
            if owner == 0 || restore_port(&ctx, &reply) {
                (TC_ACT_UNSPEC, layout::COUNTER_REDIRECTED + owner)
            } else {
                // From the wrong port it is of no use to anybody, and here it is counted.
                (TC_ACT_SHOT, layout::COUNTER_REFUSED)
            }
        }
        Ok(_) | Err(_) => (TC_ACT_UNSPEC, layout::COUNTER_PASSED),
    };
    count(&COUNTERS, counter);
    action
}

license!();
