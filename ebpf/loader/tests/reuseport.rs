//! The program that chooses sockets against the steering function, over loopback: BPF_PROG_TEST_RUN
//! does not know this type of program, so every verdict is a datagram that arrives somewhere.

#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod support;

#[path = "../../fixtures/mod.rs"]
#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod fixtures;

#[path = "support/requests.rs"]
mod requests;

#[path = "support/sockets.rs"]
#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod sockets;

#[path = "support/space.rs"]
#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod space;

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use fixtures::build::framed;
use fixtures::table::fixtures;
use loader::{PlacedCounters, Reuseport};
use packet::datagram;
use requests::{request, runner, scattered};
use sockets::{alone, assert_owned, get, owner_of, received, shared};
use space::{eventually, in_namespace, ip};
use steering::{Drop, Inputs, PartitionTable, Policy, Verdict, steer_payload};
use support::{PORT, loaded};

const OWNERS: u32 = 5;
const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// What came of one datagram.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// The program chose this owner's socket.
    Chosen(u16),
    /// It left the choice to the kernel for this reason, or for want of the owner's socket.
    Left(Option<Drop>),
}

/// A group of sockets under the program, and somebody who sends to it.
struct Group {
    program: Reuseport,
    sockets: Vec<UdpSocket>,
    client: UdpSocket,
    before: PlacedCounters,
}

impl Group {
    /// In a namespace of its own.
    fn new(address: IpAddr, table: &PartitionTable) -> Option<Self> {
        ip("link set lo up");
        let mut program = loaded(Reuseport::load(&[0; OWNERS as usize]))?;
        program.set_table(table).expect("table");
        let sockets: Vec<_> = (0..OWNERS).map(|_| shared(address)).collect();
        for (owner, socket) in (0..).zip(&sockets) {
            program.register(owner, socket).expect("in its group");
        }
        program.attach(&sockets[0]).expect("a group");
        let client = alone(address, 0);
        client.connect((address, PORT)).expect("connect");
        let before = program.counters().expect("counters");
        Some(Self {
            program,
            sockets,
            client,
            before,
        })
    }

    /// Sends a datagram, of which exactly one counter and exactly one socket must tell.
    fn fate(&mut self, payload: &[u8]) -> Fate {
        self.client.send(payload).expect("send");
        let total = |counters: &PlacedCounters| {
            let unread = counters.unread.iter().map(|(_, count)| count);
            counters.placed.iter().chain(unread).sum::<u64>() + counters.passed + counters.refused
        };
        let before = total(&self.before);
        let now = || self.program.counters().expect("counters");
        assert!(eventually(|| total(&now()) > before), "nobody looked at it");
        let after = now();
        assert_eq!(total(&after), before + 1);
        let mut fate = None;
        for (owner, (now, then)) in (0..).zip(after.placed.iter().zip(&self.before.placed)) {
            if now > then {
                fate = Some(Fate::Chosen(owner));
            }
        }
        for ((reason, now), (_, then)) in after.unread.iter().zip(&self.before.unread) {
            if now > then {
                fate = Some(Fate::Left(Some(*reason)));
            }
        }
        if after.refused > self.before.refused {
            fate = Some(Fate::Left(None));
        }
        self.before = after;
        let fate = fate.expect("never passed: the stack has found the port");
        let mut holders = Vec::new();
        assert!(eventually(|| self.sockets.iter().any(waits)));
        for (owner, socket) in (0..).zip(&self.sockets) {
            for (datagram, _) in received(socket) {
                assert_eq!(datagram, payload, "the program must not touch the datagram");
                holders.push(owner);
            }
        }
        match (&fate, holders.as_slice()) {
            (Fate::Chosen(owner), [holder]) => assert_eq!(owner, holder),
            (Fate::Left(_), [_]) => {}
            (_, holders) => panic!("{fate:?}, held by {holders:?}"),
        }
        fate
    }
}

fn waits(socket: &UdpSocket) -> bool {
    socket.peek_from(&mut [0; 1]).is_ok()
}

