//! Calls of the RPC service ([`steering::rpc`], docs/rpc.md). Every function takes a tenant and a key first.

use model::{KeySpace, Op, Planned, Schedule, tenant_of};
use steering::rpc::{Kind, MOST_ARGUMENTS, SCAN, call_id, head, lengths};

use super::frame::Frame;
use super::{Reading, Verdict, append_value};
use crate::Calls;

/// What a `spin` asks for, ns.
const SPIN_NS: u32 = 2_000;
/// The status of a call that did what it should, and that of one that found nothing.
const OK: u8 = 0;
const NOT_FOUND: u8 = 1;
/// In a scan's result, in place of the length of a value that is not there.
const NO_VALUE: u16 = u16::MAX;

pub(super) fn encode(
    calls: Calls,
    schedule: &Schedule,
    planned: &Planned,
    version: u32,
    id: u16,
    out: &mut Vec<u8>,
) {
    let (keyspace, key) = (schedule.keyspace(), planned.key);
    let mut call = |name: &[u8], further: &[usize]| begin(keyspace, name, key, further, id, out);
    match (calls, planned.op) {
        (Calls::Store, Op::Get) => call(b"get", &[]),
        (Calls::Store | Calls::Scan, Op::Set) => {
            call(b"set", &[planned.value_len as usize]);
            append_value(planned, version, out);
        }
        (Calls::Compute, Op::Get) => {
            let len = keyspace.value_len(key);
            call(b"echo", &[len]);
            let at = out.len();
            out.resize(at + len, 0);
            model::value_into(key, 0, &mut out[at..]);
        }
        // Adding nothing reads the number.
        (Calls::Count, Op::Get) => {
            call(b"add", &[size_of::<u64>()]);
            out.extend_from_slice(&0_u64.to_be_bytes());
        }
        (Calls::Count, Op::Set) => {
            call(b"add", &[size_of::<u64>()]);
            out.extend_from_slice(&1_u64.to_be_bytes());
        }
        (Calls::Compute, Op::Set) => {
            call(b"spin", &[size_of::<u32>()]);
            out.extend_from_slice(&SPIN_NS.to_be_bytes());
        }
        (Calls::Scan, Op::Get) => encode_scan(schedule, planned, None, id, out),
    }
}

/// A scan; with a key of some owner's a copy for that one, steered by this key.
pub(super) fn encode_scan(
    schedule: &Schedule,
    planned: &Planned,
    owners_key: Option<u32>,
    id: u16,
    out: &mut Vec<u8>,
) {
    let keyspace = schedule.keyspace();
    let count = 1 + schedule.further_keys(planned).len() as u16;
    let further = [size_of::<u16>(), keyspace.key_len(planned.key)];
    let (key, further) = match owners_key {
        Some(key) => (key, &further[..]),
        None => (planned.key, &further[..1]),
    };
    begin(keyspace, &SCAN, key, further, id, out);
    out.extend_from_slice(&count.to_be_bytes());
    if owners_key.is_some() {
        keyspace.append_key(planned.key, out);
    }
}

/// A call up to its key, behind which arguments of these lengths are to follow.
fn begin(
    keyspace: &KeySpace,
    name: &[u8],
    key: u32,
    further: &[usize],
    id: u16,
    out: &mut Vec<u8>,
) {
    let tenant = tenant_of(key);
    let mut all = [0; MOST_ARGUMENTS];
    (all[0], all[1]) = (tenant.len(), keyspace.key_len(key));
    let arguments = 2 + further.len();
    all[2..arguments].copy_from_slice(further);
    out.extend_from_slice(&head(Kind::Call, u32::from(id)));
    out.extend_from_slice(&lengths(name.len(), &all[..arguments]));
    out.extend_from_slice(name);
    out.extend_from_slice(&tenant);
    keyspace.append_key(key, out);
}

/// The frame of a datagram of this kind; none where it is no such call or reply.
pub(super) fn parse(kind: Kind, datagram: &[u8]) -> Option<Frame<'_>> {
    let id = u16::try_from(call_id(kind, datagram)?).ok()?;
    Some(Frame {
        id,
        sequence: 0,
        total: 1,
        body: &datagram[steering::rpc::HEAD_LEN..],
    })
}

pub(super) fn read(reading: &mut Reading, calls: Calls, planned: &Planned, body: &[u8]) -> Verdict {
    let Some((status, result)) = body.split_first() else {
        return Verdict::Malformed;
    };
    match (calls, planned.op, *status) {
        (Calls::Store, Op::Get, NOT_FOUND) if result.is_empty() => Verdict::Ok,
        (Calls::Store | Calls::Compute, Op::Get, OK) => {
            reading.take_only(planned, result);
            Verdict::Ok
        }
        (Calls::Scan, Op::Get, OK) => read_scan(reading, result),
        (Calls::Store | Calls::Compute | Calls::Scan, Op::Set, OK) if result.is_empty() => {
            Verdict::Ok
        }
        (Calls::Count, Op::Get | Op::Set, OK) if result.len() == size_of::<u64>() => {
            // A number is none of the model's values.
            reading.outstanding.clear();
            Verdict::Ok
        }
        (_, _, OK) => Verdict::Malformed,
        (_, _, _) => Verdict::Error,
    }
}

/// Of each key in order 16 bits of length, and the value.
fn read_scan(reading: &mut Reading, mut result: &[u8]) -> Verdict {
    let mut cut = false;
    reading.take_in_order(|| {
        let Some((len, behind)) = result.split_first_chunk() else {
            cut = true;
            return None;
        };
        let len = u16::from_be_bytes(*len);
        let (value, behind) = match len {
            NO_VALUE => (None, behind),
            len => match behind.split_at_checked(usize::from(len)) {
                Some((value, behind)) => (Some(value), behind),
                None => {
                    cut = true;
                    (None, behind)
                }
            },
        };
        result = behind;
        value
    });
    if cut || !result.is_empty() {
        Verdict::Malformed
    } else {
        Verdict::Ok
    }
}
