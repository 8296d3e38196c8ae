//! The programs attached, on a veth pair in a network namespace of the test's own.
//!
//! Each test runs on a thread that entered a fresh namespace; the namespace and the devices in it go
//! with the thread.

mod support;

#[path = "support/space.rs"]
#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod space;

#[path = "../../fixtures/build.rs"]
mod build;

use std::net::UdpSocket;
use std::os::fd::AsFd as _;

use build::{PORT, Wrapping, binary, framed};
use loader::{
    Error, Lossy, LossyConfig, Pass, Receive, Reflect, ServerPorts, Steer, SteerConfig,
    TestContext, TxQueue, TxQueueConfig,
};
use packet::Addresses;
use space::{QUEUES, eventually, ifindex, in_pair, ip};
use steering::rss::{DEFAULT_KEY, Indirection, Tuple, queue_of_flow};
use steering::{Policy, Verdict};
use support::{NOWHERE, Rig, loaded};

/// The client's socket with this source port. A test binds a port once: it may be taken for a moment
/// after its socket is closed, for a process that another test is starting has a copy of it.
fn client(source: u16) -> UdpSocket {
    UdpSocket::bind(("198.18.0.2", source)).expect("bind")
}

fn send(client: &UdpSocket, port: u16, payload: &[u8]) {
    let sent = client.send_to(payload, ("198.18.0.1", port));
    assert_eq!(sent.expect("send"), payload.len());
}

fn steer(queues: u32) -> SteerConfig {
    SteerConfig {
        policy: Policy::Rss,
        queues,
        owners: QUEUES,
        members: QUEUES,
        server_port: PORT,
        ports: 8,
        hot_keys: 0,
    }
}

#[test]
fn the_transmit_queue_is_the_one_that_rss_says() {
    in_pair(|| {
        let indirection = Indirection::even(QUEUES as u16);
        let config = TxQueueConfig::Rss {
            key: DEFAULT_KEY,
            indirection,
        };
        let Some(mut txqueue) = loaded(TxQueue::load(&config)) else {
            return;
        };
        let _egress = txqueue.attach_clsact_egress("near").expect("attach");
        // Without sockets every frame is counted as refused, so the queue must show otherwise:
        // one registered socket per owner, and with the policy rss the owner is the queue.
        let mut rig = Rig::new(Policy::Rss, QUEUES, QUEUES, 8).expect("loaded before");
        let _link = rig.steer.attach(ifindex("far")).expect("attach");
        let mut expected = vec![0; QUEUES as usize];
        for source in 20_000..20_064 {
            let addresses = Addresses::V4([198, 18, 0, 2], [198, 18, 0, 1]);
            let tuple = Tuple {
                addresses,
                src_port: source,
                dst_port: PORT,
            };
            expected[usize::from(queue_of_flow(&DEFAULT_KEY, &indirection, &tuple))] += 1;
            send(&client(source), PORT, &framed(b"get foo\r\n"));
        }
        assert!(expected.iter().all(|count| *count > 0), "{expected:?}");
        let steer = &rig.steer;
        let arrived = || steer.counters().expect("counters").redirected;
        assert!(
            eventually(|| arrived() == expected),
            "{:?}, not {expected:?}",
            arrived()
        );
    });
}

#[test]
fn the_transmit_queue_is_the_one_of_the_port() {
    in_pair(|| {
        let config = TxQueueConfig::Port {
            base: PORT,
            queues: QUEUES as u16,
        };
        let Some(mut txqueue) = loaded(TxQueue::load(&config)) else {
            return;
        };
        let _egress = txqueue.attach_clsact_egress("near").expect("attach");
        let mut rig = Rig::new(Policy::Rss, QUEUES, QUEUES, 8).expect("loaded before");
        let _link = rig.steer.attach(ifindex("far")).expect("attach");
        let client = client(30_000);
        for (port, times) in [(0, 3), (1, 1), (2, 5), (3, 2), (6, 4)] {
            for _ in 0..times {
                send(&client, PORT + port, b"x");
            }
        }
        let steer = &rig.steer;
        let arrived = || steer.counters().expect("counters").redirected;
        assert!(eventually(|| arrived() == [3, 1, 9, 2]), "{:?}", arrived());
    });
}

