//! Work for its own sake.

#![expect(unsafe_code, reason = "work that the compiler must not see through")]

const START: u64 = 0x9e37_79b9_7f4a_7c15;
const FACTOR: u64 = 0xff51_afd7_ed55_8ccd;

/// Mixes a number so many times: each round waits for the one before.
///
/// To the verifier `rounds` must be a constant, for it walks them all. Call it first in a program, where
/// there is one path.
#[inline(always)]
pub fn burn(rounds: u32) {
    let mut mixed = START;
    let mut left = rounds;
    while left > 0 {
        // SAFETY: operations on registers. (Not `pure`, lest they be removed.)
        unsafe {
            core::arch::asm!(
                "{mixed} *= {factor}",
                "{copy} = {mixed}",
                "{copy} >>= 29",
                "{mixed} ^= {copy}",
                mixed = inout(reg) mixed,
                copy = out(reg) _,
                factor = in(reg) FACTOR,
                options(nomem, nostack),
            );
        }
        left -= 1;
    }
}
