//! Calls of the RPC service ([`steering::rpc`], docs/rpc.md). Every function takes a tenant and a key first.

use model::{Op, Planned, Schedule, tenant_of};
use steering::rpc::{Kind, call_id, head, lengths};

use super::frame::Frame;
use super::{Reading, Verdict, append_value};
use crate::Calls;

/// What a `spin` asks for, ns.
const SPIN_NS: u32 = 2_000;
/// The status of a call that did what it should, and that of one that found nothing.
const OK: u8 = 0;
const NOT_FOUND: u8 = 1;

/// The function that an operation calls.
const fn function(calls: Calls, op: Op) -> &'static [u8] {
    match (calls, op) {
        (Calls::Store, Op::Get) => b"get",
        (Calls::Store, Op::Set) => b"set",
        (Calls::Count, Op::Get | Op::Set) => b"add",
        (Calls::Compute, Op::Get) => b"echo",
        (Calls::Compute, Op::Set) => b"spin",
    }
}

pub(super) fn encode(
    calls: Calls,
    schedule: &Schedule,
    planned: &Planned,
    version: u32,
    id: u16,
    out: &mut Vec<u8>,
) {
    let (keyspace, tenant) = (schedule.keyspace(), tenant_of(planned.key));
    let name = function(calls, planned.op);
    let key_len = keyspace.key_len(planned.key);
    let further = match (calls, planned.op) {
        (Calls::Store, Op::Get) => None,
        (Calls::Store, Op::Set) => Some(planned.value_len as usize),
        (Calls::Compute, Op::Get) => Some(keyspace.value_len(planned.key)),
        (Calls::Count, Op::Get | Op::Set) => Some(size_of::<u64>()),
        (Calls::Compute, Op::Set) => Some(size_of::<u32>()),
    };
    out.extend_from_slice(&head(Kind::Call, u32::from(id)));
    let all = [tenant.len(), key_len, further.unwrap_or(0)];
    let all = if further.is_some() {
        &all[..]
    } else {
        &all[..2]
    };
    out.extend_from_slice(&lengths(name.len(), all));
    out.extend_from_slice(name);
    out.extend_from_slice(&tenant);
    keyspace.append_key(planned.key, out);
    match (calls, planned.op) {
        (Calls::Store, Op::Get) => {}
        (Calls::Store, Op::Set) => append_value(planned, version, out),
        (Calls::Compute, Op::Get) => {
            let at = out.len();
            out.resize(at + keyspace.value_len(planned.key), 0);
            model::value_into(planned.key, 0, &mut out[at..]);
        }
        // Adding nothing reads the number.
        (Calls::Count, Op::Get) => out.extend_from_slice(&0_u64.to_be_bytes()),
        (Calls::Count, Op::Set) => out.extend_from_slice(&1_u64.to_be_bytes()),
        (Calls::Compute, Op::Set) => out.extend_from_slice(&SPIN_NS.to_be_bytes()),
    }
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
        (Calls::Store | Calls::Compute, Op::Set, OK) if result.is_empty() => Verdict::Ok,
        (Calls::Count, Op::Get | Op::Set, OK) if result.len() == size_of::<u64>() => {
            // A number is none of the model's values.
            reading.outstanding.clear();
            Verdict::Ok
        }
        (_, _, OK) => Verdict::Malformed,
        (_, _, _) => Verdict::Error,
    }
}
