//! A cache in the path of the server: Jin et al., *NetCache: Balancing Key-Value Stores with Fast
//! In-Network Caching*, SOSP 2017.
//!
//! There the cache is a switch before a rack of servers, here an XDP program on the server's device,
//! in front of its steering program: the place of a programmable NIC. What is as there: gets of hot keys
//! are answered in the path, hot keys are found by a Count-Min sketch over sampled misses, a Bloom
//! filter and a threshold (section 4.4.3), this thread is the controller that brings keys in and
//! takes the coldest out, statistics begin anew every interval, and writes go through to the server
//! and invalidate the cached item on their way (section 4.3). The server takes part as the paper's
//! server agents do: it says when a write has been executed. What differs is how the item becomes valid
//! again: there the server sends the new value and holds further writes back until the switch has
//! it; here the controller reads the value anew, and [`steering::in_kernel::coherence`] says why no
//! client sees an older value than it knows.
//!
//! Values are read through the owners' mailboxes, between two of their rounds.

pub(crate) mod clocks;
mod contents;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use loader::{AnswerCounters, NetCache, NetCacheConfig, ServerPorts};
use serde::{Deserialize, Serialize};
use steering::hash::hash_bytes;
use steering::in_kernel::counters::Outcome;
use steering::in_kernel::item::item_of;

use super::config::ServerConfig;
use super::shared::Shared;
use super::snapshot::{DropLine, ServerCounters};
use super::{ServerError, ThreadInfo};
use clocks::Clocks;
use contents::{Contents, KeyBytes};

/// Of the gets that miss, one of 2^this is counted.
const SAMPLE_SHIFT: u32 = 2;
/// Sampled gets in an interval that make a key hot.
const HOT: u64 = 2;
/// How long statistics gather: the paper's second, shorter as trials are.
const INTERVAL: Duration = Duration::from_millis(100);
/// How often the controller looks.
const ROUND: Duration = Duration::from_millis(1);

/// A cache in front of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheConfig {
    /// Items that it holds.
    pub entries: u32,
}

/// A question to the thread that serves these keys.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The keys.
    pub(super) keys: Vec<KeyBytes>,
    /// Where the answers go.
    pub(super) answers: Sender<Found>,
}

/// What the store holds under a key.
#[derive(Debug)]
pub(crate) struct Found {
    /// The key.
    pub(super) key: KeyBytes,
    /// Flags and value; nothing where there is no such key, it will expire, or another thread has it.
    pub(super) value: Option<(u32, Vec<u8>)>,
}

/// What the controller counts.
#[derive(Debug, Default)]
struct Counts {
    inserted: AtomicU64,
    refreshed: AtomicU64,
    evicted: AtomicU64,
    under_way: AtomicU64,
    entries: AtomicU64,
}

/// The cache, seen from the control thread.
pub(crate) struct Cache {
    program: Arc<Mutex<NetCache>>,
    entries: u32,
    slots: u32,
    counts: Arc<Counts>,
    tid: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
    controller: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache")
            .field("entries", &self.entries)
            .finish_non_exhaustive()
    }
}

impl Cache {
    /// Loads the program, if a cache is asked for.
    ///
    /// # Errors
    /// When there is no device, or the program is refused.
    pub(crate) fn load(config: &ServerConfig) -> Result<Option<Self>, ServerError> {
        let Some(cache) = &config.cache else {
            return Ok(None);
        };
        let slots = cache.entries.saturating_mul(2).saturating_add(64);
        let program = NetCache::load(&NetCacheConfig {
            ports: ServerPorts::new(config.port, 1),
            slots,
            sample_shift: SAMPLE_SHIFT,
            hot: HOT,
        })?;
        Ok(Some(Self {
            program: Arc::new(Mutex::new(program)),
            entries: cache.entries,
            slots,
            counts: Arc::default(),
            tid: Arc::default(),
            stop: Arc::default(),
            controller: None,
        }))
    }

