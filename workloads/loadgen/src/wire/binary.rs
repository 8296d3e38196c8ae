//! The binary protocol: GET, SET and SETQ. One key per get, for the reason that [`super::meta`]
//! gives. The opaque field repeats the request id.

use model::{Op, Planned, Schedule};

use super::{Reading, Verdict, append_value};

const HEADER: usize = 24;
const REQUEST: u8 = 0x80;
const RESPONSE: u8 = 0x81;
const GET: u8 = 0x00;
const SET: u8 = 0x01;
const SETQ: u8 = 0x11;
const KEY_NOT_FOUND: u16 = 0x0001;

const fn opcode(planned: &Planned) -> u8 {
    match (planned.op, planned.noreply) {
        (Op::Get, _) => GET,
        (Op::Set, false) => SET,
        (Op::Set, true) => SETQ,
    }
}

pub(super) fn encode(
    schedule: &Schedule,
    planned: &Planned,
    version: u32,
    id: u16,
    out: &mut Vec<u8>,
) {
    let key_len = schedule.keyspace().key_len(planned.key);
    // Flags and expiry time, both 0, precede the key of a set.
    let (extras, value_len) = match planned.op {
        Op::Get => (0, 0),
        Op::Set => (8, planned.value_len),
    };
    let mut header = [0; HEADER];
    header[0] = REQUEST;
    header[1] = opcode(planned);
    header[2..4].copy_from_slice(&(key_len as u16).to_be_bytes());
    header[4] = extras;
    let body = u32::from(extras) + key_len as u32 + value_len;
    header[8..12].copy_from_slice(&body.to_be_bytes());
    header[12..16].copy_from_slice(&u32::from(id).to_be_bytes());
    out.extend_from_slice(&header);
    out.extend_from_slice(&[0; 8][..usize::from(extras)]);
    schedule.keyspace().append_key(planned.key, out);
    match planned.op {
        Op::Get => {}
        Op::Set => append_value(planned, version, out),
    }
}

pub(super) fn read(reading: &mut Reading, planned: &Planned, id: u16, reply: &[u8]) -> Verdict {
    let Some((header, body)) = reply.split_first_chunk::<HEADER>() else {
        return Verdict::Malformed;
    };
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let long = |at: usize| u32::from(word(at)) << 16 | u32::from(word(at + 2));
    let ours = header[0] == RESPONSE
        && header[1] == opcode(planned)
        && long(12) == u32::from(id)
        && long(8) as usize == body.len();
    if !ours {
        return Verdict::Malformed;
    }
    match (planned.op, word(6)) {
        (Op::Set, 0) => Verdict::Ok,
        (Op::Get, KEY_NOT_FOUND) => Verdict::Ok,
        (Op::Get, 0) => match body.get(usize::from(header[4]) + usize::from(word(2))..) {
            Some(value) => {
                reading.take_only(planned, value);
                Verdict::Ok
            }
            None => Verdict::Malformed,
        },
        (Op::Get | Op::Set, _) => Verdict::Error,
    }
}
