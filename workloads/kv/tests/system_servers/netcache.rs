//! A cache in the path, over veth: what it holds never reaches the server, and no client sees an older
//! value than it knows. Needs root; says so otherwise.

use std::time::{Duration, Instant};

use super::cable::{CLIENT_DEVICE, Cable, DEVICE, SERVER, cable};
use super::client::{config, line};
use super::coherence::{
    client, get, key, of, set, sets_at_once_leave_one_value, values_never_go_back,
};
use super::scenario::{counters, started};
use kv::server::{CacheConfig, Server, ServerConfig};
use kv::systems::{IoKind, SystemKind, Wakeup};
use loader::{Attached, Pass};

/// Items of the cache: fewer than the keys that are asked for, so that items come and go.
const ENTRIES: u32 = 8;

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

/// Hot keys come and go meanwhile.
fn nobody_reads_an_older_value(system: SystemKind) {
    let Some(rig) = rig(system) else { return };
    let talk = || values_never_go_back(6_000);
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

#[test]
fn two_sets_at_once_leave_one_value() {
    let Some(rig) = rig(SystemKind::XdpSteered) else {
        return;
    };
    let talk = || sets_at_once_leave_one_value(300);
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
        let mut other = super::coherence::client();
        assert_eq!(other.ask(&key(1), &line("delete", &key(1))), b"DELETED\r\n");
        assert_eq!(client.ask(&key(1), &line("get", &key(1))), b"END\r\n");
    };
    rig.cable.client.run(talk).expect("enter");
    rig.server.stop().expect("stop");
}
