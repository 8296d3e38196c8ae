//! A cache in the path, over veth: what it holds never reaches the server, and no client sees an older
//! value than it knows. Needs root; says so otherwise.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::cable::{CLIENT, CLIENT_DEVICE, Cable, DEVICE, SERVER, cable};
use super::client::{Client, config, line};
use super::scenario::{counters, started};
use kv::server::{CacheConfig, Server, ServerConfig, ServerCounters};
use kv::systems::{IoKind, SystemKind, Wakeup};
use loader::{Attached, Pass};

/// Items of the cache: fewer than the keys that are asked for, so that items come and go.
const ENTRIES: u32 = 8;
const KEYS: usize = 16;

/// A server behind its cache, with what lets the client's device take frames that XDP sent back.
struct Rig {
    cable: Cable,
    server: Server,
    _pass: (Attached, Pass),
}

fn rig(system: SystemKind) -> Option<Rig> {
    let config = ServerConfig {
        interface: Some(DEVICE.to_owned()),
        cache: Some(CacheConfig { entries: ENTRIES }),
        ..config(system, IoKind::AfXdp, Wakeup::Eventfd, SERVER)
    };
    if let Err(refusal) = config.validate() {
        println!("SKIPPED: {refusal}");
        return None;
    }
    let cable = cable(config.queues)?;
    let load = || Server::load(&config).map(started);
    let server = cable.server.run(load).expect("enter").expect("load");
    let pass = || {
        let mut pass = Pass::load().expect("loaded before");
        let device = sys::link::ifindex(CLIENT_DEVICE).expect("the device");
        (pass.attach(device).expect("attach"), pass)
    };
    let pass = cable.client.run(pass).expect("enter");
    Some(Rig {
        cable,
        server,
        _pass: pass,
    })
}

fn key(id: usize) -> Vec<u8> {
    format!("counter-{id}").into_bytes()
}

fn set(client: &mut Client, id: usize, version: u64) {
    let (key, value) = (key(id), format!("{version:032}"));
    let mut request = b"set ".to_vec();
    request.extend_from_slice(&key);
    request.extend_from_slice(format!(" 0 0 {}\r\n{value}\r\n", value.len()).as_bytes());
    assert_eq!(client.ask(&key, &request), b"STORED\r\n");
}

fn get(client: &mut Client, id: usize) -> u64 {
    let key = key(id);
    let reply = String::from_utf8(client.ask(&key, &line("get", &key))).expect("text");
    let mut lines = reply.split("\r\n");
    let head = format!("VALUE {} 0 32", String::from_utf8_lossy(&key));
    assert_eq!(lines.next(), Some(head.as_str()), "{reply}");
    let value = lines.next().expect("a value");
    assert_eq!(lines.collect::<Vec<_>>(), ["END", ""]);
    value.parse().expect("a version, whole")
}

fn of(counters: &ServerCounters, name: &str) -> u64 {
    let found = counters.related.iter().find(|(other, _)| other == name);
    found.expect("a counter").1
}

fn client() -> Client {
    Client::new(CLIENT, SERVER, SystemKind::XdpSteered)
}

