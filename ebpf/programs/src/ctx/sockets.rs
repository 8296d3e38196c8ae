//! Packets where the network stack has them: in clsact and in a group of sockets.

#![expect(unsafe_code, reason = "packet and map access")]

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::generated::bpf_skb_load_bytes;
use aya_ebpf::programs::{SkReuseportContext, TcContext};
use packet::Packet;

use super::frame::Frame;

/// A frame in clsact. Only its linear part can be read; the headers always lie there.
pub struct Skb {
    linear: Frame,
    len: usize,
}

impl Skb {
    /// The frame of a clsact context.
    #[inline(always)]
    #[must_use]
    pub fn new(ctx: &TcContext) -> Self {
        let linear = Frame {
            start: ctx.data(),
            end: ctx.data_end(),
        };
        Self {
            linear,
            len: ctx.len() as usize,
        }
    }
}

impl Packet for Skb {
    #[inline(always)]
    fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.linear.read(at)
    }
}

/// Chooses the transmit queue of a frame in clsact egress. The kernel keeps queue + 1, 0 being
/// "not chosen".
#[inline(always)]
pub fn set_queue(ctx: &TcContext, queue: u16) {
    let skb = ctx.as_ptr().cast::<aya_ebpf::bindings::__sk_buff>();
    // SAFETY: the kernel passes a valid context, and the field is writable in this program type.
    unsafe { (*skb).queue_mapping = u32::from(queue) + 1 };
}

/// A datagram where the kernel looks for its socket, from the UDP header on
/// (`struct sk_reuseport_md` in linux/bpf.h). All of it lies in the packet's linear part.
pub struct Segment {
    linear: Frame,
    len: usize,
}

impl Segment {
    /// The datagram of a context; `None` where a part of it lies elsewhere ([`Scattered`] reads those).
    #[inline(always)]
    #[must_use]
    pub fn new(ctx: &SkReuseportContext) -> Option<Self> {
        let linear = Frame {
            start: ctx.data(),
            end: ctx.data_end(),
        };
        // The length is a plain number to the verifier, which lets nothing be added to the packet's end.
        let len = ctx.len();
        (linear.len() >= len).then_some(Self { linear, len })
    }
}

impl Packet for Segment {
    #[inline(always)]
    fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.linear.read(at)
    }
}

/// A datagram as [`Segment`], wherever it lies: a long one of a local sender has nothing but headers
/// in its linear part, as have those of many NICs. Each read is a call into the kernel.
pub struct Scattered<'a>(pub &'a SkReuseportContext);

impl Packet for Scattered<'_> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        // SAFETY: the kernel passes a valid context, writes exactly `N` bytes, and refuses an offset
        // that is not inside.
        let refused = unsafe {
            bpf_skb_load_bytes(
                self.0.as_ptr(),
                at as u32,
                bytes.as_mut_ptr().cast(),
                N as u32,
            )
        };
        (refused == 0).then_some(bytes)
    }
}
