//! The kernel's forwarding tables.

#![expect(unsafe_code, reason = "a call into the kernel")]

use aya_ebpf::bindings::bpf_fib_lookup as Lookup;
use aya_ebpf::helpers::generated::bpf_fib_lookup;
use aya_ebpf::programs::XdpContext;
use packet::Addresses;
use steering::forward::{Fate, NextLink, Question};

/// Families of addresses (linux/socket.h).
const INET: u8 = 2;
const INET6: u8 = 10;

/// The words of an address, as they lie in memory.
#[inline(always)]
const fn words(address: [u8; 16]) -> [u32; 4] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = address;
    [
        u32::from_ne_bytes([a, b, c, d]),
        u32::from_ne_bytes([e, f, g, h]),
        u32::from_ne_bytes([i, j, k, l]),
        u32::from_ne_bytes([m, n, o, p]),
    ]
}

/// Asks the kernel's tables where a packet goes that came by this context's device.
///
/// # Errors
/// The fate of a packet that goes nowhere from here.
#[inline(always)]
pub fn next_link(ctx: &XdpContext, question: &Question) -> Result<NextLink, Fate> {
    // SAFETY: a plain structure of integers, for which zero is a value; the kernel takes it only if all of
    // it is written.
    let mut lookup: Lookup = unsafe { core::mem::zeroed() };
    lookup.l4_protocol = question.protocol;
    lookup.__bindgen_anon_1.tot_len = question.len;
    // SAFETY: the kernel passes a valid context.
    lookup.ifindex = unsafe { (*ctx.ctx).ingress_ifindex };
    match question.addresses {
        Addresses::V4(src, dst) => {
            lookup.family = INET;
            lookup.__bindgen_anon_2.tos = question.class as u8;
            lookup.__bindgen_anon_3.ipv4_src = u32::from_ne_bytes(src);
            lookup.__bindgen_anon_4.ipv4_dst = u32::from_ne_bytes(dst);
        }
        Addresses::V6(src, dst) => {
            lookup.family = INET6;
            lookup.__bindgen_anon_2.flowinfo = question.class.to_be();
            lookup.__bindgen_anon_3.ipv6_src = words(src);
            lookup.__bindgen_anon_4.ipv6_dst = words(dst);
        }
    }
    let room = size_of::<Lookup>() as i32;
    // SAFETY: the context is valid, and the structure is alive and of the size that is told.
    let answer = unsafe { bpf_fib_lookup(ctx.ctx.cast(), &raw mut lookup, room, 0) };
    match Fate::of_answer(answer) {
        Some(fate) => Err(fate),
        None => {
            let (from, to) = hardware(&lookup);
            Ok(NextLink {
                device: lookup.ifindex,
                to,
                from,
            })
        }
    }
}

/// The hardware addresses of an answer: the device's, and the next hop's, which lies right behind it. They are read as the words
/// that both are in: left alone, the compiler joins bytes into words that are not aligned, which the verifier refuses on the stack.
#[inline(always)]
fn hardware(lookup: &Lookup) -> ([u8; 6], [u8; 6]) {
    const FROM: usize = core::mem::offset_of!(Lookup, smac);
    const {
        assert!(FROM % 4 == 0 && align_of::<Lookup>() == 4);
        assert!(
            core::mem::offset_of!(Lookup, dmac) == FROM + 6 && size_of::<Lookup>() == FROM + 12
        );
    }
    let words = (&raw const *lookup).cast::<u32>();
    // SAFETY: the three words are the end of the structure, which is alive and aligned for them.
    let word = |n: usize| unsafe { words.add(FROM / 4 + n).read_volatile() }.to_ne_bytes();
    let ([a, b, c, d], [e, f, g, h], [i, j, k, l]) = (word(0), word(1), word(2));
    ([a, b, c, d, e, f], [g, h, i, j, k, l])
}
