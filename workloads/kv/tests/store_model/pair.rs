//! A shard beside the model, and the steps that both take.

use std::collections::HashMap;

use kv::store::{DeltaError, Items, Key, Shard, StoreMode, StoreRequest, Stored};
use proptest::prelude::*;

use super::NOW;

/// Keys that steps ask for.
const KEYS: u16 = 200;

/// What an engine may do when its memory is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// Items go at any time; a refused store may have taken the old item with it.
    Slab,
    /// Items go at any time; what could not be replaced stays, but for a set.
    Overwrites,
    /// Nothing goes but what a refused set would have replaced.
    Refuses,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
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

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let mode = prop::sample::select(vec![
        StoreMode::Set,
        StoreMode::Set,
        StoreMode::Add,
        StoreMode::Replace,
        StoreMode::Append,
        StoreMode::Prepend,
    ]);
    let len = prop_oneof![6 => 0..300usize, 2 => 300..20_000usize, 1 => 100_000..1_100_000usize];
    let key = || 0..KEYS;
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

pub(crate) struct Pair<M> {
    pub(crate) shard: Shard<M>,
    full: Full,
    model: HashMap<u16, Entry>,
    now: u32,
}

impl<M: Items> Pair<M> {
    pub(crate) fn new(shard: Shard<M>, full: Full) -> Self {
        Self {
            shard,
            full,
            model: HashMap::new(),
            now: NOW,
        }
    }

    /// Compares every key; then the shard must count exactly those that it shows.
    pub(crate) fn compare_all(&mut self) -> Result<(), TestCaseError> {
        let mut shown = 0;
        for id in 0..KEYS {
            shown += u64::from(self.sync(id)?.is_some());
        }
        prop_assert_eq!(self.shard.usage().curr_items, shown);
        Ok(())
    }

    /// What a store that found no room leaves of the old item.
    fn refused(&mut self, id: u16, set: bool) {
        if set || self.full == Full::Slab {
            self.model.remove(&id);
        }
    }

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
                let lost = match self.full {
                    Full::Slab => counters.evictions + counters.store_no_memory,
                    Full::Overwrites => counters.evictions,
                    Full::Refuses => 0,
                };
                prop_assert!(lost > 0, "lost {}", id);
                self.model.remove(&id);
            }
            (None, None) => {}
        }
        Ok(shown)
    }

    pub(crate) fn run(&mut self, nth: usize, step: &Step) -> Result<(), TestCaseError> {
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
            Stored::NoMemory => self.refused(id, mode == StoreMode::Set),
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
        // What follows a space is ignored: a number that was padded may have been appended to.
        let number = text
            .as_ref()
            .and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
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
            Err(DeltaError::NoMemory) => self.refused(id, false),
            Err(DeltaError::Exists) => prop_assert!(false, "no cas was asked for"),
        }
        Ok(())
    }
}
