//! Every system over kernel sockets on loopback: no privilege needed.

use super::client::{Client, OWNERS, PORT, config, found, items, line, own_address, owner};
use super::scenario::{converse, counters, started};
use kv::server::{Server, ServerError};
use kv::systems::{EngineKind, IoKind, SystemKind, Wakeup, validate};
use steering::hash::hash_bytes;
use steering::table::slot_of;

pub(crate) fn converse_over_loopback(system: SystemKind, wakeup: Wakeup) {
    let address = own_address();
    let config = config(system, IoKind::Udp, wakeup, address);
    if validate(&config.choice()).is_err() {
        println!("SKIPPED: {system} with {wakeup:?} needs a CPU per owner");
        return;
    }
    let server = started(Server::load(&config).expect("load"));
    let mut client = Client::new(address, address, system);
    converse(&server, &mut client);
    server.stop().expect("stop");
}

#[test]
fn rss_shared_serves_any_key_anywhere() {
    converse_over_loopback(SystemKind::RssShared, Wakeup::Eventfd);
    converse_over_loopback(SystemKind::RssShared, Wakeup::Spin);
}

#[test]
fn sphinx_hands_over_by_eventfd() {
    converse_over_loopback(SystemKind::Sphinx, Wakeup::Eventfd);
}

#[test]
fn sphinx_hands_over_in_batches() {
    converse_over_loopback(SystemKind::Sphinx, Wakeup::Batched);
}

#[test]
fn sphinx_and_seastar_spin() {
    converse_over_loopback(SystemKind::Sphinx, Wakeup::Spin);
    converse_over_loopback(SystemKind::Seastar, Wakeup::Spin);
}

#[test]
fn mica_is_addressed_by_port() {
    converse_over_loopback(SystemKind::MicaErew, Wakeup::Eventfd);
    converse_over_loopback(SystemKind::MicaErew, Wakeup::Batched);
}

#[test]
fn mica_also_reads_and_writes_concurrently() {
    converse_over_loopback(SystemKind::MicaCrew, Wakeup::Eventfd);
    converse_over_loopback(SystemKind::MicaCrew, Wakeup::Spin);
    converse_over_loopback(SystemKind::MicaCrcw, Wakeup::Eventfd);
    converse_over_loopback(SystemKind::MicaCrcw, Wakeup::Spin);
}

/// Either engine stands behind any steering.
#[test]
fn steering_does_not_depend_on_the_engine() {
    for (system, engine) in [
        (SystemKind::RssShared, EngineKind::Log),
        (SystemKind::Sphinx, EngineKind::Log),
        (SystemKind::MicaErew, EngineKind::Slab),
    ] {
        let address = own_address();
        let config = kv::server::ServerConfig {
            engine,
            ..config(system, IoKind::Udp, Wakeup::Eventfd, address)
        };
        let server = started(Server::load(&config).expect("load"));
        converse(&server, &mut Client::new(address, address, system));
        server.stop().expect("stop");
    }
}

/// Sends what would be right at another owner's port; returns the counters of each thread.
fn at_wrong_ports(system: SystemKind) -> Vec<kv::server::Counts> {
    let address = own_address();
    let config = config(system, IoKind::Udp, Wakeup::Eventfd, address);
    let server = started(Server::load(&config).expect("load"));
    let mut client = Client::new(address, address, system);
    for (key, value) in items().iter().take(40) {
        let wrong = PORT + (owner(key) + 1) % OWNERS;
        assert_eq!(client.ask_at(wrong, &line("get", key)), found(key, value));
        let mut set = line("set", key);
        set.truncate(set.len() - 2);
        set.extend_from_slice(b" 0 0 3\r\nnew\r\n");
        assert_eq!(client.ask_at(wrong, &set), b"STORED\r\n");
        // What an owner wrote is there for all who read.
        for port in PORT..PORT + OWNERS {
            let expected = found(key, b"new");
            assert_eq!(client.ask_at(port, &line("get", key)), expected);
        }
    }
    let threads = counters(&server).threads;
    threads.into_iter().map(|thread| thread.counts).collect()
}

/// CREW: gets are served where they arrive; a write is its owner's, and a misroute anywhere else.
#[test]
fn in_crew_only_the_owner_writes_and_anyone_reads() {
    let threads = at_wrong_ports(SystemKind::MicaCrew);
    let items = items();
    for (me, counts) in (0..OWNERS).zip(&threads) {
        let of = |by: u16| {
            items
                .iter()
                .take(40)
                .filter(|(key, _)| owner(key) == by)
                .count() as u64
        };
        let here = (0..OWNERS)
            .filter(|by| (by + 1) % OWNERS == me)
            .map(of)
            .sum::<u64>();
        assert_eq!(counts.executed_write, of(me));
        assert_eq!(counts.executed_get, here + 40);
        assert_eq!((counts.misroutes, counts.handoffs), (here, here));
    }
}

