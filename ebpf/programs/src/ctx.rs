//! The only unsafe code of the programs: reading and writing packets, counting, and the symbols
//! that the loader finds by name.
//!
//! The verifier tracks a packet pointer by identity. It accepts a load through a register only if
//! that same register was compared against the packet's end. The optimiser, left alone, computes
//! the address once for the comparison and again for the load; so the address is computed in
//! assembly, which it cannot repeat. An empty assembly block would do as well, but it breaks the
//! line information of BTF (two lines at one instruction).

#![expect(unsafe_code, reason = "packet and map access")]

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::bpf_spin_lock;
use aya_ebpf::helpers::generated::{
    bpf_get_prandom_u32, bpf_get_smp_processor_id, bpf_skb_load_bytes, bpf_spin_lock,
    bpf_spin_unlock, bpf_xdp_adjust_head, bpf_xdp_adjust_tail, bpf_xdp_store_bytes,
};
use aya_ebpf::maps::{Array, HashMap, PerCpuArray, ProgramArray};
use aya_ebpf::programs::{SkReuseportContext, TcContext, XdpContext};
use packet::{Head, Packet, PacketMut};
use steering::in_kernel::item::{ITEM_WORDS, Item};
use steering::layout::{LONGEST_REQUEST, REQUEST_BYTES, REQUEST_HEADER};

use crate::Counters;

/// Offsets stay below this power of two, for the verifier refuses packet offsets that it cannot
/// bound by 65535. No frame that XDP sees is longer.
const OFFSET_MASK: usize = 0x3fff;

