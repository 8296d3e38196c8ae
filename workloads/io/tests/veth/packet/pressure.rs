//! veth's queue, full: what the senders do whose frames it does not take.
//!
//! Found on Linux 6.18: the device counts each attempt that failed in `tx_dropped`. A packet socket's `send`
//! learns of it (where a UDP socket's does not) and the frame is refused; a transmit ring keeps the frame, and
//! it is sent later. A slot is free again when the receiver has taken its frame out of veth's queue, so that a
//! ring which is shorter than that never fills it.

use loader::{Attached, Pass};
use pktio::frame::{FrameIo, Port};
use pktio::packet::packet_mmap_v3::PacketMmapV3;
use pktio::packet::{Group, raw_socket};
use sys::cpu::{self, CpuId};
use sys::link;

use super::chain::{Chain, DEVICES, chain, numbered, settle, small_blocks};
use crate::overflow::{VETH_QUEUE, thread_napi, undisturbed};

const COUNT: u64 = 300;

/// Switches NAPI on at the receiver, by a program that passes everything, with its thread on a CPU.
fn stalled(chain: &Chain) -> (Pass, Attached, CpuId) {
    let (pass, attached) = chain.ends[1]
        .run(|| {
            let mut pass = Pass::load().unwrap();
            let index = link::ifindex(DEVICES[1]).unwrap();
            let attached = pass.attach(index).unwrap();
            (pass, attached)
        })
        .unwrap();
    let cpu = *cpu::affinity(None).unwrap().first().unwrap();
    thread_napi(&chain.ends[1], DEVICES[1], cpu);
    (pass, attached, cpu)
}

/// Sends frames while the receiver does not get its CPU; returns what the I/O counted as sent and refused, and the device
/// as dropped, which is what the I/O knows that the device counts.
fn flood<I: FrameIo>(chain: &Chain, mut group: Group<I>, cpu: CpuId) -> [u64; 3] {
    let io = &mut group.take_ios()[0];
    let mut tap = chain.tap(1);
    undisturbed(cpu, || {
        for number in 0..COUNT {
            let mut frame = io.allocate(Port(1)).unwrap();
            let mut view = io.view(&mut frame);
            view.grow_back(100).unwrap();
            view.bytes_mut()
                .copy_from_slice(&numbered(number as usize, 100));
            io.send(frame, Port(1));
        }
        io.flush().unwrap();
    });
    settle(io);
    let counters = io.counters();
    let sent = (0..counters.transmitted).map(|number| numbered(number as usize, 100));
    let arrived = tap.receive(counters.transmitted as usize);
    assert!(arrived.into_iter().eq(sent));
    let link = chain.middle.run(|| link::statistics("out0"));
    let dropped = link.unwrap().unwrap().tx_dropped;
    assert_eq!(
        counters.device_refused + counters.transmit_retried,
        dropped,
        "the I/O knows what the device counts"
    );
    [counters.transmitted, counters.transmit_refused, dropped]
}

#[test]
fn what_veth_does_not_take_is_refused_to_send_and_kept_by_a_ring() {
    let Some(one) = chain(1, [1500; 2]) else {
        return;
    };
    let (_pass, _attached, cpu) = stalled(&one);
    let group = one.open(|| raw_socket::open(&one.plain()));
    let refused = COUNT - VETH_QUEUE;
    assert_eq!(flood(&one, group, cpu), [VETH_QUEUE, refused, refused]);

    for transmit_slots in [32, 512] {
        let two = chain(1, [1500; 2]).unwrap();
        let (_pass, _attached, cpu) = stalled(&two);
        let config = PacketMmapV3 {
            transmit_slots,
            ..small_blocks(&two, 1)
        };
        let [sent, refused, dropped] = flood(&two, two.open(|| config.open()), cpu);
        assert_eq!((sent, refused), (COUNT, 0));
        // A ring that is shorter than veth's queue cannot fill it.
        let fills = u64::from(transmit_slots) > VETH_QUEUE;
        assert_eq!(
            dropped > 0,
            fills,
            "{transmit_slots} slots, {dropped} dropped"
        );
    }
}
