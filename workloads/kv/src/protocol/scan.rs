//! Scans: calls that read keys which are neighbours in the order of all keys.
//!
//! "A multi-key request and range query possibly need to access data on multiple CPU cores" (ENCP'19,
//! section 4). The store is hashed and has no order; the order is that of the numbers which a workload's
//! keys have ([`model::KeySpace`]), so that a scan of n keys is n look-ups whose keys the thread that gets
//! the scan spells out. That stands for the walk along an index that an ordered store would have. What is
//! as in any partitioned store is where the keys lie: spread over the owners by their hashes, or with
//! the owner of their range.

use model::KeySpace;

use super::request::{Op, Single, Span};
use super::rpc::{Call, LONGEST_RESULT, RpcOp, Status};
use super::sink::Sink;
use crate::store::{Key, Store};

/// The most keys of a scan.
const MOST_KEYS: u16 = 100;
/// In place of the length of a value that is not there.
const NONE: u16 = u16::MAX;

/// A scan of keys in their order.
#[derive(Debug, Clone, Copy)]
pub struct Scan {
    /// The first key.
    first: Span,
    /// How many keys, as far as there are so many.
    count: u16,
    /// Whether only those are asked for that the thread owns which the scan has come to.
    pub(crate) own_keys: bool,
}

/// The keys of a scan, a request for each.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    /// What `keys` refer to.
    pub(crate) bytes: Vec<u8>,
    /// Requests for one key each, in order.
    pub(crate) keys: Vec<Single>,
}

impl Scan {
    /// The scan of `count` keys, a number of 16 bits, from `key` on; or if there is a `first`, of those among
    /// so many from `first` on that have the owner to whom `key` steers the call.
    ///
    /// # Errors
    /// When the number is none, or out of its bounds.
    pub(super) fn new(key: Span, count: &[u8], first: Option<Span>) -> Result<Self, Status> {
        let count = u16::from_be_bytes(count.try_into().map_err(|_| Status::BadArgument)?);
        if !(1..=MOST_KEYS).contains(&count) {
            return Err(Status::BadArgument);
        }
        Ok(Self {
            first: first.unwrap_or(key),
            count,
            own_keys: first.is_some(),
        })
    }
}

impl Scanned {
    /// Spells out the keys of `scan`, whose request this is, by the order of `space`.
    ///
    /// # Errors
    /// Where there is no order, or the first key is not of it.
    pub(crate) fn spell(
        &mut self,
        scan: &Scan,
        request: &[u8],
        space: Option<&KeySpace>,
    ) -> Result<(), Status> {
        let space = space.ok_or(Status::NotFound)?;
        let first = space.id_of(scan.first.of(request), &mut self.bytes);
        let first = first.ok_or(Status::NotFound)?;
        self.bytes.clear();
        self.keys.clear();
        let end = first.saturating_add(u32::from(scan.count)).min(space.len());
        for id in first..end {
            let tenant = self.append(|bytes| bytes.extend_from_slice(&model::tenant_of(id)));
            let key = self.append(|bytes| space.append_key(id, bytes));
            let op = RpcOp {
                name: Span::default(),
                tenant,
                call: Call::Scanned,
            };
            self.keys.push(Single {
                hash: steering::hash_bytes(key.of(&self.bytes)),
                key,
                op: Op::Rpc(op),
            });
        }
        Ok(())
    }

    fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Span {
        let at = self.bytes.len();
        write(&mut self.bytes);
        Span {
            at: at as u32,
            len: (self.bytes.len() - at) as u32,
        }
    }
}

/// Begins the reply to a scan, before the first of its keys.
pub(crate) fn begin(reply: &mut Vec<u8>) {
    reply.push(Status::Ok as u8);
}

/// Ends the reply, behind the last key: one that fits into no datagram says so instead.
pub(crate) fn finish(reply: &mut Vec<u8>) {
    if reply.len() > 1 + LONGEST_RESULT {
        reply.clear();
        reply.push(Status::TooLong as u8);
    }
}

/// One key's part of the reply: 16 bits of length, and the value.
pub(super) fn put_key(shard: &mut impl Store, key: Key<'_>, now: u32, sink: &mut impl Sink) {
    match shard.get(key, now) {
        Some(item) => {
            // A longer one makes the reply too long, however much of it is here.
            let value = &item.value[..item.value.len().min(LONGEST_RESULT)];
            sink.put(&(value.len() as u16).to_be_bytes());
            sink.put(value);
        }
        None => sink.put(&NONE.to_be_bytes()),
    }
}
