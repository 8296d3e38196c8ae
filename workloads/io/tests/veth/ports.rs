//! Slices between two hosts: frames cross both ways, in order, and every chunk is found again.

use std::os::fd::RawFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use pktio::af_xdp::{Obtained, PortFrame, Ports};
use pktio::client::{Flow, Protocol};
use pktio::drops::Drop;
use pktio::frame::{HEADROOM, NoRoom, Port, TAILROOM};
use pktio::worker::{Control, Handler, Live, WaitMode, Woken, run};
use pktio::{BatchIo as _, FrameIo};
use sys::cpu;

use crate::between::{FROM_LEFT, FROM_RIGHT, between};
use crate::overflow::{thread_napi, undisturbed};
use crate::rig::{CLIENT_DEVICE, Client};

const LEFT: Port = Port(0);
const RIGHT: Port = Port(1);
/// UDP destination port of everything.
const TO: u16 = 5001;

/// Sends what comes by one port out by the other, behind a VLAN tag of its own.
struct Cross;

impl Handler<Ports> for Cross {
    fn frame(&mut self, io: &mut Ports, mut frame: PortFrame) {
        let from = io.port(&frame);
        let mut view = io.view(&mut frame);
        assert!(view.headroom() >= HEADROOM && view.tailroom() >= TAILROOM);
        view.grow_front(4).unwrap();
        view.bytes_mut().copy_within(4..16, 0);
        view.bytes_mut()[12..16].copy_from_slice(&[0x81, 0, 0, 7]);
        io.send(frame, Port(1 - from.0));
    }

    fn inbox(&mut self, _: &mut Ports) -> usize {
        0
    }

    fn before_sleep(&mut self) -> bool {
        true
    }

    fn after_sleep(&mut self, _: Woken) {}

    fn notification(&self) -> Option<RawFd> {
        None
    }

    fn tick(&mut self, _: &mut Ports, _: u64) {}
}

fn spawn(mut io: Ports, control: &Arc<Control>) -> thread::JoinHandle<Ports> {
    let control = Arc::clone(control);
    let mode = WaitMode::Sleep {
        timeout: Duration::from_millis(20),
    };
    thread::spawn(move || {
        run(&mut io, &mut Cross, mode, &control, &Live::default()).unwrap();
        io
    })
}

fn flow(source_port: u16) -> Flow {
    Flow {
        protocol: Protocol::V4,
        source_port,
        server_port: TO,
    }
}

/// Takes what has arrived; it must be the next numbers of its queue.
fn receive_in_order(client: &mut Client, expected: &mut [u64]) {
    for lane in &mut client.port.queues {
        lane.receive(64, |reply| {
            let number = u64::from_be_bytes(reply.payload.try_into().unwrap());
            let expected = &mut expected[usize::from(reply.queue)];
            assert_eq!(number, *expected, "queue {} is out of order", reply.queue);
            *expected += 1;
        });
    }
}

/// Waits until the kernel holds none of a slice's chunks.
fn close(io: &mut Ports) {
    let patience = Instant::now() + Duration::from_secs(10);
    while !io.settle().unwrap() || !io.ledger().is_closed() {
        assert!(Instant::now() < patience, "{:?}", io.ledger());
        thread::yield_now();
    }
    assert_eq!(io.ledger().held, 0);
}

