//! A cache in the path, over veth: what it holds never reaches the server, and no client sees an older
//! value than it knows. Needs root; says so otherwise.

use std::time::{Duration, Instant};

use super::cable::{Cable, DEVICE, PORTS, SERVER, Switch, cable, switched, takes_replies};
use super::client::{config, line};
use super::coherence::{
    client, get, key, of, set, sets_at_once_leave_one_value, values_never_go_back,
};
use super::scenario::{counters, started};
use kv::server::{CacheConfig, Server, ServerConfig, ServerCounters, SwitchPorts};
use kv::systems::{IoKind, SystemKind, Wakeup};
use loader::{Attached, Pass};

/// Items of the cache: fewer than the keys that are asked for, so that items come and go.
const ENTRIES: u32 = 8;

/// Where the cache is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Server,
    Switch,
}

/// A server behind its cache, with what lets the client's device take frames that XDP sent back.
struct Rig {
    cable: Cable,
    server: Server,
    _pass: (Attached, Pass),
    _switch: Option<Switch>,
}

fn rig(system: SystemKind, at: At) -> Option<Rig> {
    let mut config = ServerConfig {
        interface: Some(DEVICE.to_owned()),
        cache: Some(CacheConfig {
            entries: ENTRIES,
            switch: None,
        }),
        ..config(system, IoKind::AfXdp, Wakeup::Eventfd, SERVER)
    };
    if let Err(refusal) = config.validate() {
        println!("SKIPPED: {refusal}");
        return None;
    }
    let (cable, switch) = match at {
        At::Server => (cable(config.queues)?, None),
        At::Switch => {
            let (cable, switch) = switched(config.queues)?;
            (cable, Some(switch))
        }
    };
    let [to_clients, to_server] = PORTS.map(str::to_owned);
    config.cache = Some(CacheConfig {
        entries: ENTRIES,
        switch: (switch.as_ref()).map(|switch| SwitchPorts {
            host: switch.host(),
            to_clients,
            to_server,
        }),
    });
    let load = || Server::load(&config).map(started);
    let server = cable.server.run(load).expect("enter").expect("load");
    Some(Rig {
        _pass: takes_replies(&cable),
        cable,
        server,
        _switch: switch,
    })
}

/// Hot keys come and go meanwhile.
fn nobody_reads_an_older_value(system: SystemKind, at: At) {
    let Some(rig) = rig(system, at) else { return };
    let talk = || values_never_go_back(client, 6_000);
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
    if at == At::Switch {
        everything_passed_the_switch(&after);
    }
    rig.server.stop().expect("stop");
}

/// What reached the server is what the switch forwarded, and so are its replies.
fn everything_passed_the_switch(seen: &ServerCounters) {
    let passed = ["gets", "reads", "writes", "others"]
        .map(|what| of(seen, &format!("netcache_{what}_passed")));
    let passed: u64 = passed.iter().sum();
    let total = seen.total();
    assert_eq!(
        (total.requests_received, total.replies_sent),
        (passed, passed)
    );
    // IPv6's own packets pass as well.
    let forwarded = of(seen, "switch_to_server");
    assert!(forwarded >= passed, "{forwarded} of {passed} forwarded");
    let replies = of(seen, "switch_to_clients");
    assert!(replies >= passed, "{replies} of {passed} replies forwarded");
    let lost = seen
        .drops
        .iter()
        .filter(|line| line.name.starts_with("switch_"));
    assert_eq!(lost.map(|line| line.requests).sum::<u64>(), 0);
}

#[test]
fn a_cache_before_xdp_steered_is_coherent() {
    nobody_reads_an_older_value(SystemKind::XdpSteered, At::Server);
}

#[test]
fn a_cache_before_sphinx_is_coherent() {
    nobody_reads_an_older_value(SystemKind::Sphinx, At::Server);
}

#[test]
fn a_cache_on_a_switch_before_xdp_steered_is_coherent() {
    nobody_reads_an_older_value(SystemKind::XdpSteered, At::Switch);
}

#[test]
fn a_cache_on_a_switch_before_sphinx_is_coherent() {
    nobody_reads_an_older_value(SystemKind::Sphinx, At::Switch);
}

fn one_value_is_left(at: At) {
    let Some(rig) = rig(SystemKind::XdpSteered, at) else {
        return;
    };
    let talk = || sets_at_once_leave_one_value(client, 300);
    rig.cable.client.run(talk).expect("enter");
    let after = counters(&rig.server);
    assert!(of(&after, "netcache_hits") > 0, "{:?}", after.related);
    rig.server.stop().expect("stop");
}

#[test]
fn two_sets_at_once_leave_one_value() {
    one_value_is_left(At::Server);
}

#[test]
fn two_sets_at_once_leave_one_value_behind_a_switch() {
    one_value_is_left(At::Switch);
}

impl Rig {
    fn counted(&self, name: &str) -> u64 {
        of(&self.server.snapshot().expect("counters"), name)
    }

    /// Asks for a key until the cache answers.
    fn until_cached(&self, id: usize, value: u64) {
        let mut client = client();
        let deadline = Instant::now() + Duration::from_secs(10);
        let before = self.counted("netcache_hits");
        while self.counted("netcache_hits") == before {
            assert!(Instant::now() < deadline, "never cached");
            assert_eq!(get(&mut client, id), value);
        }
    }

