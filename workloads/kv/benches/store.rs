//! What one core does: the shard alone, and a request from its bytes to its reply.
//!
//! Keys are drawn from a Zipf distribution (theta 0.99, as in YCSB) over 10^5 keys beforehand, so
//! that the draw is not measured.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kv::protocol::{Parsed, execute, parse};
use kv::store::{Key, Shard, ShardConfig, StoreRequest};

const KEYS: usize = 100_000;
const DRAWS: usize = 1 << 16;
const THETA: f64 = 0.99;
const NOW: u32 = 1_700_000_000;

/// Ranks drawn by inverting the distribution function; xorshift is random enough for that.
fn zipf() -> Vec<usize> {
    let mut sum = 0.0;
    let cumulated: Vec<f64> = (1..=KEYS)
        .map(|rank| {
            sum += (rank as f64).powf(-THETA);
            sum
        })
        .collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..DRAWS)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let at = (state >> 11) as f64 / (1u64 << 53) as f64 * sum;
            cumulated.partition_point(|upto| *upto < at).min(KEYS - 1)
        })
        .collect()
}

/// A permutation of the ranks, so that popularity has no order in the store.
fn name(rank: usize) -> String {
    format!("key-{:012}", rank * 7919 % KEYS)
}

fn filled() -> Shard {
    let mut shard = Shard::new(ShardConfig { bytes: 64 << 20 }).expect("64 MiB");
    for rank in 0..KEYS {
        let name = name(rank);
        let key = Key::new(name.as_bytes()).expect("a short key");
        shard.store(&StoreRequest::set(key, &[b'v'; 64]), NOW);
    }
    shard
}

fn store(c: &mut Criterion) {
    let mut shard = filled();
    let names: Vec<String> = zipf().into_iter().map(name).collect();
    let keys: Vec<Key<'_>> = names
        .iter()
        .map(|name| Key::new(name.as_bytes()).expect("a short key"))
        .collect();
    let mut group = c.benchmark_group("shard, zipf 0.99 over 100k keys");
    group.throughput(Throughput::Elements(1));
    let mut draws = keys.iter().cycle();
    group.bench_function("get", |b| {
        b.iter(|| {
            let key = draws.next().expect("endless");
            shard.get(*key, NOW).map(|item| black_box(item.value).len())
        });
    });
    let value = [b'w'; 64];
    group.bench_function("set", |b| {
        b.iter(|| {
            shard.store(
                &StoreRequest::set(*draws.next().expect("endless"), &value),
                NOW,
            )
        });
    });
    group.finish();
}

fn request(c: &mut Criterion) {
    let mut shard = filled();
    let requests: Vec<Vec<u8>> = zipf()
        .into_iter()
        .map(|rank| format!("get {}\r\n", name(rank)).into_bytes())
        .collect();
    let mut draws = requests.iter().cycle();
    let mut reply = Vec::with_capacity(4096);
    let mut group = c.benchmark_group("ascii get, zipf 0.99 over 100k keys");
    group.throughput(Throughput::Elements(1));
    group.bench_function("parse and execute", |b| {
        b.iter(|| {
            reply.clear();
            let bytes = draws.next().expect("endless");
            if let Ok(request) = parse(bytes)
                && let Parsed::Single(single) = &request.parsed
            {
                execute(&mut shard, bytes, single, NOW, &mut reply);
            }
            black_box(reply.len())
        });
    });
    group.finish();
}

criterion_group!(benches, store, request);
criterion_main!(benches);
