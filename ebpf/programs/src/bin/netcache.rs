//! XDP: a cache in the path of a server (NetCache, SOSP 2017). A get whose key is cached and was not
//! written since is answered by XDP_TX; all else goes on to the server's own program.
//!
//! Items are written by user space alone, and never while the index names them: see
//! `loader::held`. So nothing is locked here.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::XDP_PASS;
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{Array, RingBuf};
use aya_ebpf::programs::XdpContext;
use packet::Datagram;
use programs::answering::{Action, answer_value, counter, drop_for};
use programs::ctx::{Frame, Numbers, count, find, increase, random, set_bits};
use programs::{caching, setting};
use steering::in_kernel::answer::Envelope;
use steering::in_kernel::command::Key;
use steering::in_kernel::counters::Outcome;
use steering::in_kernel::effect::{Effect, effect};
use steering::in_kernel::item::{self, Item, LONGEST_KEY, has_key};
use steering::in_kernel::sketch::{
    CELLS, FILTER_WORDS, FILTERS, REPORT_WORDS, ROWS, Report, cell, is_sampled, mark, report,
};

caching!(serve);

setting!(SAMPLE_SHIFT: u32 = 0);
setting!(HOT: u64 = 1);

#[map]
static ITEMS: Array<Item> = Array::with_max_entries(1, 0);
#[map]
static SKETCH: Numbers<CELLS> = Numbers::with_max_entries(1, 0);
#[map]
static FILTER: Numbers<FILTER_WORDS> = Numbers::with_max_entries(1, 0);
#[map]
static REPORTS: RingBuf = RingBuf::with_byte_size(1 << 16, 0);

/// Counts a get that the cache did not answer, and reports its key once it is hot.
#[inline(always)]
fn observe(frame: &Frame, key: &Key) {
    if key.len > LONGEST_KEY || !is_sampled(random(), SAMPLE_SHIFT.load()) {
        return;
    }
    let mut estimate = u64::MAX;
    for row in 0..ROWS {
        estimate = estimate.min(increase(&SKETCH, cell(key.hash, row)));
    }
    if estimate < HOT.load() {
        return;
    }
    let mut is_new = false;
    for i in 0..FILTERS {
        let (word, bit) = mark(key.hash, i);
        is_new |= set_bits(&FILTER, word, bit);
    }
    if !is_new {
        return;
    }
    // Without room the key is reported in the next interval.
    if let Some(mut entry) = REPORTS.reserve::<[u64; REPORT_WORDS]>(0) {
        let report: Report = report(frame, key, estimate);
        entry.write(report);
        entry.submit(0);
    }
}

/// A get: its reply, or nothing where the server is to answer.
#[inline(always)]
fn get(ctx: &XdpContext, datagram: &Datagram, key: &Key) -> Option<Action> {
    let frame = Frame::new(ctx);
    let envelope = Envelope::of(&frame, datagram)?;
    let slot = find(&INDEX, key.hash)? as u32;
    let item = ITEMS.get(slot)?;
    if !has_key(item, &frame, key) {
        return None;
    }
    if Some(item[item::OWN]) != clocks(key.hash) {
        count(&COUNTERS, counter(Outcome::Stale));
        return None;
    }
    count(&HITS, slot);
    Some(answer_value(ctx, &envelope, item, item))
}

/// A datagram of ours.
#[inline(always)]
fn serve(ctx: &XdpContext, datagram: &Datagram) -> Action {
    let frame = Frame::new(ctx);
    let effect = match effect(&frame, datagram.payload_at, datagram.payload_end()) {
        Ok(effect) => effect,
        Err(reason) => return drop_for(reason),
    };
    advance(effect.clock());
    match effect {
        Effect::Get(key) => get(ctx, datagram, &key).unwrap_or_else(|| {
            observe(&frame, &key);
            (XDP_PASS, counter(Outcome::GetPassed))
        }),
        Effect::Reads => (XDP_PASS, counter(Outcome::ReadPassed)),
        Effect::Writes(_) => (XDP_PASS, counter(Outcome::WritePassed)),
        Effect::Anything => (XDP_PASS, counter(Outcome::OtherPassed)),
    }
}

#[xdp]
fn netcache(ctx: XdpContext) -> u32 {
    run(&ctx)
}
