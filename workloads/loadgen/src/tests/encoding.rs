//! Requests on the wire, byte by byte, and replies that must be refused.

use model::{Op, Schedule, Size, WorkloadSpec};

use super::workload;
use crate::Protocol;
use crate::wire::{self, Reading, Step, Verdict};

fn schedule(keys_per_get: u16, get_ratio: f64) -> Schedule {
    let spec = WorkloadSpec {
        key_size: Size::Fixed(5),
        value_size: Size::Fixed(3),
        keys_per_get,
        get_ratio,
        ..workload(1000.0, 1)
    };
    Schedule::generate(&spec, 1_000_000_000).unwrap()
}

fn datagram(protocol: Protocol, schedule: &Schedule) -> Vec<u8> {
    let mut out = Vec::new();
    wire::encode(
        protocol,
        schedule,
        &schedule.requests[0],
        9,
        0x0102,
        &mut out,
    );
    out
}

fn key(schedule: &Schedule, id: u32) -> Vec<u8> {
    schedule.keyspace().key_bytes(id, &mut Vec::new()).to_vec()
}

#[test]
fn gets() {
    let (one, three) = (schedule(1, 1.0), schedule(3, 1.0));
    let first = key(&one, one.requests[0].key);
    let header = [1, 2, 0, 0, 0, 1, 0, 0];
    assert_eq!(
        datagram(Protocol::Ascii, &one),
        [&header, &b"get "[..], &first, b"\r\n"].concat()
    );
    assert_eq!(
        datagram(Protocol::Meta, &one),
        [&header, &b"mg "[..], &first, b" v\r\n"].concat()
    );
    let mut binary = vec![0x80, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 1, 2];
    binary.extend([0; 8]);
    assert_eq!(
        datagram(Protocol::Binary, &one),
        [&header, &binary[..], &first].concat()
    );
    let keys: Vec<Vec<u8>> = std::iter::once(&three.requests[0].key)
        .chain(three.further_keys(&three.requests[0]))
        .map(|id| key(&three, *id))
        .collect();
    let line = [b"get ", keys.join(&b' ').as_slice(), b"\r\n"].concat();
    assert_eq!(
        datagram(Protocol::Ascii, &three),
        [&header[..], &line].concat()
    );
}

#[test]
fn sets() {
    let schedule = schedule(1, 0.0);
    let planned = &schedule.requests[0];
    assert_eq!(planned.op, Op::Set);
    let key = key(&schedule, planned.key);
    let value = model::value_bytes(planned.key, 9, 3, &mut Vec::new()).to_vec();
    let text = [b"set ", key.as_slice(), b" 0 0 3\r\n", &value, b"\r\n"].concat();
    assert_eq!(datagram(Protocol::Ascii, &schedule)[8..], text);
    let text = [b"ms ", key.as_slice(), b" 3\r\n", &value, b"\r\n"].concat();
    assert_eq!(datagram(Protocol::Meta, &schedule)[8..], text);
    let mut binary = vec![0x80, 1, 0, 5, 8, 0, 0, 0, 0, 0, 0, 16, 0, 0, 1, 2];
    binary.extend([0; 16]);
    assert_eq!(
        datagram(Protocol::Binary, &schedule)[8..],
        [&binary[..], &key, &value].concat()
    );
}

#[test]
fn quiet_sets_say_so() {
    let spec = WorkloadSpec {
        noreply_ratio: 1.0,
        get_ratio: 0.0,
        ..workload(1000.0, 1)
    };
    let schedule = Schedule::generate(&spec, 100_000_000).unwrap();
    let line = |protocol| {
        let datagram = datagram(protocol, &schedule)[8..].to_vec();
        let end = datagram.windows(2).position(|w| w == b"\r\n").unwrap();
        String::from_utf8(datagram[..end].to_vec()).unwrap()
    };
    assert!(line(Protocol::Ascii).ends_with(" noreply"));
    assert!(line(Protocol::Meta).ends_with(" q"));
    assert_eq!(datagram(Protocol::Binary, &schedule)[8 + 1], 0x11);
}

fn verdict(protocol: Protocol, schedule: &Schedule, body: &[u8]) -> (Step, Reading) {
    let planned = &schedule.requests[0];
    let mut reading = Reading::default();
    reading.start(schedule, planned);
    let step = reading.read(protocol, schedule, planned, 0x0102, body);
    (step, reading)
}

#[test]
fn replies_are_judged() {
    let (gets, sets) = (schedule(1, 1.0), schedule(1, 0.0));
    let key = key(&gets, gets.requests[0].key);
    let value = |text: &[u8]| [b"VALUE ", key.as_slice(), b" 0 3\r\n", text].concat();
    let (malformed, error) = (Step::Done(Verdict::Malformed), Step::Done(Verdict::Error));
    let other = b"VALUE other 0 3\r\nabc\r\nEND\r\n".to_vec();
    let cases: Vec<(Protocol, &Schedule, Vec<u8>, Step)> = vec![
        (
            Protocol::Ascii,
            &gets,
            value(b"abc\r\nEND\r\n"),
            Step::Done(Verdict::Ok),
        ),
        (Protocol::Ascii, &gets, value(b"abc\r\n"), Step::More),
        (Protocol::Ascii, &gets, value(b"abc\r\nEND"), malformed),
        (Protocol::Ascii, &gets, value(b"ab"), malformed),
        (Protocol::Ascii, &gets, other, malformed),
        (
            Protocol::Ascii,
            &gets,
            b"SERVER_ERROR out of memory\r\n".to_vec(),
            error,
        ),
        (
            Protocol::Ascii,
            &sets,
            b"STORED\r\n".to_vec(),
            Step::Done(Verdict::Ok),
        ),
        (Protocol::Ascii, &sets, b"END\r\n".to_vec(), malformed),
        (Protocol::Ascii, &sets, b"NOT_STORED\r\n".to_vec(), error),
        (
            Protocol::Ascii,
            &sets,
            b"CLIENT_ERROR bad\r\nERROR\r\n".to_vec(),
            error,
        ),
        (
            Protocol::Meta,
            &gets,
            b"EN\r\n".to_vec(),
            Step::Done(Verdict::Ok),
        ),
        (Protocol::Meta, &gets, b"VA 3\r\nab\r\n".to_vec(), malformed),
        (Protocol::Meta, &sets, b"NS\r\n".to_vec(), error),
        (Protocol::Meta, &sets, b"EN\r\n".to_vec(), malformed),
        (Protocol::Binary, &gets, vec![0x81; 23], malformed),
        (Protocol::Binary, &sets, vec![0; 24], malformed),
    ];
    for (protocol, schedule, body, expected) in cases {
        let (step, _) = verdict(protocol, schedule, &body);
        assert_eq!(
            step,
            expected,
            "{protocol:?} {}",
            String::from_utf8_lossy(&body)
        );
    }
}

#[test]
fn wrong_values_are_no_hits() {
    let gets = schedule(1, 1.0);
    let id = gets.requests[0].key;
    let right = model::value_bytes(id, 4, 30, &mut Vec::new()).to_vec();
    let mut wrong = right.clone();
    wrong[17] ^= 4;
    for (value, expected) in [(right, (1, 0, 0)), (wrong, (0, 1, 0))] {
        let body = [b"VA 30\r\n", value.as_slice(), b"\r\n"].concat();
        let (step, reading) = verdict(Protocol::Meta, &gets, &body);
        assert_eq!(step, Step::Done(Verdict::Ok));
        assert_eq!(
            (reading.hits, reading.wrong, reading.outstanding.len()),
            expected
        );
    }
}
