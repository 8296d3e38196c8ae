//! What the eBPF programs share: packet access and counters.
//!
//! Each program is a shell of a few lines in `src/bin`: it fetches the inputs, calls the pure
//! decision of `steering`, and turns the verdict into an action. The licence string of each is
//! GPL-compatible, as some helpers demand.

#![no_std]
#![feature(asm_experimental_arch)]

pub mod answering;
pub mod ctx;
mod in_path;
mod inputs;
mod redirect;

use aya_ebpf::maps::{Array, PerCpuArray};
use steering::layout;

/// Counters of one program, by the numbers of [`steering::layout`]; per CPU, so that counting
/// needs no atomic operation.
pub type Counters = PerCpuArray<u64>;

/// An empty map of counters.
#[must_use]
pub const fn counters() -> Counters {
    Counters::with_max_entries(layout::COUNTERS, 0)
}

/// Whether an owner runs on another CPU than this program does now.
#[inline(always)]
#[must_use]
pub fn hops_to(owner_cpus: &Array<u64>, owner: u32) -> bool {
    match owner_cpus.get(owner) {
        Some(cpu) => *cpu != ctx::this_cpu(),
        None => false,
    }
}

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // Never linked in: a panic that the optimiser could not remove fails verification.
    loop {}
}
