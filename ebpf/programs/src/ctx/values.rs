//! Items and numbers that programs keep for themselves: stores, caches, sketches.

#![expect(unsafe_code, reason = "packet and map access")]

use aya_ebpf::bindings::bpf_spin_lock;
use aya_ebpf::helpers::generated::{bpf_get_prandom_u32, bpf_spin_lock, bpf_spin_unlock};
use aya_ebpf::maps::{Array, HashMap, PerCpuArray};
use steering::in_kernel::item::{ITEM_WORDS, Item};

use super::counts::fetch_add;

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

/// Changes the numbers of value `index`, which no other CPU changes at the same time; what `by` says. `None` if there is no
/// such value.
#[inline(always)]
pub fn change<const N: usize, R>(
    numbers: &Numbers<N>,
    index: u32,
    by: impl FnOnce(&mut [u64; N]) -> R,
) -> Option<R> {
    let value = numbers.get_ptr_mut(index)?;
    // SAFETY: the pointer comes from a lookup that succeeded; the map's values are aligned and live as long as the
    // program. That nobody else writes them now is the caller's to see to.
    Some(by(unsafe { &mut *value }))
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
