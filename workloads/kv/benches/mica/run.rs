//! The measured loops.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use kv::store::log::{Crcw, Fetched, Reader};
use kv::store::{
    Item, Key, LogConfig, LogItems, LogMode, Prefetch, Shard, Store, StoreRequest, Stored, pipeline,
};
use model::Popularity;
use rustix::time::{ClockId, clock_gettime};

use crate::load::{Batch, Dataset, Request, Requests, word};

pub(crate) const NOW: u32 = 1_700_000_000;

/// Requests between two looks at the clock.
const BATCH: usize = 4096;

/// How long a variant is measured in a round.
const SPELL: Duration = Duration::from_millis(300);

/// Where a key's hash comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Here,
    Sent,
}

/// What a batch is served by.
pub(crate) trait Server: Prefetch {
    /// Copies the value to `reply`; false for a miss.
    fn get(&mut self, key: Key<'_>, reply: &mut [u8]) -> bool;
    fn set(&mut self, request: &StoreRequest<'_>) -> Stored;
}

impl Server for Shard<LogItems> {
    #[inline]
    fn get(&mut self, key: Key<'_>, reply: &mut [u8]) -> bool {
        copied(Shard::get(self, key, NOW), reply)
    }

    #[inline]
    fn set(&mut self, request: &StoreRequest<'_>) -> Stored {
        self.store(request, NOW)
    }
}

/// One thread's access to a store of all threads.
struct Common<'a> {
    store: &'a Crcw,
    reader: Reader,
}

impl Prefetch for Common<'_> {
    #[inline]
    fn prefetch(&self, key: Key<'_>) {
        self.store.view(key.hash()).prefetch(key);
    }

    #[inline]
    fn prefetch_item(&self, key: Key<'_>) {
        self.store.view(key.hash()).prefetch_item(key);
    }
}

impl Server for Common<'_> {
    #[inline]
    fn get(&mut self, key: Key<'_>, reply: &mut [u8]) -> bool {
        let view = self.store.view(key.hash());
        let hit = self.reader.fetch(view, key, NOW) == Fetched::Settled
            && copied(self.reader.get(key, NOW), reply);
        self.reader.publish();
        hit
    }

    #[inline]
    fn set(&mut self, request: &StoreRequest<'_>) -> Stored {
        self.store.lock(request.key.hash()).store(request, NOW)
    }
}

/// Copies an item's value to `reply`; false where there is none of this length.
#[inline]
fn copied(item: Option<Item<'_>>, reply: &mut [u8]) -> bool {
    item.is_some_and(|item| {
        let same = item.value.len() == reply.len();
        if same {
            reply.copy_from_slice(item.value);
        }
        same
    })
}

/// Buffers of a serving thread.
struct Desk {
    reply: Vec<u8>,
    value: Vec<u8>,
}

impl Desk {
    fn new(dataset: Dataset) -> Self {
        Self {
            reply: vec![0; dataset.value],
            value: vec![0; dataset.value],
        }
    }

    #[inline]
    fn serve(&mut self, server: &mut impl Server, request: Request<'_>, key: Key<'_>) {
        let expected = word(request.id).to_le_bytes();
        if request.set {
            for chunk in self.value.chunks_exact_mut(8) {
                chunk.copy_from_slice(&expected);
            }
            let stored = server.set(&StoreRequest::set(key, &self.value));
            assert!(matches!(stored, Stored::Stored { .. }), "{stored:?}");
        } else {
            let hit = server.get(key, &mut self.reply);
            let right = hit && self.reply.starts_with(&expected) && self.reply.ends_with(&expected);
            assert!(right, "item {} is missing or wrong", request.id);
        }
    }

    #[inline]
    fn batch(&mut self, server: &mut impl Server, batch: Batch<'_>, from: Hash) {
        let requests = batch.requests().map(|request| {
            let key = match from {
                Hash::Here => Key::new(request.key),
                Hash::Sent => Key::with_hash(request.key, request.hash),
            };
            (key.expect("a legal key"), request)
        });
        pipeline(server, requests, |server, key, request| {
            self.serve(server, request, key);
        });
    }
}

