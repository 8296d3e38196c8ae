//! The classic text protocol: `get`, `set`.

use std::io::Write;

use model::{KeySpace, Op, Planned, Schedule};

use super::{Reading, Step, Verdict, append_value, is_error_line, number, split_line};
use crate::scatter::keys;

pub(super) fn encode(schedule: &Schedule, planned: &Planned, version: u32, out: &mut Vec<u8>) {
    let keyspace = schedule.keyspace();
    match planned.op {
        Op::Get => encode_get(keyspace, keys(schedule, planned), out),
        Op::Set => {
            out.extend_from_slice(b"set ");
            keyspace.append_key(planned.key, out);
            write!(out, " 0 0 {}", planned.value_len).expect("a Vec takes every write");
            out.extend_from_slice(if planned.noreply {
                b" noreply\r\n"
            } else {
                b"\r\n"
            });
            append_value(planned, version, out);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// A get of `keys`, of which there is one at least.
pub(super) fn encode_get(keyspace: &KeySpace, keys: impl Iterator<Item = u32>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"get");
    for key in keys {
        out.push(b' ');
        keyspace.append_key(key, out);
    }
    out.extend_from_slice(b"\r\n");
}

pub(super) fn read(
    reading: &mut Reading,
    schedule: &Schedule,
    planned: &Planned,
    body: &[u8],
) -> Step {
    match planned.op {
        Op::Get => read_values(reading, schedule, planned, body),
        Op::Set => Step::Done(match split_line(body) {
            Some((b"STORED", [])) => Verdict::Ok,
            Some((line, _)) if is_error_line(line) => Verdict::Error,
            Some(_) | None => Verdict::Malformed,
        }),
    }
}

fn read_values(
    reading: &mut Reading,
    schedule: &Schedule,
    planned: &Planned,
    mut body: &[u8],
) -> Step {
    let mut step = Step::Repeated;
    while let Some((line, rest)) = split_line(body) {
        if line == b"END" && rest.is_empty() {
            return Step::Done(Verdict::Ok);
        }
        if is_error_line(line) {
            return Step::Done(Verdict::Error);
        }
        let Some((key, value, rest)) = value_of(line, rest) else {
            return Step::Done(Verdict::Malformed);
        };
        if reading.take(schedule.keyspace(), key, value) {
            step = Step::More;
        } else if !asked_for(reading, schedule, planned, key) {
            return Step::Done(Verdict::Malformed);
        }
        body = rest;
    }
    if body.is_empty() {
        step
    } else {
        Step::Done(Verdict::Malformed)
    }
}

/// Key and value of `VALUE <key> <flags> <bytes> [<cas>]`, and what follows the value.
fn value_of<'a>(line: &'a [u8], rest: &'a [u8]) -> Option<(&'a [u8], &'a [u8], &'a [u8])> {
    let mut words = line.strip_prefix(b"VALUE ")?.split(|byte| *byte == b' ');
    let key = words.next()?;
    let _flags = number(words.next()?)?;
    let length = number(words.next()?)?;
    let (value, rest) = rest.split_at_checked(length)?;
    Some((key, value, rest.strip_prefix(b"\r\n")?))
}

fn asked_for(reading: &mut Reading, schedule: &Schedule, planned: &Planned, key: &[u8]) -> bool {
    let keyspace = schedule.keyspace();
    std::iter::once(&planned.key)
        .chain(schedule.further_keys(planned))
        .any(|id| keyspace.key_bytes(*id, &mut reading.scratch) == key)
}
