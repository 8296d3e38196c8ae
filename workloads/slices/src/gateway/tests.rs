//! Both gateways with the link between them: what goes in comes out, and every frame ends in one line.

use etherparse::{IpNumber, NetSlice, SlicedPacket};
use proptest::prelude::*;

use super::*;
use crate::memory::{Memory, MemoryFrame};
use crate::pair::Side;
use crate::rig::{self, BETWEEN, ENDS, MTU, On, carry, delivered, fib, packet};

pub(super) type Gateways = Vec<Gateway<MemoryFrame>>;

pub(super) fn config(side: Side, authentication: Authentication) -> GatewayConfig {
    let [egress, ingress] = ENDS;
    let (local, remote) = match side {
        Side::Egress => (egress, ingress),
        Side::Ingress => (ingress, egress),
    };
    GatewayConfig {
        side,
        local,
        remote,
        spi: 0x1000,
        secret: Secret([7; 32]),
        authentication,
        mtu: BETWEEN,
    }
}

fn gateways(side: Side, authentication: Authentication, workers: u16) -> Gateways {
    let routers = (0..workers).map(|_| rig::router(fib(side, true)));
    Gateway::of_workers(&config(side, authentication), routers.collect()).unwrap()
}

fn single(side: Side, authentication: Authentication) -> Gateway<MemoryFrame> {
    gateways(side, authentication, 1).remove(0)
}

const BOTH: [Authentication; 2] = [Authentication::None, Authentication::HmacSha256];

/// The lines add up to what came and what was made of it, and no frame is held.
pub(super) fn conserves(gateway: &Gateway<MemoryFrame>, memory: &Memory) {
    let counters = gateway.counters();
    let sum: u64 = counters.ledger().map(|(_, frames)| frames).sum();
    assert_eq!(
        sum,
        counters.received + counters.fragments(),
        "{counters:?}"
    );
    let lost: u64 = counters.losses().map(|(_, frames)| frames).sum();
    assert_eq!(sum, lost + counters.sent());
    let io = pktio::BatchIo::counters(memory);
    assert_eq!(io.received, counters.received);
    assert_eq!(io.transmitted, counters.sent() + counters.errors());
    assert_eq!(memory.held, 0);
}

pub(super) fn line(gateway: &Gateway<MemoryFrame>, name: &str) -> u64 {
    let counters = gateway.counters();
    let found = counters.ledger().find(|(line, _)| line == name);
    found.unwrap_or_else(|| panic!("no line {name}")).1
}

fn lengths() -> impl Iterator<Item = usize> {
    (0..MTU as usize - 40).step_by(97)
}

pub(super) fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + len) as u8).collect()
}

pub(super) fn same(_: &mut [u8]) {}

/// The SPI and the sequence number of an outer packet, by a parser that is not ours.
fn outer(frame: &[u8]) -> (u32, u32) {
    let sliced = SlicedPacket::from_ethernet(frame).unwrap();
    let Some(NetSlice::Ipv4(ip)) = sliced.net else {
        panic!("the outer packet is IPv4");
    };
    assert_eq!(ip.header().protocol(), IpNumber(50));
    let mut ends = [ip.header().source_addr(), ip.header().destination_addr()];
    ends.sort();
    assert_eq!(ends, ENDS);
    let esp = ip.payload().payload;
    let number = |at: usize| u32::from_be_bytes(esp[at..at + 4].try_into().unwrap());
    (number(0), number(4))
}

#[test]
fn packets_cross_in_order_and_come_out_bit_for_bit_in_both_directions() {
    for authentication in BOTH {
        for batch in [1, 3, 64] {
            for from in [Side::Egress, Side::Ingress] {
                let to = match from {
                    Side::Egress => Side::Ingress,
                    Side::Ingress => Side::Egress,
                };
                let (mut near, mut far) =
                    (single(from, authentication), single(to, authentication));
                let (mut one, mut other) = (Memory::new(batch), Memory::new(batch));
                let mut expected = Vec::new();
                for len in lengths() {
                    for v6 in [false, true] {
                        let payload = payload(len);
                        let sent = packet(from, On::First, v6, &payload, same);
                        one.arrive(from.hosts(), &sent);
                        expected.push(packet(from, On::Last, v6, &payload, same));
                    }
                }
                one.run(&mut near, 1);
                let between = one.sent_by(from.between());
                for (number, frame) in (1..).zip(&between) {
                    assert_eq!(outer(frame), (0x1000, number));
                }
                assert_eq!(
                    carry((&mut one, from), (&mut other, to), |_, _| false),
                    expected.len()
                );
                other.run(&mut far, 1);
                assert_eq!(delivered(&other, to), expected);
                conserves(&near, &one);
                conserves(&far, &other);
                assert_eq!(near.counters().tunnelled, expected.len() as u64);
                assert_eq!(
                    far.counters()
                        .losses()
                        .map(|(_, frames)| frames)
                        .sum::<u64>(),
                    0
                );
            }
        }
    }
}

