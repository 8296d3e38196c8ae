//! The saturating generator against the kernel: what it makes arrives, whole, on the right queue.

#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod support;

#[expect(dead_code, reason = "this target needs a part of what the tests share")]
#[path = "support/space.rs"]
mod space;

use loader::{Error, Generate, Pass, Replies, ServerPorts};
use space::{eventually, ifindex, in_namespace, ip};
use support::{NOWHERE, PORT, loaded};

/// A reply as the server would send it: the counting program stands in for the server here.
fn reply(body: &[u8]) -> Vec<u8> {
    let mut payload = vec![0, 7, 0, 0, 0, 1, 0, 0];
    payload.extend_from_slice(body);
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    let mut header = [0; 20];
    header[0] = 0x45;
    header[2..4].copy_from_slice(&(28 + payload.len() as u16).to_be_bytes());
    header[8..10].copy_from_slice(&[64, 17]);
    frame.extend_from_slice(&header);
    frame.extend_from_slice(&PORT.to_be_bytes());
    frame.extend_from_slice(&16_384_u16.to_be_bytes());
    frame.extend_from_slice(&(8 + payload.len() as u16).to_be_bytes());
    frame.extend_from_slice(&[0, 0]);
    frame.extend_from_slice(&payload);
    frame
}

const SERVER: ServerPorts = ServerPorts::new(PORT, 1);

#[test]
fn replies_are_counted_by_what_they_say() {
    let Some(replies) = loaded(Replies::load(SERVER)) else {
        return;
    };
    let drop = |body: &[u8]| {
        let run = replies
            .test_run(&reply(body), 1, NOWHERE)
            .expect("test run");
        assert_eq!(run.verdict, 1, "discarded");
    };
    for body in [
        &b"VALUE k 0 1\r\nx\r\nEND\r\n"[..],
        b"END\r\n",
        b"STORED\r\n",
    ] {
        drop(body);
    }
    drop(b"ERROR\r\n");
    drop(b"what?\r\n");
    let counters = replies.counters().expect("counters");
    let seen = (
        counters.hits,
        counters.misses,
        counters.stored,
        counters.failed,
        counters.unread,
    );
    assert_eq!((seen, counters.replies()), ((1, 1, 1, 1, 1), 4));
    let mut other = reply(b"END\r\n");
    other[34..36].copy_from_slice(&1_u16.to_be_bytes());
    let run = replies.test_run(&other, 1, NOWHERE).expect("test run");
    assert_eq!(run.verdict, 2, "on to the network stack");
}

#[test]
fn every_request_of_the_list_arrives_as_it_was_listed() {
    const ROUNDS: u64 = 25;
    in_namespace(|| {
        ip("link add near type veth peer name far");
        for device in ["near", "far"] {
            ip(&format!("link set {device} addrgenmode none"));
            ip(&format!("link set {device} up"));
        }
        // Of different lengths, so that each frame must be cut or stretched.
        let requests = [
            reply(b"VALUE key 0 9\r\n123456789\r\nEND\r\n"),
            reply(b"END\r\n"),
            reply(b"STORED\r\n"),
            reply(b"VALUE key 0 1\r\n1\r\nEND\r\n"),
        ];
        let Some(mut generate) = loaded(Generate::load(&requests, ifindex("near"))) else {
            return;
        };
        assert_eq!(generate.listed(), 4);
        let kept = generate.keep_dispatched(ifindex("lo")).expect("attach");
        let mut second = Generate::load(&requests, ifindex("near")).expect("loaded before");
        let refused = second.keep_dispatched(ifindex("lo"));
        assert!(
            matches!(refused, Err(Error::NoGenericXdp { ifindex: 1, .. })),
            "{refused:?}"
        );
        let mut replies = Replies::load(SERVER).expect("loaded before");
        let _far = replies.attach(ifindex("far")).expect("attach");
        let mut pass = Pass::load().expect("loaded before");
        let _near = pass.attach(ifindex("near")).expect("attach");
        // Below veth's queue of 256 at a time, or the device refuses the rest.
        let arrived = || replies.counters().expect("counters").replies();
        for round in 1..=ROUNDS {
            generate.run(128).expect("live frames");
            let all = eventually(|| arrived() == round * 128);
            assert!(all, "{} in round {round}", arrived());
        }
        drop(kept);
        let kept = second.keep_dispatched(ifindex("lo"));
        assert!(kept.is_ok(), "{kept:?}");
        assert_eq!(generate.made().expect("the map"), ROUNDS * 128);
        let each = ROUNDS * 128 / 4;
        let counters = replies.counters().expect("counters");
        assert_eq!(
            (counters.hits, counters.misses, counters.stored),
            (2 * each, each, each),
            "{counters:?}"
        );
    });
}
