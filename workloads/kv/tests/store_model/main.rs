//! Shards of both engines against a model without bounds: what they return is right, what they lack
//! was evicted, and their memory never grows.

mod pair;

use kv::store::{
    Items, Key, LogConfig, LogMode, Shard, ShardConfig, StoreRequest, Stored, Striped,
};
use pair::{Full, Pair, Step, step};
use proptest::prelude::*;

const NOW: u32 = 1_700_000_000;

/// Takes all steps beside the model; the memory in use never passes `limit`.
fn agree<M: Items>(
    shard: Shard<M>,
    full: Full,
    steps: &[Step],
    asked: usize,
) -> Result<Pair<M>, TestCaseError> {
    let limit = shard.usage().limit_maxbytes;
    prop_assert!(limit <= asked as u64);
    let mut pair = Pair::new(shard, full);
    for (nth, step) in steps.iter().enumerate() {
        pair.run(nth, step)?;
        let usage = pair.shard.usage();
        prop_assert!(usage.bytes <= limit && usage.limit_maxbytes == limit);
    }
    pair.compare_all()?;
    Ok(pair)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_model_but_for_evictions(
        steps in prop::collection::vec(step(), 1..250),
        mib in 3..12usize,
    ) {
        let bytes = mib << 20;
        let shard = Shard::new(ShardConfig { bytes }).unwrap();
        let usage = agree(shard, Full::Slab, &steps, bytes)?.shard.usage();
        let used: usize = usage.classes.iter().map(|class| class.used_slots()).sum();
        prop_assert_eq!(used as u64, usage.curr_items);
    }

    #[test]
    fn a_log_agrees_but_for_evictions(
        steps in prop::collection::vec(step(), 1..250),
        mib in 3..12usize,
    ) {
        let bytes = mib << 20;
        let shard = Shard::log(LogConfig::cache(bytes)).unwrap();
        agree(shard, Full::Overwrites, &steps, bytes)?;
    }

    #[test]
    fn a_lossless_log_agrees_but_for_refusals(
        steps in prop::collection::vec(step(), 1..250),
        mib in 3..12usize,
    ) {
        let bytes = mib << 20;
        let shard = Shard::log(LogConfig::store(bytes)).unwrap();
        let counters = *agree(shard, Full::Refuses, &steps, bytes)?.shard.counters();
        prop_assert_eq!(counters.evictions, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Logs that wrap round every few steps, and indexes of a few buckets.
    #[test]
    fn tiny_logs_agree(
        steps in prop::collection::vec(step(), 1..600),
        bytes in 4096..40_000usize,
        item_bytes in prop::sample::select(vec![64usize, 128, 512]),
    ) {
        let cache = LogConfig { item_bytes, ..LogConfig::cache(bytes) };
        agree(Shard::log(cache).unwrap(), Full::Overwrites, &steps, bytes)?;
        let store = LogConfig { mode: LogMode::Store, ..cache };
        let pair = agree(Shard::log(store).unwrap(), Full::Refuses, &steps, bytes)?;
        prop_assert_eq!(pair.shard.counters().evictions, 0);
    }
}

fn fill<M: Items>(shard: &mut Shard<M>, ids: std::ops::Range<u32>, len: usize) {
    let value = vec![b'v'; len];
    for id in ids {
        let name = id.to_be_bytes();
        let stored = shard.store(&StoreRequest::set(Key::new(&name).unwrap(), &value), NOW);
        assert!(matches!(stored, Stored::Stored { .. }), "{stored:?}");
    }
}

fn present<M: Items>(shard: &mut Shard<M>, ids: std::ops::Range<u32>) -> usize {
    ids.filter(|id| {
        shard
            .get(Key::new(&id.to_be_bytes()).unwrap(), NOW)
            .is_some()
    })
    .count()
}

#[test]
fn a_full_shard_evicts_the_unused_and_keeps_the_used() {
    let mut shard = Shard::new(ShardConfig { bytes: 4 << 20 }).unwrap();
    for id in 0..1000 {
        fill(&mut shard, id..id + 1, 200);
        fill(&mut shard, 1_000_000 + id * 5..1_000_000 + id * 5 + 5, 200);
    }
    for round in 0..100 {
        fill(&mut shard, 1000 + round * 1000..2000 + round * 1000, 200);
        assert_eq!(present(&mut shard, 0..1000), 1000, "in round {round}");
    }
    assert!(shard.counters().evictions > 50_000);
}

#[test]
fn memory_follows_the_sizes_in_use() {
    let mut shard = Shard::new(ShardConfig { bytes: 16 << 20 }).unwrap();
    fill(&mut shard, 0..100_000, 100);
    fill(&mut shard, 200_000..400_000, 1000);
    let kept = present(&mut shard, 200_000..400_000);
    // 16 MiB hold about 11 000 of the larger items; most pages must have moved to them.
    assert!(kept > 8_000, "{kept} items kept after the sizes changed");
    assert!(shard.counters().slabs_moved >= 8);
}

#[test]
fn stripes_hold_each_key_once_and_take_part_together() {
    let striped = Striped::new(ShardConfig { bytes: 64 << 20 }, 7).unwrap();
    assert_eq!(striped.len(), 8);
    for id in 0..4000u32 {
        let name = id.to_be_bytes();
        let key = Key::new(&name).unwrap();
        striped
            .lock(key.hash())
            .store(&StoreRequest::set(key, &name), NOW);
    }
    let mut items = Vec::new();
    striped.for_each(|shard| items.push(shard.usage().curr_items));
    assert_eq!(items.iter().sum::<u64>(), 4000);
    assert!(
        items.iter().all(|items| (300..700).contains(items)),
        "{items:?}"
    );
    striped.for_each(|shard| shard.flush_all(None, NOW));
    assert!((0..4000u32).all(|id| {
        let name = id.to_be_bytes();
        let key = Key::new(&name).unwrap();
        striped.lock(key.hash()).get(key, NOW).is_none()
    }));
}

#[test]
fn a_full_cache_log_overwrites_its_oldest_items_and_counts_each() {
    let mut shard = Shard::log(LogConfig::cache(4 << 20)).unwrap();
    fill(&mut shard, 0..100_000, 200);
    let kept = shard.usage().curr_items;
    assert_eq!(shard.counters().evictions + kept, 100_000);
    assert!(kept > 10_000, "{kept} items in 4 MiB");
    // In the order of their age, but for the few that a full bucket let go before.
    assert_eq!(present(&mut shard, 0..50_000), 0);
    let newest = (100_000 - kept as u32 / 2)..100_000;
    let lost = newest.len() - present(&mut shard, newest.clone());
    assert!(lost < newest.len() / 20, "{lost} of {}", newest.len());
}

#[test]
fn a_full_lossless_log_refuses_until_something_goes() {
    let mut shard = Shard::log(LogConfig::store(1 << 20)).unwrap();
    let set = |shard: &mut Shard<_>, id: u32, len: usize| {
        let (name, value) = (id.to_be_bytes(), vec![b'v'; len]);
        shard.store(&StoreRequest::set(Key::new(&name).unwrap(), &value), NOW)
    };
    let stored = (0..)
        .take_while(|id| set(&mut shard, *id, 200) != Stored::NoMemory)
        .count() as u32;
    assert_eq!(present(&mut shard, 0..stored), stored as usize);
    assert_eq!(shard.counters().evictions, 0);
    // Holes all over the log: found by moving what lies between them.
    for id in (0..stored).step_by(3) {
        let name = id.to_be_bytes();
        shard.delete(Key::new(&name).unwrap(), 0, NOW);
    }
    let (holes, mut filled) = (stored.div_ceil(3), 0);
    while set(&mut shard, stored + filled, 200) != Stored::NoMemory {
        filled += 1;
    }
    assert!(filled >= holes * 9 / 10, "{filled} of {holes} holes");
    let rest = (0..stored).filter(|id| id % 3 != 0).collect::<Vec<_>>();
    assert!(rest.iter().all(|id| present(&mut shard, *id..id + 1) == 1));
    assert_eq!(
        present(&mut shard, stored..stored + filled),
        filled as usize
    );
}

/// Whatever is on its way at the same time, each key is shown with its own item, in order.
fn batches<M: Items>(mut shard: Shard<M>) {
    fill(&mut shard, 0..500, 40);
    let names: Vec<_> = (0..1000u32)
        .map(|id| (id * 7 % 1000).to_be_bytes())
        .collect();
    let keys: Vec<_> = names.iter().map(|name| Key::new(name).unwrap()).collect();
    for len in [0, 1, 7, 8, 16, 17, 1000] {
        let mut shown = Vec::new();
        shard.get_batch(&keys[..len], NOW, |key, item| {
            shown.push((key, item.map(|item| item.key.to_vec())));
        });
        let expected = keys[..len].iter().map(|key| {
            let id = u32::from_be_bytes(*key.bytes().first_chunk().expect("four bytes"));
            (*key, (id < 500).then(|| key.bytes().to_vec()))
        });
        assert!(shown.into_iter().eq(expected));
    }
}

#[test]
fn a_batch_is_served_in_order() {
    batches(Shard::new(ShardConfig { bytes: 4 << 20 }).unwrap());
    batches(Shard::log(LogConfig::cache(4 << 20)).unwrap());
}

#[test]
fn a_value_that_shrank_grows_again_in_place() {
    let mut shard = Shard::log(LogConfig::store(64 << 10)).unwrap();
    fill(&mut shard, 0..1, 500);
    let before = shard.memory();
    for len in [500, 8, 300, 0, 500] {
        fill(&mut shard, 0..1, len);
        assert_eq!(shard.memory(), before);
    }
    fill(&mut shard, 0..1, 501 + 7);
    assert!(shard.memory().live > before.live);
}

#[test]
fn unusable_sizes_are_refused() {
    assert!(Shard::log(LogConfig::cache(64)).is_err());
    assert!(Shard::log(LogConfig::store(usize::MAX)).is_err());
    assert!(Shard::new(ShardConfig { bytes: 1 << 20 }).is_err());
    assert!(Shard::new(ShardConfig { bytes: usize::MAX }).is_err());
}
