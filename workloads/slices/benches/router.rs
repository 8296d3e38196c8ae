//! What a 64-byte frame costs the router, by number of routes: the lookup alone, all of it (checks, lookup, neighbour,
//! rewriting), and all of it where the frame came with its next link. Frames are 60 bytes in memory, without the frame check
//! sequence; destinations are drawn evenly from the routes.
//!
//!     cargo bench -p steerbench-slices --bench router

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use packet::checksum;
use pktio::frame::{FrameMut, Port};
use slices::router::{Asker, ErrorLimit, Fib, Model, Outcome, Published, Router, TableLimits};
use steering::forward::NextLink;
use sys::link::{Link, LinkStatistics, MacAddress};
use sys::tables::{Change, Neighbour, NeighbourState, NextHop, Route, RouteKind, Standing, Table};

const ROUTES: [u32; 3] = [1, 1_000, 500_000];
const GATEWAYS: u8 = 16;
/// Frames that are processed in one go, each to another destination.
const FRAMES: usize = 4096;
const FRAME: usize = 60;
const HEADROOM: usize = 64;

fn mac(last: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, last]
}

/// The `n`-th route's destination: a /24 of 11.0.0.0 to 110.255.255.0.
fn v4(n: u32) -> Ipv4Addr {
    // The factor has no divisor in common with the number of nets, so that none comes twice.
    let net = (u64::from(n) * 2_654_435_761 % (100 << 16)) as u32;
    Ipv4Addr::from_bits(((11 << 16) + net) << 8)
}

/// The same of IPv6: a /48 in 2000::/3.
fn v6(n: u32) -> Ipv6Addr {
    let bits = u128::from(n.wrapping_mul(0x9e37_79b1)) << 80;
    Ipv6Addr::from_bits(0x2000 << 112 | bits | 1)
}

fn link(index: u32) -> Change {
    Change::Link(Link {
        index,
        name: format!("port{index}"),
        mac: Some(MacAddress(mac(index as u8))),
        up: true,
        running: true,
        mtu: 1500,
        tx_queues: 1,
        rx_queues: 1,
        xdp: None,
        statistics: LinkStatistics::default(),
    })
}

fn tables(routes: u32, destination: fn(u32) -> IpAddr) -> Fib {
    let mut model = Model::new(vec![1, 2], TableLimits::default());
    let mut tell = |change| {
        model.apply(change).expect("there is room");
    };
    tell(link(1));
    tell(link(2));
    let gateway = |n: u32| IpAddr::from([10, 0, 0, (n % u32::from(GATEWAYS)) as u8]);
    for n in 0..u32::from(GATEWAYS) {
        tell(Change::Neighbour(Neighbour {
            device: 2,
            address: gateway(n),
            state: NeighbourState::Resolved(MacAddress(mac(100 + n as u8))),
        }));
    }
    for n in 0..routes {
        let to = destination(n);
        let route = Route {
            table: Table::Main,
            destination: to,
            prefix_len: if to.is_ipv4() { 24 } else { 48 },
            priority: 0,
            kind: RouteKind::Unicast,
            hops: vec![NextHop {
                device: 2,
                gateway: Some(gateway(n)),
                weight: 1,
            }],
        };
        tell(Change::Route(route, Standing::Beside));
    }
    model.fib()
}

/// A chunk with a frame to this destination.
fn chunk(to: IpAddr) -> [u8; HEADROOM + FRAME] {
    let mut chunk = [0; HEADROOM + FRAME];
    let frame = &mut chunk[HEADROOM..];
    frame[..6].copy_from_slice(&mac(1));
    frame[6..12].copy_from_slice(&mac(50));
    match to {
        IpAddr::V4(to) => {
            frame[12..18].copy_from_slice(&[8, 0, 0x45, 0, 0, (FRAME - 14) as u8]);
            frame[22..24].copy_from_slice(&[64, 17]);
            frame[26..30].copy_from_slice(&[10, 1, 0, 9]);
            frame[30..34].copy_from_slice(&to.octets());
            let sum = checksum::ipv4_header(&frame[14..34]);
            frame[24..26].copy_from_slice(&sum.to_be_bytes());
        }
        IpAddr::V6(to) => {
            frame[12..15].copy_from_slice(&[0x86, 0xdd, 0x60]);
            frame[19..22].copy_from_slice(&[(FRAME - 54) as u8, 59, 64]);
            frame[22..24].copy_from_slice(&[0x20, 1]);
            frame[38..54].copy_from_slice(&to.octets());
        }
    }
    chunk
}

fn destinations(routes: u32, destination: fn(u32) -> IpAddr) -> Vec<IpAddr> {
    (0..FRAMES as u32)
        .map(|n| destination(n.wrapping_mul(7919) % routes))
        .collect()
}

fn costs(criterion: &mut Criterion, family: &str, destination: fn(u32) -> IpAddr) {
    let mut group = criterion.benchmark_group(family);
    group.throughput(Throughput::Elements(FRAMES as u64));
    for routes in ROUTES {
        let fib = tables(routes, destination);
        let to = destinations(routes, destination);
        group.bench_function(BenchmarkId::new("lookup", routes), |bencher| {
            bencher.iter(|| {
                for to in &to {
                    let way = match to {
                        IpAddr::V4(to) => fib.route_v4(0, to.to_bits()),
                        IpAddr::V6(to) => fib.route_v6(0, to.to_bits()),
                    };
                    let _ = black_box(way.is_ok());
                }
            });
        });
        let (asker, _asked) = Asker::new();
        let reader = Published::new(fib).reader();
        let mut router = Router::new(reader, asker, ErrorLimit::default(), 0);
        let chunks: Vec<_> = to.iter().map(|to| chunk(*to)).collect();
        let told = NextLink {
            device: 2,
            to: mac(100),
            from: mac(2),
        };
        for (name, next) in [("forward", None), ("told", Some(told))] {
            group.bench_function(BenchmarkId::new(name, routes), |bencher| {
                bencher.iter_batched_ref(
                    || chunks.clone(),
                    |chunks| {
                        for chunk in chunks {
                            let (mut at, mut len) = (HEADROOM as u32, FRAME as u32);
                            let mut frame = FrameMut::new(chunk, &mut at, &mut len);
                            let outcome = router.process_told(Port(0), black_box(next), &mut frame);
                            assert_eq!(outcome, Outcome::Forwarded(Port(1)));
                        }
                    },
                    BatchSize::LargeInput,
                );
            });
        }
    }
    group.finish();
}

fn families(criterion: &mut Criterion) {
    costs(criterion, "ipv4", |n| IpAddr::V4(v4(n)));
    costs(criterion, "ipv6", |n| IpAddr::V6(v6(n)));
}

criterion_group!(benches, families);
criterion_main!(benches);
