//! The store in XDP.

use aya::maps::{Array, HashMap, MapData};
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use steering::hash_bytes;
use steering::in_kernel::item::{self, Item};

use crate::counters::Counters;
use crate::object::{self, map_error};
use crate::{AnswerCounters, Error, Result, ServerPorts};

/// `BPF_NOEXIST`: an element that is there already is an error.
const NEW: u64 = 1;
/// `BPF_F_LOCK`: copied while no program changes it.
const LOCKED: u64 = 4;

/// The program that is the whole store, loaded.
pub struct KvDirect {
    ebpf: Ebpf,
    index: HashMap<MapData, u64, u64>,
    items: Array<MapData, Item>,
    taken: Array<MapData, u64>,
    capacity: u32,
    counters: Counters,
}

impl KvDirect {
    const NAME: &str = "kv_direct";

    /// Loads the program: what goes to `ports` are requests, and there is room for `capacity` keys.
    ///
    /// # Errors
    /// No room at all, missing privilege or memory, or the verifier's refusal.
    pub fn load(ports: ServerPorts, capacity: u32) -> Result<Self> {
        if capacity == 0 {
            return Err(Error::BadConfig("a store needs room for at least one key"));
        }
        let wide = u64::from(capacity);
        let mut loader = EbpfLoader::new();
        ports.set(&mut loader);
        loader
            .override_global("CAPACITY", &wide, true)
            .map_max_entries("INDEX", capacity)
            .map_max_entries("ITEMS", capacity);
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/kv_direct"));
        let mut ebpf = object::xdp(Self::NAME, &mut loader, object)?;
        Ok(Self {
            index: object::hash(&mut ebpf, Self::NAME, "INDEX")?,
            items: object::array(&mut ebpf, Self::NAME, "ITEMS")?,
            taken: object::array(&mut ebpf, Self::NAME, "TAKEN")?,
            counters: Counters::take(&mut ebpf, Self::NAME)?,
            capacity,
            ebpf,
        })
    }

    /// Stores a key that is not there yet, before the program is attached.
    ///
    /// # Errors
    /// Key, value or flags beyond the limits of [`steering::in_kernel::item`], no room, or a key (or
    /// another one of the same hash) that is there already.
    pub fn preload(&mut self, key: &[u8], flags: u32, value: &[u8]) -> Result<()> {
        let item = item::item_of(key, flags, value).ok_or(Error::BadConfig(
            "kv_direct holds keys of up to 64 bytes, values of up to 192, flags of up to 5 digits",
        ))?;
        let number = self.taken.get(&0, 0).map_err(map_error("TAKEN"))?;
        if number >= u64::from(self.capacity) {
            return Err(Error::BadConfig("there is no room for so many keys"));
        }
        self.items
            .set(number as u32, item, 0)
            .map_err(map_error("ITEMS"))?;
        self.index
            .insert(hash_bytes(key), number, NEW)
            .map_err(map_error("INDEX"))?;
        self.taken.set(0, number + 1, 0).map_err(map_error("TAKEN"))
    }

    /// The value of a key, as some set left it whole; `None` if there is no such key.
    ///
    /// # Errors
    /// When a map cannot be read.
    pub fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let number = match self.index.get(&hash_bytes(key), 0) {
            Ok(number) => number,
            Err(aya::maps::MapError::KeyNotFound) => return Ok(None),
            Err(error) => return Err(map_error("INDEX")(error)),
        };
        let item = self
            .items
            .get(&(number as u32), LOCKED)
            .map_err(map_error("ITEMS"))?;
        let (value, len) = item::value_of(&item);
        Ok(value.get(..len).map(<[u8]>::to_vec))
    }

    /// How many keys are there.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn keys(&self) -> Result<u64> {
        self.taken.get(&0, 0).map_err(map_error("TAKEN"))
    }

    /// What the program counted so far.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn counters(&self) -> Result<AnswerCounters> {
        self.counters.answers()
    }
}

crate::chain::xdp_methods!(KvDirect);
