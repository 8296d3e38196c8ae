//! A cache of items: Jin et al., *NetCache: Balancing Key-Value Stores with Fast In-Network Caching*, SOSP 2017.
//!
//! There the cache is a switch before a rack of servers. Here it is an XDP program, on a switch between clients and
//! server ([`super::on_switch`]), or on the server's device, in front of its steering program: the place of a
//! programmable NIC. What is as there: gets of hot keys are answered in the path, hot keys are found by a Count-Min
//! sketch over sampled misses, a Bloom filter and a threshold (section 4.4.3), a thread is the controller that brings
//! keys in and takes the coldest out ([`super::controller`]), statistics begin anew every interval, and writes go through
//! to the server and invalidate the cached item on their way (section 4.3). The server takes part as the paper's
//! server agents do: it says when a write has been executed. What differs is how the item becomes valid
//! again: there the server sends the new value and holds further writes back until the switch has
//! it; here the controller reads the value anew, and [`steering::in_kernel::coherence`] says why no
//! client sees an older value than it knows.
//!
//! Values are read through the owners' mailboxes, between two of their rounds. So the controller is a thread of the
//! server, wherever the program runs, and it reads the maps of a program on the switch by their descriptors: both stand
//! in for the messages that in the paper go between switch, controller and the servers' agents. No request and no
//! reply travels that way.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use loader::{Attached, NetCache, NetCacheConfig, ServerPorts, Steer};
use serde::{Deserialize, Serialize};
use steering::in_kernel::counters::Outcome;

use super::contents::{Contents, KeyBytes};
use super::controller::{Controller, Counts};
use super::on_switch::{OnSwitch, SwitchPorts};
use super::{add_counts, add_program, lock};
use crate::server::ServerError;
use crate::server::config::ServerConfig;
use crate::server::shared::Shared;
use crate::server::snapshot::ServerCounters;

/// Of the gets that miss, one of 2^this is counted.
pub(super) const SAMPLE_SHIFT: u32 = 2;
/// Sampled gets in an interval that make a key hot.
const HOT: u64 = 2;
/// What counters begin with.
const NAME: &str = "netcache";

/// A cache of items in front of a server.
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
    pub(in crate::server) keys: Vec<KeyBytes>,
    /// Where the answers go.
    pub(in crate::server) answers: Sender<Found>,
}

/// What the store holds under a key.
#[derive(Debug)]
pub(crate) struct Found {
    /// The key.
    pub(in crate::server) key: KeyBytes,
    /// Flags and value; nothing where there is no such key, it will expire, or another thread has it.
    pub(in crate::server) value: Option<(u32, Vec<u8>)>,
}

/// The cache, but for its thread.
pub(super) struct Items {
    program: Arc<Mutex<NetCache>>,
    switch: Option<SwitchPorts>,
    on_switch: Option<OnSwitch>,
    entries: u32,
    slots: u32,
    counts: Arc<Counts>,
}

impl Items {
    pub(super) fn load(config: &ServerConfig, cache: &CacheConfig) -> Result<Self, ServerError> {
        let slots = cache.entries.saturating_mul(2).saturating_add(64);
        let program = NetCache::load(&NetCacheConfig {
            ports: ServerPorts::new(config.port, 1),
            slots,
            sample_shift: SAMPLE_SHIFT,
            hot: HOT,
        })?;
        Ok(Self {
            program: Arc::new(Mutex::new(program)),
            switch: cache.switch.clone(),
            on_switch: None,
            entries: cache.entries,
            slots,
            counts: Arc::default(),
        })
    }

    pub(super) fn attach_before(
        &self,
        next: &Steer,
        ifindex: u32,
    ) -> Result<Option<Attached>, ServerError> {
        if self.switch.is_some() {
            return Ok(None);
        }
        let mut program = lock(&self.program);
        program.held.before(next)?;
        Ok(Some(program.attach(ifindex)?))
    }

    pub(super) fn attach(&mut self) -> Result<(), ServerError> {
        if let (Some(ports), None) = (&self.switch, &self.on_switch) {
            self.on_switch = Some(OnSwitch::attach(&mut lock(&self.program), ports)?);
        }
        Ok(())
    }

    pub(super) fn detach(&mut self) {
        self.on_switch = None;
    }

    pub(super) fn controller(&self, shared: &Arc<Shared>) -> Controller {
        let contents = Contents::new(self.entries as usize, self.slots);
        Controller::new(shared, &self.program, &self.counts, contents)
    }

    pub(super) fn add_counters(&self, counters: &mut ServerCounters) -> Result<(), ServerError> {
        if let Some(on_switch) = &self.on_switch {
            on_switch.add_counters(counters)?;
        }
        let outcomes = [
            Outcome::Hit,
            Outcome::GetPassed,
            Outcome::Stale,
            Outcome::ReadPassed,
            Outcome::WritePassed,
            Outcome::OtherPassed,
        ];
        let seen = lock(&self.program).counters()?;
        add_program(counters, NAME, &seen, &outcomes);
        let Counts {
            inserted,
            refreshed,
            evicted,
            under_way,
            entries,
        } = &*self.counts;
        let counts = [
            ("inserted", inserted),
            ("refreshed", refreshed),
            ("evicted", evicted),
            ("put_off", under_way),
            ("entries", entries),
        ];
        add_counts(counters, NAME, counts);
        Ok(())
    }
}
