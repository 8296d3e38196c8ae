//! What a full buffer or ring loses counts in its socket alone; the rest arrives.

use pktio::BatchIo as _;
use pktio::drops::Drop;
use pktio::frame::FrameIo;
use pktio::packet::{Group, pcap};

use super::chain::{
    Case, Chain, chain, clean, every_back_end, forward, numbered, take, take_until,
};

struct Overload;

impl Case for Overload {
    fn run<I: FrameIo + 'static>(name: &str, chain: &Chain, mut group: Group<I>) {
        const COUNT: u64 = 1500;
        let io = &mut group.take_ios()[0];
        let (mut from, mut to) = (chain.tap(0), chain.tap(1));
        let probe = group.probe();
        let mut before = 0;
        for _ in 0..2 {
            for number in 0..COUNT {
                from.send(&numbered(number as usize, 200));
            }
            let lost = || probe.drops().unwrap().get(Drop::PacketSocket) - before;
            let passed = take_until(io, |taken| taken as u64 + lost() >= COUNT, forward);
            let (drops, lost) = (probe.drops().unwrap(), lost());
            assert!(
                passed > 0 && lost > 0,
                "{name}: {passed} passed, {lost} lost"
            );
            assert_eq!(passed as u64 + lost, COUNT, "{name}");
            assert_eq!(drops.get(Drop::PacketSocket), drops.total());
            // The counts are read again without being lost or told twice.
            assert_eq!(probe.drops().unwrap(), drops);
            assert_eq!(drops.related.ring_frozen > 0, name == "packet_mmap_v3");
            before += lost;
            // In order.
            let mut sent = (0..COUNT).map(|number| numbered(number as usize, 200));
            let frames = to.receive(passed);
            assert!(
                frames.iter().all(|frame| sent.any(|sent| sent == *frame)),
                "{name}"
            );
        }
        let (received, transmitted) = clean(name, &io.counters());
        assert_eq!((received, received + before), (transmitted, 2 * COUNT));
        assert_eq!(probe.socket_drops(0).unwrap().total(), before);
        assert_eq!(probe.socket_drops(1).unwrap().total(), 0);
    }
}

#[test]
fn received_and_lost_are_what_was_sent() {
    every_back_end::<Overload>();
}

struct Granted;

impl Case for Granted {
    fn run<I: FrameIo + 'static>(name: &str, _: &Chain, group: Group<I>) {
        assert_eq!(group.obtained().len(), 2);
        for obtained in group.obtained() {
            assert!(obtained.qdisc_bypass && obtained.ignores_outgoing, "{name}");
            assert_eq!(obtained.fanout, None);
            let filtered = obtained.filter_steps > 0;
            assert_eq!(filtered, name.starts_with("pcap"), "{name}");
            let buffer = obtained.receive_buffer.map(|buffer| buffer.asked);
            let rings = obtained
                .rings
                .map(|rings| (rings.version, rings.receive_bytes, rings.transmit_bytes));
            let expected = match name {
                "pcap_mmap" => (None, Some((2, 64 * 2048, 0))),
                "packet_mmap_v3" => (None, Some((3, 16 * 8192, 32 * 2048))),
                _ => (Some(64 << 10), None),
            };
            assert_eq!((buffer, rings), expected, "{name}");
        }
    }
}

#[test]
fn what_was_granted_is_told() {
    every_back_end::<Granted>();
}

/// A frame that the filter refuses is in no counter, and one that it cuts cannot be forwarded.
#[test]
fn the_filter_of_pcap_lets_internet_packets_in_up_to_the_snap_length() {
    let Some(chain) = chain(1, [1500; 2]) else {
        return;
    };
    let mut group = chain.open(|| pcap::open(&chain.plain(), 128));
    let io = &mut group.take_ios()[0];
    let (mut from, mut to) = (chain.tap(0), chain.tap(1));
    let mut arp = numbered(1, 60);
    arp[12..14].copy_from_slice(&[8, 6]);
    let mut v6 = numbered(2, 60);
    v6[12..14].copy_from_slice(&[0x86, 0xdd]);
    for frame in [&arp, &numbered(3, 129), &v6, &numbered(4, 128)] {
        from.send(frame);
    }
    assert_eq!(take(io, 2, forward), 2);
    assert_eq!(to.receive(2), [v6, numbered(4, 128)]);
    let counters = io.counters();
    assert_eq!((counters.received, counters.truncated), (2, 1));
    assert_eq!(group.probe().drops().unwrap().total(), 0);
}
