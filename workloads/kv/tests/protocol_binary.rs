//! The binary protocol against memcached 1.6 itself: the same bytes in, the same bytes out.

mod protocol_support;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use protocol_support::compare;

/// A request; `opaque` is the opcode again, so that replies can be told apart.
fn packet(opcode: u8, extras: &[u8], key: &[u8], value: &[u8], cas: u64) -> Vec<u8> {
    let body = (extras.len() + key.len() + value.len()) as u32;
    let mut packet = vec![0x80, opcode];
    packet.extend((key.len() as u16).to_be_bytes());
    packet.extend([extras.len() as u8, 0, 0, 0]);
    packet.extend(body.to_be_bytes());
    packet.extend([0, 0, 1, opcode]);
    packet.extend(cas.to_be_bytes());
    packet.extend(extras.iter().chain(key).chain(value));
    packet
}

fn storage(flags: u32, exptime: u32) -> Vec<u8> {
    [flags.to_be_bytes(), exptime.to_be_bytes()].concat()
}

fn counter(by: u64, initial: u64, exptime: u32) -> Vec<u8> {
    [
        &by.to_be_bytes()[..],
        &initial.to_be_bytes(),
        &exptime.to_be_bytes(),
    ]
    .concat()
}

fn same(packets: &[Vec<u8>]) {
    if let Err(difference) = compare(&packets.concat(), &[usize::MAX, 5]) {
        panic!("{difference}");
    }
}

#[test]
fn every_opcode_once_right_and_once_wrong() {
    for opcode in 0..=0x24u8 {
        // Version differs by design; after an unknown opcode memcached loses its place if there
        // is a key, so those go without.
        let unknown = matches!(opcode, 0x1b | 0x1f | 0x20..=0x22);
        if opcode != 0x0b && opcode != 0x10 {
            let key: &[u8] = if unknown { b"" } else { b"key" };
            same(&[
                packet(opcode, &[], key, b"", 0),
                packet(0x0a, &[], b"", b"", 0),
            ]);
            same(&[
                packet(opcode, &[], b"", b"", 0),
                packet(0x0a, &[], b"", b"", 0),
            ]);
        }
        if !unknown && opcode != 0x10 {
            same(&[
                packet(opcode, &[0; 3], b"key", b"value", 0),
                packet(0x0a, &[], b"", b"", 0),
            ]);
        }
    }
    same(&[
        packet(0x70, &[], b"", b"", 0),
        packet(0x0a, &[], b"", b"", 0),
    ]);
    same(&[
        packet(0x10, &[], b"bogus", b"", 0),
        packet(0x10, &[], b"reset", b"", 0),
    ]);
    same(&[
        packet(0x00, &[], &[b'k'; 251], b"", 0),
        packet(0x0a, &[], b"", b"", 0),
    ]);
}

#[test]
fn lengths_that_lie() {
    let mut short_body = packet(0x00, &[], b"key", b"", 0);
    short_body[11] = 1;
    same(&[short_body, packet(0x0a, &[], b"", b"", 0)]);
    let mut bad_magic = packet(0x0a, &[], b"", b"", 0);
    bad_magic[0] = 0x81;
    same(&[
        packet(0x0a, &[], b"", b"", 0),
        bad_magic,
        packet(0x0a, &[], b"", b"", 0),
    ]);
    same(&[packet(0x00, &[], b"key", b"", 0)[..25].to_vec()]);
}

#[test]
fn values_above_the_limit() {
    for len in [1_048_514, 1_048_515] {
        let value = vec![b'v'; len];
        same(&[
            packet(0x01, &storage(0, 0), b"key", b"old", 0),
            packet(0x01, &storage(0, 0), b"key", &value, 0),
            packet(0x02, &storage(0, 0), b"key", b"new", 0),
            packet(0x0e, &[], b"key", &value, 0),
            packet(0x0a, &[], b"", b"", 0),
        ]);
    }
}

fn command() -> impl Strategy<Value = Vec<u8>> {
    let key = || select(vec![&b"a"[..], b"b", b"c"]);
    let cas = || prop_oneof![3 => Just(0u64), 1 => 0..30u64];
    let value = select(vec![
        &b""[..],
        b"1",
        b"9",
        b"99",
        b"abc",
        b"18446744073709551615",
    ]);
    let stores = select(vec![0x01u8, 0x11, 0x02, 0x12, 0x03, 0x13]);
    let store = (stores, key(), value.clone(), cas(), 0..3u32).prop_map(
        |(opcode, key, value, cas, flags)| packet(opcode, &storage(flags, 0), key, value, cas),
    );
    let join = (select(vec![0x0eu8, 0x19, 0x0f, 0x1a]), key(), value, cas())
        .prop_map(|(opcode, key, value, cas)| packet(opcode, &[], key, value, cas));
    let plain = (
        select(vec![0x00u8, 0x09, 0x0c, 0x0d, 0x04, 0x14]),
        key(),
        cas(),
    )
        .prop_map(|(opcode, key, cas)| packet(opcode, &[], key, b"", cas));
    let exptime = select(vec![0u32, 100, 2_592_001, u32::MAX]);
    let touch = (
        select(vec![0x1cu8, 0x1d, 0x1e, 0x23, 0x24]),
        key(),
        exptime.clone(),
    )
        .prop_map(|(opcode, key, exptime)| packet(opcode, &exptime.to_be_bytes(), key, b"", 0));
    let number = || select(vec![0u64, 1, 5, 100, u64::MAX]);
    // noop makes memcached send, and so let go of the items that it still has to send.
    let delta = (
        select(vec![0x05u8, 0x15, 0x06, 0x16]),
        key(),
        number(),
        number(),
        exptime,
        cas(),
    )
        .prop_map(|(opcode, key, by, initial, exptime, cas)| {
            let extras = counter(by, initial, exptime);
            [
                packet(0x0a, &[], b"", b"", 0),
                packet(opcode, &extras, key, b"", cas),
            ]
            .concat()
        });
    let flush = select(vec![
        packet(0x08, &[], b"", b"", 0),
        packet(0x18, &[0; 4], b"", b"", 0),
    ]);
    prop_oneof![6 => store, 3 => join, 6 => plain, 2 => touch, 4 => delta, 1 => flush]
}

#[test]
fn random_conversations() {
    let config = Config {
        cases: 16,
        max_shrink_iters: 25,
        failure_persistence: None,
        ..Config::default()
    };
    let scripts = (prop::collection::vec(command(), 1..200), 1..500usize);
    TestRunner::new(config)
        .run(&scripts, |(script, piece)| {
            compare(&script.concat(), &[usize::MAX, piece]).map_err(TestCaseError::fail)
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}