/// A frame in XDP.
#[derive(Clone, Copy)]
pub struct Frame {
    start: usize,
    end: usize,
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

/// The CPU that runs this.
#[inline(always)]
#[must_use]
pub fn this_cpu() -> u64 {
    // SAFETY: it takes nothing and touches nothing.
    u64::from(unsafe { bpf_get_smp_processor_id() })
}

/// Adds one to a counter of this CPU.
#[inline(always)]
pub fn count(counters: &Counters, index: u32) {
    add(counters, index, 1);
}

/// Adds to a counter of this CPU.
#[inline(always)]
pub fn add(counters: &Counters, index: u32, number: u64) {
    if let Some(counter) = counters.get_ptr_mut(index) {
        // SAFETY: the value is this CPU's own, and a program is not preempted by itself here.
        unsafe { *counter += number };
    }
}

/// Takes one from the number in slot 0, if it is not used up: true then. Frames on several CPUs
/// may ask at once, so each subtracts first and puts back what was not there.
#[inline(always)]
#[must_use]
pub fn take_one(left: &Array<u64>) -> bool {
    let Some(left) = left.get_ptr_mut(0) else {
        return false;
    };
    if fetch_add(left, -1) > 0 {
        return true;
    }
    fetch_add(left, 1);
    false
}

/// Adds atomically and returns what was there. In assembly, for the target claims to have no
/// read-modify-write operations, although every kernel since 5.12 has this one.
#[inline(always)]
fn fetch_add(number: *mut u64, added: i64) -> i64 {
    let mut value = added;
    // SAFETY: the pointer comes from a lookup that succeeded; the map's values are aligned, and
    // live as long as the program.
    unsafe {
        core::arch::asm!(
            "{value} = atomic_fetch_add((u64 *)({number} + 0), {value})",
            number = in(reg) number,
            value = inout(reg) value,
            options(nostack),
        );
    }
    value
}

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

/// An item that several CPUs change: its own word is a lock of the kernel's, which user space takes too
/// (`BPF_F_LOCK`).
#[repr(C)]
pub struct LockedItem {
    lock: bpf_spin_lock,
    unused: u32,
    words: [u64; ITEM_WORDS - 1],
}

const _: () = assert!(size_of::<LockedItem>() == size_of::<Item>());

/// Changes or copies an item while no other CPU does. No helper may be called meanwhile.
///
/// The verifier lets nobody touch the lock itself: `access` must leave the word [`item::OWN`] alone.
#[inline(always)]
pub fn while_locked(item: *mut LockedItem, access: impl FnOnce(&mut Item)) {
    // SAFETY: the pointer comes from a lookup that succeeded; the map's values are aligned and live as
    // long as the program. The calls keep everything else of the item between them.
    unsafe {
        let lock = &raw mut (*item).lock;
        bpf_spin_lock(lock);
        access(&mut *item.cast::<Item>());
        bpf_spin_unlock(lock);
    }
}

/// What of an item never changes once it can be found, its key above all, or is one word.
#[inline(always)]
#[must_use]
pub fn unlocked<'a>(item: *mut LockedItem) -> &'a Item {
    // SAFETY: as above. Other CPUs write words of the value at the same time, which nobody reads here.
    unsafe { &*item.cast::<Item>() }
}

/// An item that nobody can find yet.
#[inline(always)]
#[must_use]
pub fn unpublished<'a>(item: *mut LockedItem) -> &'a mut Item {
    // SAFETY: as above; the number of the item was given to this run of the program alone.
    unsafe { &mut *item.cast::<Item>() }
}

/// This CPU's room for one item.
#[inline(always)]
#[must_use]
pub fn scratch<'a>(room: &PerCpuArray<Item>) -> Option<&'a mut Item> {
    let item = room.get_ptr_mut(0)?;
    // SAFETY: the value is this CPU's own, and a program is not preempted by itself here.
    Some(unsafe { &mut *item })
}

/// Adds to a number that all CPUs share; returns what was there. `None` if there is no such number.
#[inline(always)]
pub fn add_at(numbers: &Array<u64>, index: u32, added: i64) -> Option<u64> {
    numbers
        .get_ptr_mut(index)
        .map(|number| fetch_add(number, added) as u64)
}

/// Many numbers that all CPUs share, in one value, so that user space clears them by one call.
pub type Numbers<const N: usize> = Array<[u64; N]>;

/// Number `index` of a value.
#[inline(always)]
fn number_at<const N: usize>(numbers: &Numbers<N>, index: usize) -> Option<*mut u64> {
    let first = numbers.get_ptr_mut(0)?.cast::<u64>();
    // SAFETY: inside the value, by the comparison.
    (index < N).then(|| unsafe { first.add(index) })
}

/// Adds one to a number; returns the sum, or 0 if there is no such number.
#[inline(always)]
pub fn increase<const N: usize>(numbers: &Numbers<N>, index: usize) -> u64 {
    number_at(numbers, index).map_or(0, |number| fetch_add(number, 1) as u64 + 1)
}

/// Sets bits of a number; true if one of them was not set. A bit that another CPU sets in the same number
/// at the same moment can get lost.
#[inline(always)]
#[must_use]
pub fn set_bits<const N: usize>(numbers: &Numbers<N>, index: usize, bits: u64) -> bool {
    let Some(number) = number_at(numbers, index) else {
        return false;
    };
    // SAFETY: the map's values are aligned and live as long as the program.
    unsafe {
        let before = number.read_volatile();
        number.write_volatile(before | bits);
        before & bits != bits
    }
}

/// A random number of the kernel's.
#[inline(always)]
#[must_use]
pub fn random() -> u32 {
    // SAFETY: takes nothing, and touches nothing of ours.
    unsafe { bpf_get_prandom_u32() }
}

/// The number that a map holds for `key`.
#[inline(always)]
#[must_use]
pub fn find(map: &HashMap<u64, u64>, key: u64) -> Option<u64> {
    // SAFETY: one aligned word; where its place has been given to another key meanwhile, that key's
    // number is read, and the item that it names has another key.
    unsafe { map.get(&key).copied() }
}

/// Hands the frame to the program in slot 0; returns if there is none.
#[inline(always)]
pub fn go_on(ctx: &XdpContext, programs: &ProgramArray) {
    // SAFETY: nothing of this program lives on behind a tail call that succeeds.
    unsafe { programs.tail_call(ctx, 0) };
}

/// Declares a read-only setting that the loader fills in. It is a constant to the verifier, which
/// prunes whatever the value excludes.
#[macro_export]
macro_rules! setting {
    ($name:ident: $type:ty = $default:expr) => {
        #[expect(unsafe_code, reason = "the loader finds the symbol by its name")]
        #[unsafe(no_mangle)]
        static $name: aya_ebpf::Global<$type> = aya_ebpf::Global::new($default);
    };
}

/// Declares the program's licence to the kernel: the Rust sources are MIT or Apache-2.0, and the
/// program may be used under the GPL, as some helpers demand.
#[macro_export]
macro_rules! license {
    () => {
        #[expect(unsafe_code, reason = "the kernel finds the licence by its section")]
        #[unsafe(link_section = "license")]
        #[unsafe(no_mangle)]
        static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
    };
}
