//! The cache in the path of a server.
//!
//! **An item is never written while the program could read it.** The index names an item's slot. An
//! item is written into a free slot, and only then named; a slot that is no longer named is free after a
//! grace period: `membarrier(MEMBARRIER_CMD_GLOBAL)` returns when every run of the program that had
//! begun before has ended (it is the kernel's `synchronize_rcu`, and XDP programs run in its read
//! side). So the program needs no lock, no version, and no second look.

use aya::maps::{
    Array, HashMap, MapData, MapError, PerCpuArray, PerCpuValues, ProgramArray, RingBuf,
};
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use steering::in_kernel::coherence::{EVERY_KEY, clock_of};
use steering::in_kernel::item::{self, Item};
use steering::in_kernel::sketch::{CELLS, FILTER_WORDS, REPORT_WORDS};

use crate::counters::Counters;
use crate::object::{self, map_error};
use crate::{AnswerCounters, Error, Result, ServerPorts, XdpProgram};

/// How the cache is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetCacheConfig {
    /// What goes to these ports are requests.
    pub ports: ServerPorts,
    /// Items, in use or waiting to be free again.
    pub slots: u32,
    /// Of the gets that miss, one of 2^`sample_shift` is counted.
    pub sample_shift: u32,
    /// Sampled gets of a key in one interval that make it hot.
    pub hot: u64,
}

/// A key that was asked for often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HotKey {
    /// Its hash.
    pub hash: u64,
    /// Its bytes.
    pub key: Vec<u8>,
    /// Sampled gets in this interval, by the sketch's estimate.
    pub estimate: u64,
}

/// The program, loaded.
pub struct NetCache {
    ebpf: Ebpf,
    index: HashMap<MapData, u64, u64>,
    items: Array<MapData, Item>,
    hits: PerCpuArray<MapData, u64>,
    clocks: Array<MapData, u64>,
    sketch: Array<MapData, [u64; CELLS]>,
    filter: Array<MapData, [u64; FILTER_WORDS]>,
    reports: RingBuf<MapData>,
    next: ProgramArray<MapData>,
    slots: u32,
    counters: Counters,
}

impl NetCache {
    const NAME: &str = "netcache";

    /// Loads the program with an empty cache.
    ///
    /// # Errors
    /// A configuration out of range, missing privilege, or the verifier's refusal.
    pub fn load(config: &NetCacheConfig) -> Result<Self> {
        if config.slots == 0 || config.sample_shift > 31 {
            return Err(Error::BadConfig(
                "a cache needs at least one slot, and a sample at least one get of 2^31",
            ));
        }
        let mut loader = EbpfLoader::new();
        config.ports.set(&mut loader);
        loader
            .override_global("SAMPLE_SHIFT", &config.sample_shift, true)
            .override_global("HOT", &config.hot, true)
            .map_max_entries("INDEX", config.slots)
            .map_max_entries("ITEMS", config.slots)
            .map_max_entries("HITS", config.slots);
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/netcache"));
        let mut ebpf = object::xdp(Self::NAME, &mut loader, object)?;
        Ok(Self {
            index: object::hash(&mut ebpf, Self::NAME, "INDEX")?,
            items: object::array(&mut ebpf, Self::NAME, "ITEMS")?,
            hits: object::per_cpu(&mut ebpf, Self::NAME, "HITS")?,
            clocks: object::array(&mut ebpf, Self::NAME, "CLOCKS")?,
            sketch: object::array(&mut ebpf, Self::NAME, "SKETCH")?,
            filter: object::array(&mut ebpf, Self::NAME, "FILTER")?,
            reports: object::ring(&mut ebpf, Self::NAME, "REPORTS")?,
            next: object::programs(&mut ebpf, Self::NAME, "NEXT")?,
            counters: Counters::take(&mut ebpf, Self::NAME)?,
            slots: config.slots,
            ebpf,
        })
    }

