//! The shard against a model without bounds: what it returns is right, what it lacks was evicted,
//! and its memory never grows.

use std::collections::HashMap;

use kv::store::{DeltaError, Key, Shard, ShardConfig, StoreMode, StoreRequest, Stored, Striped};
use proptest::prelude::*;

const NOW: u32 = 1_700_000_000;

#[derive(Debug, Clone)]
enum Step {
    Store(StoreMode, u16, usize),
    Get(u16),
    Touch(u16, u32),
    Delete(u16),
    Delta(u16, bool, u64),
    Flush,
    Wait(u32),
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    value: Vec<u8>,
    deadline: u32,
}

fn step() -> impl Strategy<Value = Step> {
    let mode = prop::sample::select(vec![
        StoreMode::Set,
        StoreMode::Set,
        StoreMode::Add,
        StoreMode::Replace,
        StoreMode::Append,
        StoreMode::Prepend,
    ]);
    let len = prop_oneof![6 => 0..300usize, 2 => 300..20_000usize, 1 => 100_000..1_100_000usize];
    let key = || 0..200u16;
    prop_oneof![
        12 => (mode, key(), len).prop_map(|(mode, key, len)| Step::Store(mode, key, len)),
        8 => key().prop_map(Step::Get),
        1 => (key(), 1..50u32).prop_map(|(key, left)| Step::Touch(key, left)),
        2 => key().prop_map(Step::Delete),
        2 => (key(), any::<bool>(), any::<u64>()).prop_map(|(key, up, by)| Step::Delta(key, up, by)),
        1 => (1..20u32).prop_map(Step::Wait),
        1 => Just(Step::Flush),
    ]
}

fn name(id: u16) -> Vec<u8> {
    format!("key-{id}").into_bytes()
}

/// Different for each step, so that an old value is never taken for a new one. Starts like a
/// number now and then.
fn value(nth: usize, len: usize) -> Vec<u8> {
    let stamp = if nth.is_multiple_of(3) {
        format!("{nth}")
    } else {
        format!("v{nth}.")
    };
    stamp
        .into_bytes()
        .into_iter()
        .chain(std::iter::repeat(b' '))
        .take(len)
        .collect()
}

struct Pair {
    shard: Shard,
    model: HashMap<u16, Entry>,
    now: u32,
}

impl Pair {
    /// Takes over what the shard shows: the same as the model, or nothing, if it could have
    /// been evicted.
    fn sync(&mut self, id: u16) -> Result<Option<Entry>, TestCaseError> {
        let now = self.now;
        self.model
            .retain(|_, entry| entry.deadline == 0 || entry.deadline > now);
        let key = name(id);
        let shown = self
            .shard
            .get(Key::new(&key).unwrap(), now)
            .map(|item| Entry {
                value: item.value.to_vec(),
                deadline: item.facts.deadline,
            });
        match (&shown, self.model.get(&id)) {
            (Some(ours), theirs) => prop_assert_eq!(Some(ours), theirs),
            (None, Some(_)) => {
                let counters = self.shard.counters();
                prop_assert!(
                    counters.evictions + counters.store_no_memory > 0,
                    "lost {}",
                    id
                );
                self.model.remove(&id);
            }
            (None, None) => {}
        }
        Ok(shown)
    }

    fn run(&mut self, nth: usize, step: &Step) -> Result<(), TestCaseError> {
        let now = self.now;
        match *step {
            Step::Store(mode, id, len) => {
                let before = self.sync(id)?;
                let (name, value) = (name(id), value(nth, len));
                let key = Key::new(&name).unwrap();
                let request = StoreRequest {
                    mode,
                    ..StoreRequest::set(key, &value)
                };
                let stored = self.shard.store(&request, now);
                self.expect_stored(mode, id, before, value, stored)?;
            }
            Step::Get(id) => drop(self.sync(id)?),
            Step::Touch(id, left) => {
                let before = self.sync(id)?;
                let name = name(id);
                let touched = self
                    .shard
                    .touch(Key::new(&name).unwrap(), now + left, now)
                    .is_some();
                prop_assert_eq!(touched, before.is_some());
                if let Some(entry) = self.model.get_mut(&id) {
                    entry.deadline = now + left;
                }
            }
            Step::Delete(id) => {
                let before = self.sync(id)?;
                let name = name(id);
                let deleted = self.shard.delete(Key::new(&name).unwrap(), 0, now);
                prop_assert_eq!(deleted, before.map(|_| true));
                self.model.remove(&id);
            }
            Step::Delta(id, up, by) => self.delta(id, up, by)?,
            Step::Flush => {
                self.shard.flush_all(None, now);
                self.model.clear();
            }
            Step::Wait(seconds) => self.now += seconds,
        }
        Ok(())
    }

