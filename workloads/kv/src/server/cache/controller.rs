//! What the thread does that fills a cache of items.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use loader::NetCache;
use steering::hash::hash_bytes;
use steering::in_kernel::item::item_of;

use super::clocks::Clocks;
use super::contents::{Contents, KeyBytes};
use super::items::{Asked, Found, SAMPLE_SHIFT};
use super::{INTERVAL, lock};
use crate::server::shared::Shared;

/// What the controller counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) inserted: AtomicU64,
    pub(super) refreshed: AtomicU64,
    pub(super) evicted: AtomicU64,
    pub(super) under_way: AtomicU64,
    pub(super) entries: AtomicU64,
}

/// The thread that fills the cache.
pub(super) struct Controller {
    shared: Arc<Shared>,
    program: Arc<Mutex<NetCache>>,
    counts: Arc<Counts>,
    contents: Contents,
    /// Keys that owners were asked for, with the sum of their clocks before.
    asked: HashMap<KeyBytes, u64>,
    found: Sender<Found>,
    answers: Receiver<Found>,
    interval_from: Instant,
}

impl Controller {
    /// A controller of an empty cache.
    pub(super) fn new(
        shared: &Arc<Shared>,
        program: &Arc<Mutex<NetCache>>,
        counts: &Arc<Counts>,
        contents: Contents,
    ) -> Self {
        let (found, answers) = channel();
        Self {
            shared: Arc::clone(shared),
            program: Arc::clone(program),
            counts: Arc::clone(counts),
            contents,
            asked: HashMap::new(),
            found,
            answers,
            interval_from: Instant::now(),
        }
    }

    /// One look at what was asked for and what was written.
    pub(super) fn round(&mut self) -> Result<(), loader::Error> {
        let Some(clocks) = self.shared.clocks.clone() else {
            return Ok(());
        };
        self.take_answers()?;
        let mut wanted = self.contents.stale(|hash| {
            let (own, all) = clocks.read(hash);
            own + all
        });
        let hot = lock(&self.program).hot_keys();
        let news = hot.into_iter().filter(|hot| {
            let gets = hot.estimate << SAMPLE_SHIFT;
            self.contents.wants(hot.hash, gets)
        });
        wanted.extend(news.map(|hot| KeyBytes::from(hot.key)));
        self.ask(&clocks, wanted)?;
        if self.interval_from.elapsed() >= INTERVAL {
            self.interval_from = Instant::now();
            let mut program = lock(&self.program);
            self.contents.interval(program.held.hits()?);
            program.clear_statistics()?;
        }
        if self.contents.needs_grace() {
            loader::grace_period()?;
            self.contents.reclaim();
        }
        let entries = self.contents.len() as u64;
        self.counts.entries.store(entries, Ordering::Relaxed);
        Ok(())
    }

    /// Asks the owners for values, but not while a write of the key is between the path and its execution.
    fn ask(&mut self, clocks: &Clocks, keys: Vec<KeyBytes>) -> Result<(), loader::Error> {
        let mut by_owner: HashMap<usize, Vec<KeyBytes>> = HashMap::new();
        let mut seen = HashSet::new();
        for key in keys {
            if self.asked.contains_key(&key) || !seen.insert(Arc::clone(&key)) {
                continue;
            }
            let hash = hash_bytes(&key);
            let passed = lock(&self.program).held.clocks(hash)?;
            if passed != clocks.read(hash) {
                self.counts.under_way.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            self.asked.insert(Arc::clone(&key), passed.0 + passed.1);
            let owner = self.shared.owner_for(0, hash);
            by_owner.entry(owner).or_default().push(key);
        }
        for (owner, keys) in by_owner {
            let answers = self.found.clone();
            let questions = &self.shared.states[owner].questions;
            questions.put(Asked { keys, answers });
        }
        Ok(())
    }

    fn take_answers(&mut self) -> Result<(), loader::Error> {
        let answers: Vec<Found> = self.answers.try_iter().collect();
        let mut program = lock(&self.program);
        for Found { key, value } in answers {
            let Some(clock) = self.asked.remove(&key) else {
                continue;
            };
            let hash = hash_bytes(&key);
            let item = value.and_then(|(flags, value)| item_of(&key, flags, &value));
            let Some(item) = item else {
                program.held.withdraw(hash)?;
                self.contents.remove(hash);
                continue;
            };
            let before = self.contents.len();
            let Some(admitted) = self.contents.admit(&key, clock, 1) else {
                continue;
            };
            if let Some(evicted) = admitted.evicted {
                program.held.withdraw(evicted)?;
                self.counts.evicted.fetch_add(1, Ordering::Relaxed);
            }
            program.write(admitted.slot, item, clock)?;
            program.held.publish(hash, admitted.slot)?;
            let is_new = self.contents.len() > before || admitted.evicted.is_some();
            let count = match is_new {
                true => &self.counts.inserted,
                false => &self.counts.refreshed,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