    /// Hands what the cache does not answer to `program`, which need not be attached itself.
    ///
    /// # Errors
    /// When the kernel does not let the one call the other.
    pub fn before(&mut self, program: &impl XdpProgram) -> Result<()> {
        self.next
            .set(0, program.program_fd()?, 0)
            .map_err(map_error("NEXT"))
    }

    /// The sum of the clocks of a hash: see [`steering::in_kernel::coherence`]. Read it before the value.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn clocks(&self, hash: u64) -> Result<(u64, u64)> {
        let clock = |index| self.clocks.get(&index, 0).map_err(map_error("CLOCKS"));
        Ok((clock(clock_of(hash))?, clock(EVERY_KEY)?))
    }

    /// Writes an item into a free slot; its value was read from the server after `clock` was the sum of
    /// its key's clocks.
    ///
    /// # Errors
    /// When there is no such slot.
    pub fn write(&mut self, slot: u32, mut item: Item, clock: u64) -> Result<()> {
        item[item::OWN] = clock;
        self.items.set(slot, item, 0).map_err(map_error("ITEMS"))
    }

    /// Names the slot in which the program finds the item of a hash, in place of another one if there
    /// was any.
    ///
    /// # Errors
    /// When the index is full.
    pub fn publish(&mut self, hash: u64, slot: u32) -> Result<()> {
        self.index
            .insert(hash, u64::from(slot), 0)
            .map_err(map_error("INDEX"))
    }

    /// Names no slot any more for a hash.
    ///
    /// # Errors
    /// When the map cannot be written; not when there was none.
    pub fn withdraw(&mut self, hash: u64) -> Result<()> {
        object::remove(&mut self.index, hash, "INDEX")
    }

    /// Waits until no run of the program is left that began before: slots no longer named are free
    /// then. Takes some milliseconds.
    ///
    /// # Errors
    /// A kernel without `membarrier`.
    pub fn grace_period() -> Result<()> {
        let global = rustix::thread::membarrier(rustix::thread::MembarrierCommand::Global);
        global.map_err(|error| Error::GracePeriod(error.into()))
    }

    /// How often each slot's item was given out since [`clear_statistics`](Self::clear_statistics).
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn hits(&self) -> Result<Vec<u64>> {
        let hits = |slot| self.hits.get(&slot, 0).map_err(map_error("HITS"));
        (0..self.slots)
            .map(|slot| Ok(hits(slot)?.iter().sum()))
            .collect()
    }

    /// Begins a new interval: sketch, filter and hits are empty.
    ///
    /// # Errors
    /// When a map cannot be written.
    pub fn clear_statistics(&mut self) -> Result<()> {
        let (sketch, filter) = (Box::new([0; CELLS]), [0; FILTER_WORDS]);
        self.sketch.set(0, sketch, 0).map_err(map_error("SKETCH"))?;
        self.filter.set(0, filter, 0).map_err(map_error("FILTER"))?;
        for slot in 0..self.slots {
            let none = self.hits.get(&slot, 0).map_err(map_error("HITS"))?;
            let none = PerCpuValues::try_from(vec![0; none.len()]);
            let none = none.map_err(|error| map_error("HITS")(MapError::from(error)))?;
            self.hits.set(slot, none, 0).map_err(map_error("HITS"))?;
        }
        Ok(())
    }

    /// The keys that were reported hot since the last call.
    pub fn hot_keys(&mut self) -> Vec<HotKey> {
        let mut keys = Vec::new();
        while let Some(bytes) = self.reports.next() {
            let (words, _) = bytes.as_chunks::<8>();
            let [hash, len, estimate, key @ ..] = words else {
                continue;
            };
            let key = key.concat();
            let number = |word: &[u8; 8]| u64::from_ne_bytes(*word);
            let len = (number(len) as usize).min(key.len());
            debug_assert_eq!(words.len(), REPORT_WORDS);
            keys.push(HotKey {
                hash: number(hash),
                key: key[..len].to_vec(),
                estimate: number(estimate),
            });
        }
        keys
    }

    /// What the program counted so far.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn counters(&self) -> Result<AnswerCounters> {
        self.counters.answers()
    }
}

crate::chain::xdp_methods!(NetCache);
