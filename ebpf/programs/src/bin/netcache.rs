//! XDP: a cache in the path of a server (NetCache, SOSP 2017). A get whose key is cached and was not
//! written since is answered by XDP_TX; all else goes on to the server's own program.
//!
//! Items are written by user space alone, and never while the index names them: see
//! `loader::netcache`. So nothing is locked here.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::XDP_PASS;
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{Array, HashMap, PerCpuArray, ProgramArray, RingBuf};
use aya_ebpf::programs::XdpContext;
use packet::{Datagram, datagram};
use programs::answering::{Action, FOREIGN, answer_value, counter, drop_for};
use programs::ctx::{Frame, Numbers, add_at, count, find, go_on, increase, random, set_bits};
use programs::{Counters, counters, license, setting};
use steering::in_kernel::answer::Envelope;
use steering::in_kernel::coherence::{ALL_CLOCKS, EVERY_KEY, clock_of};
use steering::in_kernel::command::Key;
use steering::in_kernel::counters::Outcome;
use steering::in_kernel::effect::{Effect, effect};
use steering::in_kernel::item::{self, Item, LONGEST_KEY, has_key};
use steering::in_kernel::sketch::{
    CELLS, FILTER_WORDS, FILTERS, REPORT_WORDS, ROWS, Report, cell, is_sampled, mark, report,
};
use steering::refused;

setting!(SERVER_PORT: u16 = 0);
setting!(PORTS: u16 = 0);
setting!(SAMPLE_SHIFT: u32 = 0);
setting!(HOT: u64 = 1);

#[map]
static INDEX: HashMap<u64, u64> = HashMap::with_max_entries(1, 0);
#[map]
static ITEMS: Array<Item> = Array::with_max_entries(1, 0);
/// How often each item was given out.
#[map]
static HITS: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);
/// How many writes of each clock have passed.
#[map]
static CLOCKS: Array<u64> = Array::with_max_entries(ALL_CLOCKS as u32, 0);
#[map]
static SKETCH: Numbers<CELLS> = Numbers::with_max_entries(1, 0);
#[map]
static FILTER: Numbers<FILTER_WORDS> = Numbers::with_max_entries(1, 0);
#[map]
static REPORTS: RingBuf = RingBuf::with_byte_size(1 << 16, 0);
#[map]
static NEXT: ProgramArray = ProgramArray::with_max_entries(1, 0);
#[map]
static COUNTERS: Counters = counters();

/// The sum of a key's clocks.
#[inline(always)]
fn clocks(hash: u64) -> Option<u64> {
    let (own, all) = (CLOCKS.get(clock_of(hash))?, CLOCKS.get(EVERY_KEY)?);
    Some(own.wrapping_add(*all))
}

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
    if let Some(clock) = effect.clock() {
        add_at(&CLOCKS, clock, 1);
    }
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

#[inline(always)]
fn decide(ctx: &XdpContext) -> Action {
    let is_ours = |port: u16| port.wrapping_sub(SERVER_PORT.load()) < PORTS.load();
    match datagram(&Frame::new(ctx)) {
        Ok(datagram) if is_ours(datagram.dst_port) => serve(ctx, &datagram),
        Ok(_) => FOREIGN,
        Err(refusal) => refused(refusal, is_ours).map_or(FOREIGN, drop_for),
    }
}

#[xdp]
fn netcache(ctx: XdpContext) -> u32 {
    let (action, counter) = decide(&ctx);
    count(&COUNTERS, counter);
    if action == XDP_PASS {
        go_on(&ctx, &NEXT);
    }
    action
}

license!();
