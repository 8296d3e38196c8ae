//! The cache of items in the path of a server.

use aya::maps::{Array, MapData, RingBuf};
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use steering::in_kernel::item::{self, Item};
use steering::in_kernel::sketch::{CELLS, FILTER_WORDS, REPORT_WORDS};

use crate::counters::Counters;
use crate::held::Held;
use crate::object::{self, map_error};
use crate::{AnswerCounters, Error, Result, ServerPorts};

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
    /// The items.
    pub held: Held<Item>,
    sketch: Array<MapData, [u64; CELLS]>,
    filter: Array<MapData, [u64; FILTER_WORDS]>,
    reports: RingBuf<MapData>,
    counters: Counters,
}

impl NetCache {
    const NAME: &str = "netcache";
    const VALUES: &str = "ITEMS";

    /// Loads the program with an empty cache.
    ///
    /// # Errors
    /// A configuration out of range, missing privilege, or the verifier's refusal.
    pub fn load(config: &NetCacheConfig) -> Result<Self> {
        if config.sample_shift > 31 {
            return Err(Error::BadConfig("a sample needs at least one get of 2^31"));
        }
        let mut loader = EbpfLoader::new();
        Held::<Item>::prepare(&mut loader, &config.ports, config.slots, Self::VALUES)?;
        loader
            .override_global("SAMPLE_SHIFT", &config.sample_shift, true)
            .override_global("HOT", &config.hot, true);
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/netcache"));
        let mut ebpf = object::xdp(Self::NAME, &mut loader, object)?;
        Ok(Self {
            held: Held::take(&mut ebpf, Self::NAME, config.slots, Self::VALUES)?,
            sketch: object::array(&mut ebpf, Self::NAME, "SKETCH")?,
            filter: object::array(&mut ebpf, Self::NAME, "FILTER")?,
            reports: object::ring(&mut ebpf, Self::NAME, "REPORTS")?,
            counters: Counters::take(&mut ebpf, Self::NAME)?,
            ebpf,
        })
    }

    /// Writes an item into a free slot; its value was read from the server after `clock` was the sum of
    /// its key's clocks.
    ///
    /// # Errors
    /// When there is no such slot.
    pub fn write(&mut self, slot: u32, mut item: Item, clock: u64) -> Result<()> {
        item[item::OWN] = clock;
        self.held.write(slot, item)
    }

    /// Begins a new interval: sketch and filter are empty.
    ///
    /// # Errors
    /// When a map cannot be written.
    pub fn clear_statistics(&mut self) -> Result<()> {
        let (sketch, filter) = (Box::new([0; CELLS]), [0; FILTER_WORDS]);
        self.sketch.set(0, sketch, 0).map_err(map_error("SKETCH"))?;
        self.filter.set(0, filter, 0).map_err(map_error("FILTER"))
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