#[test]
fn frames_cross_both_ways_in_order_and_every_chunk_is_found() {
    const EACH: u64 = 20_000;
    const QUEUES: u16 = 2;
    let Some(between) = between(QUEUES) else {
        return;
    };
    let mut slices = between.slices(|_| ());
    let (mut left, mut right) = (between.left(), between.right());
    let control = Arc::new(Control::new());
    let ports = std::mem::take(&mut slices.ports);
    assert!(ports.iter().all(|ports| ports.obtained() == Obtained::Copy));
    let threads: Vec<_> = ports.into_iter().map(|io| spawn(io, &control)).collect();

    let mut sent = [0; QUEUES as usize];
    let (mut at_left, mut at_right) = (sent, sent);
    let patience = Instant::now() + Duration::from_secs(60);
    while at_left != [EACH; 2] || at_right != [EACH; 2] {
        assert!(Instant::now() < patience, "{at_left:?} {at_right:?}");
        for (queue, sent) in sent.iter_mut().enumerate() {
            // Never more on the way than the far RX ring holds.
            let behind = at_left[queue].min(at_right[queue]);
            for number in *sent..EACH.min(behind + 1024).min(*sent + 64) {
                for (client, from) in [(&mut left, &FROM_LEFT), (&mut right, &FROM_RIGHT)] {
                    let lane = &mut client.port.queues[queue];
                    while !lane.push(flow(*from.start()), &number.to_be_bytes()) {
                        lane.send().unwrap();
                    }
                }
                *sent = number + 1;
            }
            left.port.queues[queue].send().unwrap();
            right.port.queues[queue].send().unwrap();
        }
        receive_in_order(&mut left, &mut at_left);
        receive_in_order(&mut right, &mut at_right);
    }
    control.stop();
    for thread in threads {
        let mut io = thread.join().unwrap();
        close(&mut io);
        let counters = io.counters();
        assert_eq!(
            (counters.received, counters.transmitted),
            (2 * EACH, 2 * EACH)
        );
        assert_eq!((counters.transmit_refused, counters.no_frame), (0, 0));
        assert_eq!(io.probe().drops().unwrap().total(), 0);
    }
    for program in &slices.programs {
        let counters = program.counters().unwrap();
        assert_eq!(
            counters.redirected,
            [EACH, EACH],
            "queue i belongs to slice i"
        );
        assert_eq!(counters.redirect_failed, 0);
    }
}

/// Numbered frames of the left host on queue 0.
fn flood(left: &mut Client, count: u64) {
    let lane = &mut left.port.queues[0];
    for number in 0..count {
        while !lane.push(flow(*FROM_LEFT.start()), &number.to_be_bytes()) {
            lane.send().unwrap();
        }
    }
    left.finish(0);
}

#[test]
fn what_a_slow_slice_does_not_take_is_counted_and_the_rest_crosses() {
    const COUNT: u64 = 5000;
    let Some(between) = between(1) else { return };
    let mut slices = between.slices(|config| config.rx_ring = 64);
    let (mut left, mut right) = (between.left(), between.right());
    flood(&mut left, COUNT);
    let mut io = slices.ports.remove(0);
    let lost = io.probe().drops().unwrap();
    assert_eq!(lost.get(Drop::XskRxRingFull), COUNT - 64);
    assert_eq!(lost.total() + between.left_link().tx_dropped, COUNT - 64);
    assert!(io.ledger().is_closed(), "{:?}", io.ledger());
    assert_eq!(io.ledger().ports[0].received, 64);

    let mut frames = Vec::new();
    assert_eq!(io.take(10, &mut frames), 10);
    assert_eq!((io.ledger().held, io.ledger().is_closed()), (10, true));
    while io.take(100, &mut frames) > 0 {}
    for frame in frames {
        Cross.frame(&mut io, frame);
    }
    close(&mut io);
    let mut at_right = [0];
    receive_in_order(&mut right, &mut at_right);
    assert_eq!(at_right, [64]);
}

/// The left host sends as fast as it can, and the right one takes less: along the whole way each frame is in one counter.
#[test]
fn overload_is_counted_wherever_it_strikes() {
    const COUNT: u64 = 200_000;
    let Some(between) = between(1) else { return };
    let mut slices = between.slices(|config| config.rx_ring = 64);
    let (mut left, mut right) = (between.left(), between.right());
    let control = Arc::new(Control::new());
    let thread = spawn(slices.ports.remove(0), &control);
    let mut at_right = 0;
    for number in 0..COUNT {
        let lane = &mut left.port.queues[0];
        while !lane.push(flow(*FROM_LEFT.start()), &number.to_be_bytes()) {
            lane.send().unwrap();
        }
        if number.is_multiple_of(64) {
            at_right += right.port.queues[0].receive(4, |_| ()) as u64;
        }
    }
    left.finish(0);

    let redirected = slices.programs[0].counters().unwrap().redirected[0];
    let lost_on_the_way = between.left_link().tx_dropped;
    assert_eq!(redirected + lost_on_the_way, COUNT);
    control.stop();
    let mut io = thread.join().unwrap();
    let mut frames = Vec::new();
    while io.take(64, &mut frames) > 0 {
        for frame in frames.drain(..) {
            Cross.frame(&mut io, frame);
        }
    }
    close(&mut io);
    let (counters, lost) = (io.counters(), io.probe().drops().unwrap().total());
    assert_eq!(counters.received + lost, redirected);
    assert_eq!(
        counters.transmitted + counters.transmit_refused,
        counters.received
    );
    let lost_between = between.to_right_link().tx_dropped;
    let patience = Instant::now() + Duration::from_secs(10);
    loop {
        at_right += right.port.queues[0].receive(64, |_| ()) as u64;
        let lost_at_right = right.port.probe().drops().unwrap().total();
        if at_right + lost_at_right + lost_between == counters.transmitted {
            assert!(lost_at_right > 0, "the right host is to be slower");
            return;
        }
        let late = Instant::now() >= patience;
        assert!(
            !late,
            "{at_right} {lost_at_right} {lost_between} {counters:?}"
        );
    }
}

