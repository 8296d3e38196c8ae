//! The list of requests that frames are made from.

#![expect(unsafe_code, reason = "packet and map access")]

use aya_ebpf::helpers::generated::{bpf_xdp_adjust_tail, bpf_xdp_store_bytes};
use aya_ebpf::maps::Array;
use aya_ebpf::programs::XdpContext;
use packet::PacketMut as _;
use steering::layout::{LONGEST_REQUEST, REQUEST_BYTES, REQUEST_HEADER};

use super::frame::Frame;

/// The generator's list of requests; [`steering::layout`] describes it.
pub type Requests = [u8; REQUEST_BYTES];

/// Counts in slot 0, and returns the number that was there. For a program that runs on one CPU only.
#[inline(always)]
#[must_use]
pub fn next_number(number: &Array<u64>) -> Option<u64> {
    let number = number.get_ptr_mut(0)?;
    // SAFETY: the map's values are aligned, and only one CPU runs the program.
    unsafe {
        let value = *number;
        *number = value + 1;
        Some(value)
    }
}

/// Makes the frame the request that is listed at `at`.
#[inline(always)]
#[must_use]
pub fn overwrite(ctx: &XdpContext, requests: &Array<Requests>, at: u64) -> Option<()> {
    let requests = requests.get_ptr(0)?.cast::<u8>();
    if at > (REQUEST_BYTES - REQUEST_HEADER - LONGEST_REQUEST) as u64 {
        return None;
    }
    // SAFETY: header and longest frame lie inside the value, by the comparison.
    let (len, frame) = unsafe {
        let listed = requests.add(at as usize);
        let len = u16::from_le_bytes(listed.cast::<[u8; 2]>().read());
        (u32::from(len), listed.add(REQUEST_HEADER))
    };
    if len == 0 || len > LONGEST_REQUEST as u32 {
        return None;
    }
    let longer = len as i32 - (ctx.data_end() - ctx.data()) as i32;
    // SAFETY: the kernel passes a valid context, and no pointer into the frame is kept.
    if longer != 0 && unsafe { bpf_xdp_adjust_tail(ctx.ctx, longer) } != 0 {
        return None;
    }
    if len as usize <= WORDS * 8 {
        return copy_words(ctx, frame, len as usize);
    }
    // SAFETY: as above; the listed frame has `len` bytes.
    let stored = unsafe { bpf_xdp_store_bytes(ctx.ctx, 0, frame.cast_mut().cast(), len) };
    (stored == 0).then_some(())
}

/// Words that a request is copied by here; a longer one is left to the kernel, whose helper takes
/// longer than the copy of a short one.
const WORDS: usize = 24;

/// Copies a listed frame of `len` bytes over the frame, which has as many.
#[inline(always)]
fn copy_words(ctx: &XdpContext, listed: *const u8, len: usize) -> Option<()> {
    let (start, end) = (ctx.data(), ctx.data_end());
    let mut at = 0;
    while at < WORDS * 8 {
        if start + at + 8 > end {
            break;
        }
        // SAFETY: the word lies inside both: by the comparison, and since a listed frame has room
        // for the longest. Lists are aligned to words, and a live frame begins behind a headroom
        // of 256 bytes; BPF on x86-64 and arm64 takes any alignment.
        unsafe {
            let word = listed.add(at).cast::<u64>().read();
            ((start + at) as *mut u64).write(word);
        }
        at += 8;
    }
    let mut frame = Frame { start, end };
    let mut tail = len & !7;
    while tail < len {
        // SAFETY: inside the listed frame: the mask changes nothing, and tells the verifier so.
        let byte = unsafe { listed.add(tail & 0xff).read() };
        if !frame.write(tail, [byte]) {
            return None;
        }
        tail += 1;
    }
    Some(())
}
