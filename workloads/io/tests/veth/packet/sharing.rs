//! Several sockets on one device: copies, disjoint filters, fanout.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use loader::{TxQueue, TxQueueConfig};
use pktio::BatchIo as _;
use pktio::drops::Drop;
use pktio::frame::FrameIo;
use pktio::packet::packet_mmap_v3::{Fanout, PacketMmapV3};
use pktio::packet::raw_parallel::{Division, open};
use pktio::packet::{PlainConfig, PlainIo};

use super::chain::{Chain, DEVICES, chain, datagram, forward, settle, small_blocks};

const PORT: u16 = 11_211;
const FRAMES: u32 = 144;

/// Sends datagrams of 12 flows to one of `queues`, in turn; each with its number.
fn send(chain: &Chain, queues: u16) -> Vec<Vec<u8>> {
    let mut from = chain.tap(0);
    let _chosen = chain.ends[0]
        .run(|| {
            let config = TxQueueConfig::Port { base: PORT, queues };
            let mut program = TxQueue::load(&config).unwrap();
            let attached = program.attach_clsact_egress(DEVICES[0]).unwrap();
            (program, attached)
        })
        .unwrap();
    let frames: Vec<Vec<u8>> = (0..FRAMES)
        .map(|number| {
            let (flow, queue) = (number % 12, number / 12 % u32::from(queues));
            datagram(40_000 + flow as u16, PORT + queue as u16, number)
        })
        .collect();
    for frame in &frames {
        from.send(frame);
    }
    frames
}

/// Takes what is each thread's and forwards it, until so many frames reached all of them together, and a
/// moment longer; returns what each took.
pub(super) fn spread<I: FrameIo>(ios: &mut [I], wanted: u32) -> Vec<Vec<Vec<u8>>> {
    let mut taken = vec![Vec::new(); ios.len()];
    let patience = Instant::now() + Duration::from_secs(5);
    let mut end = None;
    while end.is_none_or(|end| Instant::now() < end) && Instant::now() < patience {
        for (io, taken) in ios.iter_mut().zip(&mut taken) {
            let mut frames = Vec::new();
            io.receive(&mut frames).unwrap();
            for mut frame in frames {
                taken.push(io.view(&mut frame).bytes().to_vec());
                forward(io, frame);
            }
            settle(io);
        }
        let reached = ios
            .iter()
            .map(|io| io.counters().received + io.counters().of_others);
        if end.is_none() && reached.sum::<u64>() >= u64::from(wanted) {
            end = Some(Instant::now() + Duration::from_millis(10));
        }
    }
    taken
}

/// Every frame is in exactly one thread's share, and there in order.
pub(super) fn partition(sent: &[Vec<u8>], shares: &[Vec<Vec<u8>>]) {
    let mut all = shares.concat();
    assert_eq!(all.len(), sent.len());
    for share in shares {
        let mut frames = sent.iter();
        assert!(share.iter().all(|frame| frames.any(|sent| sent == frame)));
    }
    let mut sent = sent.to_vec();
    all.sort();
    sent.sort();
    assert_eq!(all, sent);
}

fn source(frame: &[u8]) -> u16 {
    u16::from_be_bytes([frame[34], frame[35]])
}

fn queue(frame: &[u8]) -> u16 {
    u16::from_be_bytes([frame[36], frame[37]]) - PORT
}

#[test]
fn each_raw_socket_gets_a_copy_and_each_thread_keeps_its_own() {
    let Some(chain) = chain(1, [1500; 2]) else {
        return;
    };
    // With a queueing discipline, what is sent is shown to the sockets that want to see it.
    let config = PlainConfig {
        qdisc_bypass: false,
        ..chain.plain()
    };
    let mut group = chain.open(|| open(&config, 3, Division::Copies));
    let mut ios = group.take_ios();
    let sent = send(&chain, 1);
    let shares = spread(&mut ios, 3 * FRAMES);
    partition(&sent, &shares);
    for ((thread, share), io) in (0..).zip(&shares).zip(&ios) {
        assert!(share.iter().all(|frame| source(frame) % 3 == thread));
        let counters = io.counters();
        assert_eq!(counters.received + counters.of_others, u64::from(FRAMES));
        assert_eq!(counters.received, u64::from(FRAMES) / 3);
        assert_eq!(counters.received, counters.transmitted);
    }
    assert_eq!(group.probe().drops().unwrap().total(), 0);
}

/// Copies that a thread has taken, of its own frames and of others'.
fn taken(io: &PlainIo) -> u64 {
    io.counters().received + io.counters().of_others
}

/// Takes what waits for a thread; returns its own.
fn drain(io: &mut PlainIo) -> Vec<Vec<u8>> {
    let mut own = Vec::new();
    loop {
        let (before, mut frames) = (taken(io), Vec::new());
        io.receive(&mut frames).unwrap();
        for mut frame in frames {
            own.push(io.view(&mut frame).bytes().to_vec());
            io.release(frame);
        }
        if taken(io) == before {
            return own;
        }
    }
}

