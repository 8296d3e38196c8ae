//! The programs that steer requests to kernel sockets by XDP, between two hosts: requests of a kernel
//! client, whose checksums are unfinished, and frames whose checksums are whole.

#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod support;

#[path = "../../fixtures/build.rs"]
#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod build;

#[path = "support/raw.rs"]
mod raw;

#[path = "support/sockets.rs"]
mod sockets;

#[path = "support/space.rs"]
#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod space;

use std::net::{IpAddr, UdpSocket};

use build::Wrapping;
use loader::{CpuRedirect, Readdress, Restore, Reuseport};
use raw::send_frames;
use sockets::{alone, assert_owned, get, received, shared, shares};
use space::{Client, between_hosts, eventually, ifindex};
use steering::PartitionTable;
use support::{PORT, loaded};

const OWNERS: u32 = 3;
const KEYS: u32 = 300;

/// Each address of the server, the client's beside it.
fn families() -> [[IpAddr; 2]; 2] {
    [["198.18.0.1", "198.18.0.2"], ["fd53:42::1", "fd53:42::2"]]
        .map(|pair| pair.map(|address| address.parse().expect("an address")))
}

/// An ordinary client: a connected socket takes replies from the port that it asked and no other.
fn ask(client: &Client, [server, own]: [IpAddr; 2]) -> UdpSocket {
    client.run(move || {
        let socket = send_all([server, own]);
        socket.connect((server, PORT)).expect("connect");
        socket
    })
}

fn send_all([server, own]: [IpAddr; 2]) -> UdpSocket {
    let socket = alone(own, 0);
    for number in 0..KEYS {
        socket.send_to(&get(number), (server, PORT)).expect("send");
    }
    socket
}

/// The same requests as frames with whole checksums, past the client's stack.
fn ask_with_frames(client: &Client, v6: bool) {
    client.run(move || {
        let frame = |number| {
            let wrapping = Wrapping {
                v6,
                ..Wrapping::default()
            };
            wrapping.frame(&get(number))
        };
        send_frames("near", (0..KEYS).map(frame));
    });
}

#[test]
fn requests_reach_the_owners_ports_and_replies_come_from_the_one_that_was_asked() {
    between_hosts(|client| {
        let cpus = [0; OWNERS as usize];
        let Some(mut readdress) = loaded(Readdress::load(&cpus, PORT)) else {
            return;
        };
        let mut restore = loaded(Restore::load(OWNERS as u16, PORT)).expect("loaded before");
        let _ingress = readdress.attach(ifindex("far")).expect("attach");
        let _egress = restore.attach_clsact_egress("far").expect("attach");
        let table = PartitionTable::even(OWNERS as u16);
        let mut sent = 0;
        for pair in families() {
            let ports = PORT..PORT + OWNERS as u16;
            let sockets: Vec<_> = ports.map(|port| alone(pair[0], port)).collect();
            let asker = ask(client, pair);
            sent += u64::from(KEYS);
            let placed = || readdress.counters().expect("counters").placed;
            assert!(eventually(|| placed().iter().sum::<u64>() == sent));
            let held = assert_owned(&sockets, &table, KEYS);
            for (socket, requests) in sockets.iter().zip(held) {
                for (request, from) in requests {
                    socket.send_to(&request, from).expect("reply");
                }
            }
            let replies = std::cell::Cell::new(0);
            let asker = std::sync::Arc::new(asker);
            let all = || {
                let asker = std::sync::Arc::clone(&asker);
                let more = client.run(move || received(&asker).len());
                replies.set(replies.get() + more);
                replies.get() == KEYS as usize
            };
            assert!(eventually(all), "{replies:?} replies, {pair:?}");
            ask_with_frames(client, pair[0].is_ipv6());
            sent += u64::from(KEYS);
            assert!(eventually(|| placed().iter().sum::<u64>() == sent));
            assert_owned(&sockets, &table, KEYS);
        }
        let counted = restore.counters().expect("counters");
        let shares = shares(&table, KEYS);
        // Replies were sent twice over: once by each family.
        let expected: Vec<u64> = shares.values().map(|share| 2 * *share as u64).collect();
        assert_eq!((counted.replies, counted.dropped), (expected, 0));
    });
}