#[test]
fn a_far_end_that_takes_nothing_gives_frames_back_and_loses_none() {
    const RING: u32 = 512;
    let Some(between) = between(1) else { return };
    let mut slices = between.slices(|config| config.tx_ring = RING);
    let mut right = between.right();
    let cpu = *cpu::affinity(None).unwrap().first().unwrap();
    thread_napi(&between.right, CLIENT_DEVICE, cpu);
    let mut io = slices.ports.remove(0);
    let frame = numbered_frames();
    let queued = undisturbed(cpu, || {
        for queued in 0.. {
            let mut own = io.allocate(RIGHT).unwrap();
            let mut view = io.view(&mut own);
            let bytes = frame(queued);
            view.grow_back(bytes.len()).unwrap();
            view.bytes_mut().copy_from_slice(&bytes);
            if let Some(refused) = io.offer(own, RIGHT).unwrap() {
                io.release(refused);
                return queued;
            }
        }
        unreachable!("the ring is finite")
    });
    assert!(
        (u64::from(RING)..u64::from(RING) + 256).contains(&queued),
        "{queued}"
    );
    assert_eq!(io.counters().transmit_refused, 0);
    close(&mut io);
    let mut at_right = [0];
    let patience = Instant::now() + Duration::from_secs(10);
    while at_right[0] < queued {
        receive_in_order(&mut right, &mut at_right);
        assert!(Instant::now() < patience, "a frame was lost: {at_right:?}");
    }
}

#[test]
fn frames_in_one_memory_are_viewed_at_once_and_none_is_another() {
    let Some(between) = between(1) else { return };
    let mut slices = between.slices(|_| ());
    let mut left = between.left();
    let mut io = slices.ports.remove(0);
    flood(&mut left, 40);
    let mut frames = Vec::new();
    assert_eq!(io.receive(&mut frames).unwrap(), 40);
    frames.extend((0..20).map(|_| io.allocate(RIGHT).unwrap()));
    let mut views: Vec<_> = io.views(&mut frames).collect();
    // Each is written to as far as its chunk goes, before any is read again.
    for (mark, view) in (1..).zip(&mut views) {
        assert!(view.headroom() >= HEADROOM && view.tailroom() >= TAILROOM);
        view.grow_front(view.headroom()).unwrap();
        view.grow_back(view.tailroom()).unwrap();
        view.bytes_mut().fill(mark);
    }
    for (mark, view) in (1..).zip(&views) {
        assert_eq!(view.bytes(), [mark; 2048]);
    }
    drop(views);
    for frame in frames {
        assert_eq!(frame.len(), 2048);
        io.release(frame);
    }
    close(&mut io);
}

#[test]
#[should_panic(expected = "another slice")]
fn a_frame_of_another_slice_is_not_viewed() {
    let Some(between) = between(2) else {
        panic!("another slice cannot be had");
    };
    let mut slices = between.slices(|_| ());
    let mut frames = [slices.ports[0].allocate(LEFT).unwrap()];
    let mut other = slices.ports.remove(1);
    let _ = other.views(&mut frames).count();
}

/// Makes whole frames of the left host out of numbers.
fn numbered_frames() -> impl Fn(u64) -> Vec<u8> {
    |number| {
        let ends = (crate::rig::CLIENT, crate::rig::SERVER);
        pktio::client::request_frame(
            ends.0,
            ends.1,
            flow(*FROM_LEFT.start()),
            &number.to_be_bytes(),
        )
    }
}

