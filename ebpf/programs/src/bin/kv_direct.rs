//! XDP: the whole store (KV-Direct, SOSP 2017). Gets and sets of the text protocol are executed here
//! and answered by XDP_TX; no other thread takes part.
//!
//! An index from a key's hash to the number of its item, and the items, each with a lock. Nothing is
//! ever taken out, so a key that was found stays where it is, and only values are guarded: two
//! CPUs that set one key write it one after the other, and a get copies the value under the lock.

#![no_std]
#![no_main]

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::btf_maps;
use aya_ebpf::macros::{btf_map, map, xdp};
use aya_ebpf::maps::{Array, HashMap, PerCpuArray};
use aya_ebpf::programs::XdpContext;
use packet::Datagram;
use programs::answering::{Action, answer_line, answer_value, decide, discard, drop_for};
use programs::ctx::{
    Frame, LockedItem, add_at, count, find, scratch, unlocked, unpublished, while_locked,
};
use programs::{Counters, counters, license, setting};
use steering::in_kernel::answer::{Envelope, Line};
use steering::in_kernel::command::{Command, Key, Set, command};
use steering::in_kernel::counters::Outcome;
use steering::in_kernel::item::{Item, copy_value, fits, has_key, put_key, put_value};

setting!(SERVER_PORT: u16 = 0);
setting!(PORTS: u16 = 0);
setting!(CAPACITY: u64 = 1);

#[map]
static INDEX: HashMap<u64, u64> = HashMap::with_max_entries(1, 0);
#[btf_map]
static ITEMS: btf_maps::Array<LockedItem, 1> = btf_maps::Array::new();
#[map]
static SCRATCH: PerCpuArray<Item> = PerCpuArray::with_max_entries(1, 0);
/// How many items are taken.
#[map]
static TAKEN: Array<u64> = Array::with_max_entries(1, 0);
#[map]
static COUNTERS: Counters = counters();

/// The item of a hash.
#[inline(always)]
fn item_of(hash: u64) -> Option<*mut LockedItem> {
    find(&INDEX, hash).and_then(|number| ITEMS.get_ptr_mut(number as u32))
}

/// What a request comes to: an action, or a line to be sent back.
type Served = Result<Action, (Line, Outcome)>;

#[inline(always)]
fn get(ctx: &XdpContext, envelope: &Envelope, key: &Key) -> Served {
    let found = item_of(key.hash).filter(|item| has_key(unlocked(*item), &Frame::new(ctx), key));
    let (Some(item), Some(value)) = (found, scratch(&SCRATCH)) else {
        return Err((Line::End, Outcome::Miss));
    };
    while_locked(item, |item| copy_value(value, item));
    Ok(answer_value(ctx, envelope, unlocked(item), value))
}

/// The number and the room of an item for a key that has none; nothing if all are taken.
#[inline(always)]
fn take_room() -> Option<(u64, *mut LockedItem)> {
    let number = add_at(&TAKEN, 0, 1)?;
    let room = ITEMS.get_ptr_mut(number as u32);
    if number >= CAPACITY.load() || room.is_none() {
        add_at(&TAKEN, 0, -1);
        return None;
    }
    room.map(|item| (number, item))
}

/// A set. One whose key has no item yet writes it before it can be found. If another CPU was first
/// meanwhile, its set counts as the later one, and the room stays unused.
#[inline(always)]
fn set(ctx: &XdpContext, set: &Set, end: usize) -> Served {
    if !fits(set) || set.expires {
        return Err((Line::TooLarge, Outcome::NoRoom));
    }
    let frame = Frame::new(ctx);
    let (item, new) = match item_of(set.key.hash) {
        Some(item) if has_key(unlocked(item), &frame, &set.key) => (item, None),
        Some(_) => return Ok(discard(Outcome::Collision)),
        None => {
            let Some((number, item)) = take_room() else {
                return Err((Line::OutOfMemory, Outcome::NoRoom));
            };
            put_key(unpublished(item), &frame, &set.key);
            (item, Some(number))
        }
    };
    while_locked(item, |item| put_value(item, &frame, set, end));
    if let Some(number) = new {
        let _ = INDEX.insert(set.key.hash, number, u64::from(BPF_NOEXIST));
    }
    if set.noreply {
        return Ok(discard(Outcome::StoredQuietly));
    }
    Err((Line::Stored, Outcome::Stored))
}

#[inline(always)]
fn serve(ctx: &XdpContext, datagram: &Datagram) -> Action {
    let frame = Frame::new(ctx);
    let Some(envelope) = Envelope::of(&frame, datagram) else {
        return discard(Outcome::Wrapped);
    };
    let end = datagram.payload_end();
    let served = match command(&frame, datagram.payload_at, end) {
        Ok(Command::Get(key)) => get(ctx, &envelope, &key),
        Ok(Command::Set(asked)) => set(ctx, &asked, end),
        Ok(Command::Other) => Err((Line::Error, Outcome::NotUnderstood)),
        Err(reason) => Ok(drop_for(reason)),
    };
    match served {
        Ok(action) => action,
        Err((line, outcome)) => answer_line(ctx, &envelope, line, outcome),
    }
}

#[xdp]
fn kv_direct(ctx: XdpContext) -> u32 {
    let is_ours = |port: u16| port.wrapping_sub(SERVER_PORT.load()) < PORTS.load();
    let (action, counter) = decide(&ctx, is_ours, serve);
    count(&COUNTERS, counter);
    action
}

license!();