#[test]
fn what_is_no_request_reaches_the_servers_own_port_as_it_came() {
    between_hosts(|client| {
        let Some(mut readdress) = loaded(Readdress::load(&[0; OWNERS as usize], PORT)) else {
            return;
        };
        let _ingress = readdress.attach(ifindex("far")).expect("attach");
        let [pair, _] = families();
        let ports = PORT..PORT + OWNERS as u16;
        let sockets: Vec<_> = ports.map(|port| alone(pair[0], port)).collect();
        client.run(move || {
            let socket = UdpSocket::bind((pair[1], 0)).expect("bind");
            socket.send_to(b"short", (pair[0], PORT)).expect("send");
        });
        assert!(
            eventually(|| received(&sockets[0]).len() == 1),
            "the short one"
        );
        client.run(move || {
            // Two pieces of one datagram, which XDP sees one by one.
            let socket = UdpSocket::bind((pair[1], 0)).expect("bind");
            let long = [b'x'; 2000];
            socket.send_to(&long, (pair[0], PORT)).expect("send");
        });
        let unread = |name: &str| {
            let counters = readdress.counters().expect("counters");
            counters
                .unread
                .iter()
                .find(|(reason, _)| reason.name() == name)
                .map(|(_, count)| *count)
        };
        assert_eq!(unread("truncated"), Some(1));
        assert!(eventually(|| unread("fragment") == Some(1)));
        let waits = || sockets[0].peek_from(&mut [0; 1]).is_ok();
        assert!(eventually(waits), "the long one");
        assert_eq!(received(&sockets[0])[0].0.len(), 2000);
    });
}

#[test]
fn the_stack_runs_on_the_owners_cpu() {
    between_hosts(|client| {
        let cpus = raw::cpus(OWNERS);
        let Some(mut redirect) = loaded(CpuRedirect::load(&cpus, PORT, 2048)) else {
            return;
        };
        let _ingress = redirect.attach(ifindex("far")).expect("attach");
        let table = PartitionTable::even(OWNERS as u16);
        let mut redirected = 0;
        for pair in families() {
            let mut reuseport = loaded(Reuseport::load(&cpus)).expect("loaded before");
            let sockets: Vec<_> = (0..OWNERS).map(|_| shared(pair[0])).collect();
            for (owner, socket) in (0..).zip(&sockets) {
                reuseport.register(owner, socket).expect("in its group");
            }
            reuseport.attach(&sockets[0]).expect("a group");
            let mut sent = 0;
            for kernel_client in [true, false] {
                if kernel_client {
                    ask(client, pair);
                } else {
                    ask_with_frames(client, pair[0].is_ipv6());
                }
                sent += u64::from(KEYS);
                let chosen = || reuseport.counters().expect("counters");
                assert!(
                    eventually(|| chosen().placed.iter().sum::<u64>() == sent),
                    "{pair:?}, kernel client {kernel_client}: {:?}, {:?}",
                    chosen(),
                    redirect.counters()
                );
                assert_eq!(chosen().hopped, 0, "{pair:?}");
                assert_owned(&sockets, &table, KEYS);
            }
            redirected += sent;
        }
        let counted = redirect.counters().expect("counters");
        assert_eq!(counted.placed.iter().sum::<u64>(), redirected);
        // What passed is the client kernel's own: reports of its IPv6 groups.
        assert_eq!(counted.refused, 0);
        let lost = redirect.losses().expect("counters");
        assert_eq!((lost.queue_full, lost.no_packet), (0, 0));
    });
}

/// A sender that the scheduler prefers to the kernel's thread on the same CPU fills a queue of one.
#[test]
fn what_a_full_queue_loses_is_counted() {
    between_hosts(|client| {
        let Some(mut redirect) = loaded(CpuRedirect::load(&[0], PORT, 1)) else {
            return;
        };
        let _ingress = redirect.attach(ifindex("far")).expect("attach");
        let [pair, _] = families();
        let socket = alone(pair[0], PORT);
        client.run(move || raw::first_on_cpu_0(|| drop(send_all(pair))));
        let arrived = std::cell::Cell::new(0);
        let whole = || {
            arrived.set(arrived.get() + received(&socket).len() as u64);
            let lost = redirect.losses().expect("counters");
            arrived.get() + lost.queue_full + lost.no_packet == u64::from(KEYS)
        };
        assert!(
            eventually(whole),
            "{arrived:?} of {KEYS}, {:?}",
            redirect.losses()
        );
        let lost = redirect.losses().expect("counters");
        assert!(lost.queue_full > 0, "{lost:?}");
        assert_eq!(
            redirect.counters().expect("counters").placed,
            [u64::from(KEYS)]
        );
    });
}
