//! Scans of keys with several owners: all values in order, by as many handoffs as each way takes.

use std::net::UdpSocket;
use std::time::Duration;

use kv::protocol::RpcStatus;
use kv::server::{Counts, Server, ServerConfig, ServerError, SteerBy};
use kv::systems::{IoKind, MultiKey, SystemKind, Wakeup};
use steering::rpc::{HEAD_LEN, Kind, SCAN, call_id, head, lengths};
use steering::{Order, PartitionTable};

use super::client::{KEYS, OWNERS, PORT, config, items, own_address, owner};
use super::scenario::{counters, started};

const PATIENCE: Duration = Duration::from_secs(10);
/// Their values, of 200 bytes at most, fit into one reply.
const WIDTH: u16 = 6;
/// From one scan's first key to the next one's. One scan of 40 runs over the bound of two ranges.
const STEP: usize = 16;

type Item = (Vec<u8>, Vec<u8>);

/// A server of calls, and a socket that is connected to it.
fn server(multi_key: MultiKey, rpc: SteerBy) -> (Server, UdpSocket) {
    let address = own_address();
    let config = ServerConfig {
        multi_key,
        rpc: Some(rpc),
        ..config(SystemKind::Sphinx, IoKind::Udp, Wakeup::Eventfd, address)
    };
    let server = started(Server::load(&config).expect("load"));
    let socket = UdpSocket::bind((address, 0)).expect("a socket");
    socket.connect((address, PORT)).expect("connected");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    (server, socket)
}

/// The body of the reply to a scan.
fn ask(socket: &UdpSocket, id: u32, arguments: &[&[u8]]) -> Vec<u8> {
    let lens: Vec<usize> = arguments.iter().map(|it| it.len()).collect();
    let (head, lengths) = (head(Kind::Call, id), lengths(SCAN.len(), &lens));
    let call = [&head[..], &lengths, &SCAN, &arguments.concat()].concat();
    socket.send(&call).expect("sent");
    let mut reply = [0; 2048];
    let len = socket.recv(&mut reply).expect("a reply");
    assert_eq!(call_id(Kind::Reply, &reply[..len]), Some(id));
    reply[HEAD_LEN..len].to_vec()
}

fn values<'a>(items: impl Iterator<Item = &'a Item>) -> Vec<u8> {
    let mut reply = vec![RpcStatus::Ok as u8];
    for (_, value) in items {
        reply.extend((value.len() as u16).to_be_bytes());
        reply.extend_from_slice(value);
    }
    reply
}

/// Scans from 40 keys on; what the server counted.
fn scan(multi_key: MultiKey, rpc: SteerBy) -> Counts {
    let (server, socket) = server(multi_key, rpc);
    let items = items();
    let before = counters(&server);
    for (id, keys) in (0..40).zip(items.windows(WIDTH.into()).step_by(STEP)) {
        let reply = ask(&socket, id, &[b"t", &keys[0].0, &WIDTH.to_be_bytes()]);
        assert_eq!(reply, values(keys.iter()), "all values, in order");
    }
    let counts = counters(&server).since(&before).total();
    assert_eq!((counts.executed_scan, counts.replies_sent), (40, 40));
    assert_eq!(counts.executed_scan_key, 40 * u64::from(WIDTH));
    assert_eq!((counts.executed_get, counts.executed_multi_key), (0, 0));
    assert_eq!(counts.scan_handoffs, counts.handoffs);
    counts
}

/// For each scan the keys of owner 0, and of owner 1.
fn shares(owner: impl Fn(usize, &[u8]) -> u16) -> Vec<[u64; 2]> {
    let items: Vec<_> = items().into_iter().enumerate().collect();
    let scans = items.windows(WIDTH.into()).step_by(STEP).take(40);
    let share = |keys: &[(usize, Item)]| {
        let owners = keys.iter().map(|(id, (key, _))| owner(*id, key));
        let second: u64 = owners.map(u64::from).sum();
        [u64::from(WIDTH) - second, second]
    };
    scans.map(share).collect()
}