#[test]
fn any_worker_opens_any_workers_packets_and_a_replay_is_seen_by_all() {
    for authentication in BOTH {
        let mut near = gateways(Side::Egress, authentication, 3);
        let mut far = gateways(Side::Ingress, authentication, 3);
        let mut seen = Vec::new();
        for gateway in &mut near {
            let mut memory = Memory::new(8);
            for len in [10, 500] {
                let sent = packet(Side::Egress, On::First, false, &payload(len), same);
                memory.arrive(Side::Egress.hosts(), &sent);
            }
            memory.run(gateway, 1);
            seen.extend(memory.sent_by(Side::Egress.between()));
        }
        let spis: Vec<_> = seen.iter().map(|frame| outer(frame)).collect();
        assert_eq!(
            spis,
            [0x1000, 0x1001, 0x1002]
                .map(|spi| [(spi, 1), (spi, 2)])
                .concat()
        );
        // Each packet comes to every worker: to the wrong ones first, and once more.
        let mut opened = 0;
        for (at, frame) in seen.iter().enumerate() {
            for turn in 0..3 {
                let mut memory = Memory::new(8);
                let gateway = &mut far[(at / 2 + 1 + turn) % 3];
                let before = gateway.counters().not_received;
                memory.arrive(Side::Ingress.between(), frame);
                memory.run(gateway, 1);
                opened += delivered(&memory, Side::Ingress).len();
                let after = gateway.counters().not_received;
                let replayed = ipsec::NotReceived::Replayed.index();
                match authentication {
                    Authentication::HmacSha256 if turn > 0 => {
                        assert_eq!(after[replayed], before[replayed] + 1);
                    }
                    Authentication::HmacSha256 | Authentication::None => assert_eq!(after, before),
                }
            }
        }
        let each = match authentication {
            Authentication::None => 3,
            Authentication::HmacSha256 => 1,
        };
        assert_eq!(opened, seen.len() * each);
    }
}

#[test]
fn what_was_not_encapsulated_for_this_end_does_not_pass() {
    let side = Side::Ingress;
    let mut gateway = single(side, Authentication::HmacSha256);
    let mut sealing = Memory::new(64);
    let plain = packet(Side::Egress, On::First, false, &payload(100), same);
    sealing.arrive(Side::Egress.hosts(), &plain);
    sealing.run(&mut single(Side::Egress, Authentication::HmacSha256), 1);
    let sealed = sealing.sent_by(Side::Egress.between()).remove(0);

    let mut memory = Memory::new(64);
    let mut bare = plain.clone();
    bare[..12].copy_from_slice(&sealed[..12]);
    let mut other = sealed.clone();
    other[14 + 20..][..4].copy_from_slice(&0x1001_u32.to_be_bytes());
    let mut forged = sealed.clone();
    *forged.last_mut().unwrap() ^= 1;
    for frame in [&bare, &other, &forged, &sealed[..60].to_vec(), &sealed] {
        memory.arrive(side.between(), frame);
    }
    memory.run(&mut gateway, 1);
    for name in ["not_ours", "unknown_spi", "bad_icv", "truncated"] {
        assert_eq!(line(&gateway, &format!("open_{name}")), 1, "{name}");
    }
    let expected = packet(Side::Egress, On::Last, false, &payload(100), same);
    assert_eq!(memory.sent, [(side.hosts(), expected)]);
    conserves(&gateway, &memory);
}

