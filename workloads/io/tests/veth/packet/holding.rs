//! Frames of a ring that are held, and given back in any order.

use pktio::BatchIo as _;
use pktio::drops::Drop;
use pktio::frame::FrameIo;
use pktio::packet::PacketProbe;
use pktio::packet::packet_mmap_v3::PacketMmapV3;
use pktio::packet::pcap_mmap::PcapMmap;

use super::chain::{Chain, chain, numbered, small_blocks, take, take_until};

/// Sends `count` frames and keeps what comes of them, until the others are known to be lost.
fn hold<I: FrameIo>(chain: &Chain, io: &mut I, probe: &PacketProbe, count: usize) -> Vec<I::Frame> {
    let lost = || probe.drops().unwrap().get(Drop::PacketSocket) as usize;
    let before = lost();
    let mut from = chain.tap(0);
    for number in 0..count {
        from.send(&numbered(number, 100));
    }
    let mut held = Vec::new();
    let enough = |taken| taken + lost() - before >= count;
    take_until(io, enough, |_, frame| held.push(frame));
    assert_eq!(held.len() + lost() - before, count);
    held
}

/// The number in a frame of [`numbered`], up to 255.
fn number<I: FrameIo>(io: &mut I, frame: &mut I::Frame) -> u8 {
    io.view(frame).bytes()[14]
}

#[test]
fn a_held_slot_stops_the_ring_when_the_kernel_comes_round_to_it() {
    let Some(chain) = chain(1, [1500; 2]) else {
        return;
    };
    let config = PcapMmap {
        slots: 32,
        ..PcapMmap::new(chain.ports.clone())
    };
    let mut group = chain.open(|| config.open());
    let (io, probe) = (&mut group.take_ios()[0], group.probe());
    let mut held = hold(&chain, io, &probe, 40);
    assert_eq!(held.len(), 32);
    assert_eq!(probe.drops().unwrap().get(Drop::PacketSocket), 8);
    // The kernel has come round to the first slot. Those behind it do not help it.
    let mut first = held.remove(0);
    held.drain(..).rev().for_each(|frame| io.release(frame));
    assert_eq!(hold(&chain, io, &probe, 5).len(), 0);
    assert_eq!(probe.drops().unwrap().get(Drop::PacketSocket), 13);
    // Nobody wrote to it meanwhile, and with it the ring goes on.
    assert_eq!(io.view(&mut first).bytes(), numbered(0, 100));
    io.release(first);
    let mut again = hold(&chain, io, &probe, 32);
    let numbers: Vec<u8> = again.iter_mut().map(|frame| number(io, frame)).collect();
    assert_eq!(numbers, (0..32).collect::<Vec<u8>>());
    again.into_iter().for_each(|frame| io.release(frame));
    assert_eq!(probe.drops().unwrap().get(Drop::PacketSocket), 13);
}

#[test]
fn a_block_is_the_kernels_again_when_its_last_frame_is_given_back() {
    let Some(chain) = chain(1, [1500; 2]) else {
        return;
    };
    let config = PacketMmapV3 {
        blocks: 2,
        ..small_blocks(&chain, 1)
    };
    let mut group = chain.open(|| config.open());
    let (io, probe) = (&mut group.take_ios()[0], group.probe());
    let mut held = hold(&chain, io, &probe, 100);
    let lost = probe.drops().unwrap();
    assert!(held.len() > 10 && lost.related.ring_frozen > 0);
    // One frame of the first block is kept, and all others are given back, the last first.
    let mut first = held.remove(0);
    held.drain(..).rev().for_each(|frame| io.release(frame));
    assert_eq!(
        hold(&chain, io, &probe, 5).len(),
        0,
        "the first block is next"
    );
    assert_eq!(io.view(&mut first).bytes(), numbered(0, 100));
    io.release(first);
    let mut again = hold(&chain, io, &probe, 10);
    let numbers: Vec<u8> = again.iter_mut().map(|frame| number(io, frame)).collect();
    assert_eq!(numbers, (0..10).collect::<Vec<u8>>());
    again.into_iter().for_each(|frame| io.release(frame));
}

#[test]
#[should_panic(expected = "another ring")]
fn a_frame_of_another_ring_is_refused() {
    let Some(chain) = chain(1, [1500; 2]) else {
        panic!("another ring cannot be had");
    };
    let open = || {
        let config = PcapMmap::new(chain.ports.clone());
        chain.open(|| config.open()).take_ios().remove(0)
    };
    let (mut one, mut other) = (open(), open());
    chain.tap(0).send(&numbered(0, 100));
    take(&mut one, 1, |_, frame| other.release(frame));
}
