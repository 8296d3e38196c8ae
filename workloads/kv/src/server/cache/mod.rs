//! A cache in the path of the server: Jin et al., *NetCache: Balancing Key-Value Stores with Fast
//! In-Network Caching*, SOSP 2017.
//!
//! There the cache is a switch before a rack of servers. Here it is an XDP program, on a switch between clients and
//! server ([`on_switch`]), or on the server's device, in front of its steering program: the place of a programmable
//! NIC. What is as there: gets of hot keys are answered in the path, hot keys are found by a Count-Min sketch over
//! sampled misses, a Bloom filter and a threshold (section 4.4.3), this thread is the controller that brings keys in and
//! takes the coldest out, statistics begin anew every interval, and writes go through to the server
//! and invalidate the cached item on their way (section 4.3). The server takes part as the paper's
//! server agents do: it says when a write has been executed. What differs is how the item becomes valid
//! again: there the server sends the new value and holds further writes back until the switch has
//! it; here the controller reads the value anew, and [`steering::in_kernel::coherence`] says why no
//! client sees an older value than it knows.
//!
//! Values are read through the owners' mailboxes, between two of their rounds. So the controller is a thread of the
//! server, wherever the program runs, and it reads the maps of a program on the switch by their descriptors: both stand
//! in for the messages that in the paper go between switch, controller and the servers' agents. No request and no
//! reply travels that way.

pub(crate) mod clocks;
mod contents;
mod controller;
mod on_switch;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use loader::{AnswerCounters, NetCache, NetCacheConfig, ServerPorts};
use serde::{Deserialize, Serialize};
use steering::in_kernel::counters::Outcome;

use super::config::ServerConfig;
use super::gate::Gate;
use super::shared::Shared;
use super::snapshot::{DropLine, ServerCounters};
use super::{ServerError, ThreadInfo};
use contents::{Contents, KeyBytes};
use controller::{Controller, Counts, keep_filling};
use on_switch::OnSwitch;
pub use on_switch::SwitchPorts;

/// Of the gets that miss, one of 2^this is counted.
const SAMPLE_SHIFT: u32 = 2;
/// Sampled gets in an interval that make a key hot.
const HOT: u64 = 2;

/// A cache in front of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheConfig {
    /// Items that it holds.
    pub entries: u32,
    /// The switch that it is on; none where it is on the server's device.
    pub switch: Option<SwitchPorts>,
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

/// The cache, seen from the control thread.
pub(crate) struct Cache {
    program: Arc<Mutex<NetCache>>,
    switch: Option<SwitchPorts>,
    on_switch: Option<OnSwitch>,
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
            switch: cache.switch.clone(),
            on_switch: None,
            entries: cache.entries,
            slots,
            counts: Arc::default(),
            tid: Arc::default(),
            stop: Arc::default(),
            controller: None,
        }))
    }

    /// The program, where it is to run in front of the server's own on one device.
    pub(crate) fn on_device(&self) -> Option<MutexGuard<'_, NetCache>> {
        self.switch.is_none().then(|| lock(&self.program))
    }

    /// Puts the program in the path where that is a switch; the server's own is attached by now.
    ///
    /// # Errors
    /// When the switch does not take it.
    pub(crate) fn attach(&mut self) -> Result<(), ServerError> {
        if let (Some(ports), None) = (&self.switch, &self.on_switch) {
            self.on_switch = Some(OnSwitch::attach(&mut lock(&self.program), ports)?);
        }
        Ok(())
    }

    /// Takes it out of the path again.
    pub(crate) fn detach(&mut self) {
        self.on_switch = None;
    }

    /// Starts the controller; the owners serve by now.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(crate) fn start(&mut self, shared: &Arc<Shared>) -> Result<(), ServerError> {
        let contents = Contents::new(self.entries as usize, self.slots);
        let mut controller = Controller::new(shared, &self.program, &self.counts, contents);
        let shared = Arc::clone(shared);
        let (stop, tid) = (Arc::clone(&self.stop), Arc::clone(&self.tid));
        let thread = std::thread::Builder::new().name("netcache".to_owned());
        let spawned = thread.spawn(move || {
            let own = rustix::thread::gettid().as_raw_pid();
            tid.store(own.unsigned_abs(), Ordering::Release);
            keep_filling(&shared.gate, &stop, || controller.round());
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

    /// Ends the controller as if it had died, and waits for that.
    pub(crate) fn end_controller(&self) {
        self.stop.store(true, Ordering::Release);
        while (self.controller.as_ref()).is_some_and(|controller| !controller.is_finished()) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Fails when the controller has ended, with why if it said so.
    pub(crate) fn alive(&self, gate: &Gate) -> Result<(), ServerError> {
        let ended = (self.controller.as_ref()).is_some_and(JoinHandle::is_finished);
        if !ended {
            return Ok(());
        }
        let why = gate.failure();
        let why = why.unwrap_or_else(|| "the cache's controller has ended".to_owned());
        Err(ServerError::Thread(format!(
            "{why}: nobody fills the cache any more, and what is measured is another system"
        )))
    }

    /// Adds what program and controller counted. Replies that the device lost are not among it.
    ///
    /// # Errors
    /// When a counter cannot be read.
    pub(crate) fn add_counters(&self, counters: &mut ServerCounters) -> Result<(), ServerError> {
        if let Some(on_switch) = &self.on_switch {
            on_switch.add_counters(counters)?;
        }
        let seen = lock(&self.program).counters()?;
        counters.answered_in_path = seen.of(Outcome::Hit);
        counters.drops.extend(drops(&seen));
        let outcomes = [
            Outcome::Hit,
            Outcome::GetPassed,
            Outcome::Stale,
            Outcome::ReadPassed,
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