/// What a ledger rests on where a lost copy does not tell whose frame it was: every socket counts each frame that there was,
/// also those whose copies it lost.
#[test]
fn what_a_socket_was_given_counts_every_frame_also_where_copies_are_lost() {
    const THREADS: usize = 3;
    const ROUNDS: u32 = 12;
    const BURST: u32 = 100;
    let Some(chain) = chain(1, [1500; 2]) else {
        return;
    };
    // Room for one burst and no more than two.
    let config = PlainConfig {
        receive_buffer: 64 << 10,
        ..chain.plain()
    };
    let mut group = chain.open(|| open(&config, THREADS as u16, Division::Copies));
    let (probe, mut ios) = (group.probe(), group.take_ios());
    let mut from = chain.tap(0);
    let (mut sent, mut shares) = (BTreeSet::new(), vec![Vec::new(); THREADS]);
    let count = |thread: usize| {
        let drops = probe.socket_drops(2 * thread).unwrap();
        (drops.related.given, drops.get(Drop::PacketSocket))
    };
    for round in 1..=ROUNDS {
        for number in (round - 1) * BURST..round * BURST {
            let frame = datagram(40_000 + (number % 12) as u16, PORT, number);
            from.send(&frame);
            sent.insert(frame);
        }
        let patience = Instant::now() + Duration::from_secs(5);
        while (0..THREADS).any(|thread| count(thread).0 < u64::from(round * BURST)) {
            assert!(Instant::now() < patience, "the frames do not arrive");
        }
        // The first thread always keeps up, the others come late.
        for (thread, (io, share)) in ios.iter_mut().zip(&mut shares).enumerate() {
            if round % (thread as u32 + 1) == 0 {
                share.extend(drain(io));
            }
        }
    }
    let frames = u64::from(ROUNDS * BURST);
    let lost: Vec<u64> = (0..THREADS).map(|thread| count(thread).1).collect();
    for (thread, io) in ios.iter().enumerate() {
        assert_eq!(count(thread).0, frames, "given to thread {thread}");
        assert_eq!(taken(io) + lost[thread], frames, "{lost:?}");
        let own = |frame: &Vec<u8>| usize::from(source(frame)) % THREADS == thread;
        assert!(shares[thread].iter().all(own));
    }
    assert!(lost[0] < lost[1] && lost[1] < lost[2], "{lost:?}");
    for frame in shares.iter().flatten() {
        assert!(sent.remove(frame), "taken twice, or never sent");
    }
    // What nobody took is what each socket's count exceeds the owners' by.
    let owners: u64 = ios.iter().map(|io| io.counters().received).sum();
    assert!(!sent.is_empty());
    assert_eq!(sent.len() as u64, frames - owners);
}

#[test]
fn disjoint_filters_copy_each_frame_once() {
    for division in [Division::SourcePort, Division::Queue] {
        let Some(chain) = chain(3, [1500; 2]) else {
            return;
        };
        let mut group = chain.open(|| open(&chain.plain(), 3, division));
        assert!(group.obtained().iter().all(|one| one.filter_steps > 0));
        let mut ios = group.take_ios();
        let sent = send(&chain, 3);
        let shares = spread(&mut ios, FRAMES);
        partition(&sent, &shares);
        for ((thread, share), io) in (0..).zip(&shares).zip(&ios) {
            assert_eq!(share.len(), FRAMES as usize / 3, "{division:?}");
            assert!(share.iter().all(|frame| match division {
                Division::Copies | Division::SourcePort => source(frame) % 3 == thread,
                Division::Queue => queue(frame) == thread,
            }));
            assert_eq!(io.counters().of_others, 0);
        }
    }
}

#[test]
fn fanout_gives_each_frame_to_one_thread() {
    for (fanout, number) in [(Fanout::Hash, 0), (Fanout::Cpu, 2), (Fanout::Queue, 5)] {
        let Some(chain) = chain(3, [1500; 2]) else {
            return;
        };
        let config = PacketMmapV3 {
            fanout,
            qdisc_bypass: false,
            ..small_blocks(&chain, 3)
        };
        let mut group = chain.open(|| config.open());
        assert_eq!(group.obtained().len(), 6);
        assert!(
            group
                .obtained()
                .iter()
                .all(|one| one.fanout == Some(number))
        );
        let mut ios = group.take_ios();
        let sent = send(&chain, 3);
        let shares = spread(&mut ios, FRAMES);
        partition(&sent, &shares);
        let flows = |share: &Vec<Vec<u8>>| -> BTreeSet<(u16, u16)> {
            let ports = share.iter().map(|frame| (source(frame), queue(frame)));
            ports.collect()
        };
        match fanout {
            Fanout::Queue => {
                for (thread, share) in (0..).zip(&shares) {
                    assert_eq!(share.len(), FRAMES as usize / 3);
                    assert!(share.iter().all(|frame| queue(frame) == thread));
                }
            }
            // A flow, here the ports that it comes from and goes to, stays with one thread.
            Fanout::Hash => {
                let apart: usize = shares.iter().map(|share| flows(share).len()).sum();
                assert_eq!(apart, flows(&sent).len());
            }
            Fanout::Cpu => {}
        }
        // Nobody received what another of the group sent.
        assert!(spread(&mut ios, FRAMES).iter().all(Vec::is_empty));
        assert_eq!(group.probe().drops().unwrap().total(), 0);
    }
}