/// CRCW: whoever receives a request executes it.
#[test]
fn in_crcw_every_request_is_executed_where_it_arrives() {
    for counts in at_wrong_ports(SystemKind::MicaCrcw) {
        assert!(counts.executed_write > 0);
        assert_eq!(counts.requests_executed, counts.requests_received);
        assert_eq!((counts.misroutes, counts.handoffs), (0, 0));
    }
}

/// A client that addresses the wrong partition is served all the same, and each request is one
/// misroute and one handoff.
#[test]
fn a_wrongly_addressed_request_is_a_misroute_and_is_served() {
    let address = own_address();
    let config = config(SystemKind::MicaErew, IoKind::Udp, Wakeup::Eventfd, address);
    let server = started(Server::load(&config).expect("load"));
    let mut client = Client::new(address, address, SystemKind::MicaErew);
    for (key, value) in items().iter().take(40) {
        let wrong = PORT + (owner(key) + 1) % OWNERS;
        assert_eq!(client.ask_at(wrong, &line("get", key)), found(key, value));
    }
    let total = counters(&server).total();
    assert_eq!(
        (total.misroutes, total.handoffs, total.executed_get),
        (40, 40, 40)
    );
}

/// Slots change owners under load, there and back: every request is answered with its value.
#[test]
fn slots_move_with_their_items_while_requests_are_served() {
    slots_move(EngineKind::Slab);
    slots_move(EngineKind::Log);
}

fn slots_move(engine: EngineKind) {
    let address = own_address();
    let config = kv::server::ServerConfig {
        engine,
        ..config(SystemKind::Sphinx, IoKind::Udp, Wakeup::Eventfd, address)
    };
    let mut server = started(Server::load(&config).expect("load"));
    let items = items();
    let slots: std::collections::BTreeSet<u16> = items
        .iter()
        .take(30)
        .map(|(key, _)| slot_of(hash_bytes(key)))
        .collect();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut client = Client::new(address, address, SystemKind::Sphinx);
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    for (key, value) in items.iter().take(60) {
                        assert_eq!(client.ask(key, &line("get", key)), found(key, value));
                    }
                }
            });
        }
        for round in 0..4 {
            let moves: Vec<_> = slots
                .iter()
                .map(|slot| (*slot, (round + slot) % OWNERS))
                .collect();
            server.move_slots(&moves).expect("moves");
            for (slot, owner) in moves {
                assert_eq!(server.table().owner_of(u64::from(slot) << 54), owner);
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let slot = slot_of(hash_bytes(&items[0].0));
    let owner = server.table().owner_of(u64::from(slot) << 54);
    let both = [(slot, (owner + 1) % OWNERS), (slot, owner)];
    let refusal = server.move_slots(&both).expect_err("two new owners");
    assert!(refusal.to_string().contains("move twice"), "{refusal}");
    assert_eq!(server.table().owner_of(u64::from(slot) << 54), owner);
    let mut client = Client::new(address, address, SystemKind::Sphinx);
    for (key, value) in &items {
        assert_eq!(client.ask(key, &line("get", key)), found(key, value));
    }
    let total = counters(&server).total();
    assert_eq!(total.requests_executed, total.requests_received);
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_opened() {
    let steered = config(
        SystemKind::XdpSteered,
        IoKind::Udp,
        Wakeup::Eventfd,
        own_address(),
    );
    let refusal = Server::load(&steered).expect_err("no such system");
    assert!(matches!(refusal, ServerError::Refused(_)), "{refusal}");
    for (system, io) in [
        (SystemKind::XdpSteered, IoKind::AfXdp),
        (SystemKind::XdpPosix, IoKind::Udp),
        (SystemKind::XdpCpumap, IoKind::Udp),
    ] {
        let nobody = kv::server::ServerConfig {
            interface: Some("no-such-dev".to_owned()),
            ..config(system, io, Wakeup::Eventfd, own_address())
        };
        let refusal = Server::load(&nobody).expect_err("no such interface");
        assert!(refusal.to_string().contains("no-such-dev"), "{refusal}");
        let nowhere = kv::server::ServerConfig {
            interface: None,
            ..nobody
        };
        let refusal = Server::load(&nowhere).expect_err("no interface");
        assert!(refusal.to_string().contains("an interface"), "{refusal}");
    }
}
