//! Frames in XDP.

#![expect(unsafe_code, reason = "packet and map access")]

use aya_ebpf::helpers::generated::{bpf_xdp_adjust_head, bpf_xdp_adjust_meta};
use aya_ebpf::maps::ProgramArray;
use aya_ebpf::programs::XdpContext;
use packet::{Head, Packet, PacketMut};

/// Offsets stay below this power of two, for the verifier refuses packet offsets that it cannot
/// bound by 65535. No frame that XDP sees is longer.
const OFFSET_MASK: usize = 0x3fff;

/// A frame in XDP.
#[derive(Clone, Copy)]
pub struct Frame {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Frame {
    /// The frame of an XDP context.
    #[inline(always)]
    #[must_use]
    pub fn new(ctx: &XdpContext) -> Self {
        Self {
            start: ctx.data(),
            end: ctx.data_end(),
        }
    }

    /// The address of `at`, if `len` bytes from there on are inside.
    #[inline(always)]
    fn address(&self, at: usize, len: usize) -> Option<usize> {
        let mut address = at;
        // SAFETY: two operations on a register.
        unsafe {
            core::arch::asm!(
                "{address} &= {mask}",
                "{address} += {start}",
                address = inout(reg) address,
                start = in(reg) self.start,
                mask = const OFFSET_MASK,
                options(pure, nomem, nostack),
            );
        }
        if address + len > self.end {
            None
        } else {
            Some(address)
        }
    }
}

impl Packet for Frame {
    #[inline(always)]
    fn len(&self) -> usize {
        self.end - self.start
    }

    #[inline(always)]
    fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let address = self.address(at, N)?;
        // SAFETY: as in `write`; an array of bytes has no alignment.
        Some(unsafe { (address as *const [u8; N]).read() })
    }

    #[inline(always)]
    fn read_at<const AT: usize, const N: usize>(&self) -> Option<[u8; N]> {
        if self.start + (AT + N) > self.end {
            return None;
        }
        // SAFETY: as above.
        Some(unsafe { ((self.start + AT) as *const [u8; N]).read() })
    }

    #[inline(always)]
    fn forget(&self, number: usize) -> usize {
        let mut end = number;
        // SAFETY: two operations on a register: the distance of two pointers into the packet is any number
        // to the verifier.
        unsafe {
            core::arch::asm!(
                "{end} += {start}",
                "{end} -= {start}",
                end = inout(reg) end,
                start = in(reg) self.start,
                options(pure, nomem, nostack),
            );
        }
        end
    }

    #[inline(always)]
    fn head<const N: usize>(&self) -> Option<impl Head> {
        if self.start + N > self.end {
            None
        } else {
            Some(FrameHead::<N>(self.start as *const u8))
        }
    }
}

impl PacketMut for Frame {
    #[inline(always)]
    fn write<const N: usize>(&mut self, at: usize, bytes: [u8; N]) -> bool {
        let Some(address) = self.address(at, N) else {
            return false;
        };
        // SAFETY: the bytes lie between data and data_end of this context, which stay
        // put while the program runs, for it calls no helper that moves them.
        unsafe { (address as *mut [u8; N]).write(bytes) };
        true
    }
}

/// The first `N` bytes of a frame in XDP.
struct FrameHead<const N: usize>(*const u8);

impl<const N: usize> Head for FrameHead<N> {
    #[inline(always)]
    fn bytes<const AT: usize, const M: usize>(&self) -> [u8; M] {
        const { assert!(AT + M <= N, "outside the head") };
        // SAFETY: `Frame::head` has compared, and the assertion holds the offset inside.
        unsafe { self.0.add(AT).cast::<[u8; M]>().read() }
    }
}

/// The receive queue of an XDP frame.
#[inline(always)]
#[must_use]
pub fn rx_queue(ctx: &XdpContext) -> u32 {
    // SAFETY: the kernel passes a valid context.
    unsafe { (*ctx.ctx).rx_queue_index }
}

/// Lets the frame begin earlier or later, so that it has `len` bytes; nothing if there is no headroom
/// for that. Its first bytes are undefined then. Every other view of the frame is invalid afterwards.
#[inline(always)]
#[must_use]
pub fn resize(ctx: &XdpContext, len: usize) -> Option<Frame> {
    let mut shorter = ctx.data_end();
    // SAFETY: a subtraction of registers, in assembly lest it be made one of 32 bits, which the verifier
    // allows nobody on pointers.
    unsafe {
        core::arch::asm!(
            "{end} -= {start}",
            end = inout(reg) shorter,
            start = in(reg) ctx.data(),
            options(pure, nomem, nostack),
        );
    }
    let shorter = shorter as i32 - len as i32;
    // SAFETY: the kernel passes a valid context, and the caller keeps no view of the frame.
    if shorter != 0 && unsafe { bpf_xdp_adjust_head(ctx.ctx, shorter) } != 0 {
        return None;
    }
    Some(Frame::new(ctx))
}

/// Puts the words of a note right in front of the frame, in place of any metadata; false if there is no room. Every
/// view of the frame is invalid afterwards.
#[inline(always)]
#[must_use]
pub fn put_note<const N: usize>(ctx: &XdpContext, words: [u64; N]) -> bool {
    let len = size_of::<[u64; N]>();
    let mut further = ctx.metadata_end();
    // SAFETY: a subtraction of registers, in assembly as in `resize`.
    unsafe {
        core::arch::asm!(
            "{end} -= {start}",
            end = inout(reg) further,
            start = in(reg) ctx.metadata(),
            options(pure, nomem, nostack),
        );
    }
    // SAFETY: the kernel passes a valid context, and the caller keeps no view of the frame.
    if unsafe { bpf_xdp_adjust_meta(ctx.ctx, further as i32 - len as i32) } != 0 {
        return false;
    }
    let start = ctx.metadata();
    if start + len > ctx.metadata_end() {
        return false;
    }
    // SAFETY: the note lies between data_meta and data, by the comparison; BPF on x86-64 and arm64 takes
    // any alignment.
    unsafe { (start as *mut [u64; N]).write(words) };
    true
}

/// Hands the frame to the program in slot 0; returns if there is none.
#[inline(always)]
pub fn go_on(ctx: &XdpContext, programs: &ProgramArray) {
    // SAFETY: nothing of this program lives on behind a tail call that succeeds.
    unsafe { programs.tail_call(ctx, 0) };
}
