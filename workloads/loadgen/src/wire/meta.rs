//! The meta protocol: `mg`, `ms`. One key per get; a multi-get would be a pipeline of commands,
//! which memcached answers with messages that nothing ties together.

use std::io::Write;

use model::{Op, Planned, Schedule};

use super::{Reading, Verdict, append_value, is_error_line, number, split_line};

pub(super) fn encode(schedule: &Schedule, planned: &Planned, version: u32, out: &mut Vec<u8>) {
    let keyspace = schedule.keyspace();
    match planned.op {
        Op::Get => {
            out.extend_from_slice(b"mg ");
            keyspace.append_key(planned.key, out);
            out.extend_from_slice(b" v\r\n");
        }
        Op::Set => {
            out.extend_from_slice(b"ms ");
            keyspace.append_key(planned.key, out);
            write!(out, " {}", planned.value_len).expect("a Vec takes every write");
            out.extend_from_slice(if planned.noreply { b" q\r\n" } else { b"\r\n" });
            append_value(planned, version, out);
            out.extend_from_slice(b"\r\n");
        }
    }
}

pub(super) fn read(reading: &mut Reading, planned: &Planned, body: &[u8]) -> Verdict {
    let Some((line, rest)) = split_line(body) else {
        return Verdict::Malformed;
    };
    let mut words = line.split(|byte| *byte == b' ');
    match (planned.op, words.next().unwrap_or_default()) {
        (Op::Get, b"EN") if rest.is_empty() => Verdict::Ok,
        (Op::Set, b"HD") if rest.is_empty() => Verdict::Ok,
        (Op::Get, b"VA") => {
            let value = words.next().and_then(number).and_then(|length| {
                let (value, end) = rest.split_at_checked(length)?;
                (end == b"\r\n").then_some(value)
            });
            match value {
                Some(value) => {
                    reading.take_only(planned, value);
                    Verdict::Ok
                }
                None => Verdict::Malformed,
            }
        }
        (Op::Get | Op::Set, b"NS" | b"EX" | b"NF") => Verdict::Error,
        (Op::Get | Op::Set, _) if is_error_line(line) => Verdict::Error,
        (Op::Get | Op::Set, _) => Verdict::Malformed,
    }
}
