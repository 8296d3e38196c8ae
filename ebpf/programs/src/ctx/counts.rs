//! Counters and numbers in maps, the CPU and the time.

#![expect(unsafe_code, reason = "packet and map access")]

use aya_ebpf::helpers::generated::{bpf_get_smp_processor_id, bpf_ktime_get_ns};
use aya_ebpf::maps::{Array, PerCpuArray};

use crate::Counters;

/// The CPU that runs this.
#[inline(always)]
#[must_use]
pub fn this_cpu() -> u64 {
    // SAFETY: it takes nothing and touches nothing.
    u64::from(unsafe { bpf_get_smp_processor_id() })
}

/// Nanoseconds of CLOCK_MONOTONIC.
#[inline(always)]
#[must_use]
pub fn now_ns() -> u64 {
    // SAFETY: as above.
    unsafe { bpf_ktime_get_ns() }
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

/// How often this CPU was here before. `None` if there is no room to count.
#[inline(always)]
#[must_use]
pub fn take_turn(turns: &PerCpuArray<u64>) -> Option<u32> {
    let turns = turns.get_ptr_mut(0)?;
    // SAFETY: the value is this CPU's own, and a program is not preempted by itself here.
    unsafe {
        let turn = *turns;
        *turns = turn + 1;
        Some(turn as u32)
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
pub(super) fn fetch_add(number: *mut u64, added: i64) -> i64 {
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
