//! Injected service time is burnt by the thread that executes the key, whatever way the key came.

use model::{Service, ServiceTimes};
use steering::hash::hash_bytes;

use super::client::{Client, OWNERS, config, items, line, own_address, owner};
use super::scenario::{counters, started};
use kv::server::{Server, ServerConfig};
use kv::systems::{IoKind, SystemKind, Wakeup};

const SEED: u64 = 7;

/// What one key may burn beyond its time: less than the longest step between two looks at the
/// clock.
const OVERSHOOT_NS: u64 = 1_000;

fn burnt(system: SystemKind) {
    let address = own_address();
    let times = ServiceTimes::new(Service::Exponential { mean_ns: 20_000 }, SEED);
    let config = ServerConfig {
        service: Some(times),
        ..config(system, IoKind::Udp, Wakeup::Eventfd, address)
    };
    let server = started(Server::load(&config).expect("load"));
    let mut client = Client::new(address, address, system);
    let before = counters(&server);
    let items = items();
    let keys: Vec<_> = items.iter().map(|(key, _)| key).take(90).collect();
    for key in &keys[..40] {
        client.ask(key, &line("get", key));
    }
    let join = |keys: &[&Vec<u8>]| {
        let keys: Vec<_> = keys.iter().map(|key| key.as_slice()).collect();
        line("get", &keys.join(&b' '))
    };
    client.ask(keys[40], &join(&keys[40..70]));
    let mut several = join(&keys[70..80]);
    for key in &keys[80..] {
        several.extend(line("get", key));
    }
    client.ask(keys[70], &several);

    let delta = counters(&server).since(&before);
    let time = |key: &[u8]| times.of_hash(hash_bytes(key));
    let check = |expected: u64, found: u64, of: &str| {
        let most = expected + OVERSHOOT_NS * keys.len() as u64;
        assert!(
            (expected..most).contains(&found),
            "{system} {of}: {found} ns burnt, {expected} due"
        );
    };
    let all = keys.iter().map(|key| time(key)).sum();
    check(all, delta.total().service_ns, "in all");
    if system.hands_over() {
        for (thread, counters) in (0..OWNERS).zip(&delta.threads) {
            let own = keys.iter().filter(|key| owner(key) == thread);
            let due = own.map(|key| time(key)).sum();
            check(due, counters.counts.service_ns, &counters.name);
        }
    }
    server.stop().expect("stop");
}

#[test]
fn owners_burn_the_times_of_their_own_keys() {
    for system in [SystemKind::Sphinx, SystemKind::MicaErew] {
        burnt(system);
    }
}

#[test]
fn any_thread_of_a_shared_store_burns_them() {
    burnt(SystemKind::RssShared);
}

#[test]
fn nothing_is_burnt_when_nothing_was_asked_for() {
    let address = own_address();
    let config = config(SystemKind::Sphinx, IoKind::Udp, Wakeup::Eventfd, address);
    let server = started(Server::load(&config).expect("load"));
    let mut client = Client::new(address, address, SystemKind::Sphinx);
    for (key, _) in items().iter().take(20) {
        client.ask(key, &line("get", key));
    }
    let total = counters(&server).total();
    assert_eq!((total.executed_get, total.service_ns), (20, 0));
}