/// Whether the function says so too. What has no key may go to any owner.
fn assert_agrees(table: &PartitionTable, payload: &[u8], fate: &Fate, what: &str) {
    let segment = [&[0; 8], payload].concat();
    let inputs = |flow| Inputs {
        policy: Policy::Key,
        owners: OWNERS,
        members: OWNERS,
        server_port: 0,
        ports: 0,
        rx_queue: flow,
        hot: false,
        tick: 0,
    };
    let verdict = |flow| steer_payload(segment.as_slice(), 8, segment.len(), table, &inputs(flow));
    match (verdict(0), verdict(1)) {
        (Verdict::Owner(owner), same) if same == Verdict::Owner(owner) => {
            assert_eq!(*fate, Fate::Chosen(owner), "{what}");
        }
        (Verdict::Owner(0), Verdict::Owner(1)) => {
            assert!(matches!(fate, Fate::Chosen(_)), "{what}");
        }
        (Verdict::Drop(reason), _) => {
            assert_eq!(*fate, Fate::Left(Some(reason)), "{what}");
        }
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn fixtures_go_where_the_function_says() {
    for address in [V4, V6] {
        in_namespace(move || {
            let table = scattered(OWNERS);
            let Some(mut group) = Group::new(address, &table) else {
                return;
            };
            let mut run = 0;
            for fixture in fixtures() {
                let frame = fixture.frame.as_slice();
                let Ok(datagram) = datagram(frame) else {
                    continue;
                };
                let payload = &frame[datagram.payload_at..datagram.payload_end()];
                // An empty datagram has no byte to be peeked at.
                if payload.is_empty() {
                    continue;
                }
                let fate = group.fate(payload);
                assert_agrees(&table, payload, &fate, &fixture.description);
                run += 1;
            }
            assert!(run > 100, "{run} fixtures");
        });
    }
}

#[test]
fn random_requests_go_where_the_function_says() {
    in_namespace(|| {
        let table = scattered(OWNERS);
        let Some(group) = Group::new(V4, &table) else {
            return;
        };
        let group = RefCell::new(group);
        let result = runner(1500).run(&request(), |request| {
            let payload = framed(&request);
            let fate = group.borrow_mut().fate(&payload);
            assert_agrees(&table, &payload, &fate, "a random request");
            Ok(())
        });
        result.unwrap_or_else(|failure| panic!("{failure}"));
    });
}

/// The sender's kernel puts nothing but headers into the linear part of such a packet.
#[test]
fn the_key_of_a_long_datagram_is_found_too() {
    in_namespace(|| {
        let table = PartitionTable::even(OWNERS as u16);
        let Some(mut group) = Group::new(V4, &table) else {
            return;
        };
        for number in 0..40_u32 {
            let key = sockets::key(number);
            let head = format!("set {key} 0 0 40000\r\n");
            let payload = framed(&[head.as_bytes(), &[b'v'; 40_000], b"\r\n"].concat());
            let owner = owner_of(&table, number);
            assert_eq!(group.fate(&payload), Fate::Chosen(owner), "{key}");
        }
    });
}

#[test]
fn a_moved_slot_moves_its_keys_and_no_others() {
    in_namespace(|| {
        const KEYS: u32 = 600;
        let table = PartitionTable::even(OWNERS as u16);
        let Some(mut group) = Group::new(V6, &table) else {
            return;
        };
        for slot in [3, 500, 1023] {
            table.move_slot(slot, 4);
            let entry = table.snapshot()[usize::from(slot)];
            group.program.set_slot(slot, entry).expect("slot");
        }
        for number in 0..KEYS {
            group.client.send(&get(number)).expect("send");
        }
        let placed = || group.program.counters().expect("counters").placed;
        assert!(eventually(
            || placed().iter().sum::<u64>() == u64::from(KEYS)
        ));
        assert_owned(&group.sockets, &table, KEYS);
    });
}

#[test]
fn an_owner_without_a_socket_is_counted_and_its_requests_are_not_lost() {
    in_namespace(|| {
        ip("link set lo up");
        let Some(mut program) = loaded(Reuseport::load(&[0, 0])) else {
            return;
        };
        let sockets = [shared(V4), shared(V4)];
        program.register(0, &sockets[0]).expect("in its group");
        program.attach(&sockets[0]).expect("a group");
        let table = PartitionTable::even(2);
        let client = alone(V4, 0);
        for number in 0..100 {
            client.send_to(&get(number), (V4, PORT)).expect("send");
        }
        let other = (0..100).filter(|key| owner_of(&table, *key) == 1).count() as u64;
        let counters = || program.counters().expect("counters");
        assert!(eventually(|| counters().refused == other));
        assert_eq!(counters().placed, [100 - other, 0]);
        let held: usize = sockets.iter().map(|socket| received(socket).len()).sum();
        assert_eq!(held, 100);
    });
}

#[test]
fn requests_handled_on_another_cpu_are_counted() {
    in_namespace(|| {
        ip("link set lo up");
        // Nobody runs on such a CPU; on loopback the sender's CPU handles the packet.
        let Some(mut program) = loaded(Reuseport::load(&[9999, 9999])) else {
            return;
        };
        let sockets = [shared(V4), shared(V4)];
        for (owner, socket) in (0..).zip(&sockets) {
            program.register(owner, socket).expect("in its group");
        }
        program.attach(&sockets[0]).expect("a group");
        let client = alone(V4, 0);
        for number in 0..50 {
            client.send_to(&get(number), (V4, PORT)).expect("send");
        }
        assert!(eventually(
            || program.counters().expect("counters").hopped == 50
        ));
    });
}
