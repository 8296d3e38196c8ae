//! Frames that are too long for a device, which a transmit ring finds out by itself: the kernel leaves that to the
//! device.

use pktio::BatchIo as _;
use pktio::frame::{FrameIo as _, Port};
use pktio::packet::packet_mmap_v3::PacketMmapV3Io;
use sys::link;

use super::chain::{Chain, DEVICES, Tap, chain, numbered, settle, small_blocks};

/// One thread's I/O, and what receives behind it.
fn open(mtus: [u32; 2]) -> Option<(Chain, PacketMmapV3Io, Tap)> {
    let chain = chain(1, mtus)?;
    let mut group = chain.open(|| small_blocks(&chain, 1).open());
    let tap = chain.tap(1);
    Some((chain, group.take_ios().remove(0), tap))
}

/// Sends frames of these lengths and numbers at once; expects those of `arriving` and returns what was refused so far.
fn send(io: &mut PacketMmapV3Io, lengths: &[usize], tap: &mut Tap, arriving: &[usize]) -> u64 {
    for (number, len) in lengths.iter().enumerate() {
        let mut frame = io.allocate(Port(1)).unwrap();
        let mut view = io.view(&mut frame);
        view.grow_back(*len).unwrap();
        view.bytes_mut().copy_from_slice(&numbered(number, *len));
        io.send(frame, Port(1));
    }
    settle(io);
    let arriving = arriving
        .iter()
        .map(|number| numbered(*number, lengths[*number]));
    let arrived = tap.receive(arriving.len());
    assert!(arrived.into_iter().eq(arriving));
    io.counters().transmit_refused
}

#[test]
fn the_mtu_is_asked_for_again_before_a_frame_is_refused() {
    let Some((chain, mut io, mut tap)) = open([1500, 1300]) else {
        return;
    };
    let lengths = [1314, 1315, 1514, 60];
    assert_eq!(send(&mut io, &lengths, &mut tap, &[0, 3]), 2);
    for (namespace, device) in [(&chain.ends[1], DEVICES[1]), (&chain.middle, "out0")] {
        let set = namespace.run(|| link::set_mtu(device, 1500));
        set.unwrap().unwrap();
    }
    assert_eq!(send(&mut io, &lengths, &mut tap, &[0, 1, 2, 3]), 2);
}

#[test]
fn frames_that_the_other_end_never_takes_hold_nothing_up_for_long() {
    let Some((chain, mut io, mut tap)) = open([1500; 2]) else {
        return;
    };
    let less = chain.ends[1].run(|| link::set_mtu(DEVICES[1], 1000));
    less.unwrap().unwrap();
    let lengths = [100, 1400, 1401, 200, 1014];
    assert_eq!(send(&mut io, &lengths, &mut tap, &[0, 3, 4]), 2);
    let dropped = chain.middle.run(|| link::statistics("out0"));
    assert_eq!(
        io.counters().transmit_retried,
        dropped.unwrap().unwrap().tx_dropped,
        "the I/O knows what the device counts"
    );
}
