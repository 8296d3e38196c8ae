//! Data sets, and requests in the order in which they are served.

use kv::store::{Key, StoreRequest};
use model::{Picker, Popularity};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// Requests in one buffer, before they begin again.
const DRAWS: usize = 1 << 21;

/// Bytes of a key and of a value, multiples of 8.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dataset {
    pub(crate) key: usize,
    pub(crate) value: usize,
}

impl std::fmt::Display for Dataset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{} B", self.key, self.value)
    }
}

/// What a value consists of: tells the item, so that a wrong one is noticed.
pub(crate) fn word(id: u32) -> u64 {
    (u64::from(id) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Dataset {
    pub(crate) const fn new(key: usize, value: usize) -> Self {
        Self { key, value }
    }

    /// Bytes of an item in the log: header, key and value.
    pub(crate) const fn item_bytes(self) -> usize {
        32 + self.key + self.value
    }

    /// Appends key `id` to `to`.
    pub(crate) fn key(self, id: u32, to: &mut Vec<u8>) {
        let end = to.len() + self.key;
        to.extend_from_slice(&word(id).to_be_bytes());
        to.resize(end, b'k');
    }

    /// Offers each item to `store`.
    pub(crate) fn fill(self, items: u32, mut store: impl FnMut(StoreRequest<'_>)) {
        let mut key = Vec::new();
        for id in 0..items {
            key.clear();
            self.key(id, &mut key);
            let value = word(id).to_le_bytes().repeat(self.value / 8);
            let key = Key::new(&key).expect("a key of legal size");
            store(StoreRequest::set(key, &value));
        }
    }
}

/// Requests, each with its key's bytes and hash, beside one another.
#[derive(Debug, Clone)]
pub(crate) struct Requests {
    pub(crate) dataset: Dataset,
    pub(crate) items: u32,
    keys: Vec<u8>,
    /// Item, and whether it is set.
    what: Vec<(u32, bool)>,
    hashes: Vec<u64>,
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) id: u32,
    pub(crate) set: bool,
    pub(crate) key: &'a [u8],
    pub(crate) hash: u64,
}

impl Requests {
    pub(crate) fn new(dataset: Dataset, popularity: Popularity, gets: u32, items: u32) -> Self {
        Self::of(dataset, popularity, gets, items, 1, |_| true)
    }

    /// Requests for the items whose hash is `mine`.
    pub(crate) fn of(
        dataset: Dataset,
        popularity: Popularity,
        gets: u32,
        items: u32,
        seed: u64,
        mine: impl Fn(u64) -> bool,
    ) -> Self {
        let picker = Picker::new(popularity, items, 7).expect("a valid popularity");
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut requests = Self {
            dataset,
            items,
            keys: Vec::new(),
            what: Vec::new(),
            hashes: Vec::new(),
        };
        let mut key = Vec::new();
        // Long keys are drawn less often, so that the buffer stays within tens of megabytes.
        let draws = DRAWS / dataset.key.div_ceil(16);
        while requests.what.len() < draws {
            let id = picker.pick(&mut random);
            key.clear();
            dataset.key(id, &mut key);
            let hash = steering::hash::hash_bytes(&key);
            if mine(hash) {
                let set = random.next_u32() % 100 >= gets;
                requests.keys.extend_from_slice(&key);
                requests.what.push((id, set));
                requests.hashes.push(hash);
            }
        }
        requests
    }

    /// All requests, in batches.
    pub(crate) fn batches(&self, batch: usize) -> impl Iterator<Item = Batch<'_>> {
        let len = self.dataset.key;
        self.what
            .chunks_exact(batch)
            .zip(self.keys.chunks_exact(batch * len))
            .zip(self.hashes.chunks_exact(batch))
            .map(move |((what, keys), hashes)| Batch {
                what,
                keys,
                hashes,
                len,
            })
    }
}

/// Requests that are served together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch<'a> {
    what: &'a [(u32, bool)],
    keys: &'a [u8],
    hashes: &'a [u64],
    len: usize,
}

impl<'a> Batch<'a> {
    #[inline]
    pub(crate) fn requests(self) -> impl Iterator<Item = Request<'a>> {
        self.what
            .iter()
            .zip(self.keys.chunks_exact(self.len))
            .zip(self.hashes)
            .map(|((&(id, set), key), &hash)| Request { id, set, key, hash })
    }
}
