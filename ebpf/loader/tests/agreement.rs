//! Kernel and user space decide alike: over the fixtures, and over random keys and packets.

mod support;

#[path = "../../fixtures/mod.rs"]
mod fixtures;

#[path = "support/requests.rs"]
mod requests;

#[path = "support/other_requests.rs"]
mod other_requests;

use fixtures::build::{PORT, Wrapping, binary, framed};
use fixtures::table::{Expected, by_argument, by_function, fixtures, sealed};
use loader::SteerConfig;
use other_requests::{call_of, sealed_request};
use packet::datagram;
use proptest::prelude::*;
use requests::{request, runner, scattered};
use steering::{
    Inputs, Located, Order, PartitionTable, Policy, Verdict, hash_bytes, hash_key, locate_key,
    steer,
};
use support::{NOWHERE, Rig};

const OWNERS: u32 = 5;
const POLICIES: [Policy; 11] = [
    Policy::Rss,
    Policy::Key,
    Policy::Port,
    Policy::Cluster,
    Policy::FlowToeplitz,
    Policy::FlowMix,
    Policy::Token,
    Policy::Function,
    Policy::Argument(0),
    Policy::Argument(1),
    Policy::Range(Order {
        keys: 5000,
        digits: 3,
    }),
];
/// The kernel wants at least a link header.
const SHORTEST: usize = 14;

fn inputs(policy: Policy, ports: u16) -> Inputs {
    Inputs {
        policy,
        owners: OWNERS,
        members: support::members(policy, OWNERS),
        server_port: PORT,
        ports,
        rx_queue: 0,
        hot: false,
        tick: 0,
    }
}

/// What the table names: owners, or clusters of them.
fn partitions(policy: Policy, owners: u32) -> u32 {
    match policy {
        Policy::Cluster => owners / support::members(policy, owners),
        Policy::Rss
        | Policy::Key
        | Policy::Port
        | Policy::FlowToeplitz
        | Policy::FlowMix
        | Policy::Token
        | Policy::Function
        | Policy::Argument(_)
        | Policy::Range(_)
        | Policy::ScansInTurn => owners,
    }
}

#[test]
fn fixtures_get_the_same_verdict() {
    for policy in POLICIES {
        let Some(mut rig) = Rig::new(policy, 1, OWNERS, 1) else {
            return;
        };
        let table = PartitionTable::of(policy, partitions(policy, OWNERS) as u16);
        let mut run = 0;
        let all = [fixtures(), sealed(), by_function(), by_argument()].concat();
        for fixture in all.into_iter().filter(|f| f.frame.len() >= SHORTEST) {
            let expected = steer(fixture.frame.as_slice(), &table, &inputs(policy, 1));
            let got = rig.verdict(&fixture.frame, NOWHERE);
            assert_eq!(got, expected, "{policy:?}, {}", fixture.description);
            // What is not ours is not ours under any policy.
            let passes = fixture.expected == Expected::Pass;
            assert_eq!(
                got == Verdict::Pass,
                passes,
                "{policy:?}, {}",
                fixture.description
            );
            run += 1;
        }
        assert!(run > 150, "{run} fixtures");
    }
}

fn wrapping() -> impl Strategy<Value = Wrapping> {
    let tags = prop::collection::vec(prop::sample::select(vec![0x8100_u16, 0x88a8]), 0..4);
    let extension = prop::option::weighted(
        0.1,
        (
            prop::sample::select(vec![0_u8, 43, 44, 51, 60]),
            prop::collection::vec(any::<u8>(), 24),
        ),
    );
    let lengths = (-30_i16..30, -30_i16..30);
    let flags = prop::sample::select(vec![0x4000_u16, 0, 0x2000, 0x0010, 0x2010]);
    (
        tags,
        any::<bool>(),
        0_usize..11,
        flags,
        extension,
        lengths,
        any::<[bool; 3]>(),
        0_usize..40,
    )
        .prop_map(
            |(tags, v6, words, flags, extension, (udp, ip), odd, pad)| Wrapping {
                tags,
                v6,
                options: words * 4,
                flags: if odd[0] { 0x4000 } else { flags },
                extension,
                udp_len: if odd[1] { 0 } else { udp },
                ip_len: if odd[2] { 0 } else { ip },
                pad,
                ..Wrapping::default()
            },
        )
}

/// A frame, then a few bytes of it overwritten, then possibly cut.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let mutations = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let cut = prop::option::weighted(0.2, any::<prop::sample::Index>());
    let payload = prop_oneof![
        2 => request().prop_map(|it| framed(&it)),
        1 => sealed_request(),
        1 => call_of(),
    ];
    (wrapping(), payload, mutations, cut).prop_map(|(wrapping, payload, mutations, cut)| {
        let mut frame = wrapping.frame(&payload);
        for (at, byte) in mutations {
            let at = at.index(frame.len());
            frame[at] = byte;
        }
        if let Some(cut) = cut {
            frame.truncate(SHORTEST + cut.index(frame.len() - SHORTEST));
        }
        frame
    })
}

#[test]
fn random_packets_get_the_same_verdict() {
    for policy in POLICIES {
        let ports = if policy == Policy::Port { 9 } else { 1 };
        let Some(mut rig) = Rig::new(policy, 1, OWNERS, ports) else {
            return;
        };
        let table = scattered(OWNERS);
        rig.steer.set_table(&table).expect("table");
        let rig = std::cell::RefCell::new(rig);
        let cases = match policy {
            Policy::Key => 4000,
            Policy::Cluster
            | Policy::Token
            | Policy::Function
            | Policy::Argument(_)
            | Policy::Range(_)
            | Policy::ScansInTurn => 1000,
            Policy::Port | Policy::Rss | Policy::FlowToeplitz | Policy::FlowMix => 500,
        };
        let result = runner(cases).run(&frame(), |frame| {
            let expected = steer(frame.as_slice(), &table, &inputs(policy, ports));
            prop_assert_eq!(rig.borrow_mut().verdict(&frame, NOWHERE), expected);
            Ok(())
        });
        result.unwrap_or_else(|failure| panic!("{policy:?}: {failure}"));
    }
}

