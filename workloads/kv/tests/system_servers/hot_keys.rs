//! Gets of hot keys spread over both owners of `xdp_steered`, over veth: every key stays linearizable, and
//! every counter tells the truth. Needs root; says so otherwise.

use std::time::{Duration, Instant};

use super::cable::{Cable, DEVICE, SERVER, cable};
use super::client::{config, line, owner};
use super::coherence::{
    client, get, key, of, set, sets_at_once_leave_one_value, values_never_go_back,
};
use super::scenario::{converse, counters, started};
use kv::server::{Server, ServerConfig};
use kv::systems::{IoKind, SystemKind, Wakeup};

struct Rig {
    cable: Cable,
    server: Server,
}

/// Fewer hot keys than are asked for, so that keys heat and cool.
fn rig(wakeup: Wakeup) -> Option<Rig> {
    let config = ServerConfig {
        interface: Some(DEVICE.to_owned()),
        hot_keys: 4,
        ..config(SystemKind::XdpSteered, IoKind::AfXdp, wakeup, SERVER)
    };
    if let Err(refusal) = config.validate() {
        println!("SKIPPED: {refusal}");
        return None;
    }
    let cable = cable(config.queues)?;
    let load = || Server::load(&config).map(started);
    let server = cable.server.run(load).expect("enter").expect("load");
    Some(Rig { cable, server })
}

/// Asks for a key until its gets are answered from a copy.
fn heat(server: &Server, id: usize) {
    let mut client = client();
    let deadline = Instant::now() + Duration::from_secs(20);
    while counters(server).total().hot_spread == 0 {
        assert!(Instant::now() < deadline, "never hot");
        for _ in 0..200 {
            get(&mut client, id);
        }
    }
}

fn nobody_reads_an_older_value(wakeup: Wakeup) {
    let Some(rig) = rig(wakeup) else { return };
    let talk = || values_never_go_back(client, 12_000);
    rig.cable.client.run(talk).expect("enter");
    let after = counters(&rig.server);
    let total = after.total();
    assert_eq!(total.misroutes, 0);
    assert_eq!(total.handoffs, total.hot_forwarded, "{total:?}");
    assert!(total.hot_spread > 100 && total.hot_waits > 100, "{total:?}");
    assert!(of(&after, "hot_keys_heated") > 4, "{:?}", after.related);
    assert!(of(&after, "hot_keys") <= 4);
    rig.server.stop().expect("stop");
}

#[test]
fn spread_gets_are_coherent_with_sets() {
    nobody_reads_an_older_value(Wakeup::Eventfd);
}

#[test]
fn spread_gets_are_coherent_with_sets_in_batches() {
    nobody_reads_an_older_value(Wakeup::Batched);
}

#[test]
fn two_sets_at_once_leave_one_value() {
    let Some(rig) = rig(Wakeup::Eventfd) else {
        return;
    };
    let talk = || {
        heat(&rig.server, 0);
        sets_at_once_leave_one_value(client, 300);
    };
    let prepare = || set(&mut client(), 0, 0);
    rig.cable.client.run(prepare).expect("enter");
    rig.cable.client.run(talk).expect("enter");
    let total = counters(&rig.server).total();
    assert!(total.hot_waits > 0 && total.hot_copies > 1, "{total:?}");
    rig.server.stop().expect("stop");
}

/// Once a key is hot, both owners answer half of its gets each; a delete, a flush and commands in one
/// datagram see no copy.
#[test]
fn a_hot_key_is_answered_by_both_owners_until_it_changes() {
    let Some(rig) = rig(Wakeup::Eventfd) else {
        return;
    };
    let server = &rig.server;
    let talk = || {
        let mut client = client();
        set(&mut client, 1, 7);
        heat(server, 1);
        let before = counters(server);
        for _ in 0..500 {
            assert_eq!(get(&mut client, 1), 7);
        }
        let delta = counters(server).since(&before);
        let by_owner: Vec<u64> = (delta.threads.iter())
            .map(|thread| thread.counts.executed_get)
            .collect();
        // One queue polled by one CPU at a time or two: each takes turns of its own.
        assert!(by_owner.iter().all(|gets| *gets > 200), "{by_owner:?}");
        let other = 1 - usize::from(owner(&key(1)));
        let total = delta.total();
        assert_eq!(delta.threads[other].counts.hot_spread, total.hot_spread);
        assert_eq!(by_owner[other], total.hot_spread);
        assert_eq!((total.handoffs, total.misroutes), (0, 0));

        // Its owner writes it in one datagram with its get: the later command sees the earlier one.
        let value = format!("{:032}", 9);
        let name = String::from_utf8(key(1)).expect("text");
        let both = format!("set {name} 0 0 32\r\n{value}\r\nget {name}\r\n");
        let reply = client.ask(&key(1), both.as_bytes());
        let expected = format!("STORED\r\nVALUE {name} 0 32\r\n{value}\r\nEND\r\n");
        assert_eq!(String::from_utf8_lossy(&reply), expected);
        for _ in 0..10 {
            assert_eq!(get(&mut client, 1), 9);
        }
        assert_eq!(client.ask(b"x", b"flush_all\r\n"), b"OK\r\n");
        for _ in 0..10 {
            assert_eq!(client.ask(&key(1), &line("get", &key(1))), b"END\r\n");
        }
        set(&mut client, 1, 8);
        for _ in 0..10 {
            assert_eq!(get(&mut client, 1), 8);
        }
        assert_eq!(
            client.ask(&key(1), &line("delete", &key(1))),
            b"DELETED\r\n"
        );
        for _ in 0..10 {
            assert_eq!(client.ask(&key(1), &line("get", &key(1))), b"END\r\n");
        }
    };
    rig.cable.client.run(talk).expect("enter");
    assert!(counters(server).total().hot_withdrawals >= 3);
    rig.server.stop().expect("stop");
}

#[test]
fn a_server_with_hot_keys_converses_as_any_other() {
    let Some(rig) = rig(Wakeup::Eventfd) else {
        return;
    };
    let talk = || converse(&rig.server, &mut client());
    rig.cable.client.run(talk).expect("enter");
}