    fn expect_stored(
        &mut self,
        mode: StoreMode,
        id: u16,
        before: Option<Entry>,
        value: Vec<u8>,
        stored: Stored,
    ) -> Result<(), TestCaseError> {
        let present = before.is_some();
        let joined = match (mode, before) {
            (StoreMode::Append, Some(old)) => Some(Entry {
                value: [old.value, value].concat(),
                ..old
            }),
            (StoreMode::Prepend, Some(old)) => Some(Entry {
                value: [value, old.value].concat(),
                ..old
            }),
            (StoreMode::Add, Some(_))
            | (StoreMode::Replace | StoreMode::Append | StoreMode::Prepend, None) => None,
            _ => Some(Entry { value, deadline: 0 }),
        };
        match stored {
            Stored::Stored { .. } => {
                let entry = joined.expect("stored against the condition");
                self.model.insert(id, entry);
            }
            Stored::NotStored => {
                let too_large = joined.is_some_and(|entry| entry.value.len() > 1_000_000);
                let full = matches!(mode, StoreMode::Append | StoreMode::Prepend);
                prop_assert!(!present || mode == StoreMode::Add || too_large || full);
            }
            Stored::TooLarge => {
                if mode == StoreMode::Set {
                    self.model.remove(&id);
                }
            }
            Stored::NoMemory => drop(self.model.remove(&id)),
            Stored::Exists | Stored::NotFound => prop_assert!(false, "no cas was asked for"),
        }
        Ok(())
    }

    fn delta(&mut self, id: u16, up: bool, by: u64) -> Result<(), TestCaseError> {
        let before = self.sync(id)?;
        let name = name(id);
        let result = self
            .shard
            .delta(Key::new(&name).unwrap(), up, by, 0, self.now);
        let text = before
            .as_ref()
            .map(|entry| String::from_utf8_lossy(&entry.value));
        let number = text
            .as_ref()
            .and_then(|text| text.trim_end().parse::<u64>().ok());
        match result {
            Ok(delta) => {
                let old = number.expect("a number");
                let new = if up {
                    old.wrapping_add(by)
                } else {
                    old.saturating_sub(by)
                };
                prop_assert_eq!(delta.number, new);
                let width = text.map_or(0, |text| text.len());
                let entry = self.model.get_mut(&id).expect("present");
                let mut value = new.to_string().into_bytes();
                value.resize(value.len().max(width), b' ');
                entry.value = value;
            }
            Err(DeltaError::NotFound) => prop_assert!(before.is_none()),
            Err(DeltaError::NonNumeric) => {
                let long = text.is_some_and(|text| text.len() > 512 * 1024);
                prop_assert!(before.is_some() && (number.is_none() || long));
            }
            Err(DeltaError::NoMemory) => drop(self.model.remove(&id)),
            Err(DeltaError::Exists) => prop_assert!(false, "no cas was asked for"),
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_model_but_for_evictions(
        steps in prop::collection::vec(step(), 1..250),
        mib in 3..12usize,
    ) {
        let shard = Shard::new(ShardConfig { bytes: mib << 20 }).unwrap();
        let limit = shard.usage().limit_maxbytes;
        prop_assert!(limit <= (mib << 20) as u64);
        let mut pair = Pair { shard, model: HashMap::new(), now: NOW };
        for (nth, step) in steps.iter().enumerate() {
            pair.run(nth, step)?;
            let usage = pair.shard.usage();
            prop_assert!(usage.bytes <= limit && usage.limit_maxbytes == limit);
            let used: usize = usage.classes.iter().map(|class| class.used_slots()).sum();
            prop_assert_eq!(used as u64, usage.curr_items);
        }
    }
}

fn fill(shard: &mut Shard, ids: std::ops::Range<u32>, len: usize) {
    let value = vec![b'v'; len];
    for id in ids {
        let name = id.to_be_bytes();
        let stored = shard.store(&StoreRequest::set(Key::new(&name).unwrap(), &value), NOW);
        assert!(matches!(stored, Stored::Stored { .. }), "{stored:?}");
    }
}

fn present(shard: &mut Shard, ids: std::ops::Range<u32>) -> usize {
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
fn unusable_sizes_are_refused() {
    assert!(Shard::new(ShardConfig { bytes: 1 << 20 }).is_err());
    assert!(Shard::new(ShardConfig { bytes: usize::MAX }).is_err());
}
