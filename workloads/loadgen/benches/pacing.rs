//! What the client adds to each request: the schedule's look-up alone, and everything but the
//! transport.
#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use model::{Arrivals, Popularity, Schedule, Size, WorkloadSpec};
use steerbench_loadgen::{Addressing, Client, ClientConfig, TransportConfig};

const RATE_RPS: f64 = 1e6;
const LENGTH_NS: u64 = 100_000_000;

fn client() -> (Client, u64) {
    let spec = WorkloadSpec {
        keys: 100_000,
        key_size: Size::Fixed(16),
        value_size: Size::Fixed(64),
        popularity: Popularity::Zipf { theta: 0.99 },
        get_ratio: 0.95,
        keys_per_get: 1,
        consecutive: false,
        noreply_ratio: 0.0,
        arrivals: Arrivals::Poisson,
        pattern: None,
        rate_rps: RATE_RPS,
        flows: 1024,
        seed: 1,
    };
    let schedule = Schedule::generate(&spec, LENGTH_NS).expect("a valid workload");
    let requests = schedule.requests.len() as u64;
    let transport = TransportConfig::Udp { receive_buffer: 1 };
    let here = [127, 0, 0, 1].into();
    let config = ClientConfig::new(transport, here, here, Addressing::Server { port: 11_211 });
    (
        Client::new(config, schedule).expect("a valid client"),
        requests,
    )
}

fn pacing(criterion: &mut Criterion) {
    let (client, requests) = client();
    let mut group = criterion.benchmark_group("per request");
    group.throughput(Throughput::Elements(requests));
    group.bench_function("clock", |bencher| {
        bencher.iter(|| {
            (0..requests)
                .map(|_| sys::clock::now_ns())
                .fold(0, u64::wrapping_add)
        });
    });
    group.bench_function("clock, schedule look-up and pacing", |bencher| {
        bencher.iter(|| client.look_up());
    });
    group.bench_function("all but the transport", |bencher| {
        bencher.iter(|| client.rehearse());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = pacing
}
criterion_main!(benches);