/// Seconds for which this thread had a CPU.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Serves requests for a while; returns how many million in a second of CPU time, which is a second
/// where nothing else wants the CPU.
fn spell(server: &mut impl Server, requests: &Requests, from: Hash) -> f64 {
    let mut desk = Desk::new(requests.dataset);
    let (start, cpu, mut served) = (Instant::now(), cpu_seconds(), 0u64);
    loop {
        for batch in requests.batches(BATCH) {
            desk.batch(server, batch, from);
            served += BATCH as u64;
            if start.elapsed() >= SPELL {
                return served as f64 / (cpu_seconds() - cpu) / 1e6;
            }
        }
    }
}

/// Median, lowest and highest.
fn spread(mut rates: Vec<f64>) -> (f64, f64, f64) {
    rates.sort_by(f64::total_cmp);
    (rates[rates.len() / 2], rates[0], rates[rates.len() - 1])
}

fn show(name: &str, variant: &str, rates: Vec<f64>) {
    let (median, low, high) = spread(rates);
    println!("{name}, {variant}: {median:.2} Mops ({low:.2} to {high:.2})");
}

/// One thread and its own log.
pub(crate) fn one_core(name: &str, requests: &Requests, rounds: usize) {
    let mut shard = requests.dataset.filled(requests.items, LogMode::Store);
    let (mut here, mut sent) = (Vec::new(), Vec::new());
    spell(&mut shard, requests, Hash::Here);
    for _ in 0..rounds {
        here.push(spell(&mut shard, requests, Hash::Here));
        sent.push(spell(&mut shard, requests, Hash::Sent));
    }
    show(name, "one core, EREW, hashed here", here);
    show(name, "one core, EREW, hash sent", sent);
}

/// Stripes of the common store: as many for each thread as a server takes.
const STRIPES: usize = 32;

/// Two threads: each with its own partition, against both on one store.
pub(crate) fn two_cores(
    name: &str,
    dataset: Dataset,
    popularity: Popularity,
    gets: u32,
    items: u32,
    rounds: usize,
) {
    let owner = |hash: u64| usize::from(steering::table::slot_of(hash)) % 2;
    let draw = |seed: u64, mine: &dyn Fn(u64) -> bool| {
        Requests::of(dataset, popularity, gets, items, seed, mine)
    };
    let mut partitions: Vec<_> = (0..2)
        .map(|me| {
            let mut shard = Shard::log(dataset.config(items / 2, LogMode::Store)).expect("memory");
            dataset.fill(items, |request| {
                if owner(request.key.hash()) == me {
                    shard.store(&request, NOW);
                }
            });
            (shard, draw(me as u64, &|hash| owner(hash) == me))
        })
        .collect();
    let config = LogConfig {
        // Stripes differ in how many items they get.
        bytes: dataset.config(items, LogMode::Store).bytes / 4 * 5,
        ..dataset.config(items, LogMode::Store)
    };
    let store = Crcw::new(config, STRIPES).expect("memory");
    dataset.fill(items, |request| {
        let stored = store.lock(request.key.hash()).store(&request, NOW);
        assert!(matches!(stored, Stored::Stored { .. }), "{stored:?}");
    });
    let any = [draw(11, &|_| true), draw(12, &|_| true)];
    let (mut partitioned, mut common, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let apart = together(
            partitions
                .iter_mut()
                .map(|(shard, requests)| move || spell(shard, requests, Hash::Here))
                .collect(),
        );
        let shared = together(
            any.iter()
                .map(|requests| {
                    let store = &store;
                    move || {
                        let reader = store.reader();
                        spell(&mut Common { store, reader }, requests, Hash::Here)
                    }
                })
                .collect(),
        );
        partitioned.push(apart);
        common.push(shared);
        ratios.push(apart / shared);
    }
    show(name, "two cores, partitioned (EREW)", partitioned);
    show(name, "two cores, one store (CRCW)", common);
    let (median, low, high) = spread(ratios);
    println!("{name}, partitioned over one store: {median:.2} ({low:.2} to {high:.2})");
}

/// Runs all at the same time, each on a CPU of its own; the sum of their rates.
fn together<F: FnOnce() -> f64 + Send>(works: Vec<F>) -> f64 {
    let barrier = Barrier::new(works.len());
    std::thread::scope(|scope| {
        let threads: Vec<_> = works
            .into_iter()
            .enumerate()
            .map(|(cpu, work)| {
                let barrier = &barrier;
                scope.spawn(move || {
                    // Where there are fewer CPUs than threads, the numbers say so.
                    let _ = sys::cpu::pin_current(sys::cpu::CpuId(cpu as u32));
                    barrier.wait();
                    work()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a serving thread"))
            .sum()
    })
}