#[test]
fn frames_that_cannot_be_sent_are_refused_and_counted_and_their_chunks_stay() {
    let Some(between) = between(1) else { return };
    let mut slices = between.slices(|_| ());
    let mut io = slices.ports.remove(0);
    for (len, fits) in [(13, false), (14, true), (1522, true), (1523, false)] {
        let before = io.counters();
        let mut frame = io.allocate(LEFT).unwrap();
        assert!(frame.is_empty());
        io.view(&mut frame).grow_back(len).unwrap();
        assert_eq!(frame.len(), len);
        io.send(frame, LEFT);
        let mut frame = io.allocate(LEFT).unwrap();
        io.view(&mut frame).grow_back(len).unwrap();
        assert_eq!(io.offer(frame, LEFT).is_ok(), fits, "{len} bytes");
        let after = io.counters();
        let refused = after.transmit_refused - before.transmit_refused;
        let sent = after.transmitted - before.transmitted;
        assert_eq!(
            (sent, refused),
            if fits { (2, 0) } else { (0, 2) },
            "{len} bytes"
        );
    }
    close(&mut io);
}

#[test]
fn a_thread_that_holds_every_frame_does_not_sleep_and_goes_on_when_it_lets_go() {
    let Some(between) = between(1) else { return };
    let mut slices = between.slices(|config| {
        (config.rx_ring, config.tx_ring, config.held) = (64, 64, 0);
    });
    let mut left = between.left();
    let mut io = slices.ports.remove(0);
    let mut held = Vec::new();
    loop {
        flood(&mut left, 32);
        let before = held.len();
        io.receive(&mut held).unwrap();
        if held.len() == before {
            break;
        }
        io.flush().unwrap();
    }
    assert!(!io.settle().unwrap(), "nothing would end the sleep");
    let mut own = Vec::new();
    while let Some(frame) = io.allocate(RIGHT) {
        own.push(frame);
    }
    assert_eq!(io.counters().no_frame, 1);
    let ledger = io.ledger();
    assert_eq!((ledger.free, ledger.ports[0].fill), (0, 0));
    assert_eq!(ledger.held as usize, held.len() + own.len());

    let too_far = io.view(&mut held[0]).grow_front(4096);
    assert!(matches!(too_far, Err(NoRoom { wanted: 4096, .. })));
    for frame in held.into_iter().chain(own) {
        io.release(frame);
    }
    close(&mut io);
    flood(&mut left, 10);
    let mut frames = Vec::new();
    assert_eq!(io.receive(&mut frames).unwrap(), 10);
    frames.into_iter().for_each(|frame| io.release(frame));
    close(&mut io);
}

/// The sockets of a slice that ended are no more in the programs' maps: its queue's frames are counted, and the
/// other slice goes on.
#[test]
fn a_slice_that_ends_takes_no_other_along() {
    let Some(between) = between(2) else { return };
    let mut slices = between.slices(|_| ());
    let (mut left, mut right) = (between.left(), between.right());
    drop(slices.ports.remove(0));
    flood(&mut left, 100);
    let mut io = slices.ports.remove(0);
    let lane = &mut left.port.queues[1];
    for number in 0..100_u64 {
        assert!(lane.push(flow(*FROM_LEFT.start()), &number.to_be_bytes()));
    }
    left.finish(1);
    let mut frames = Vec::new();
    while io.receive(&mut frames).unwrap() > 0 {}
    assert_eq!(frames.len(), 100);
    for frame in frames {
        Cross.frame(&mut io, frame);
    }
    close(&mut io);
    let mut at_right = [0, 0];
    receive_in_order(&mut right, &mut at_right);
    receive_in_order(&mut right, &mut at_right);
    assert_eq!(at_right, [0, 100]);
    let counters = slices.programs[0].counters().unwrap();
    assert_eq!(
        (counters.redirect_failed, counters.redirected[1]),
        (100, 100)
    );
}

#[test]
fn a_frame_of_another_slice_is_refused() {
    let Some(between) = between(2) else { return };
    let mut slices = between.slices(|_| ());
    let frame = slices.ports[0].allocate(LEFT).unwrap();
    let mut other = slices.ports.remove(1);
    let refused = thread::spawn(move || other.release(frame)).join();
    assert!(refused.is_err(), "its chunk would be in two stocks");
}
