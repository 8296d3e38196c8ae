//! Neighbours that come late, move or fall silent while packets go to them.

use std::thread;
use std::time::Duration;

use slices::router::{Drop, Report};
use sys::link;
use sys::sysctl;

use crate::packets::{bound, sender, while_routing};
use crate::rig::{Rig, address, datagram, eventually, nothing, rig};
use crate::wire::Wire;

const HOST: &str = "198.18.2.9";

/// Has the router's kernel resolve the receiver's address by itself, and be quick about it and about its doubts.
fn resolves(rig: &Rig) {
    rig.at_router(|| {
        link::resolve_neighbours("outside").unwrap();
        rig.forget(HOST);
        for (setting, value) in [
            ("retrans_time_ms", "20"),
            ("mcast_solicit", "2"),
            ("ucast_solicit", "2"),
            ("base_reachable_time_ms", "100"),
            ("delay_first_probe_time", "0"),
        ] {
            sysctl::write(&format!("net.ipv4.neigh.outside.{setting}"), value).unwrap();
        }
    });
}

/// The receiver answers for its address from now on.
fn comes_up(rig: &Rig) {
    rig.receiver
        .run(|| {
            link::add_address("receiver", address(HOST), 24).unwrap();
            link::resolve_neighbours("receiver").unwrap();
        })
        .unwrap();
}

/// Sends a packet to the receiver, and gives the router time for it.
fn send(wire: &Wire) {
    wire.send(&datagram(HOST, b"12345678", nothing));
    thread::sleep(Duration::from_millis(5));
}

/// Sends packets to the receiver until the sender is told that it does not answer; whether it ever is.
fn told_of_silence(wire: &Wire) -> bool {
    eventually(|| {
        send(wire);
        let mut heard = std::iter::from_fn(|| wire.next());
        heard.any(|frame| frame.get(34..36) == Some(&[3, 1]))
    })
}

#[test]
fn a_host_that_was_down_at_the_first_packet_is_reached_once_it_is_up() {
    let Some(rig) = rig() else { return };
    let (socket, wire) = (bound(&rig), sender(&rig));
    resolves(&rig);
    let counters = while_routing(&rig, |_| {
        assert!(told_of_silence(&wire), "nobody answers");
        comes_up(&rig);
        let arrives = eventually(|| {
            send(&wire);
            socket.recv(&mut [0; 8]).is_ok()
        });
        assert!(arrives, "it is asked for again");
    });
    assert!(counters.dropped(Drop::Unresolved) >= 1, "{counters:?}");
    assert!(counters.reported(Report::NoNeighbour) >= 1, "{counters:?}");
    assert!(counters.resolutions >= 2, "{counters:?}");
}

/// Its address is still known then, but to use it without asking whether it is there would lose everything in silence.
#[test]
fn a_host_that_falls_silent_is_noticed() {
    let Some(rig) = rig() else { return };
    let (socket, wire) = (bound(&rig), sender(&rig));
    resolves(&rig);
    comes_up(&rig);
    let answers = |whom: &str| {
        let setting = "net.ipv4.conf.receiver.arp_ignore";
        rig.receiver
            .run(|| sysctl::write(setting, whom).unwrap())
            .unwrap();
    };
    let arrives = || {
        eventually(|| {
            send(&wire);
            socket.recv(&mut [0; 8]).is_ok()
        })
    };
    let counters = while_routing(&rig, |_| {
        assert!(arrives(), "it answers");
        // To nobody.
        answers("8");
        assert!(told_of_silence(&wire), "it is probed");
        answers("0");
        while socket.recv(&mut [0; 8]).is_ok() {}
        assert!(arrives(), "it is asked for again");
    });
    assert!(counters.reported(Report::NoNeighbour) >= 1, "{counters:?}");
}
