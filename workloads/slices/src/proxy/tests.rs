//! Both proxies with a link between them that loses: what is recovered is what the theory says, and every frame ends in one
//! line.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use steering::channel::Channel;

use super::*;
use crate::maelstrom::header::{DATA_LEN, Header, REPAIR_LEN};
use crate::maelstrom::{Group, theory};
use crate::memory::Memory;
use crate::pair::Side;
use crate::rig::{self, MTU, On, carry, delivered, fib, packet};

fn config(side: Side, r: u8, c: u8) -> ProxyConfig {
    ProxyConfig {
        side,
        r,
        c,
        mtu: MTU,
    }
}

fn proxy(side: Side, r: u8, c: u8) -> Proxy {
    Proxy::new(&config(side, r, c), rig::router(fib(side, true))).unwrap()
}

/// The lines add up to what came and what was recovered, and no frame is held.
fn conserves(proxy: &Proxy, memory: &Memory) {
    let counters = proxy.counters();
    let sum: u64 = counters.ledger().map(|(_, frames)| frames).sum();
    let came = counters.received + counters.recovered;
    assert_eq!(sum, came + counters.fragments(), "{counters:?}");
    let lost: u64 = counters.losses().map(|(_, frames)| frames).sum();
    assert_eq!(sum, lost + counters.sent());
    let io = pktio::BatchIo::counters(memory);
    assert_eq!(io.received, counters.received);
    assert_eq!(io.transmitted, counters.sent() + counters.made());
    assert_eq!(memory.held, 0);
}

fn payload(number: usize, len: usize) -> Vec<u8> {
    let mut payload: Vec<u8> = (0..len).map(|at| (at * 31 + number) as u8).collect();
    payload[..4].copy_from_slice(&(number as u32).to_be_bytes());
    payload
}

fn same(_: &mut [u8]) {}

fn first_link(number: usize, len: usize) -> Vec<u8> {
    packet(
        Side::Egress,
        On::First,
        number % 5 == 4,
        &payload(number, len),
        same,
    )
}

fn last_link(number: usize, len: usize) -> Vec<u8> {
    packet(
        Side::Egress,
        On::Last,
        number % 5 == 4,
        &payload(number, len),
        same,
    )
}

fn by_bytes(packets: &[Vec<u8>]) -> BTreeMap<Vec<u8>, usize> {
    let mut counted = BTreeMap::new();
    for packet in packets {
        *counted.entry(packet.clone()).or_default() += 1;
    }
    counted
}

/// What arrived over a link of which the losses are known beforehand.
#[derive(Default)]
struct Arrived {
    packets: BTreeSet<u32>,
    repairs: Vec<Group>,
}

/// Sends so many packets, with the repairs of the last groups, over a link that loses as `channel` does.
fn crossed(
    (r, c): (u8, u8),
    lengths: &[usize],
    batch: usize,
    channel: Channel,
    seed: u64,
) -> (Proxy, Memory, Arrived) {
    let (mut near, mut far) = (proxy(Side::Egress, r, c), proxy(Side::Ingress, r, c));
    let (mut one, mut other) = (Memory::new(batch), Memory::new(batch));
    for (number, len) in lengths.iter().enumerate() {
        one.arrive(Side::Egress.hosts(), &first_link(number, *len));
    }
    one.run(&mut near, 1);
    assert!(near.is_open());
    one.run(&mut near, 2 + PAUSE_NS);
    assert!(!near.is_open());
    conserves(&near, &one);
    // Now every packet is in a group of every layer, the last ones in those that were not full.
    let mut members = vec![0; c.into()];
    for frame in one.sent_by(Side::Egress.between()) {
        if let Header::Repair { group, .. } = Header::read(&frame).unwrap().0 {
            members[usize::from(group.layer)] += usize::from(group.count);
        }
    }
    assert_eq!(members, vec![lengths.len(); c.into()]);
    let mut state = Channel::first(seed, 0);
    let mut arrived = Arrived::default();
    carry(
        (&mut one, Side::Egress),
        (&mut other, Side::Ingress),
        |_, frame| {
            let lost;
            (state, lost) = channel.next(state);
            if !lost {
                match Header::read(frame).unwrap().0 {
                    Header::Data { sequence } => assert!(arrived.packets.insert(sequence)),
                    Header::Repair { group, .. } => arrived.repairs.push(group),
                }
            }
            lost
        },
    );
    other.run(&mut far, 1);
    conserves(&far, &other);
    (far, other, arrived)
}