/// The hash of the request's first key.
fn first_key(frame: &[u8]) -> Option<u64> {
    let datagram = datagram(frame).ok()?;
    match locate_key(frame, datagram.payload_at, datagram.payload_len) {
        Ok(Located::Key { at, len }) => hash_key(frame, at, len),
        Ok(Located::Keyless) | Err(_) => None,
    }
}

#[test]
fn gets_of_hot_keys_are_spread_alike() {
    let Some(mut rig) = Rig::of(&SteerConfig {
        policy: Policy::Key,
        queues: 1,
        owners: OWNERS,
        members: OWNERS,
        server_port: PORT,
        ports: 1,
        hot_keys: 1,
    }) else {
        return;
    };
    let table = scattered(OWNERS);
    rig.steer.set_table(&table).expect("table");
    let hot_keys = rig.steer.take_hot_keys().expect("the program that spreads");
    let (rig, hot_keys) = (
        std::cell::RefCell::new(rig),
        std::cell::RefCell::new(hot_keys),
    );
    let spread = std::cell::Cell::new(0);
    let plain = "get [a-z]{1,40}( [a-z]{3})?\r\n"
        .prop_map(|text| Wrapping::default().frame(&framed(text.as_bytes())));
    let frames = prop_oneof![frame(), plain];
    let cases = (frames, any::<bool>(), any::<u32>());
    let result = runner(2000).run(&cases, |(frame, hot, tick)| {
        let key = first_key(&frame).filter(|_| hot);
        let mut hot_keys = hot_keys.borrow_mut();
        hot_keys.set_turn(tick).expect("a turn");
        if let Some(key) = key {
            hot_keys.spread(key).expect("room for one");
        }
        let inputs = Inputs {
            hot: key.is_some(),
            tick,
            ..inputs(Policy::Key, 1)
        };
        let expected = steer(frame.as_slice(), &table, &inputs);
        let got = rig.borrow_mut().verdict(&frame, NOWHERE);
        if let Some(key) = key {
            hot_keys.gather(key).expect("it was hot");
        }
        let elsewhere = expected != steer(frame.as_slice(), &table, &self::inputs(Policy::Key, 1));
        spread.set(spread.get() + u32::from(elsewhere));
        prop_assert_eq!(got, expected);
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(spread.get() > 100, "{} went elsewhere", spread.get());
}

#[test]
fn keys_of_every_length_hash_alike() {
    let Some(mut rig) = Rig::new(Policy::Key, 1, OWNERS, 1) else {
        return;
    };
    let table = scattered(OWNERS);
    rig.steer.set_table(&table).expect("table");
    for len in 1..=250_usize {
        let key: Vec<u8> = (0..len)
            .map(|i| 0x21 + ((i * 31 + len * 7) % 94) as u8)
            .collect();
        let slot = steering::slot_of(hash_bytes(&key));
        let expected = match table.owner_of(hash_bytes(&key)) {
            owner if u32::from(owner) < OWNERS => Verdict::Owner(owner),
            _ => Verdict::Drop(steering::Drop::NoOwner),
        };
        let text = [b"get ".as_slice(), &key, b"\r\n"].concat();
        for request in [text, binary(0, 0, &key, 0)] {
            for v6 in [false, true] {
                let frame = Wrapping {
                    v6,
                    ..Wrapping::default()
                }
                .frame(&framed(&request));
                assert_eq!(
                    rig.verdict(&frame, NOWHERE),
                    expected,
                    "{len} bytes, slot {slot}"
                );
            }
        }
    }
}

#[test]
fn one_corrupted_slot_misleads_exactly_its_keys() {
    let Some(mut rig) = Rig::new(Policy::Key, 1, OWNERS, 1) else {
        return;
    };
    let table = PartitionTable::even(OWNERS as u16);
    let victim = steering::slot_of(hash_bytes(b"key0"));
    let wrong = (table.owner_of(hash_bytes(b"key0")) + 1) % OWNERS as u16;
    rig.steer
        .set_slot(victim, steering::table::entry(7, wrong))
        .expect("slot");
    let mut misled = 0;
    for number in 0..5000 {
        let key = format!("key{number}");
        let hash = hash_bytes(key.as_bytes());
        let frame = Wrapping::default().frame(&framed(format!("get {key}\r\n").as_bytes()));
        let astray = rig.verdict(&frame, NOWHERE) != Verdict::Owner(table.owner_of(hash));
        assert_eq!(astray, steering::slot_of(hash) == victim, "{key}");
        misled += u32::from(astray);
    }
    assert!(misled >= 1);
}

#[test]
fn a_missing_socket_is_counted() {
    let config = loader::SteerConfig {
        policy: Policy::Key,
        queues: 1,
        owners: 2,
        members: 2,
        server_port: PORT,
        ports: 1,
        hot_keys: 0,
    };
    let Some(steer) = support::loaded(loader::Steer::load(&config)) else {
        return;
    };
    let frame = Wrapping::default().frame(&framed(b"get foo\r\n"));
    let run = steer.test_run(&frame, 3, NOWHERE).expect("test run");
    let counters = steer.counters().expect("counters");
    assert_eq!((run.verdict, counters.redirect_failed), (1, 3));
    assert_eq!((counters.redirected, counters.passed), (vec![0, 0], 0));
}
