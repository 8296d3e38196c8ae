//! XDP: steers as `steer` does, and notes each request's key in the packet's metadata, or that it has none.
//!
//! A program of its own, so that what is not asked for costs nothing.

#![no_std]
#![no_main]

use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use programs::ctx::{Frame, put_note};
use programs::{redirecting, setting};
use steering::{KeyNote, Policy, layout, slot_of, steer_noting};

/// Only policies that hash keys have any to note.
#[inline(always)]
fn by_key(number: u32) -> Policy {
    if number == Policy::Cluster.number() {
        Policy::Cluster
    } else {
        Policy::Key
    }
}

redirecting!(by_key);
setting!(CORRUPT_SLOT: u32 = layout::NO_SLOT);

#[xdp]
fn noting(ctx: XdpContext) -> u32 {
    take_time();
    let inputs = Kernel(&ctx);
    // No key has 0 bytes. (An `Option` would leave registers undefined, which the verifier refuses.)
    let mut noted = KeyNote::new(0, 0, 0);
    let verdict = steer_noting(&Frame::new(&ctx), &KernelTable, &inputs, |note| {
        noted = note
    });
    carry_out(&inputs, verdict, || {
        let words = if noted.len > 0 {
            told(noted).words()
        } else {
            KeyNote::NO_NOTE
        };
        // Where the driver has no room for metadata, the server finds none and does without.
        let _ = put_note(&ctx, words);
    })
}

/// The note that the server gets: a wrong one for keys of the slot that is to be corrupted.
#[inline(always)]
fn told(note: KeyNote) -> KeyNote {
    let corrupt = CORRUPT_SLOT.load();
    if corrupt != layout::NO_SLOT && u32::from(slot_of(note.hash)) == corrupt {
        note.corrupted()
    } else {
        note
    }
}