#[test]
fn who_sends_too_much_is_told_the_tunnels_mtu() {
    let mut config = config(Side::Egress, Authentication::None);
    config.mtu = 1400;
    let inner = config.outbound(0).inner_mtu();
    let routers = vec![rig::router(fib(Side::Egress, true))];
    let mut gateway = Gateway::of_workers(&config, routers).unwrap().remove(0);
    let mut memory = Memory::new(64);
    for (v6, header) in [(false, 20), (true, 40)] {
        for len in [inner, inner + 1] {
            let payload = payload(usize::from(len) - header);
            let frame = packet(Side::Egress, On::First, v6, &payload, same);
            memory.arrive(Side::Egress.hosts(), &frame);
        }
    }
    memory.run(&mut gateway, 1);
    let errors = delivered(&memory, Side::Egress);
    let mtus = [
        u16::from_be_bytes([errors[0][40], errors[0][41]]).into(),
        u32::from_be_bytes(errors[1][58..62].try_into().unwrap()),
    ];
    assert_eq!(mtus, [u32::from(inner); 2]);
    assert_eq!(errors[0][34..36], [3, 4], "fragmentation needed");
    assert_eq!(errors[1][54..56], [2, 0], "packet too big");
    // What is quoted is the packet as it came.
    assert_eq!(errors[0][42 + 8], 64);
    assert_eq!(line(&gateway, "reported_too_big"), 2);
    assert_eq!(line(&gateway, "tunnelled"), 2);
    conserves(&gateway, &memory);
}

#[test]
fn what_may_be_fragmented_is_and_the_far_gateway_reassembles_nothing() {
    let mut config = config(Side::Egress, Authentication::None);
    config.mtu = 1400;
    let routers = vec![rig::router(fib(Side::Egress, true))];
    let mut near = Gateway::of_workers(&config, routers).unwrap().remove(0);
    let mut far = single(Side::Ingress, Authentication::None);
    let (mut one, mut other) = (Memory::new(4), Memory::new(4));
    let whole = payload(1480);
    let may = |header: &mut [u8]| header[6] = 0;
    let sent = packet(Side::Egress, On::First, false, &whole, may);
    one.arrive(Side::Egress.hosts(), &sent);
    one.run(&mut near, 1);
    carry(
        (&mut one, Side::Egress),
        (&mut other, Side::Ingress),
        |_, _| false,
    );
    other.run(&mut far, 1);
    let pieces = delivered(&other, Side::Ingress);
    assert_eq!(pieces.len(), 2);
    let mut together = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        let offset = u16::from_be_bytes([piece[20], piece[21]]);
        assert_eq!(usize::from(offset & 0x1fff) * 8, together.len());
        assert_eq!(offset & 0x2000 != 0, at == 0);
        assert_eq!(piece[22], 62);
        together.extend_from_slice(&piece[34..]);
    }
    assert_eq!(together, whole);
    let counters = near.counters();
    let fragmented = line(&near, "fragmented");
    assert_eq!(
        (fragmented, counters.fragments(), counters.tunnelled),
        (1, 2, 2)
    );
    conserves(&near, &one);

    // Without memory for all pieces none is sent.
    one.allocations = 1;
    one.arrive(Side::Egress.hosts(), &sent);
    one.run(&mut near, 1);
    assert!(one.sent.is_empty());
    assert_eq!(
        (line(&near, "drop_not_cut"), line(&near, "fragmented")),
        (1, 1)
    );
    assert_eq!(one.held, 0);
}

#[test]
fn an_error_about_a_packet_of_the_tunnel_goes_back_through_it() {
    let (mut near, mut far) = (
        single(Side::Egress, Authentication::HmacSha256),
        single(Side::Ingress, Authentication::HmacSha256),
    );
    let (mut one, mut other) = (Memory::new(4), Memory::new(4));
    let short = |header: &mut [u8]| header[8] = 2;
    let sent = packet(Side::Egress, On::First, false, &payload(100), short);
    one.arrive(Side::Egress.hosts(), &sent);
    one.run(&mut near, 1);
    carry(
        (&mut one, Side::Egress),
        (&mut other, Side::Ingress),
        |_, _| false,
    );
    other.run(&mut far, 1);
    assert_eq!(line(&far, "reported_time_exceeded"), 1);
    outer(&other.sent_by(Side::Ingress.between())[0]);
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
    assert_eq!(error[26..30], ENDS[1].octets());
    conserves(&near, &one);
}

