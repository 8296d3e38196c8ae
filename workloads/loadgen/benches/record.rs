//! Recording a latency: ours beside hdrhistogram's own record, over latencies as a server has them.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hdrhistogram::Histogram;
use model::stream::mix;
use steerbench_loadgen::Recording;

/// More values than a branch predictor remembers.
const VALUES: u64 = 1 << 16;

/// Around 30 us with a tail of a few ms, as bits of a mixed counter.
fn latencies() -> Vec<u64> {
    (0..VALUES)
        .map(|n| {
            let bits = mix(n);
            let tail = bits.trailing_zeros().min(7);
            20_000 + (bits >> 40 & 0x3fff) + (1 << (tail + 10))
        })
        .collect()
}

fn record(criterion: &mut Criterion) {
    let values = latencies();
    let mut group = criterion.benchmark_group("record a latency");
    group.throughput(Throughput::Elements(VALUES));
    group.bench_function("hdrhistogram", |bencher| {
        let mut histogram =
            Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).expect("legal bounds");
        bencher.iter(|| {
            for ns in black_box(&values) {
                histogram.record(*ns).expect("within the bounds");
            }
        });
        assert!(!histogram.is_empty());
    });
    group.bench_function("ours", |bencher| {
        let mut recording = Recording::new();
        bencher.iter(|| {
            for ns in black_box(&values) {
                recording.record(*ns);
            }
        });
        assert!(!recording.latency().histogram().is_empty());
    });
    group.finish();
}

criterion_group!(benches, record);
criterion_main!(benches);
