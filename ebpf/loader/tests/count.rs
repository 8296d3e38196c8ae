//! The program at the end of a path: what it takes for a frame of the trial, and what not.

#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod support;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use loader::{Count, Expected, FrameCounters};
use support::{NOWHERE, PORT, loaded};

const MAC: [u8; 6] = [2, 0x53, 0x42, 0, 0, 1];
const TO: Ipv4Addr = Ipv4Addr::new(198, 19, 0, 2);
const TO_V6: Ipv6Addr = Ipv6Addr::new(0xfd53, 19, 0, 0, 0, 0, 0, 2);
const HOPS: u8 = 63;
const FIRST_FLOW: u16 = 16_384;
const PAYLOAD: usize = 18;
const DROP: u32 = 1;
const PASS: u32 = 2;

fn expected(address: IpAddr) -> Expected {
    Expected {
        mac: MAC,
        address,
        hops: HOPS,
        port: PORT,
        first_flow: FIRST_FLOW,
        flows: 4,
        payload: PAYLOAD as u32,
    }
}

/// A frame as it should arrive, of one flow.
fn frame(flow: u16) -> Vec<u8> {
    let mut frame = MAC.to_vec();
    frame.extend_from_slice(&[2, 0, 0, 0, 0, 9, 8, 0]);
    let mut header = [0; 20];
    header[0] = 0x45;
    header[2..4].copy_from_slice(&(28 + PAYLOAD as u16).to_be_bytes());
    header[8..10].copy_from_slice(&[HOPS, 17]);
    header[12..16].copy_from_slice(&[198, 18, 0, 2]);
    header[16..20].copy_from_slice(&TO.octets());
    frame.extend_from_slice(&header);
    frame.extend(datagram(flow));
    frame
}

/// The same over IPv6.
fn frame_v6(flow: u16) -> Vec<u8> {
    let mut frame = MAC.to_vec();
    frame.extend_from_slice(&[2, 0, 0, 0, 0, 9, 0x86, 0xdd]);
    let mut header = [0; 40];
    header[0] = 0x60;
    header[4..6].copy_from_slice(&(8 + PAYLOAD as u16).to_be_bytes());
    header[6..8].copy_from_slice(&[17, HOPS]);
    header[24..].copy_from_slice(&TO_V6.octets());
    frame.extend_from_slice(&header);
    frame.extend(datagram(flow));
    frame
}

fn datagram(flow: u16) -> Vec<u8> {
    let mut datagram = (FIRST_FLOW + flow).to_be_bytes().to_vec();
    datagram.extend_from_slice(&PORT.to_be_bytes());
    datagram.extend_from_slice(&(8 + PAYLOAD as u16).to_be_bytes());
    datagram.extend_from_slice(&[0; 2 + PAYLOAD]);
    datagram
}

fn counted(arrived: u64, misfits: u64, passed: u64) -> FrameCounters {
    FrameCounters {
        arrived: vec![arrived, 0],
        payload_bytes: arrived * PAYLOAD as u64,
        misfits,
        passed,
    }
}

#[test]
fn a_frame_counts_as_what_it_should_have_become_and_else_apart() {
    let Some(count) = loaded(Count::load(2, &expected(TO.into()))) else {
        return;
    };
    let run = |frame: &[u8]| count.test_run(frame, 1, NOWHERE).expect("test run").verdict;
    for flow in 0..4 {
        assert_eq!(run(&frame(flow)), DROP, "flow {flow}");
    }
    assert_eq!(count.counters().expect("the map"), counted(4, 0, 0));

    let altered = |at: usize, byte: u8| {
        let mut frame = frame(0);
        frame[at] = byte;
        frame
    };
    let shorter = {
        let mut frame = frame(0);
        frame[17] -= 1;
        frame[39] -= 1;
        frame
    };
    let misfits = [
        ("hardware address", altered(5, 7)),
        ("address", altered(33, 3)),
        ("hops", altered(22, HOPS + 1)),
        ("flow", frame(4)),
        ("flow before the first", altered(34, 0x3f)),
        ("payload", shorter),
    ];
    for (what, frame) in &misfits {
        assert_eq!(run(frame), DROP, "{what}");
    }
    assert_eq!(count.counters().expect("the map"), counted(4, 6, 0));

    let others = [altered(36, 0), altered(23, 6), altered(12, 0x86)];
    for frame in &others {
        assert_eq!(run(frame), PASS);
    }
    // Cut off in the middle of its payload it is no datagram.
    assert_eq!(run(&frame(0)[..50]), PASS);
    assert_eq!(count.counters().expect("the map"), counted(4, 6, 4));
}

#[test]
fn frames_of_one_version_do_not_count_as_the_others() {
    let Some(count) = loaded(Count::load(2, &expected(TO_V6.into()))) else {
        return;
    };
    let run = |frame: &[u8]| count.test_run(frame, 1, NOWHERE).expect("test run").verdict;
    for flow in 0..4 {
        assert_eq!(run(&frame_v6(flow)), DROP, "flow {flow}");
    }
    let altered = |at: usize| {
        let mut frame = frame_v6(0);
        frame[at] ^= 1;
        frame
    };
    let misfits = [
        ("address", altered(53)),
        ("hops", altered(21)),
        ("flow", frame_v6(4)),
        ("version", frame(0)),
    ];
    for (what, frame) in &misfits {
        assert_eq!(run(frame), DROP, "{what}");
    }
    assert_eq!(count.counters().expect("the map"), counted(4, 4, 0));
}

#[test]
fn queues_out_of_range_are_refused() {
    for queues in [0, 257] {
        assert!(Count::load(queues, &expected(TO.into())).is_err());
    }
}
