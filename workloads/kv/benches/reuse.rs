//! What it costs to find and hash a key, and what is left of it where the hash comes with the packet.
//!
//! The owner's part of hash reuse alone: what the kernel's program spends on writing the metadata is in
//! the loader's benchmark `steer`, and both together in `experiments/enberg2019/hash-reuse.yaml`.
//! README.md keeps a result.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use kv::protocol::{KnownKey, Parsed, parse, parse_known};

/// Keys that are parsed in turn, so that no branch is learnt by heart.
const KEYS: usize = 512;

fn requests(shape: &str, len: usize) -> Vec<(Vec<u8>, KnownKey)> {
    let request = |number: usize| {
        let key = format!("{number:0>len$}");
        let text = match shape {
            "get" => format!("get {key}\r\n"),
            _ => format!("set {key} 0 0 64\r\n{}\r\n", "v".repeat(64)),
        };
        let request = text.into_bytes();
        let parsed = parse(&request).expect("a whole request").parsed;
        let Parsed::Single(single) = parsed else {
            panic!("a request for one key")
        };
        let known = KnownKey::of(&single);
        (request, known)
    };
    (0..KEYS).map(request).collect()
}

fn reuse(c: &mut Criterion) {
    for shape in ["get", "set"] {
        let mut group = c.benchmark_group(format!("a {shape} from its bytes"));
        for len in [16, 64, 250] {
            let requests = requests(shape, len);
            let mut turn = requests.iter().cycle();
            group.bench_function(BenchmarkId::new("parsed and hashed", len), |b| {
                b.iter(|| {
                    let (request, _) = turn.next().expect("endless");
                    parse(black_box(request))
                });
            });
            let mut turn = requests.iter().cycle();
            group.bench_function(BenchmarkId::new("hash reused", len), |b| {
                b.iter(|| {
                    let (request, known) = turn.next().expect("endless");
                    parse_known(black_box(request), black_box(known))
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, reuse);
criterion_main!(benches);