    /// The program.
    pub(crate) fn program(&self) -> MutexGuard<'_, NetCache> {
        lock(&self.program)
    }

    /// Starts the controller; the owners serve by now.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(crate) fn start(&mut self, shared: &Arc<Shared>) -> Result<(), ServerError> {
        let (found, answers) = channel();
        let controller = Controller {
            shared: Arc::clone(shared),
            program: Arc::clone(&self.program),
            counts: Arc::clone(&self.counts),
            contents: Contents::new(self.entries as usize, self.slots),
            asked: HashMap::new(),
            found,
            answers,
            interval_from: Instant::now(),
        };
        let (stop, tid) = (Arc::clone(&self.stop), Arc::clone(&self.tid));
        let thread = std::thread::Builder::new().name("netcache".to_owned());
        let spawned = thread.spawn(move || {
            let own = rustix::thread::gettid().as_raw_pid();
            tid.store(own.unsigned_abs(), Ordering::Release);
            controller.run(&stop);
        });
        self.controller = Some(spawned.map_err(ServerError::io("the controller's thread"))?);
        Ok(())
    }

    /// The controller, once it runs.
    pub(crate) fn thread(&self) -> Option<ThreadInfo> {
        let tid = self.tid.load(Ordering::Acquire);
        (tid != 0).then(|| ThreadInfo {
            name: "netcache".to_owned(),
            tid,
            cpu: None,
        })
    }

    /// Adds what program and controller counted. Replies that the device lost are not among it.
    ///
    /// # Errors
    /// When a counter cannot be read, or the controller has ended: a cache that nobody fills is not
    /// the system that is measured.
    pub(crate) fn add_counters(&self, counters: &mut ServerCounters) -> Result<(), ServerError> {
        if self
            .controller
            .as_ref()
            .is_some_and(JoinHandle::is_finished)
        {
            return Err(ServerError::Thread(
                "the cache's controller has ended".to_owned(),
            ));
        }
        let seen = self.program().counters()?;
        counters.answered_in_path = seen.of(Outcome::Hit);
        counters.drops.extend(drops(&seen));
        let outcomes = [
            Outcome::Hit,
            Outcome::GetPassed,
            Outcome::Stale,
            Outcome::WritePassed,
            Outcome::OtherPassed,
        ];
        let outcomes = outcomes.map(|it| (format!("netcache_{}", it.name()), seen.of(it)));
        counters.related.extend(outcomes);
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Counts {
            inserted,
            refreshed,
            evicted,
            under_way,
            entries,
        } = &*self.counts;
        counters.related.extend([
            ("netcache_inserted".to_owned(), of(inserted)),
            ("netcache_refreshed".to_owned(), of(refreshed)),
            ("netcache_evicted".to_owned(), of(evicted)),
            ("netcache_put_off".to_owned(), of(under_way)),
            ("netcache_entries".to_owned(), of(entries)),
        ]);
        Ok(())
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(controller) = self.controller.take()
            && controller.join().is_err()
        {
            tracing::error!("the cache's controller panicked");
        }
    }
}

fn drops(seen: &AnswerCounters) -> Vec<DropLine> {
    let line = |name: &str, requests| DropLine {
        name: format!("netcache_{name}"),
        requests,
        source: "counter of the netcache program".to_owned(),
    };
    let by_reason = seen.drops.iter();
    by_reason
        .map(|(reason, frames)| line(reason.name(), *frames))
        .chain([line(
            Outcome::NoHeadroom.name(),
            seen.of(Outcome::NoHeadroom),
        )])
        .collect()
}

fn lock(program: &Mutex<NetCache>) -> MutexGuard<'_, NetCache> {
    program.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread that fills the cache.
struct Controller {
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
    fn run(mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Acquire) {
            std::thread::sleep(ROUND);
            if let Err(error) = self.round() {
                let failure = format!("the cache's controller: {error}");
                self.shared.gate.fail(failure);
                return;
            }
        }
    }

    fn round(&mut self) -> Result<(), loader::Error> {
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
            self.contents.interval(program.hits()?);
            program.clear_statistics()?;
        }
        if self.contents.needs_grace() {
            NetCache::grace_period()?;
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
            let passed = lock(&self.program).clocks(hash)?;
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
                program.withdraw(hash)?;
                self.contents.remove(hash);
                continue;
            };
            let before = self.contents.len();
            let Some(admitted) = self.contents.admit(&key, clock) else {
                continue;
            };
            if let Some(evicted) = admitted.evicted {
                program.withdraw(evicted)?;
                self.counts.evicted.fetch_add(1, Ordering::Relaxed);
            }
            program.write(admitted.slot, item, clock)?;
            program.publish(hash, admitted.slot)?;
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
