//! Scans on the wire: calls that name the first of their keys, copies for owners, and values in order.

use model::{Op, Planned, Schedule, Size, WorkloadSpec, value_bytes};
use steering::rpc::{Kind, head, lengths};
use steering::{PartitionTable, hash_bytes};

use super::workload;
use crate::scatter::Scattering;
use crate::wire::{self, Reading, Step, Verdict};
use crate::{Calls, Holds, Protocol, Scatter};

const ID: u16 = 0x0102;
const SCANS: Protocol = Protocol::Rpc(Calls::Scan);
const KEYS: u16 = 5;

fn schedule(get_ratio: f64) -> Schedule {
    let spec = WorkloadSpec {
        key_size: Size::Fixed(5),
        value_size: Size::Fixed(20),
        keys_per_get: KEYS,
        consecutive: true,
        get_ratio,
        ..workload(1000.0, 1)
    };
    Schedule::sequence(&spec, 300).unwrap()
}

fn key(schedule: &Schedule, id: u32) -> Vec<u8> {
    schedule.keyspace().key_bytes(id, &mut Vec::new()).to_vec()
}

fn call(name: &[u8], arguments: &[&[u8]]) -> Vec<u8> {
    let all: Vec<usize> = arguments.iter().map(|it| it.len()).collect();
    let head = head(Kind::Call, u32::from(ID));
    let lengths = lengths(name.len(), &all);
    [&head[..], &lengths, name, &arguments.concat()].concat()
}

#[test]
fn a_scan_names_its_first_key_and_how_many() {
    let schedule = schedule(1.0);
    let planned = &schedule.requests[0];
    let tenant = model::tenant_of(planned.key);
    let first = key(&schedule, planned.key);
    let mut out = Vec::new();
    wire::encode(SCANS, &schedule, planned, 9, ID, &mut out);
    assert_eq!(out, call(b"scan", &[&tenant, &first, &[0, 5]]));
    let (owners_key, mut out) = (planned.key + 3, Vec::new());
    wire::encode_copy(&schedule, planned, owners_key, ID, &mut out);
    let (tenant, other) = (model::tenant_of(owners_key), key(&schedule, owners_key));
    assert_eq!(out, call(b"scan", &[&tenant, &other, &[0, 5], &first]));
    let sets = self::schedule(0.0);
    let (planned, mut out) = (&sets.requests[0], Vec::new());
    wire::encode(SCANS, &sets, planned, 9, ID, &mut out);
    let value = value_bytes(planned.key, 9, 20, &mut Vec::new()).to_vec();
    let (tenant, key) = (model::tenant_of(planned.key), key(&sets, planned.key));
    assert_eq!(out, call(b"set", &[&tenant, &key, &value]));
}

#[test]
fn every_owner_of_a_key_gets_one_copy() {
    let schedule = schedule(1.0);
    let table = PartitionTable::even(3);
    let owner = |id| table.owner_of(hash_bytes(&key(&schedule, id)));
    let scatter = Scatter {
        owners: 3,
        holds: Holds::AllKeys,
    };
    let scattering = Scattering::new(scatter, schedule.keyspace()).unwrap();
    for planned in &schedule.requests {
        let mut wanted: Vec<u16> = (planned.key..planned.key + 5).map(owner).collect();
        let parts = scattering.parts(&schedule, planned);
        let mut reached: Vec<u16> = parts.map(|part| owner(part.first)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        reached.sort_unstable();
        assert_eq!(reached, wanted);
    }
}

/// What a reply holds of the scan's keys: a value, or none.
fn result(planned: &Planned, holds: impl Fn(u32) -> bool) -> Vec<u8> {
    let mut result = vec![0];
    for id in planned.key..planned.key + u32::from(KEYS) {
        if holds(id) {
            result.extend([0, 20]);
            result.extend_from_slice(value_bytes(id, 7, 20, &mut Vec::new()));
        } else {
            result.extend([0xff, 0xff]);
        }
    }
    result
}

#[test]
fn values_are_of_the_right_keys_in_their_order() {
    let schedule = schedule(1.0);
    let planned = &schedule.requests[0];
    assert_eq!(planned.op, Op::Get);
    let judge = |body: &[u8]| {
        let mut reading = Reading::default();
        reading.start(&schedule, planned);
        let Step::Done(verdict) = reading.read(SCANS, &schedule, planned, ID, body) else {
            panic!("a reply is one datagram")
        };
        (
            verdict,
            reading.hits,
            reading.wrong,
            reading.outstanding.len(),
        )
    };
    let all = result(planned, |_| true);
    assert_eq!(judge(&all), (Verdict::Ok, 5, 0, 0));
    let some = result(planned, |id| id != planned.key + 1);
    assert_eq!(judge(&some), (Verdict::Ok, 4, 0, 1));
    let mut swapped = all.clone();
    let (first, second) = (3..23, 25..45);
    swapped[first.clone()].copy_from_slice(&all[second.clone()]);
    swapped[second].copy_from_slice(&all[first]);
    assert_eq!(judge(&swapped), (Verdict::Ok, 3, 2, 0));
    for cut in 1..all.len() {
        assert_eq!(judge(&all[..cut]).0, Verdict::Malformed, "{cut}");
    }
    assert_eq!(judge(&[&all[..], &[0]].concat()).0, Verdict::Malformed);
    assert_eq!(judge(&[3]).0, Verdict::Error);
    assert_eq!(judge(&[]).0, Verdict::Malformed);
}
