//! The log engine on MICA's data sets: operations a second, and memory an item.
//!
//! Data sets as in Lim et al., NSDI'14, section 5.1: keys and values of 8 and 8, 16 and 64, 128 and 1024
//! bytes; uniform and Zipf 0.99; 50 and 95% gets; 2^20 items. Requests lie in one buffer in the
//! order in which they are served, as received packets do; drawing them is not measured. A round
//! runs every variant once, so that what disturbs the machine disturbs all of them; medians
//! over rounds, and the lowest and highest.
//!
//! Every get is a hit, and its value, copied out as for a reply, is the one that was set; anything else
//! ends the benchmark. `hashed here` computes each key's hash in the measured loop; `hash sent` takes
//! it from the request, as MICA's server does, whose clients send it.
//!
//! A rate is per second of the serving threads' CPU time, so that other work on the machine takes less
//! from it; what that work takes from caches and memory still shows.
//!
//! `cargo bench -p steerbench-kv --bench mica -- [ROUNDS]`; with `target` before the number, only the data
//! set that the target is set for.
#![allow(missing_docs)]

mod load;
mod run;

use kv::store::{LogConfig, LogMode, Shard};
use load::{Dataset, Requests};
use model::Popularity;
use run::{one_core, two_cores};

const ITEMS: u32 = 1 << 20;
const DATASETS: [Dataset; 3] = [
    Dataset::new(8, 8),
    Dataset::new(16, 64),
    Dataset::new(128, 1024),
];
const SKEWS: [(&str, Popularity); 2] = [
    ("uniform", Popularity::Uniform),
    ("zipf 0.99", Popularity::Zipf { theta: 0.99 }),
];
const GETS: [u32; 2] = [50, 95];

fn main() {
    // `cargo bench` passes `--bench`; `cargo test --benches` runs the binary without it, and wants
    // no measurement.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let rounds = arguments
        .iter()
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(7);
    let only_target = arguments.iter().any(|argument| argument == "target");
    let datasets = DATASETS
        .into_iter()
        .filter(|dataset| !only_target || dataset.key == 16);
    for dataset in datasets.clone() {
        report_memory(dataset);
        for (skew, popularity) in SKEWS {
            for gets in GETS {
                let requests = Requests::new(dataset, popularity, gets, ITEMS);
                one_core(&format!("{dataset} {skew} {gets}% get"), &requests, rounds);
            }
        }
    }
    for dataset in datasets {
        for (skew, popularity) in SKEWS {
            let name = format!("{dataset} {skew} 50% get");
            two_cores(&name, dataset, popularity, 50, ITEMS, rounds);
        }
    }
}

/// What an item takes here and in MICA's layout: a header of 16 bytes and the allocator's of 8, key and
/// value each rounded up to 8 bytes, and 64 bytes for each bucket, of which there are the next power of
/// two above a seventh of the items (mica2, `ltable.h`, `circular_log.h`, `ltable_impl/init.h`).
fn report_memory(dataset: Dataset) {
    let shard = dataset.filled(ITEMS, LogMode::Store);
    let memory = shard.memory();
    let items = ITEMS as usize;
    let buckets = items.div_ceil(7).next_power_of_two();
    let mica = 24 + dataset.key.next_multiple_of(8) + dataset.value.next_multiple_of(8);
    println!(
        "{dataset}: {:.1} B an item in the log and {:.1} B of index, on {:?} pages; MICA's layout {mica} and {:.1} B",
        memory.live as f64 / items as f64,
        memory.index as f64 / items as f64,
        shard.pages(),
        buckets as f64 * 64.0 / items as f64,
    );
}

impl Dataset {
    /// A log with room for `items` and half as much again.
    fn config(self, items: u32, mode: LogMode) -> LogConfig {
        let item_bytes = self.item_bytes();
        LogConfig {
            bytes: items as usize * (item_bytes + 20) * 3 / 2,
            mode,
            item_bytes,
        }
    }

    /// A log that holds all items.
    fn filled(self, items: u32, mode: LogMode) -> Shard<kv::store::LogItems> {
        let mut shard = Shard::log(self.config(items, mode)).expect("memory for the items");
        self.fill(items, |request| {
            shard.store(&request, run::NOW);
        });
        shard
    }
}
