//! The program about scans decides as user space does: by ranges of keys, and in turn.

mod support;

#[expect(dead_code, reason = "this target needs a part of what the tests share")]
#[path = "../../fixtures/mod.rs"]
mod fixtures;

#[expect(dead_code, reason = "this target needs a part of what the tests share")]
#[path = "support/requests.rs"]
mod requests;

use std::cell::{Cell, RefCell};

use fixtures::build::{PORT, Wrapping};
use fixtures::call::call;
use proptest::prelude::*;
use requests::{runner, scattered};
use steering::{Inputs, Order, PartitionTable, Policy, Verdict, rpc, steer};
use support::{NOWHERE, Rig};

const OWNERS: u32 = 5;

fn inputs(policy: Policy) -> Inputs {
    Inputs {
        policy,
        owners: OWNERS,
        members: OWNERS,
        server_port: PORT,
        ports: 1,
        rx_queue: 0,
        hot: false,
        tick: 0,
    }
}

/// The frame of a call of `function` for this key.
fn frame(function: &[u8], key: &[u8], v6: bool) -> Vec<u8> {
    let wrapping = Wrapping {
        v6,
        ..Wrapping::default()
    };
    let arguments = [b"tenant-01".to_vec(), key.to_vec(), vec![0, 8]];
    wrapping.frame(&call(function, &arguments))
}

/// Names of functions, `scan` among them and what is nearly that.
fn function() -> impl Strategy<Value = Vec<u8>> {
    let nearly = prop::sample::select(vec!["scan", "scans", "sca", "Scan", "set", "get"]);
    prop_oneof![
        3 => Just(rpc::SCAN.to_vec()),
        2 => nearly.prop_map(|name| name.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..36),
    ]
}

/// Keys that begin with digits, and others.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[0-9a-zA-Z]{1,30}".prop_map(String::into_bytes),
        1 => "[0-9a-zA-Z]{0,5}[ -~]{1,3}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..260),
    ]
}

/// The number in base 62, with so many digits.
fn digits(mut number: u32, digits: u32) -> Vec<u8> {
    const ALPHABET: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut key = vec![0; digits as usize];
    for place in key.iter_mut().rev() {
        *place = ALPHABET[(number % 62) as usize];
        number /= 62;
    }
    key
}

#[test]
fn neighbours_share_an_owner_but_at_the_bounds_of_ranges() {
    for keys in [1, 7, 62, 4000] {
        let order = Order::of(keys);
        let Some(mut rig) = Rig::new(Policy::Range(order), 1, OWNERS, 1) else {
            return;
        };
        let table = PartitionTable::in_ranges(OWNERS as u16);
        let mut owners = Vec::new();
        for number in 0..keys {
            let key = [digits(number, order.digits), b"filler".to_vec()].concat();
            let expected = table.owner_of(order.place(u64::from(number)));
            let verdict = rig.verdict(&frame(b"get", &key, number % 2 == 1), NOWHERE);
            assert_eq!(verdict, Verdict::Owner(expected), "{number} of {keys}");
            owners.push(expected);
        }
        assert!(owners.is_sorted());
        owners.dedup();
        assert_eq!(owners.len(), keys.min(OWNERS) as usize);
    }
}

#[test]
fn any_key_has_the_same_place() {
    for keys in [1, 62, 63, 5000, 1 << 20, u32::MAX] {
        let policy = Policy::Range(Order::of(keys));
        let Some(mut rig) = Rig::new(policy, 1, OWNERS, 1) else {
            return;
        };
        let table = scattered(OWNERS);
        rig.steer.set_table(&table).expect("table");
        let rig = RefCell::new(rig);
        let cases = (function(), key(), any::<bool>());
        let result = runner(400).run(&cases, |(function, key, v6)| {
            let frame = frame(&function, &key, v6);
            let expected = steer(frame.as_slice(), &table, &inputs(policy));
            prop_assert_eq!(rig.borrow_mut().verdict(&frame, NOWHERE), expected);
            Ok(())
        });
        result.unwrap_or_else(|failure| panic!("{keys} keys: {failure}"));
    }
}

#[test]
fn scans_go_to_all_owners_in_turn_and_other_calls_by_key() {
    let Some(mut rig) = Rig::new(Policy::ScansInTurn, 1, OWNERS, 1) else {
        return;
    };
    let table = scattered(OWNERS);
    rig.steer.set_table(&table).expect("table");
    let (rig, in_turn) = (RefCell::new(rig), Cell::new(0));
    let cases = (function(), key(), any::<bool>(), any::<u32>());
    let result = runner(2000).run(&cases, |(function, key, v6, tick)| {
        let frame = frame(&function, &key, v6);
        let mut rig = rig.borrow_mut();
        rig.steer.set_turn(tick).expect("turns");
        let inputs = Inputs {
            hot: true,
            tick,
            ..inputs(Policy::ScansInTurn)
        };
        let expected = steer(frame.as_slice(), &table, &inputs);
        prop_assert_eq!(rig.verdict(&frame, NOWHERE), expected);
        let turn = Verdict::Owner((tick % OWNERS) as u16);
        if function == rpc::SCAN && matches!(expected, Verdict::Owner(_)) {
            prop_assert_eq!(expected, turn);
            in_turn.set(in_turn.get() + 1);
        }
        let by_key = steer(frame.as_slice(), &table, &self::inputs(Policy::Argument(1)));
        prop_assert!(function == rpc::SCAN || expected == by_key);
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(in_turn.get() > 500, "{} scans", in_turn.get());
}