/// All come to one of the owners, for they are of one flow, whichever that is.
fn expect_handoffs(found: u64, shares: &[[u64; 2]], handoffs: impl Fn(u64) -> u64) {
    let by_arrival = [0, 1].map(|other| shares.iter().map(|share| handoffs(share[other])).sum());
    assert!(
        by_arrival.contains(&found),
        "{found}, not one of {by_arrival:?}"
    );
}

#[test]
fn by_key_there_is_a_handoff_a_foreign_key_and_by_owner_one_a_scan() {
    let shares = shares(|_, key| owner(key));
    let one_each = scan(MultiKey::Handoff, SteerBy::Key);
    expect_handoffs(one_each.handoffs, &shares, |keys| keys);
    let split = scan(MultiKey::Split, SteerBy::Key);
    expect_handoffs(split.handoffs, &shares, |keys| keys.min(1));
    assert!(one_each.handoffs > 2 * split.handoffs);
}

#[test]
fn by_range_neighbours_have_one_owner() {
    let (order, table) = (Order::of(KEYS), PartitionTable::in_ranges(OWNERS));
    let shares = shares(|id, key| {
        let place = order.place_of(key, 0, key.len()).expect("all of it");
        assert_eq!(
            place,
            order.place(id as u64),
            "keys begin with their numbers"
        );
        table.owner_of(place)
    });
    let pure = shares.iter().filter(|share| share.contains(&0)).count();
    assert_eq!(pure, 39, "{shares:?}");
    let counts = scan(MultiKey::Split, SteerBy::Range { keys: KEYS });
    expect_handoffs(counts.handoffs, &shares, |keys| keys.min(1));
}

#[test]
fn refusals_say_why() {
    let (_server, socket) = server(MultiKey::Split, SteerBy::Key);
    let items = items();
    let first = items[0].0.as_slice();
    let wide = 40_u16.to_be_bytes();
    let cases: [(&[&[u8]], RpcStatus); 4] = [
        (&[b"t", first, &wide], RpcStatus::TooLong),
        (&[b"t", first, b"\0\0"], RpcStatus::BadArgument),
        (&[b"t", b"no key of these", b"\0\x01"], RpcStatus::NotFound),
        (&[b"t", first], RpcStatus::NoFunction),
    ];
    for (id, (arguments, status)) in (0..).zip(cases) {
        assert_eq!(ask(&socket, id, arguments), [status as u8]);
    }
    // Over the end of all keys there are none.
    let (last, value) = items.last().expect("keys");
    let reply = ask(&socket, 9, &[b"t", last, b"\0\x05"]);
    assert_eq!(reply, values([(last.clone(), value.clone())].iter()));
}

/// A copy is answered for the keys of the thread that it has come to.
#[test]
fn a_copy_has_the_keys_of_one_owner() {
    let (_server, socket) = server(MultiKey::Handoff, SteerBy::Key);
    let items = items();
    let keys = &items[..usize::from(WIDTH)];
    let (first, other) = (&keys[0].0, &items[500].0);
    let reply = ask(&socket, 1, &[b"t", other, &WIDTH.to_be_bytes(), first]);
    let of = |me| values(keys.iter().filter(|(key, _)| owner(key) == me));
    assert_ne!(of(0), of(1));
    assert!([of(0), of(1)].contains(&reply));
}

#[test]
fn only_the_program_that_balances_scans_is_had_with_scans() {
    let refused = |system, io, rpc| {
        let config = ServerConfig {
            multi_key: MultiKey::Balanced,
            interface: Some("lo".to_owned()),
            rpc,
            ..config(system, io, Wakeup::Eventfd, own_address())
        };
        match Server::load(&config) {
            Err(ServerError::Refused(refusal)) => refusal.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let by_key = Some(SteerBy::Key);
    let other = refused(SystemKind::Sphinx, IoKind::Udp, by_key);
    assert!(other.contains("the program of xdp_steered"), "{other}");
    for rpc in [None, Some(SteerBy::Tenant)] {
        let none = refused(SystemKind::XdpSteered, IoKind::AfXdp, rpc);
        assert!(none.contains("what is balanced are scans"), "{none}");
    }
}