/// Thousands of sets on all keys, by two clients, while two others read; hot keys come and go.
fn nobody_reads_an_older_value(system: SystemKind) {
    const SETS: u64 = 6_000;
    let Some(rig) = rig(system) else { return };
    let answered: [AtomicU64; KEYS] = std::array::from_fn(|_| AtomicU64::new(0));
    let writing = AtomicUsize::new(2);
    let write = |first: usize| {
        let mut client = client();
        for round in 0..SETS {
            // Two keys in three sets are hot, and others have their turns.
            let id = first + 2 * ((round as usize * round as usize / 7) % (KEYS / 2));
            let version = answered[id].load(Ordering::Acquire) + 1;
            set(&mut client, id, version);
            answered[id].store(version, Ordering::Release);
        }
        writing.fetch_sub(1, Ordering::AcqRel);
    };
    let read = |reader: usize| {
        let mut client = client();
        let mut seen = [0; KEYS];
        let mut turn = reader;
        while writing.load(Ordering::Acquire) > 0 {
            turn = turn.wrapping_mul(5).wrapping_add(3);
            // The hot ones change, so that items are evicted.
            let id = (turn / 7 % 5 + turn / 4096) % KEYS;
            let known = answered[id].load(Ordering::Acquire).max(seen[id]);
            let version = get(&mut client, id);
            assert!(version >= known, "key {id}: {version} after {known}");
            seen[id] = version;
        }
    };
    let talk = || {
        let mut first = client();
        (0..KEYS).for_each(|id| set(&mut first, id, 0));
        thread::scope(|scope| {
            for side in 0..2 {
                scope.spawn(move || write(side));
                scope.spawn(move || read(side));
            }
        });
    };
    rig.cable.client.run(talk).expect("enter");
    let after = counters(&rig.server);
    assert!(of(&after, "netcache_hits") > 100, "{:?}", after.related);
    assert!(of(&after, "netcache_stale") > 0, "{:?}", after.related);
    assert!(
        of(&after, "netcache_refreshed") > 100,
        "{:?}",
        after.related
    );
    assert!(of(&after, "netcache_evicted") > 0, "{:?}", after.related);
    assert!(of(&after, "netcache_entries") <= u64::from(ENTRIES));
    rig.server.stop().expect("stop");
}

#[test]
fn a_cache_before_xdp_steered_is_coherent() {
    nobody_reads_an_older_value(SystemKind::XdpSteered);
}

#[test]
fn a_cache_before_sphinx_is_coherent() {
    nobody_reads_an_older_value(SystemKind::Sphinx);
}

/// Two clients set one key at the same moment. Whichever counts as the later one, once both replies are
/// there all who read read the same, from the cache or from the server.
#[test]
fn two_sets_at_once_leave_one_value() {
    const ROUNDS: u64 = 300;
    let Some(rig) = rig(SystemKind::XdpSteered) else {
        return;
    };
    let barrier = Barrier::new(2);
    let seen = Mutex::new(BTreeSet::new());
    let take_turns = |side: u64| {
        let mut client = client();
        for round in 0..ROUNDS {
            barrier.wait();
            set(&mut client, 0, 2 * round + side);
            barrier.wait();
            for _ in 0..20 {
                let version = get(&mut client, 0);
                seen.lock().expect("no panic").insert(version);
            }
            barrier.wait();
            if side == 0 {
                let mut seen = seen.lock().expect("no panic");
                assert_eq!(seen.len(), 1, "round {round}: {seen:?}");
                assert!(seen.iter().all(|version| version / 2 == round));
                seen.clear();
            }
        }
    };
    let talk = || {
        thread::scope(|scope| {
            for side in 0..2 {
                scope.spawn(move || take_turns(side));
            }
        });
    };
    rig.cable.client.run(talk).expect("enter");
    let after = counters(&rig.server);
    assert!(of(&after, "netcache_hits") > 0, "{:?}", after.related);
    rig.server.stop().expect("stop");
}

#[test]
fn what_is_cached_never_reaches_the_server() {
    let Some(rig) = rig(SystemKind::XdpSteered) else {
        return;
    };
    let talk = || {
        let mut client = client();
        set(&mut client, 1, 7);
        let deadline = Instant::now() + Duration::from_secs(10);
        // Asked for until the controller has brought it in.
        while of(&rig.server.snapshot().expect("counters"), "netcache_hits") == 0 {
            assert!(Instant::now() < deadline, "never cached");
            assert_eq!(get(&mut client, 1), 7);
        }
        let before = counters(&rig.server);
        for _ in 0..500 {
            assert_eq!(get(&mut client, 1), 7);
        }
        let delta = counters(&rig.server).since(&before);
        assert_eq!(delta.answered_in_path, 500);
        assert_eq!(delta.total().requests_received, 0);
        // Another client's delete is seen at once, and so is what was never there.
        let mut other = self::client();
        assert_eq!(other.ask(&key(1), &line("delete", &key(1))), b"DELETED\r\n");
        assert_eq!(client.ask(&key(1), &line("get", &key(1))), b"END\r\n");
    };
    rig.cable.client.run(talk).expect("enter");
    rig.server.stop().expect("stop");
}
