//! A log read by threads that do not write it, and one that all threads write.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use kv::store::log::{Crcw, Fetched, Reader, SharedMemory, View};
use kv::store::{Key, LogConfig, LogItems, LogMode, Shard, Store, StoreMode, StoreRequest, Stored};
use proptest::prelude::*;

const NOW: u32 = 1_700_000_000;

type Writer = Shard<LogItems<SharedMemory>>;

fn name(id: u32) -> Vec<u8> {
    format!("key-{id}").into_bytes()
}

/// What a reader finds under a key: value, flags, cas.
fn look(reader: &mut Reader, view: &View, id: u32, now: u32) -> Option<(Vec<u8>, u32, u64)> {
    let name = name(id);
    let key = Key::new(&name).unwrap();
    assert_eq!(reader.fetch(view, key, now), Fetched::Settled);
    Store::get(reader, key, now).map(|item| {
        assert_eq!(item.key, name);
        (item.value.to_vec(), item.facts.flags, item.facts.cas)
    })
}

#[derive(Debug, Clone)]
enum Step {
    Set(u32, usize, u32),
    Append(u32, usize),
    Delete(u32),
    Touch(u32, u32),
    FlushIn(u32),
    Wait(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let id = || 0..60u32;
    prop_oneof![
        10 => (id(), 0..300usize, 0..4u32).prop_map(|(id, len, left)| Step::Set(id, len, left)),
        3 => (id(), 0..100usize).prop_map(|(id, len)| Step::Append(id, len)),
        3 => id().prop_map(Step::Delete),
        1 => (id(), 1..4u32).prop_map(|(id, left)| Step::Touch(id, left)),
        1 => (0..4u32).prop_map(Step::FlushIn),
        2 => (1..3u32).prop_map(Step::Wait),
    ]
}

fn take(writer: &mut Writer, step: &Step, nth: usize, now: u32) {
    let store = |writer: &mut Writer, mode, id, len, left| {
        let (name, value) = (name(id), vec![b'a' + (nth % 26) as u8; len]);
        let request = StoreRequest {
            mode,
            flags: nth as u32,
            deadline: if left == 0 { 0 } else { now + left },
            ..StoreRequest::set(Key::new(&name).unwrap(), &value)
        };
        writer.store(&request, now);
    };
    match *step {
        Step::Set(id, len, left) => store(writer, StoreMode::Set, id, len, left),
        Step::Append(id, len) => store(writer, StoreMode::Append, id, len, 0),
        Step::Delete(id) => drop(writer.delete(Key::new(&name(id)).unwrap(), 0, now)),
        Step::Touch(id, left) => drop(writer.touch(Key::new(&name(id)).unwrap(), now + left, now)),
        Step::FlushIn(0) => writer.flush_all(None, now),
        Step::FlushIn(seconds) => writer.flush_all(Some(now + seconds), now),
        Step::Wait(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Also where the writer has not yet come to a flush that is due, or to an item that has expired.
    #[test]
    fn a_reader_sees_what_the_writer_would(
        steps in prop::collection::vec(step(), 1..150),
        bytes in 2048..30_000usize,
        mode in prop::sample::select(vec![LogMode::Cache, LogMode::Store]),
    ) {
        let mut writer = Shard::shared_log(LogConfig { mode, ..LogConfig::cache(bytes) }).unwrap();
        let (mut reader, view, mut now) = (Reader::new().0, writer.view(), NOW);
        for (nth, step) in steps.iter().enumerate() {
            if let Step::Wait(seconds) = step {
                now += seconds;
            }
            take(&mut writer, step, nth, now);
            let seen: Vec<_> = (0..60).map(|id| look(&mut reader, &view, id, now)).collect();
            for (id, seen) in (0..60).zip(seen) {
                let name = name(id);
                let item = writer.get(Key::new(&name).unwrap(), now);
                let known = item.map(|item| (item.value.to_vec(), item.facts.flags, item.facts.cas));
                prop_assert_eq!(seen, known, "key {} after step {}", id, nth);
            }
        }
    }
}

/// A value of equal words, so that parts of two do not make one; its length follows from the word.
fn value_of(word: u64) -> Vec<u8> {
    word.to_le_bytes().repeat(1 + word as usize % 40)
}

fn check_whole(value: &[u8]) {
    let word = u64::from_le_bytes(*value.first_chunk().expect("at least a word"));
    assert_eq!(value, value_of(word), "parts of different values");
}

/// Sets random keys until told to stop; the words tell writers apart.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn readers_never_see_parts_of_two_values() {
    // Small enough to wrap round all the time, and a mode that moves items besides.
    for (mode, keys) in [(LogMode::Cache, 200u64), (LogMode::Store, 60)] {
        let config = LogConfig {
            mode,
            ..LogConfig::cache(24 << 10)
        };
        let mut writer = Shard::shared_log(config).unwrap();
        let (view, stop, hits) = (writer.view(), AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for seed in [1, 2] {
                let (view, stop, hits) = (&view, &stop, &hits);
                scope.spawn(move || {
                    let (mut reader, mut state) = (Reader::new().0, seed * 0x9e37_79b9);
                    while !stop.load(Ordering::Relaxed) {
                        let id = (next(&mut state) % keys) as u32;
                        if let Some((value, ..)) = look(&mut reader, view, id, NOW) {
                            check_whole(&value);
                            hits.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
            let mut state = 99;
            while hits.load(Ordering::Relaxed) < 50_000 {
                let word = next(&mut state);
                let (name, value) = (name((word >> 40) as u32 % keys as u32), value_of(word));
                let key = Key::new(&name).unwrap();
                let stored = writer.store(&StoreRequest::set(key, &value), NOW);
                assert!(
                    matches!(stored, Stored::Stored { .. }) || mode == LogMode::Store,
                    "{stored:?}"
                );
            }
            stop.store(true, Ordering::Relaxed);
        });
        let evicts = mode == LogMode::Cache;
        assert_eq!(writer.counters().evictions > 0, evicts);
    }
}

#[test]
fn what_all_threads_write_is_neither_torn_nor_lost() {
    const THREADS: u64 = 3;
    const ROUNDS: u64 = 10_000;
    // Lossless, since a cache's oldest item goes however often it is used.
    let store = Crcw::new(LogConfig::store(8 << 20), 4).unwrap();
    let counter = Key::new(b"counter").unwrap();
    let zero = StoreRequest::set(counter, b"0");
    store.lock(counter.hash()).store(&zero, NOW);
    std::thread::scope(|scope| {
        for thread in 1..=THREADS {
            let store = &store;
            scope.spawn(move || {
                let (mut reader, mut state) = (store.reader(), thread * 0x9e37_79b9);
                for _ in 0..ROUNDS {
                    let word = next(&mut state);
                    let name = name((word >> 40) as u32 % 3000);
                    let key = Key::new(&name).unwrap();
                    let value = value_of(word);
                    let stored = store
                        .lock(key.hash())
                        .store(&StoreRequest::set(key, &value), NOW);
                    assert!(matches!(stored, Stored::Stored { .. }), "{stored:?}");
                    let id = (next(&mut state) >> 40) as u32 % 3000;
                    let hash = Key::new(&crate::name(id)).unwrap().hash();
                    if let Some((value, ..)) = look(&mut reader, store.view(hash), id, NOW) {
                        check_whole(&value);
                    }
                    reader.publish();
                    let counted = store.lock(counter.hash()).delta(counter, true, 1, 0, NOW);
                    assert!(counted.is_ok());
                }
            });
        }
    });
    let mut guard = store.lock(counter.hash());
    let item = guard.get(counter, NOW).expect("the counter");
    assert_eq!(
        item.value.trim_ascii_end(),
        (THREADS * ROUNDS).to_string().as_bytes()
    );
    drop(guard);
    // Every look of every reader is counted once, however often one asks.
    for _ in 0..2 {
        let mut looks = 0;
        store.for_each(|shard| looks += shard.counters().get_hits + shard.counters().get_misses);
        assert_eq!(looks, THREADS * ROUNDS + 1);
    }
}

#[test]
fn what_reading_would_change_is_left_to_the_writer() {
    let mut writer = Shard::shared_log(LogConfig::cache(1 << 20)).unwrap();
    let (mut reader, view) = (Reader::new().0, writer.view());
    let (name, other) = (name(1), name(2));
    let (key, other) = (Key::new(&name).unwrap(), Key::new(&other).unwrap());
    let Stored::Stored { cas } = writer.store(&StoreRequest::set(key, b"x"), NOW) else {
        panic!("not stored");
    };
    writer.store(&StoreRequest::set(other, b"y"), NOW);
    assert_eq!(reader.fetch(&view, key, NOW), Fetched::Settled);
    let late = StoreRequest {
        mode: StoreMode::Cas,
        cas,
        invalidate: true,
        ..StoreRequest::set(key, b"z")
    };
    let Stored::Stored { cas } = writer.store(&StoreRequest::set(key, b"x"), NOW) else {
        panic!("not stored");
    };
    assert!(matches!(writer.store(&late, NOW), Stored::Stored { cas: new } if new > cas));
    // Stale, and nobody won the right to recache it: the first to read does.
    assert_eq!(reader.fetch(&view, key, NOW), Fetched::Stale);
    assert_eq!(reader.fetch(&view, other, NOW), Fetched::Settled);
}