#[test]
fn exactly_so_many_frames_are_lost() {
    in_pair(|| {
        let config = LossyConfig {
            frames: 7,
            first_port: PORT,
            ports: 1,
        };
        let Some(mut lossy) = loaded(Lossy::load(&config)) else {
            return;
        };
        let steer = loaded(Steer::load(&steer(QUEUES))).expect("loaded before");
        lossy.before(&steer).expect("chain");
        let _link = lossy.attach(ifindex("far")).expect("attach");
        let client = client(30_000);
        for _ in 0..20 {
            for port in [PORT, PORT + 1] {
                send(&client, port, b"x");
            }
        }
        // No sockets: what arrives at the steering program is refused by its map, and counted.
        let refused = || steer.counters().expect("counters").redirect_failed;
        assert!(eventually(|| refused() == 33), "{}", refused());
        assert_eq!(lossy.left().expect("map"), 0);
    });
}

#[test]
fn the_receive_queue_decides_without_a_key() {
    in_pair(|| {
        let Some(mut rig) = Rig::new(Policy::Key, QUEUES, 3, 1) else {
            return;
        };
        let frame = Wrapping::default().frame(&framed(&binary(0x0a, 0, b"", 0)));
        for rx_queue in 0..QUEUES {
            let context = TestContext {
                ifindex: ifindex("far"),
                rx_queue,
            };
            let owner = Verdict::Owner((rx_queue % 3) as u16);
            assert_eq!(rig.verdict(&frame, context), owner, "queue {rx_queue}");
        }
    });
}

#[test]
fn a_link_goes_with_its_holder() {
    in_pair(|| {
        let Some(mut first) = loaded(Pass::load()) else {
            return;
        };
        let mut second = loaded(Pass::load()).expect("loaded before");
        let link = first.attach(ifindex("far")).expect("attach");
        assert!(matches!(
            second.attach(ifindex("far")),
            Err(Error::NoNativeXdp { .. })
        ));
        drop(link);
        second
            .attach(ifindex("far"))
            .map(drop)
            .expect("attach after the first has gone");
    });
}

#[test]
fn generic_xdp_is_no_substitute() {
    in_pair(|| {
        let Some(mut pass) = loaded(Pass::load()) else {
            return;
        };
        ip("link set lo up");
        let refused = pass.attach(ifindex("lo"));
        assert!(
            matches!(refused, Err(Error::NoNativeXdp { .. })),
            "loopback has no native XDP"
        );
    });
}

#[test]
fn replies_go_to_the_socket_of_their_queue() {
    let Some(mut receive) = loaded(Receive::load(1, ServerPorts::new(PORT, 2))) else {
        return;
    };
    let socket = support::xdp_socket();
    // The builder sends from the client's port to the server's; ask for a filter on that port.
    let frame = Wrapping::default().frame(&framed(b"VALUE foo 0 1\r\nx\r\nEND\r\n"));
    assert_eq!(
        receive.test_run(&frame, 1, NOWHERE).expect("run").verdict,
        2,
        "not a reply"
    );
    let client = ServerPorts::new(build::CLIENT_PORT, 1);
    let mut replies = Receive::load(1, client).expect("loaded before");
    assert_eq!(
        replies.test_run(&frame, 1, NOWHERE).expect("run").verdict,
        1,
        "no socket yet"
    );
    replies.register(0, socket.as_fd()).expect("register");
    receive.register(0, socket.as_fd()).expect("register");
    assert_eq!(
        replies.test_run(&frame, 1, NOWHERE).expect("run").verdict,
        4
    );
    let counters = replies.counters().expect("counters");
    assert_eq!(
        (
            counters.redirected,
            counters.passed,
            counters.redirect_failed
        ),
        (vec![1], 0, 1)
    );
    assert_eq!(receive.counters().expect("counters").passed, 1);
}

#[test]
fn the_reflector_exchanges_the_ends() {
    let Some(reflect) = loaded(Reflect::load(ServerPorts::new(PORT, 1))) else {
        return;
    };
    for v6 in [false, true] {
        let frame = Wrapping {
            v6,
            ..Wrapping::default()
        }
        .frame(b"ping");
        let run = reflect.test_run(&frame, 1, NOWHERE).expect("run");
        assert_eq!(run.verdict, 3);
        let (before, after) = (frame.as_slice(), run.data.as_slice());
        let swapped = |at: usize, len: usize| {
            assert_eq!(before[at..at + len], after[at + len..at + 2 * len]);
            assert_eq!(before[at + len..at + 2 * len], after[at..at + len]);
        };
        swapped(0, 6);
        if v6 {
            swapped(22, 16)
        } else {
            swapped(26, 4)
        }
        swapped(if v6 { 54 } else { 34 }, 2);
    }
    assert_eq!(reflect.counters().expect("counters").reflected, 2);
}
