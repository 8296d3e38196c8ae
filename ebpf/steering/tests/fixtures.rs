//! Every packet of the fixture table through the steering decision, in user space.

#[path = "../../fixtures/mod.rs"]
mod fixtures;

use fixtures::build::PORT;
use fixtures::table::{Expected, by_argument, by_function, fixtures, sealed};
use packet::datagram;
use steering::table::owner_in;
use steering::{
    Drop, Inputs, Located, PartitionTable, Policy, Table, Verdict, hash_bytes, locate_key, slot_of,
    steer,
};

const OWNERS: u32 = 7;
const RX_QUEUE: u32 = 12;

fn inputs(policy: Policy) -> Inputs {
    Inputs {
        policy,
        owners: OWNERS,
        members: OWNERS,
        server_port: PORT,
        ports: 1,
        rx_queue: RX_QUEUE,
        hot: false,
        tick: 0,
    }
}

#[test]
fn every_packet_gets_its_verdict() {
    let table = PartitionTable::even(OWNERS as u16);
    let mut wrong = Vec::new();
    let by_key = fixtures().into_iter().map(|it| (Policy::Key, it));
    let by_token = sealed().into_iter().map(|it| (Policy::Token, it));
    let function = by_function().into_iter().map(|it| (Policy::Function, it));
    let argument = by_argument()
        .into_iter()
        .map(|it| (Policy::Argument(1), it));
    for (policy, fixture) in by_key.chain(by_token).chain(function).chain(argument) {
        let expected = match &fixture.expected {
            Expected::Key(key) => Verdict::Owner(table.owner_of(hash_bytes(key))),
            Expected::Token(token) => Verdict::Owner(table.owner_of(*token)),
            Expected::Keyless => Verdict::Owner((RX_QUEUE % OWNERS) as u16),
            Expected::Pass => Verdict::Pass,
            Expected::Drop(reason) => Verdict::Drop(*reason),
        };
        let verdict = steer(fixture.frame.as_slice(), &table, &inputs(policy));
        if verdict != expected {
            wrong.push(format!(
                "{}: {verdict:?}, not {expected:?}",
                fixture.description
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_located_key_is_the_key() {
    for fixture in fixtures() {
        let frame = fixture.frame.as_slice();
        let Ok(datagram) = datagram(frame) else {
            continue;
        };
        let located = locate_key(frame, datagram.payload_at, datagram.payload_len);
        match fixture.expected {
            Expected::Key(key) => match located {
                Ok(Located::Key { at, len }) => {
                    assert_eq!(&frame[at..at + len], key, "{}", fixture.description);
                }
                Ok(Located::Keyless) | Err(_) => panic!("{}: {located:?}", fixture.description),
            },
            Expected::Keyless => assert_eq!(located, Ok(Located::Keyless)),
            Expected::Drop(reason) => assert_eq!(located, Err(reason), "{}", fixture.description),
            Expected::Token(_) => panic!("{}: there are no tokens here", fixture.description),
            Expected::Pass => {}
        }
    }
}

#[test]
fn every_reason_has_a_fixture() {
    let fixtures = [fixtures(), sealed(), by_function(), by_argument()].concat();
    for reason in Drop::ALL {
        let known = fixtures
            .iter()
            .any(|fixture| fixture.expected == Expected::Drop(reason));
        // No packet leads there: only a broken table or port range does, tested below.
        assert_eq!(known, reason != Drop::NoOwner, "{}", reason.name());
    }
}

fn get(key: &[u8]) -> Vec<u8> {
    let request = [b"get ".as_slice(), key, b"\r\n"].concat();
    fixtures::build::Wrapping::default().frame(&fixtures::build::framed(&request))
}

#[test]
fn an_owner_that_does_not_exist_is_a_named_drop() {
    let table = [steering::table::entry(1, OWNERS as u16); steering::SLOTS];
    let verdict = steer(
        get(b"foo").as_slice(),
        table.as_slice(),
        &inputs(Policy::Key),
    );
    assert_eq!(verdict, Verdict::Drop(Drop::NoOwner));
}

#[test]
fn a_moved_slot_moves_its_keys_only() {
    let table = PartitionTable::even(OWNERS as u16);
    let slot = slot_of(hash_bytes(b"foo"));
    let old = owner_in(table.entry(slot).unwrap()) as u16;
    let new = (old + 1) % OWNERS as u16;
    let other = (0..)
        .map(|i| format!("key{i}"))
        .find(|key| slot_of(hash_bytes(key.as_bytes())) != slot);
    let other = get(other.unwrap().as_bytes());
    let before = steer(other.as_slice(), &table, &inputs(Policy::Key));
    assert_eq!(
        steer(get(b"foo").as_slice(), &table, &inputs(Policy::Key)),
        Verdict::Owner(old)
    );
    table.move_slot(slot, new);
    assert_eq!(
        steer(get(b"foo").as_slice(), &table, &inputs(Policy::Key)),
        Verdict::Owner(new)
    );
    assert_eq!(
        steer(other.as_slice(), &table, &inputs(Policy::Key)),
        before
    );
}

#[test]
fn rss_does_not_look_at_the_request() {
    let table = PartitionTable::even(OWNERS as u16);
    let frame = fixtures::build::Wrapping::default().frame(b"nonsense");
    let verdict = steer(frame.as_slice(), &table, &inputs(Policy::Rss));
    assert_eq!(verdict, Verdict::Owner((RX_QUEUE % OWNERS) as u16));
}

#[test]
fn a_hot_get_goes_to_every_owner_in_turn_and_nothing_else_does() {
    let table = PartitionTable::even(OWNERS as u16);
    let verdict = |request: &[u8], hot, tick| {
        let frame = fixtures::build::Wrapping::default().frame(&fixtures::build::framed(request));
        let inputs = Inputs {
            hot,
            tick,
            ..inputs(Policy::Key)
        };
        steer(frame.as_slice(), &table, &inputs)
    };
    let home = Verdict::Owner(table.owner_of(hash_bytes(b"key")));
    for tick in (0..2 * OWNERS).chain([u32::MAX]) {
        let turn = Verdict::Owner((tick % OWNERS) as u16);
        assert_eq!(verdict(b"get key\r\n", true, tick), turn);
        assert_eq!(verdict(b"get key\r\n", false, tick), home);
        for other in [
            b"get key other\r\n".as_slice(),
            b"gets key\r\n",
            b"set key 0 0 1\r\nx\r\n",
            b"delete key\r\n",
            b"mg key v\r\n",
        ] {
            assert_eq!(verdict(other, true, tick), home);
        }
        let get =
            fixtures::build::Wrapping::default().frame(&fixtures::build::framed(b"get key\r\n"));
        let by_port = Inputs {
            hot: true,
            tick,
            ..inputs(Policy::Port)
        };
        let first = steer(get.as_slice(), &table, &by_port);
        assert_eq!(first, Verdict::Owner(0), "no other policy spreads");
    }
}

#[test]
fn a_cluster_is_chosen_by_key_and_its_member_by_queue() {
    let table = PartitionTable::even(3);
    let clusters = |rx_queue| Inputs {
        owners: 6,
        members: 2,
        rx_queue,
        ..inputs(Policy::Cluster)
    };
    let mut reached = [0; 6];
    for number in 0..300 {
        let key = format!("key{number}");
        let request = fixtures::build::framed(format!("get {key}\r\n").as_bytes());
        let frame = fixtures::build::Wrapping::default().frame(&request);
        let cluster = table.owner_of(hash_bytes(key.as_bytes()));
        for rx_queue in 0..4 {
            let owner = cluster * 2 + (rx_queue % 2) as u16;
            let verdict = steer(frame.as_slice(), &table, &clusters(rx_queue));
            assert_eq!(verdict, Verdict::Owner(owner), "{key}");
            reached[usize::from(owner)] += 1;
        }
    }
    assert!(reached.iter().all(|requests| *requests > 0), "{reached:?}");
}

#[test]
fn a_slot_that_names_no_cluster_drops() {
    let table = PartitionTable::even(1);
    (0..steering::SLOTS as u16).for_each(|slot| {
        table.move_slot(slot, u16::MAX);
    });
    let inputs = Inputs {
        members: 2,
        ..inputs(Policy::Cluster)
    };
    let request = fixtures::build::framed(b"get key\r\n");
    let frame = fixtures::build::Wrapping::default().frame(&request);
    let verdict = steer(frame.as_slice(), &table, &inputs);
    assert_eq!(verdict, Verdict::Drop(Drop::NoOwner));
}

#[test]
fn queues_are_dealt_to_the_members_alone() {
    let table = PartitionTable::even(OWNERS as u16);
    let frame = fixtures::build::Wrapping::default().frame(b"anything");
    for rx_queue in 0..9 {
        let inputs = Inputs {
            members: 3,
            rx_queue,
            ..inputs(Policy::Rss)
        };
        let verdict = steer(frame.as_slice(), &table, &inputs);
        assert_eq!(verdict, Verdict::Owner((rx_queue % 3) as u16));
    }
}

#[test]
fn port_counts_from_the_first() {
    let table = PartitionTable::even(OWNERS as u16);
    let inputs = Inputs {
        ports: 9,
        ..inputs(Policy::Port)
    };
    for offset in 0..9 {
        let wrapping = fixtures::build::Wrapping {
            dst_port: PORT + offset,
            ..fixtures::build::Wrapping::default()
        };
        let expected = if u32::from(offset) < OWNERS {
            Verdict::Owner(offset)
        } else {
            Verdict::Drop(Drop::NoOwner)
        };
        assert_eq!(
            steer(wrapping.frame(b"x").as_slice(), &table, &inputs),
            expected
        );
    }
}
