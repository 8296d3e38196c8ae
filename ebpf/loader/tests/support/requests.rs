//! Random requests, and a table that an order of slots does not explain.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use steering::{PartitionTable, SLOTS};

use crate::fixtures::build::binary;

/// Owners differ from slot to slot in no simple pattern, one slot points to nobody.
pub(crate) fn scattered(owners: u32) -> PartitionTable {
    let table = PartitionTable::even(owners as u16);
    for slot in 0..SLOTS as u16 {
        table.move_slot(slot, (u32::from(slot) * 7919 / 13 % owners) as u16);
    }
    table.move_slot(99, owners as u16);
    table
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    let visible = prop_oneof![9 => 0x21_u8..0x7f, 1 => 0x80_u8..=0xff];
    prop::collection::vec(visible, 0..=260)
}

/// Requests of every kind and what resembles them, without memcached's frame header.
pub(crate) fn request() -> impl Strategy<Value = Vec<u8>> {
    let commands: Vec<&[u8]> = vec![
        b"get ",
        b"gets ",
        b"gat 10 ",
        b"gats 123456789 ",
        b"set ",
        b"add ",
        b"replace ",
        b"append ",
        b"prepend ",
        b"cas ",
        b"delete ",
        b"incr ",
        b"decr ",
        b"touch ",
        b"mg ",
        b"ms ",
        b"md ",
        b"ma ",
        b"me ",
        b"mn",
        b"version",
        b"stats",
        b"flush_all",
        b"verbosity ",
        b"quit",
        b"",
        b"gets",
        b"bogus ",
        b"bget ",
        b" get ",
    ];
    let ends: Vec<&[u8]> = vec![
        b"\r\n",
        b"\n",
        b" 0 0 1\r\nx\r\n",
        b" other\r\n",
        b"",
        b"\t\r\n",
    ];
    let text = (
        prop::sample::select(commands),
        key(),
        prop::sample::select(ends),
    )
        .prop_map(|(command, key, end)| [command, &key, end].concat());
    let bytes = (
        0_u8..0x40,
        0_usize..30,
        prop::collection::vec(any::<u8>(), 0..=260),
        0_usize..40,
    )
        .prop_map(|(opcode, extras, key, value)| binary(opcode, extras, &key, value));
    prop_oneof![3 => text, 1 => bytes, 1 => prop::collection::vec(any::<u8>(), 0..300)]
}

/// Runs so many cases.
pub(crate) fn runner(cases: u32) -> TestRunner {
    // Failures are printed whole; a folder of past ones would only be noise in the work tree.
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    })
}
