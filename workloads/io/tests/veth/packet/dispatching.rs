//! One reader and its workers: what it read is what they forwarded, flow by flow in order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use pktio::drops::Drop;
use pktio::packet::dispatch::{Detach, Dispatch};
use pktio::packet::{Group, PlainConfig, raw_socket};
use pktio::worker::{Control, Live, WaitMode, WorkerCounters, run};

use super::chain::{Chain, Forward, chain, clean, datagram, small_blocks, small_slots};

const SLEEP: WaitMode = WaitMode::Sleep {
    timeout: Duration::from_millis(20),
};

/// Forwards what `send` sends until `done` frames have arrived at the other end. Returns what the reader and
/// the workers counted.
pub(super) fn dispatched<I: Detach + 'static>(
    chain: &Chain,
    mut reading: Group<I>,
    ring: usize,
    during: impl FnOnce(),
) -> (WorkerCounters, Vec<WorkerCounters>) {
    let control = Arc::new(Control::new());
    let config = Dispatch {
        ring,
        ..Dispatch::new(chain.ports.clone(), 2)
    };
    let (mut reader, mut group) = chain.open(|| config.open(&control));
    let workers: Vec<_> = group
        .take_ios()
        .into_iter()
        .map(|mut io| {
            let control = Arc::clone(&control);
            thread::spawn(move || {
                let mut handler = io.handler(Forward);
                run(&mut io, &mut handler, SLEEP, &control, &Live::default()).unwrap()
            })
        })
        .collect();
    let mut io = reading.take_ios().remove(0);
    let stop = Arc::clone(&control);
    let reader = thread::spawn(move || {
        let counters = run(&mut io, &mut reader, SLEEP, &stop, &Live::default()).unwrap();
        let given = [0, 1].map(|worker| reader.given(worker));
        assert_eq!((given[0].1, given[1].1), (0, 0), "frames were left");
        assert_eq!(given[0].0 + given[1].0, counters.io.received);
        counters
    });
    during();
    control.stop();
    let workers = workers.into_iter().map(|one| one.join().unwrap());
    let workers = workers.collect();
    (reader.join().unwrap(), workers)
}

/// 600 frames of 6 flows, in portions with pauses in which everybody falls asleep.
fn all_pass<I: Detach + 'static>(name: &str, chain: &Chain, reading: Group<I>, copies: u64) {
    let (mut from, mut to) = (chain.tap(0), chain.tap(1));
    let (reader, workers) = dispatched(chain, reading, 1024, || {
        for portion in 0..6 {
            let mut flows: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
            for number in 0..100 {
                let frame = datagram(40_000 + number % 6, 9, u32::from(portion * 100 + number));
                from.send(&frame);
                flows.entry(frame[34..36].to_vec()).or_default().push(frame);
            }
            for frame in to.receive(100) {
                let flow = flows.get_mut(&frame[34..36]).unwrap();
                assert_eq!(flow.remove(0), frame, "{name}: a flow out of order");
            }
            thread::sleep(Duration::from_millis(5));
        }
    });
    assert_eq!(clean(name, &reader.io), (600, 0));
    assert_eq!(reader.io.copies, copies, "{name}");
    for worker in &workers {
        assert_eq!(clean(name, &worker.io), (300, 300));
        assert!(worker.wakeups_app > 0, "{name}");
        assert_eq!(worker.io.wakeups_kernel, 0);
    }
}

#[test]
fn workers_forward_what_their_reader_read() {
    let Some(one) = chain(1, [1500; 2]) else {
        return;
    };
    all_pass(
        "raw_socket",
        &one,
        one.open(|| raw_socket::open(&one.plain())),
        0,
    );
    let two = chain(1, [1500; 2]).unwrap();
    let slots = pktio::packet::pcap_mmap::PcapMmap {
        slots: 256,
        ..small_slots(&two)
    };
    all_pass("pcap_mmap", &two, two.open(|| slots.open()), 600);
    let three = chain(1, [1500; 2]).unwrap();
    all_pass(
        "packet_mmap_v3",
        &three,
        three.open(|| small_blocks(&three, 1).open()),
        600,
    );
}

/// Rings of 4 frames: the reader waits for its workers, and what does not fit into the socket meanwhile is
/// the socket's loss.
#[test]
fn full_rings_hold_the_reader_back_and_lose_nothing() {
    const COUNT: u64 = 3000;
    let Some(chain) = chain(1, [1500; 2]) else {
        return;
    };
    let config = PlainConfig {
        receive_buffer: 64 << 10,
        ..chain.plain()
    };
    let reading = chain.open(|| raw_socket::open(&config));
    let probe = reading.probe();
    let (mut from, mut to) = (chain.tap(0), chain.tap(1));
    let (reader, workers) = dispatched(&chain, reading, 4, || {
        for number in 0..COUNT {
            from.send(&datagram(40_000 + number as u16 % 7, 9, number as u32));
        }
        let lost = || probe.drops().unwrap().get(Drop::PacketSocket);
        to.count_until(|arrived| arrived as u64 + lost() >= COUNT);
    });
    let lost = probe.drops().unwrap().get(Drop::PacketSocket);
    let (received, _) = clean("reader", &reader.io);
    assert_eq!(received + lost, COUNT);
    let passed: u64 = workers
        .iter()
        .map(|worker| {
            let (received, transmitted) = clean("worker", &worker.io);
            assert_eq!(received, transmitted);
            transmitted
        })
        .sum();
    assert_eq!(passed, received);
}
