//! What the gateway pays for a packet, in bytes a second: the cipher by itself, one packet at a time and many at
//! once, and the whole way of a frame in either direction.
//!
//!     cargo bench -p steerbench-slices --bench ipsec
//!
//! The cipher's rates compare with `openssl speed -seconds 2 -evp aes-128-cbc -bytes 1504`.

use std::hint::black_box;
use std::net::Ipv4Addr;

use aes::Aes128Dec;
use aes::cipher::KeyInit as _;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use pktio::frame::FrameMut;
use slices::ipsec::cbc::{self, Block, Encryptor, Stream};
use slices::ipsec::{DontFragment, Dscp, Inbound, Keys, Outbound, Tunnel};

/// Bytes of text of a packet of 1500 bytes with its padding: 94 blocks.
const TEXT: usize = 1504;
/// Packets encrypted together.
const MANY: [usize; 9] = [1, 2, 4, 8, 16, 30, 32, 64, 128];
/// Frames of a batch that goes through the whole gateway.
const BATCH: usize = 64;
const HEADROOM: usize = 256;

fn cipher(criterion: &mut Criterion) {
    let key = Encryptor::new(&[7; 16]);
    let mut group = criterion.benchmark_group("cbc");
    for packets in MANY {
        let mut texts = vec![vec![1; TEXT]; packets];
        group.throughput(Throughput::Bytes((packets * TEXT) as u64));
        group.bench_function(format!("encrypt/{packets}x{TEXT}"), |bencher| {
            bencher.iter(|| {
                let texts = black_box(&mut texts).iter_mut();
                key.encrypt(texts.map(|text| Stream::new(Block::default(), text)));
            });
        });
    }
    let key = Aes128Dec::new(&[7; 16].into());
    let mut text = vec![1; TEXT];
    group.throughput(Throughput::Bytes(TEXT as u64));
    group.bench_function(format!("decrypt/{TEXT}"), |bencher| {
        bencher.iter(|| cbc::decrypt(&key, Block::default(), black_box(&mut text)));
    });
    group.finish();
}

/// A frame's memory, as AF_XDP has it.
#[derive(Clone)]
struct Chunk {
    bytes: Vec<u8>,
    at: u32,
    len: u32,
}

impl Chunk {
    fn frame(&mut self) -> FrameMut<'_> {
        FrameMut::new(&mut self.bytes, &mut self.at, &mut self.len)
    }
}

/// A UDP packet of 1500 bytes over Ethernet.
fn plain() -> Chunk {
    let mut packet = vec![0; 1500];
    packet[..10].copy_from_slice(&[0x45, 0, 5, 220, 0, 1, 0x40, 0, 64, 17]);
    packet[12..20].copy_from_slice(&[198, 18, 0, 1, 198, 18, 2, 1]);
    let sum = packet::checksum::ipv4_header(&packet[..20]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    let mut bytes = vec![0; 2048];
    bytes[HEADROOM + 12] = 8;
    bytes[HEADROOM + 14..HEADROOM + 1514].copy_from_slice(&packet);
    Chunk {
        bytes,
        at: HEADROOM as u32,
        len: 1514,
    }
}

fn tunnel(integrity: Option<[u8; 32]>) -> Tunnel {
    Tunnel {
        spi: 0x1000,
        source: Ipv4Addr::new(198, 18, 1, 1),
        destination: Ipv4Addr::new(198, 18, 1, 2),
        keys: Keys {
            cipher: [7; 16],
            integrity,
        },
        mtu: 1600,
        ttl: 64,
        dscp: Dscp::Copy,
        dont_fragment: DontFragment::Copy,
        // The same packets are opened over and over.
        replay_window: None,
    }
}

fn gateway(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("gateway");
    group.throughput(Throughput::Bytes((BATCH * 1500) as u64));
    for (name, integrity) in [("none", None), ("hmac", Some([9; 32]))] {
        let mut outbound = Outbound::new(tunnel(integrity)).expect("a tunnel");
        let mut verdicts = Vec::new();
        let mut encapsulate = |chunks: &mut Vec<Chunk>| {
            let mut frames: Vec<_> = chunks.iter_mut().map(Chunk::frame).collect();
            outbound.encapsulate(&mut frames, &mut verdicts);
            assert!(verdicts.iter().all(Result::is_ok));
        };
        group.bench_function(format!("encapsulate/{name}/{BATCH}"), |bencher| {
            bencher.iter_batched_ref(
                || vec![plain(); BATCH],
                &mut encapsulate,
                BatchSize::SmallInput,
            );
        });
        let mut sealed = vec![plain(); BATCH];
        encapsulate(&mut sealed);
        let mut inbound = Inbound::new(tunnel(integrity)).expect("a tunnel");
        group.bench_function(format!("decapsulate/{name}/{BATCH}"), |bencher| {
            bencher.iter_batched_ref(
                || sealed.clone(),
                |chunks| {
                    for chunk in chunks {
                        inbound.decapsulate(&mut chunk.frame()).expect("genuine");
                    }
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, cipher, gateway);
criterion_main!(benches);