#[test]
fn without_a_way_to_the_other_gateway_frames_are_counted_and_released() {
    for (known, name) in [(true, "tunnelled"), (false, "drop_unresolved")] {
        let routers = vec![rig::router(fib(Side::Egress, known))];
        let config = config(Side::Egress, Authentication::None);
        let mut gateway = Gateway::of_workers(&config, routers).unwrap().remove(0);
        let mut memory = Memory::new(4);
        let frame = packet(Side::Egress, On::First, false, &payload(9), same);
        memory.arrive(Side::Egress.hosts(), &frame);
        memory.run(&mut gateway, 1);
        assert_eq!(line(&gateway, name), 1, "{name}");
        conserves(&gateway, &memory);
    }
    // A way for the hosts' packets, and none for the tunnel's.
    for (remote, name) in [
        ([198, 18, 128, 9], "unresolved"),
        ([203, 0, 113, 1], "no_route"),
    ] {
        let mut config = config(Side::Egress, Authentication::None);
        config.remote = remote.into();
        let routers = vec![rig::router(fib(Side::Egress, true))];
        let mut gateway = Gateway::of_workers(&config, routers).unwrap().remove(0);
        let mut memory = Memory::new(4);
        for _ in 0..6 {
            let frame = packet(Side::Egress, On::First, false, &payload(9), same);
            memory.arrive(Side::Egress.hosts(), &frame);
        }
        memory.run(&mut gateway, 1);
        assert_eq!(line(&gateway, &format!("tunnel_{name}")), 6, "{name}");
        conserves(&gateway, &memory);
    }
}

#[test]
fn there_are_not_more_workers_than_indexes() {
    let refused = |spi: u32| {
        let mut config = config(Side::Egress, Authentication::None);
        config.spi = spi;
        let routers = (0..2).map(|_| rig::router(fib(Side::Egress, true)));
        Gateway::<MemoryFrame>::of_workers(&config, routers.collect()).map(drop)
    };
    assert!(refused(u32::MAX - 2).is_ok());
    assert!(matches!(refused(u32::MAX - 1), Err(NoGateway::Spis { .. })));
    assert!(matches!(refused(255), Err(NoGateway::Inbound(_))));
}

/// Frames near to what passes: real ones with bytes changed, cut or added, and any bytes at all.
fn hostile() -> impl Strategy<Value = Vec<(bool, Vec<u8>)>> {
    let changed = (
        any::<bool>(),
        any::<bool>(),
        0_usize..1460,
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        any::<prop::sample::Index>(),
        any::<bool>(),
    )
        .prop_map(|(hosts, v6, len, changes, end, cut)| {
            let mut frame = packet(Side::Egress, On::First, v6, &payload(len), same);
            for (at, byte) in changes {
                // The headers above all.
                let at = at.index(frame.len().min(64));
                frame[at] = byte;
            }
            if cut {
                frame.truncate(end.index(frame.len()));
            }
            (hosts, frame)
        });
    let any_bytes = (any::<bool>(), prop::collection::vec(any::<u8>(), 0..200));
    prop::collection::vec(prop_oneof![3 => changed, 1 => any_bytes], 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn hostile_frames_end_in_one_line_each(frames in hostile(), batch in 1_usize..20, authenticated: bool) {
        let authentication = BOTH[usize::from(authenticated)];
        let mut gateway = single(Side::Egress, authentication);
        let mut memory = Memory::new(batch);
        for (hosts, frame) in &frames {
            let port = if *hosts { Side::Egress.hosts() } else { Side::Egress.between() };
            memory.arrive(port, frame);
        }
        memory.run(&mut gateway, 1);
        conserves(&gateway, &memory);
    }

    /// What was sealed and then changed in any one place does not get through an authenticated tunnel, and through one that is
    /// not it does no harm.
    #[test]
    fn damaged_tunnel_packets_end_in_one_line_each(
        len in 0_usize..600, at: prop::sample::Index, to: u8, end: prop::sample::Index, cut: bool, authenticated: bool,
    ) {
        let authentication = BOTH[usize::from(authenticated)];
        let mut sealing = Memory::new(1);
        sealing.arrive(Side::Egress.hosts(), &packet(Side::Egress, On::First, false, &payload(len), same));
        sealing.run(&mut single(Side::Egress, authentication), 1);
        let whole = sealing.sent_by(Side::Egress.between()).remove(0);
        let mut frame = whole.clone();
        let at = at.index(frame.len());
        frame[at] = to;
        if cut {
            frame.truncate(end.index(frame.len()));
        }
        let mut gateway = single(Side::Ingress, authentication);
        let mut memory = Memory::new(1);
        memory.arrive(Side::Ingress.between(), &frame);
        memory.run(&mut gateway, 1);
        conserves(&gateway, &memory);
        if authenticated && frame[34.min(frame.len())..] != whole[34..] {
            prop_assert!(memory.sent.is_empty());
        }
    }
}