    /// Frames that reached the server's device.
    fn arrived(&self) -> u64 {
        let statistics = || sys::link::statistics(DEVICE).expect("statistics");
        let read = self.cable.server.run(statistics).expect("enter");
        read.rx_packets
    }
}

fn hits_stay_in_the_path(at: At) {
    let Some(rig) = rig(SystemKind::XdpSteered, at) else {
        return;
    };
    let talk = || {
        let mut client = client();
        set(&mut client, 1, 7);
        rig.until_cached(1, 7);
        let (before, arrived) = (counters(&rig.server), rig.arrived());
        for _ in 0..500 {
            assert_eq!(get(&mut client, 1), 7);
        }
        let delta = counters(&rig.server).since(&before);
        assert_eq!(delta.answered_in_path, 500);
        assert_eq!(delta.total().requests_received, 0);
        if at == At::Switch {
            // IPv6 may say something of its own.
            let arrived = rig.arrived() - arrived;
            assert!(arrived < 50, "{arrived} frames reached the server");
        }
        // Another client's delete is seen at once, and so is what was never there.
        let mut other = super::coherence::client();
        assert_eq!(other.ask(&key(1), &line("delete", &key(1))), b"DELETED\r\n");
        assert_eq!(client.ask(&key(1), &line("get", &key(1))), b"END\r\n");
    };
    rig.cable.client.run(talk).expect("enter");
    rig.server.stop().expect("stop");
}

#[test]
fn what_is_cached_never_reaches_the_server() {
    hits_stay_in_the_path(At::Server);
}

#[test]
fn what_is_cached_on_a_switch_never_reaches_the_server() {
    hits_stay_in_the_path(At::Switch);
}

/// A set of the binary protocol.
fn binary_set(opcode: u8, key: &[u8], value: &[u8]) -> Vec<u8> {
    const EXTRAS: usize = 8;
    let body = (EXTRAS + key.len() + value.len()) as u32;
    let mut request = vec![0x80, opcode, 0, key.len() as u8, EXTRAS as u8, 0, 0, 0];
    request.extend(body.to_be_bytes());
    request.extend([0; 12 + EXTRAS]);
    request.extend(key);
    request.extend(value);
    request
}

/// Writes of every protocol are seen, and concern their key alone; gets of several keys concern none.
#[test]
fn a_write_takes_no_other_key_out_of_the_cache() {
    let Some(rig) = rig(SystemKind::XdpSteered, At::Server) else {
        return;
    };
    let talk = || {
        let mut client = client();
        let (one, other) = (key(1), key(2));
        set(&mut client, 1, 0);
        set(&mut client, 2, 5);
        rig.until_cached(2, 5);
        let text = String::from_utf8(one.clone()).expect("text");
        let value = |version: u64| format!("{version:032}");
        type Request = Box<dyn Fn(u64) -> Vec<u8>>;
        let store = |verb: &'static str, rest: &'static str| -> Request {
            let text = text.clone();
            Box::new(move |version| {
                format!("{verb} {text} {rest}\r\n{}\r\n", value(version)).into_bytes()
            })
        };
        let binary = |opcode| -> Request {
            let one = one.clone();
            Box::new(move |version| binary_set(opcode, &one, value(version).as_bytes()))
        };
        let writes = [
            store("set", "0 0 32"),
            store("set", "0 -0 32"),
            store("replace", "0 0 32 later"),
            store("ms", "32 k c"),
            store("ms", "32 MR"),
            binary(0x01),
            binary(0x03),
        ];
        for (version, write) in (1..).zip(&writes) {
            rig.until_cached(1, version - 1);
            client.ask(&one, &write(version));
            assert_eq!(get(&mut client, 1), version);
            // Of the other key nothing was forgotten.
            let hits = rig.counted("netcache_hits");
            assert_eq!(get(&mut client, 2), 5);
            assert!(rig.counted("netcache_hits") > hits, "write {version}");
        }
        rig.until_cached(1, writes.len() as u64);
        let before = rig.counted("netcache_reads_passed");
        let both = [one.as_slice(), b" ", &other].concat();
        let told = String::from_utf8(client.ask(&one, &line("get", &both))).expect("text");
        assert_eq!(told.matches("VALUE ").count(), 2, "{told}");
        client.ask(&one, &line("mg", &[one.as_slice(), b" v"].concat()));
        assert_eq!(rig.counted("netcache_reads_passed"), before + 2);
        assert_eq!(rig.counted("netcache_others_passed"), 0);
        let hits = rig.counted("netcache_hits");
        assert_eq!(
            (get(&mut client, 1), get(&mut client, 2)),
            (writes.len() as u64, 5)
        );
        assert_eq!(rig.counted("netcache_hits"), hits + 2);
        assert_eq!(client.ask(&one, b"flush_all\r\n"), b"OK\r\n");
        assert_eq!(client.ask(&other, &line("get", &other)), b"END\r\n");
    };
    rig.cable.client.run(talk).expect("enter");
    rig.server.stop().expect("stop");
}

/// A cache that nobody fills any more is no slow cache, but a failed server.
#[test]
fn a_dead_controller_fails_the_server() {
    let Some(mut rig) = rig(SystemKind::XdpSteered, At::Server) else {
        return;
    };
    rig.server.snapshot().expect("counters, while it lives");
    rig.server.end_cache_controller();
    for seen in [rig.server.snapshot(), rig.server.stop()] {
        let error = seen.expect_err("no counters without it").to_string();
        assert!(
            error.contains("controller has ended") && error.contains("nobody fills the cache"),
            "{error}"
        );
    }
}
