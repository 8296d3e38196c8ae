//! The binary protocol: execution and replies.

use super::binary::{HEADER, Status};
use super::request::{BinaryCommand, BinaryHead, BinaryOp, Single};
use super::sink::Sink;
use crate::store::{DeltaError, Item, Key, Store, StoreMode, StoreRequest, Stored, deadline};

const RESPONSE_MAGIC: u8 = 0x81;
/// The exptime that keeps incr and decr from making a missing item.
const NO_INITIAL: u32 = u32::MAX;

/// The parts of a response.
#[derive(Default)]
pub(super) struct Response<'a> {
    pub(super) status: u16,
    pub(super) cas: u64,
    pub(super) extras: &'a [u8],
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
}

impl Response<'_> {
    pub(super) fn put(&self, head: BinaryHead, sink: &mut impl Sink) {
        let body = self.extras.len() + self.key.len() + self.value.len();
        let mut header = [0; HEADER];
        header[0] = RESPONSE_MAGIC;
        header[1] = head.opcode;
        header[2..4].copy_from_slice(&(self.key.len() as u16).to_be_bytes());
        header[4] = self.extras.len() as u8;
        header[6..8].copy_from_slice(&self.status.to_be_bytes());
        header[8..12].copy_from_slice(&(body as u32).to_be_bytes());
        header[12..16].copy_from_slice(&head.opaque);
        header[16..].copy_from_slice(&self.cas.to_be_bytes());
        sink.reserve(HEADER + body);
        for part in [&header, self.extras, self.key, self.value] {
            sink.put(part);
        }
    }
}

fn put_status(head: BinaryHead, status: Status, sink: &mut impl Sink) {
    let value = status.text().as_bytes();
    Response {
        status: status as u16,
        value,
        ..Response::default()
    }
    .put(head, sink);
}

/// Runs the binary request `op` of `single` and writes its response, if it is to have one.
pub(super) fn execute(
    shard: &mut impl Store,
    request: &[u8],
    single: &Single,
    op: &BinaryOp,
    now: u32,
    sink: &mut impl Sink,
) {
    let Some(key) = Key::with_hash(single.key.of(request), single.hash) else {
        return put_status(op.head, Status::Invalid, sink);
    };
    match op.command {
        BinaryCommand::Get { with_key } => {
            let item = shard.get(key, now);
            put_item(op, key, item, with_key, true, sink);
        }
        BinaryCommand::Touch {
            exptime,
            with_value,
            with_key,
        } => {
            let item = shard.touch(key, deadline(i64::from(exptime), now), now);
            put_item(op, key, item, with_key, with_value, sink);
        }
        BinaryCommand::Store {
            mode,
            flags,
            exptime,
            value,
        } => {
            let stored = shard.store(
                &StoreRequest {
                    mode,
                    flags,
                    deadline: deadline(i64::from(exptime), now),
                    cas: op.cas,
                    ..StoreRequest::set(key, value.of(request))
                },
                now,
            );
            put_stored(op, mode, stored, sink);
        }
        BinaryCommand::TooLarge { unlink } => {
            shard.refuse_too_large(key, unlink, now);
            put_status(op.head, Status::TooLarge, sink);
        }
        BinaryCommand::Delete => match shard.delete(key, op.cas, now) {
            Some(true) => put_ok(op, 0, &[], sink),
            Some(false) => put_status(op.head, Status::Exists, sink),
            None => put_status(op.head, Status::NotFound, sink),
        },
        BinaryCommand::Delta {
            up,
            by,
            initial,
            exptime,
        } => match shard.delta(key, up, by, op.cas, now) {
            Ok(delta) => put_ok(op, delta.cas, &delta.number.to_be_bytes(), sink),
            Err(DeltaError::NonNumeric) => put_status(op.head, Status::NonNumeric, sink),
            Err(DeltaError::Exists) => put_status(op.head, Status::Exists, sink),
            Err(DeltaError::NoMemory) => put_status(op.head, Status::NoMemory, sink),
            Err(DeltaError::NotFound) if exptime == NO_INITIAL => {
                let counters = shard.counters_mut();
                let misses = if up {
                    &mut counters.incr_misses
                } else {
                    &mut counters.decr_misses
                };
                *misses += 1;
                put_status(op.head, Status::NotFound, sink);
            }
            Err(DeltaError::NotFound) => {
                let deadline = deadline(i64::from(exptime), now);
                put_initial(shard, op, key, initial, deadline, now, sink);
            }
        },
    }
}

/// A success without key; quiet commands say nothing.
fn put_ok(op: &BinaryOp, cas: u64, value: &[u8], sink: &mut impl Sink) {
    if !op.quiet {
        Response {
            cas,
            value,
            ..Response::default()
        }
        .put(op.head, sink);
    }
}

/// A found item is always shown; a missing one is not mentioned by quiet commands.
fn put_item(
    op: &BinaryOp,
    key: Key<'_>,
    item: Option<Item<'_>>,
    with_key: bool,
    with_value: bool,
    sink: &mut impl Sink,
) {
    let shown = if with_key { key.bytes() } else { &[] };
    match item {
        Some(item) => Response {
            cas: item.facts.cas,
            extras: &item.facts.flags.to_be_bytes(),
            key: shown,
            value: if with_value { item.value } else { &[] },
            ..Response::default()
        }
        .put(op.head, sink),
        None if op.quiet => {}
        None if with_key => {
            let status = Status::NotFound as u16;
            Response {
                status,
                key: shown,
                ..Response::default()
            }
            .put(op.head, sink);
        }
        None => put_status(op.head, Status::NotFound, sink),
    }
}

fn put_stored(op: &BinaryOp, mode: StoreMode, stored: Stored, sink: &mut impl Sink) {
    let status = match (stored, mode) {
        (Stored::Stored { cas }, _) => return put_ok(op, cas, &[], sink),
        (Stored::Exists, _) | (Stored::NotStored, StoreMode::Add) => Status::Exists,
        (Stored::NotFound, _) | (Stored::NotStored, StoreMode::Replace) => Status::NotFound,
        (Stored::NotStored, _) => Status::NotStored,
        (Stored::TooLarge, _) => Status::TooLarge,
        (Stored::NoMemory, _) => Status::NoMemory,
    };
    put_status(op.head, status, sink);
}

/// Makes the number that an incr or decr did not find.
fn put_initial(
    shard: &mut impl Store,
    op: &BinaryOp,
    key: Key<'_>,
    initial: u64,
    deadline: u32,
    now: u32,
    sink: &mut impl Sink,
) {
    let text = initial.to_string();
    let request = StoreRequest {
        mode: StoreMode::Add,
        deadline,
        ..StoreRequest::set(key, text.as_bytes())
    };
    match shard.store(&request, now) {
        Stored::Stored { cas } => put_ok(op, cas, &initial.to_be_bytes(), sink),
        Stored::NotStored
        | Stored::Exists
        | Stored::NotFound
        | Stored::TooLarge
        | Stored::NoMemory => put_status(op.head, Status::NoMemory, sink),
    }
}
