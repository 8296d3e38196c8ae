//! Gets of several owners' keys, in each way of serving them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use kv::server::{Counts, Server, ServerConfig, ServerError};
use kv::systems::{IoKind, MultiKey, SystemKind, Wakeup};
use steering::hash::hash_bytes;
use steering::table::slot_of;

use super::client::{Client, OWNERS, PORT, config, items, own_address, owner, value_lines};
use super::scenario::{counters, started};

/// Keys of each get.
const WIDTH: usize = 8;

fn server(system: SystemKind, multi_key: MultiKey) -> (Server, Client) {
    let address = own_address();
    let config = ServerConfig {
        multi_key,
        ..config(system, IoKind::Udp, Wakeup::Eventfd, address)
    };
    let server = started(Server::load(&config).expect("load"));
    (server, Client::new(address, address, system))
}

type Item = (Vec<u8>, Vec<u8>);

fn get(keys: &[Item]) -> Vec<u8> {
    let mut request = b"get".to_vec();
    for (key, _) in keys {
        request.push(b' ');
        request.extend_from_slice(key);
    }
    request.extend_from_slice(b"\r\n");
    request
}

fn values<'a>(items: impl Iterator<Item = &'a Item>) -> Vec<u8> {
    let mut reply = Vec::new();
    for (key, value) in items {
        reply.extend(value_lines(key, value));
    }
    reply.extend_from_slice(b"END\r\n");
    reply
}

/// Asks the owner of each get's first key for all of them; what the server counted, the keys that
/// the owner of the first has not, and the gets that had such keys.
fn ask_in_one_piece(multi_key: MultiKey) -> (Counts, u64, u64) {
    let (server, mut client) = server(SystemKind::MicaErew, multi_key);
    let items = items();
    let before = counters(&server);
    let (mut foreign, mut mixed) = (0, 0);
    for keys in items.chunks_exact(WIDTH).take(40) {
        let reply = client.ask(&keys[0].0, &get(keys));
        assert_eq!(reply, values(keys.iter()), "all values, in order");
        let others = keys
            .iter()
            .filter(|(key, _)| owner(key) != owner(&keys[0].0));
        let others = others.count() as u64;
        foreign += others;
        mixed += u64::from(others > 0);
    }
    let counts = counters(&server).since(&before).total();
    assert_eq!((counts.executed_multi, counts.replies_sent), (40, 40));
    let keys = counts.executed_get + counts.executed_multi_key;
    assert_eq!(keys, 40 * WIDTH as u64);
    (counts, foreign, mixed)
}

#[test]
fn by_key_there_is_a_handoff_a_foreign_key_and_by_owner_one_a_get() {
    let (counts, foreign, _) = ask_in_one_piece(MultiKey::Handoff);
    assert_eq!(counts.handoffs, foreign);
    let (counts, foreign, mixed) = ask_in_one_piece(MultiKey::Split);
    assert_eq!(counts.handoffs, mixed);
    assert!(foreign > 2 * mixed, "{foreign} keys in {mixed} gets");
}

/// Each owner answers its own keys of a copy, and nobody asks anybody.
#[test]
fn copies_are_answered_by_each_owner_for_its_own_keys() {
    let (server, mut client) = server(SystemKind::MicaErew, MultiKey::Duplicate);
    let items = items();
    for keys in items.chunks_exact(WIDTH).take(40) {
        for me in 0..OWNERS {
            let reply = client.ask_at(PORT + me, &get(keys));
            let own = keys.iter().filter(|(key, _)| owner(key) == me);
            assert_eq!(reply, values(own));
        }
    }
    let counts = counters(&server).total();
    assert_eq!(counts.executed_multi_key, 40 * WIDTH as u64);
    assert_eq!(counts.replies_sent, 80);
    assert_eq!((counts.handoffs, counts.wakeups_sent), (0, 0));
}

/// Keys that move while they are asked for by owner are passed on, and none is forgotten.
#[test]
fn a_split_get_follows_slots_that_move() {
    let (mut server, _) = server(SystemKind::Sphinx, MultiKey::Split);
    let address = server.config().addresses[0];
    let items = items();
    let keys = &items[..4 * WIDTH];
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = Client::new(address, address, SystemKind::Sphinx);
            while !stop.load(Ordering::Relaxed) {
                for keys in keys.chunks_exact(WIDTH) {
                    let reply = client.ask(&keys[0].0, &get(keys));
                    assert_eq!(reply, values(keys.iter()));
                }
            }
        });
        let slots = keys.iter().map(|(key, _)| slot_of(hash_bytes(key)));
        let slots: BTreeSet<u16> = slots.collect();
        for round in 0..20 {
            let moves: Vec<_> = slots
                .iter()
                .map(|slot| (*slot, (round + slot) % OWNERS))
                .collect();
            server.move_slots(&moves).expect("moves");
        }
        stop.store(true, Ordering::Relaxed);
    });
    let total = counters(&server).total();
    assert_eq!(total.requests_executed, total.requests_received);
}

#[test]
fn what_has_no_owner_is_not_split_and_what_is_not_steered_not_copied() {
    for (system, multi_key, reason) in [
        (SystemKind::RssShared, MultiKey::Split, "several threads"),
        (
            SystemKind::Sphinx,
            MultiKey::Duplicate,
            "use multi_key: split",
        ),
    ] {
        let config = ServerConfig {
            multi_key,
            ..config(system, IoKind::Udp, Wakeup::Eventfd, own_address())
        };
        let refusal = Server::load(&config).expect_err("no such server");
        assert!(matches!(refusal, ServerError::Refused(_)), "{refusal}");
        assert!(refusal.to_string().contains(reason), "{refusal}");
    }
}