fn any_channel() -> impl Strategy<Value = Channel> {
    prop_oneof![
        (0.0..0.3).prop_map(Channel::independent),
        (0.001..0.3, 1.0..30.0).prop_map(|(loss, mean)| Channel::bursts(loss, mean)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// As long as the window holds all packets: the packets that come out are those that arrived and those that the equations
    /// give, bit for bit as they would have come without a loss.
    #[test]
    fn what_comes_out_is_what_arrived_and_what_the_theory_gives(
        code in prop::sample::select(vec![(2_u8, 1_u8), (4, 2), (8, 3), (8, 2), (5, 3)]),
        lengths in prop::collection::vec(4_usize..300, 1..400),
        batch in 1_usize..70,
        channel in any_channel(),
        seed: u64,
    ) {
        let window = config(Side::Egress, code.0, code.1).code().window();
        let lengths = &lengths[..lengths.len().min(window)];
        let (far, memory, arrived) = crossed(code, lengths, batch, channel, seed);
        let recovered = theory::peeled(&arrived.packets, &arrived.repairs);
        let expected: Vec<Vec<u8>> = arrived
            .packets
            .union(&recovered)
            .map(|number| last_link(*number as usize, lengths[*number as usize]))
            .collect();
        prop_assert_eq!(by_bytes(&delivered(&memory, Side::Ingress)), by_bytes(&expected));
        let counters = far.counters();
        prop_assert_eq!(counters.recovered, recovered.len() as u64);
        prop_assert_eq!(counters.decoder.data, arrived.packets.len() as u64);
        prop_assert_eq!(counters.decoder.repairs, arrived.repairs.len() as u64);
    }

    /// Frames near to what passes, and any bytes at all, end in one line each.
    #[test]
    fn hostile_frames_end_in_one_line_each(
        side in prop::sample::select(vec![Side::Egress, Side::Ingress]),
        frames in prop::collection::vec(
            (any::<bool>(), 4_usize..200, prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), 0_u8..4),
            1..60,
        ),
        batch in 1_usize..20,
    ) {
        let mut near = proxy(Side::Egress, 4, 2);
        let mut encoding = Memory::new(batch);
        for (number, (_, len, _, _)) in frames.iter().enumerate() {
            encoding.arrive(Side::Egress.hosts(), &first_link(number, *len));
        }
        encoding.run(&mut near, 1);
        let encoded = encoding.sent_by(Side::Egress.between());
        let mut memory = Memory::new(batch);
        for (number, (between, len, changes, cut)) in frames.iter().enumerate() {
            let mut frame = if *between {
                encoded[number].clone()
            } else {
                first_link(number, *len)
            };
            for (at, byte) in changes {
                let at = at.index(frame.len().min(64));
                frame[at] = *byte;
            }
            if *cut == 0 {
                frame.truncate(frame.len() / 3);
            }
            let port = if number % 2 == 0 { side.hosts() } else { side.between() };
            memory.arrive(port, &frame);
        }
        let mut proxy = proxy(side, 4, 2);
        memory.run(&mut proxy, 1);
        memory.run(&mut proxy, 2 + PAUSE_NS);
        conserves(&proxy, &memory);
    }
}

#[test]
fn without_loss_packets_keep_their_order_and_nothing_is_made_up() {
    for batch in [1, 64] {
        let lengths: Vec<usize> = (0..900).map(|number| 4 + number * 7 % 1456).collect();
        let (far, memory, arrived) = crossed((8, 3), &lengths, batch, Channel::NOTHING, 1);
        let expected: Vec<_> = lengths
            .iter()
            .enumerate()
            .map(|(number, len)| last_link(number, *len))
            .collect();
        assert!(delivered(&memory, Side::Ingress) == expected);
        let counters = far.counters();
        assert_eq!((counters.recovered, counters.lost_for_good()), (0, 0));
        assert_eq!(counters.decoder.repairs, arrived.repairs.len() as u64);
    }
}

#[test]
fn both_directions_are_protected_at_once() {
    let (mut near, mut far) = (proxy(Side::Egress, 4, 1), proxy(Side::Ingress, 4, 1));
    let (mut one, mut other) = (Memory::new(8), Memory::new(8));
    let back = |on, number| packet(Side::Ingress, on, false, &payload(number, 50), same);
    for number in 0..40 {
        one.arrive(Side::Egress.hosts(), &first_link(number, 60));
        other.arrive(Side::Ingress.hosts(), &back(On::First, number));
    }
    one.run(&mut near, 1);
    other.run(&mut far, 1);
    // One packet of each group is lost in either direction: of five frames one.
    let there = carry(
        (&mut one, Side::Egress),
        (&mut other, Side::Ingress),
        |at, _| at % 5 == 2,
    );
    let here = carry(
        (&mut other, Side::Ingress),
        (&mut one, Side::Egress),
        |at, _| at % 5 == 0,
    );
    assert_eq!((there, here), (40, 40));
    one.run(&mut near, 1);
    other.run(&mut far, 1);
    let expected: Vec<_> = (0..40).map(|number| last_link(number, 60)).collect();
    assert_eq!(
        by_bytes(&delivered(&other, Side::Ingress)),
        by_bytes(&expected)
    );
    let expected: Vec<_> = (0..40).map(|number| back(On::Last, number)).collect();
    assert_eq!(
        by_bytes(&delivered(&one, Side::Egress)),
        by_bytes(&expected)
    );
    for (proxy, memory) in [(&near, &one), (&far, &other)] {
        conserves(proxy, memory);
        assert_eq!(proxy.counters().recovered, 10);
    }
}

#[test]
fn overhead_is_counted_by_bytes_and_losses_for_good_are_told() {
    let mut near = proxy(Side::Egress, 8, 3);
    let mut one = Memory::new(64);
    for number in 0..800 {
        let frame = packet(Side::Egress, On::First, false, &payload(number, 1480), same);
        one.arrive(Side::Egress.hosts(), &frame);
    }
    one.run(&mut near, 1);
    let counters = near.counters();
    assert_eq!(
        (counters.encoder.data, counters.encoder.repairs),
        (800, 300)
    );
    let bytes: usize = one.sent.iter().map(|(_, frame)| frame.len()).sum();
    let expected = bytes as f64 / (800.0 * 1514.0) - 1.0;
    let encoder = &counters.encoder;
    let beyond = encoder.data_bytes + encoder.repair_bytes - encoder.plain_bytes;
    let overhead = beyond as f64 / encoder.plain_bytes as f64;
    assert!((overhead - expected).abs() < 1e-12);
    let by_hand = 3.0 / 8.0 + (8.0 * DATA_LEN as f64 + 3.0 * REPAIR_LEN as f64) / (8.0 * 1514.0);
    assert!((expected - by_hand).abs() < 1e-12, "{expected}");

    // Two of a group in every layer: beyond the code.
    let (mut far, mut other) = (proxy(Side::Ingress, 2, 1), Memory::new(64));
    let (mut near, mut one) = (proxy(Side::Egress, 2, 1), Memory::new(64));
    for number in 0..20 {
        one.arrive(Side::Egress.hosts(), &first_link(number, 60));
    }
    one.run(&mut near, 1);
    carry(
        (&mut one, Side::Egress),
        (&mut other, Side::Ingress),
        |at, _| (6..8).contains(&at),
    );
    other.run(&mut far, 1);
    let counters = far.counters();
    assert_eq!((counters.recovered, counters.lost_for_good()), (0, 2));
    assert_eq!(delivered(&other, Side::Ingress).len(), 18);
    conserves(&far, &other);
}

/// The clock of a thread, in steps of 1 us a look.
fn stepping() -> u64 {
    thread_local! {
        static NOW_NS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
    }
    NOW_NS.set(NOW_NS.get() + 1000);
    NOW_NS.get()
}

#[test]
fn recovery_is_timed_from_the_frame_that_shows_the_gap() {
    let mut near = proxy(Side::Egress, 4, 1);
    let mut far = proxy(Side::Ingress, 4, 1);
    far.decoder = Decoder::new(config(Side::Ingress, 4, 1).code())
        .unwrap()
        .by_clock(stepping);
    let (mut one, mut other) = (Memory::new(64), Memory::new(64));
    for number in 0..12 {
        one.arrive(Side::Egress.hosts(), &first_link(number, 60));
    }
    one.run(&mut near, 1);
    // The second of the first group, the last of the second, and the third group is whole.
    carry(
        (&mut one, Side::Egress),
        (&mut other, Side::Ingress),
        |at, _| [1, 8].contains(&at),
    );
    other.run(&mut far, 1);
    let counters = far.counters();
    assert_eq!(counters.recovered, 2);
    // The clock was looked at when a gap was seen and when it was filled, and at no other time.
    assert_eq!(far.delays().buckets(), [(1000, 2)].into());
    assert_eq!(stepping(), 5000);
}

#[test]
fn who_sends_too_much_is_told_the_hosts_mtu() {
    let mut near = proxy(Side::Egress, 8, 3);
    let mut memory = Memory::new(8);
    for len in [1480, 1481] {
        let frame = packet(Side::Egress, On::First, false, &payload(0, len), same);
        memory.arrive(Side::Egress.hosts(), &frame);
    }
    memory.run(&mut near, 1);
    let [error] = &delivered(&memory, Side::Egress)[..] else {
        panic!("one error");
    };
    assert_eq!(error[34..36], [3, 4]);
    assert_eq!(error[40..42], MTU.to_be_bytes());
    conserves(&near, &memory);
}

#[test]
fn an_error_about_a_packet_from_the_far_side_goes_back_under_the_code() {
    let (mut near, mut far) = (proxy(Side::Egress, 4, 1), proxy(Side::Ingress, 4, 1));
    let (mut one, mut other) = (Memory::new(8), Memory::new(8));
    let short = |header: &mut [u8]| header[8] = 2;
    one.arrive(
        Side::Egress.hosts(),
        &packet(Side::Egress, On::First, false, &payload(0, 80), short),
    );
    one.run(&mut near, 1);
    carry(
        (&mut one, Side::Egress),
        (&mut other, Side::Ingress),
        |_, _| false,
    );
    other.run(&mut far, 1);
    conserves(&far, &other);
    carry(
        (&mut other, Side::Ingress),
        (&mut one, Side::Egress),
        |_, _| false,
    );
    one.run(&mut near, 1);
    let [error] = &delivered(&one, Side::Egress)[..] else {
        panic!("one error comes to the sender");
    };
    assert_eq!(error[34..36], [11, 0], "time exceeded");
    conserves(&near, &one);
}

#[test]
fn without_memory_repairs_are_skipped_and_what_is_recovered_is_given_up() {
    let (mut near, mut far) = (proxy(Side::Egress, 4, 1), proxy(Side::Ingress, 4, 1));
    let (mut one, mut other) = (Memory::new(8), Memory::new(8));
    for number in 0..8 {
        one.arrive(Side::Egress.hosts(), &first_link(number, 60));
    }
    one.allocations = 1;
    one.run(&mut near, 1);
    conserves(&near, &one);
    let encoder = near.counters().encoder;
    assert_eq!((encoder.repairs, encoder.repairs_skipped), (1, 1));
    other.allocations = 0;
    carry(
        (&mut one, Side::Egress),
        (&mut other, Side::Ingress),
        |at, _| at == 1,
    );
    other.run(&mut far, 1);
    conserves(&far, &other);
    let counters = far.counters();
    assert_eq!((counters.recovered, counters.lost_for_good()), (0, 1));
    assert_eq!(counters.decoder.undelivered, 1);
}

#[test]
fn what_has_no_header_does_not_pass_and_a_code_that_cannot_be_is_refused() {
    let mut far = proxy(Side::Ingress, 8, 3);
    let mut memory = Memory::new(8);
    memory.arrive(Side::Ingress.between(), &first_link(0, 60));
    memory.run(&mut far, 1);
    assert!(memory.sent.is_empty());
    let refused = far
        .counters()
        .losses()
        .find(|(name, _)| name == "decode_not_ours");
    assert_eq!(refused.map(|(_, frames)| frames), Some(1));
    conserves(&far, &memory);
    let refused = Proxy::new(
        &config(Side::Egress, 1, 3),
        rig::router(fib(Side::Egress, true)),
    );
    assert!(matches!(refused, Err(BadCode::Group(1))));
}
