//! A tunnel's packets, which have neither ports nor addresses that differ: each association has its thread.

use std::collections::BTreeSet;

use pktio::packet::packet_mmap_v3::{Fanout, PacketMmapV3};
use pktio::packet::raw_parallel::{Division, open};
use pktio::packet::raw_socket;

use super::chain::{Chain, ENDS, chain, clean, small_blocks};
use super::dispatching::dispatched;
use super::sharing::{partition, spread};

/// SPI of the first association.
const SPI: u32 = 0x1000;
/// Packets of each of two associations.
const EACH: u32 = 40;

/// A packet of ESP from the first end to the second.
fn tunnelled(spi: u32, sequence: u32) -> Vec<u8> {
    let (from, to) = (ENDS[0], ENDS[1]);
    let mut esp = [spi.to_be_bytes(), sequence.to_be_bytes()].concat();
    esp.resize(56, 0xa5);
    let mut frame = Vec::new();
    etherparse::PacketBuilder::ethernet2(from.2, [2, 0x53, 0x42, 0, 2, 0])
        .ipv4(from.0.octets(), to.0.octets(), 64)
        .write(&mut frame, etherparse::IpNumber(50), &esp)
        .unwrap();
    frame
}

fn spi(frame: &[u8]) -> u32 {
    u32::from_be_bytes([frame[34], frame[35], frame[36], frame[37]])
}

/// Sends so many packets of each of so many associations, in turn.
fn send(chain: &Chain, associations: u32, each: u32) -> Vec<Vec<u8>> {
    let mut from = chain.tap(0);
    let numbers = (0..each).flat_map(|at| (0..associations).map(move |one| (SPI + one, at + 1)));
    let frames: Vec<_> = numbers
        .map(|(spi, sequence)| tunnelled(spi, sequence))
        .collect();
    for frame in &frames {
        from.send(frame);
    }
    frames
}

#[test]
fn each_of_two_tunnels_reaches_a_raw_socket_of_its_own() {
    for (division, copies) in [(Division::SourcePort, 1), (Division::Copies, 2)] {
        let Some(chain) = chain(1, [1500; 2]) else {
            return;
        };
        let mut group = chain.open(|| open(&chain.plain(), 2, division));
        let mut ios = group.take_ios();
        let sent = send(&chain, 2, EACH);
        let shares = spread(&mut ios, copies * 2 * EACH);
        partition(&sent, &shares);
        for (thread, share) in (SPI..).zip(&shares) {
            assert_eq!(share.len(), EACH as usize, "{division:?}");
            assert!(share.iter().all(|frame| spi(frame) == thread));
        }
        assert_eq!(group.probe().drops().unwrap().total(), 0);
    }
}

#[test]
fn each_of_two_tunnels_reaches_a_worker_of_its_own() {
    let Some(chain) = chain(1, [1500; 2]) else {
        return;
    };
    let reading = chain.open(|| raw_socket::open(&chain.plain()));
    let mut to = chain.tap(1);
    let (_, workers) = dispatched(&chain, reading, 1024, || {
        let sent = send(&chain, 2, EACH);
        let arrived = to.receive(sent.len());
        for association in [SPI, SPI + 1] {
            let of = |frames: &[Vec<u8>]| -> Vec<Vec<u8>> {
                let ours = frames.iter().filter(|frame| spi(frame) == association);
                ours.cloned().collect()
            };
            assert_eq!(of(&arrived), of(&sent), "out of order");
        }
    });
    for worker in &workers {
        let frames = u64::from(EACH);
        assert_eq!(clean("dispatch_threads", &worker.io), (frames, frames));
    }
}

/// The kernel's hash of a flow takes the SPI: an association stays with one thread, and many spread over all.
#[test]
fn fanout_by_hash_tells_tunnels_apart() {
    let Some(chain) = chain(1, [1500; 2]) else {
        return;
    };
    let config = PacketMmapV3 {
        fanout: Fanout::Hash,
        ..small_blocks(&chain, 2)
    };
    let mut group = chain.open(|| config.open());
    let mut ios = group.take_ios();
    // They wait in rings of 128 KiB.
    let sent = send(&chain, 48, 3);
    let shares = spread(&mut ios, sent.len() as u32);
    partition(&sent, &shares);
    let spis =
        |share: &Vec<Vec<u8>>| -> BTreeSet<u32> { share.iter().map(|frame| spi(frame)).collect() };
    let [one, other] = [spis(&shares[0]), spis(&shares[1])];
    assert!(one.is_disjoint(&other));
    assert!(!one.is_empty() && !other.is_empty());
}
