//! What a frame costs the gateway's worker on its way into the tunnel, routing included, by frames received at a time: one by one, each
//! is encrypted by itself; of a batch all texts are encrypted side by side.
//!
//!     cargo bench -p steerbench-slices --bench gateway
//!
//! Frames come from memory and go to nowhere: receiving one is a copy, which all variants pay.

#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../src/memory.rs"]
mod memory;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use memory::{Memory, MemoryFrame};
use packet::checksum;
use pktio::frame::Port;
use slices::gateway::{Authentication, Gateway, GatewayConfig, Secret};
use slices::pair::Side;
use slices::router::{Asker, ErrorLimit, Fib, Model, Published, Router, TableLimits};
use sys::link::{Link, LinkStatistics, MacAddress};
use sys::tables::{Change, Neighbour, NeighbourState, NextHop, Route, RouteKind, Standing, Table};

/// Frames that come in one go.
const FRAMES: usize = 256;
const BATCHES: [usize; 5] = [1, 4, 16, 64, 256];
/// Bytes of a frame: the shortest, and the longest of an Ethernet.
const LENGTHS: [usize; 2] = [60, 1514];
const MTU: u16 = 1628;

const fn mac(last: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, last]
}

fn link(index: u32) -> Change {
    Change::Link(Link {
        index,
        name: format!("port{index}"),
        mac: Some(MacAddress(mac(index as u8))),
        up: true,
        running: true,
        mtu: MTU.into(),
        tx_queues: 1,
        rx_queues: 1,
        xdp: None,
        statistics: LinkStatistics::default(),
    })
}

/// The far gateway is on the link of port 1, and the hosts' destinations are behind it.
fn tables() -> Fib {
    let mut model = Model::new(vec![1, 2], TableLimits::default());
    let far = IpAddr::from([198, 18, 128, 2]);
    let route = |to: [u8; 4], gateway| Route {
        table: Table::Main,
        destination: to.into(),
        prefix_len: 24,
        priority: 0,
        kind: RouteKind::Unicast,
        hops: vec![NextHop {
            device: 2,
            gateway,
            weight: 1,
        }],
    };
    let changes = [
        link(1),
        link(2),
        Change::Neighbour(Neighbour {
            device: 2,
            address: far,
            state: NeighbourState::Resolved(MacAddress(mac(100))),
        }),
        Change::Route(route([198, 18, 128, 0], None), Standing::Beside),
        Change::Route(route([198, 19, 0, 0], Some(far)), Standing::Beside),
    ];
    for change in changes {
        model.apply(change).expect("there is room");
    }
    model.fib()
}

fn gateway(authentication: Authentication) -> Gateway<MemoryFrame> {
    let config = GatewayConfig {
        side: Side::Egress,
        local: [198, 18, 128, 1].into(),
        remote: [198, 18, 128, 2].into(),
        spi: 0x1000,
        secret: Secret([7; 32]),
        authentication,
        mtu: MTU,
    };
    let (asker, _) = Asker::new();
    let reader = Published::new(tables()).reader();
    let router = Router::new(reader, asker, ErrorLimit::default(), 0);
    let gateways = Gateway::of_workers(&config, vec![router]);
    gateways.expect("a tunnel").remove(0)
}

/// A UDP packet of the hosts'.
fn frame(len: usize) -> Vec<u8> {
    let mut frame = vec![0; len];
    frame[..6].copy_from_slice(&mac(1));
    frame[6..12].copy_from_slice(&mac(50));
    frame[12..16].copy_from_slice(&[8, 0, 0x45, 0]);
    frame[16..18].copy_from_slice(&(len as u16 - 14).to_be_bytes());
    frame[20..24].copy_from_slice(&[0x40, 0, 64, 17]);
    frame[26..34].copy_from_slice(&[198, 18, 0, 2, 198, 19, 0, 2]);
    let sum = checksum::ipv4_header(&frame[14..34]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    frame
}

fn into_the_tunnel(criterion: &mut Criterion) {
    for (name, authentication) in [
        ("none", Authentication::None),
        ("hmac", Authentication::HmacSha256),
    ] {
        for len in LENGTHS {
            let mut group = criterion.benchmark_group(format!("gateway/{name}/{len}"));
            group.throughput(Throughput::Elements(FRAMES as u64));
            for batch in BATCHES {
                let frame = frame(len);
                group.bench_function(BenchmarkId::from_parameter(batch), |bencher| {
                    let mut gateway = gateway(authentication);
                    let mut memory = Memory::new(batch);
                    memory.keep = false;
                    bencher.iter_custom(|rounds| {
                        let mut spent = Duration::ZERO;
                        for _ in 0..rounds {
                            for _ in 0..FRAMES {
                                memory.arrive(Port(0), &frame);
                            }
                            let begun = Instant::now();
                            memory.run(&mut gateway, 1);
                            spent += begun.elapsed();
                        }
                        spent
                    });
                    let counters = gateway.counters();
                    assert_eq!(counters.tunnelled, counters.received, "{counters:?}");
                });
            }
            group.finish();
        }
    }
}

criterion_group!(benches, into_the_tunnel);
criterion_main!(benches);
