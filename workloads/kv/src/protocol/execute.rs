//! Executing parsed requests on shards.

use super::ascii::TOO_LARGE;
use super::request::{
    AsciiOp, Immediate, ImmediateReply, Incomplete, Multi, Op, Parsed, Request, Single, Span,
};
use super::sink::Sink;
use super::{binary_exec, global, line, meta, meta_exec, rpc};
use crate::store::{
    DeltaError, Item, Items, KEY_LIMIT, Key, Shard, Store, StoreRequest, Stored, Striped, deadline,
};

/// Executes a request for one key on the shard that holds it and writes the reply.
///
/// `request` is the buffer that was parsed, `now` is Unix time in seconds.
#[inline]
pub fn execute(
    shard: &mut impl Store,
    request: &[u8],
    single: &Single,
    now: u32,
    sink: &mut impl Sink,
) {
    match &single.op {
        Op::Ascii { op, noreply: false } => ascii(shard, request, single, op, now, sink),
        Op::Ascii { op, noreply: true } => ascii(shard, request, single, op, now, &mut Silence),
        Op::Meta(op) => meta_exec::execute(shard, request, single, op, now, sink),
        Op::Binary(op) => binary_exec::execute(shard, request, single, op, now, sink),
        Op::Rpc(op) => rpc::execute(shard, request, single, op, now, sink),
    }
}

/// Where the replies of noreply commands go.
struct Silence;

impl Sink for Silence {
    fn put(&mut self, _bytes: &[u8]) {}
}

#[inline]
fn ascii(
    shard: &mut impl Store,
    request: &[u8],
    single: &Single,
    op: &AsciiOp,
    now: u32,
    sink: &mut impl Sink,
) {
    let Some(key) = Key::with_hash(single.key.of(request), single.hash) else {
        return sink.put(b"ERROR\r\n");
    };
    match *op {
        AsciiOp::Get {
            with_cas,
            touch,
            end,
        } => {
            let item = match touch {
                None => shard.get(key, now),
                Some(exptime) => shard.touch(key, deadline(i64::from(exptime), now), now),
            };
            if let Some(item) = item {
                put_value(&item, with_cas, sink);
            }
            if end {
                sink.put(b"END\r\n");
            }
        }
        AsciiOp::Store {
            mode,
            flags,
            exptime,
            cas,
            value,
        } => {
            let value = value.of(request);
            let deadline = deadline(i64::from(exptime), now);
            let request = StoreRequest {
                mode,
                flags,
                deadline,
                cas,
                ..StoreRequest::set(key, value)
            };
            sink.put(match shard.store(&request, now) {
                Stored::Stored { .. } => b"STORED\r\n",
                Stored::NotStored => b"NOT_STORED\r\n",
                Stored::Exists => b"EXISTS\r\n",
                Stored::NotFound => b"NOT_FOUND\r\n",
                Stored::TooLarge => return put_line(TOO_LARGE, sink),
                Stored::NoMemory => b"SERVER_ERROR out of memory storing object\r\n",
            });
        }
        AsciiOp::TooLarge { unlink } => {
            shard.refuse_too_large(key, unlink, now);
            put_line(TOO_LARGE, sink);
        }
        AsciiOp::Delete => match shard.delete(key, 0, now) {
            Some(_) => sink.put(b"DELETED\r\n"),
            None => sink.put(b"NOT_FOUND\r\n"),
        },
        AsciiOp::Touch { exptime } => {
            match shard.touch(key, deadline(i64::from(exptime), now), now) {
                Some(_) => sink.put(b"TOUCHED\r\n"),
                None => sink.put(b"NOT_FOUND\r\n"),
            }
        }
        AsciiOp::Delta { up, by } => delta(shard, key, up, by, now, sink),
    }
}

fn delta(shard: &mut impl Store, key: Key<'_>, up: bool, by: u64, now: u32, sink: &mut impl Sink) {
    match shard.delta(key, up, by, 0, now) {
        Ok(delta) => {
            sink.put_number(delta.number);
            sink.put(b"\r\n");
        }
        Err(DeltaError::NonNumeric) => {
            sink.put(b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
        }
        Err(DeltaError::NoMemory) => sink.put(b"SERVER_ERROR out of memory\r\n"),
        Err(DeltaError::NotFound | DeltaError::Exists) => {
            let counters = shard.counters_mut();
            let misses = if up {
                &mut counters.incr_misses
            } else {
                &mut counters.decr_misses
            };
            *misses += 1;
            sink.put(b"NOT_FOUND\r\n");
        }
    }
}

#[inline]
fn put_value(item: &Item<'_>, with_cas: bool, sink: &mut impl Sink) {
    let cas = with_cas.then_some(item.facts.cas);
    put_found(item.key, item.facts.flags, item.value, cas, sink);
}

/// One key's part of the reply to a get.
#[inline]
pub(crate) fn put_found(
    key: &[u8],
    flags: u32,
    value: &[u8],
    cas: Option<u64>,
    sink: &mut impl Sink,
) {
    sink.reserve(key.len() + value.len() + 64);
    sink.put(b"VALUE ");
    sink.put(key);
    sink.put(b" ");
    sink.put_number(u64::from(flags));
    sink.put(b" ");
    sink.put_number(value.len() as u64);
    if let Some(cas) = cas {
        sink.put(b" ");
        sink.put_number(cas);
    }
    sink.put(b"\r\n");
    sink.put(value);
    sink.put(b"\r\n");
}

fn put_line(text: &str, sink: &mut impl Sink) {
    sink.put(text.as_bytes());
    sink.put(b"\r\n");
}

impl Single {
    /// The hash under which the store files the key. It differs from [`hash`](Self::hash), the
    /// hash of the key as written, only for a key in base64: steering does not decode it, the
    /// store must, so that both spellings find one item.
    #[must_use]
    pub fn store_hash(&self, request: &[u8]) -> u64 {
        match &self.op {
            Op::Meta(op) if op.base64 => {
                meta::decode_key(self.key.of(request), &mut [0; KEY_LIMIT])
                    .map_or(self.hash, steering::hash::hash_bytes)
            }
            Op::Ascii { .. } | Op::Meta(_) | Op::Binary(_) | Op::Rpc(_) => self.hash,
        }
    }

    /// What `of` makes of the key as the store files it: decoded, where it stands in base64.
    pub fn of_store_key<T>(&self, request: &[u8], of: impl FnOnce(&[u8]) -> T) -> T {
        let written = self.key.of(request);
        match &self.op {
            Op::Meta(op) if op.base64 => {
                of(meta::decode_key(written, &mut [0; KEY_LIMIT]).unwrap_or(written))
            }
            Op::Ascii { .. } | Op::Meta(_) | Op::Binary(_) | Op::Rpc(_) => of(written),
        }
    }

    /// The key's bytes where they stand as such in the request: not in base64.
    #[must_use]
    pub fn plain_key<'a>(&self, request: &'a [u8]) -> Option<&'a [u8]> {
        match &self.op {
            Op::Meta(op) if op.base64 => None,
            Op::Ascii { .. } | Op::Meta(_) | Op::Binary(_) | Op::Rpc(_) => {
                Some(self.key.of(request))
            }
        }
    }

    /// The key, where the request leaves the item as it is: a get that touches nothing, makes nothing
    /// and wins nothing. (A meta get of a stale item wins the right to recache it.)
    #[must_use]
    pub fn key_to_read<'a>(&self, request: &'a [u8]) -> Option<Key<'a>> {
        use super::request::{BinaryCommand, MetaVerb};
        let reads = match &self.op {
            Op::Ascii { op, .. } => matches!(op, AsciiOp::Get { touch: None, .. }),
            Op::Meta(op) => {
                op.verb == MetaVerb::Get
                    && line::Words::new(op.flags.of(request))
                        .all(|word| !matches!(word[0], b'T' | b'N' | b'R'))
            }
            Op::Binary(op) => matches!(op.command, BinaryCommand::Get { .. }),
            Op::Rpc(op) => op.is_read() && op.is_about_an_item(),
        };
        let key = reads.then(|| self.plain_key(request)).flatten()?;
        Key::with_hash(key, self.hash)
    }

    /// Whether it is a classic `get` of this one key: no other reads are spread over owners.
    #[must_use]
    pub fn is_lone_get(&self) -> bool {
        matches!(
            self.op,
            Op::Ascii {
                op: AsciiOp::Get {
                    with_cas: false,
                    touch: None,
                    end: true,
                },
                ..
            }
        )
    }

    /// Whether it is a meta command.
    #[must_use]
    pub fn is_meta(&self) -> bool {
        match &self.op {
            Op::Meta(_) => true,
            Op::Ascii { .. } | Op::Binary(_) | Op::Rpc(_) => false,
        }
    }

    /// Bytes of the value that the request brings, if it brings one.
    #[must_use]
    pub fn value_len(&self) -> Option<u32> {
        use super::request::{BinaryCommand, MetaVerb};
        match &self.op {
            Op::Ascii {
                op: AsciiOp::Store { value, .. },
                ..
            } => Some(value.len),
            Op::Meta(op) if op.verb == MetaVerb::Set => Some(op.value.len),
            Op::Binary(op) => match op.command {
                BinaryCommand::Store { value, .. } => Some(value.len),
                BinaryCommand::Get { .. }
                | BinaryCommand::Touch { .. }
                | BinaryCommand::TooLarge { .. }
                | BinaryCommand::Delete
                | BinaryCommand::Delta { .. } => None,
            },
            Op::Rpc(op) => match op.call {
                rpc::Call::Set { value } => Some(value.len),
                rpc::Call::Get
                | rpc::Call::Add { .. }
                | rpc::Call::Echo { .. }
                | rpc::Call::Spin { .. }
                | rpc::Call::Scanned => None,
            },
            Op::Ascii { .. } | Op::Meta(_) => None,
        }
    }

    /// Moves the request's offsets to a buffer in which the parsed bytes start at `at`.
    #[must_use]
    pub fn shifted(mut self, at: u32) -> Self {
        let shift = |span: &mut Span| span.at += at;
        shift(&mut self.key);
        match &mut self.op {
            Op::Ascii {
                op: AsciiOp::Store { value, .. },
                ..
            } => shift(value),
            Op::Meta(op) => {
                shift(&mut op.flags);
                shift(&mut op.value);
            }
            Op::Binary(op) => {
                if let super::request::BinaryCommand::Store { value, .. } = &mut op.command {
                    shift(value);
                }
            }
            Op::Ascii { .. } => {}
            // A call is alone in its datagram.
            Op::Rpc(_) => debug_assert_eq!(at, 0),
        }
        self
    }

    /// Whether the request only reads (a get-and-touch writes).
    #[must_use]
    pub fn is_read(&self) -> bool {
        use super::request::{BinaryCommand, MetaVerb};
        match &self.op {
            Op::Ascii { op, .. } => matches!(op, AsciiOp::Get { touch: None, .. }),
            Op::Meta(op) => matches!(op.verb, MetaVerb::Get | MetaVerb::Debug),
            Op::Binary(op) => matches!(op.command, BinaryCommand::Get { .. }),
            Op::Rpc(op) => op.is_read(),
        }
    }

    /// Whether it is one key of a scan.
    pub(crate) fn is_scanned(&self) -> bool {
        self.rpc().is_some_and(rpc::RpcOp::is_scanned)
    }

    /// What of a call names its owner.
    pub(crate) const fn rpc(&self) -> Option<&rpc::RpcOp> {
        match &self.op {
            Op::Rpc(op) => Some(op),
            Op::Ascii { .. } | Op::Meta(_) | Op::Binary(_) => None,
        }
    }
}

impl Multi {
    /// The request's parts in order, one per key; none of them writes the trailer.
    pub fn parts(self, request: &[u8]) -> impl Iterator<Item = Single> {
        let op = AsciiOp::Get {
            with_cas: self.with_cas,
            touch: self.touch,
            end: false,
        };
        line::Words::new(self.keys.of(request)).map(move |key| Single {
            hash: steering::hash::hash_bytes(key),
            key: Span::locate(request, key),
            op: Op::Ascii { op, noreply: false },
        })
    }

    /// Ends the reply, after all parts.
    pub fn finish(self, sink: &mut impl Sink) {
        sink.put(b"END\r\n");
    }
}

impl Immediate {
    /// Writes the reply.
    pub fn answer(&self, sink: &mut impl Sink) {
        match self.reply {
            ImmediateReply::Nothing => {}
            ImmediateReply::Line(line) => put_line(line, sink),
            ImmediateReply::Rpc(status) => sink.put(&[status as u8]),
            ImmediateReply::Binary { head, status, body } => {
                let value = body.as_bytes();
                binary_exec::Response {
                    status,
                    value,
                    ..Default::default()
                }
                .put(head, sink);
            }
        }
    }
}

/// Shards that one thread may use for any key: its only one, or those behind locks.
pub trait Stores {
    /// What they are.
    type Store: Store;

    /// Runs `work` on the shard that holds keys of this hash.
    fn with<R>(&mut self, hash: u64, work: impl FnOnce(&mut Self::Store) -> R) -> R;

    /// Runs `work` on every shard.
    fn each(&mut self, work: impl FnMut(&mut Self::Store));
}

impl<M: Items> Stores for Shard<M> {
    type Store = Self;

    #[inline]
    fn with<R>(&mut self, _hash: u64, work: impl FnOnce(&mut Self) -> R) -> R {
        work(self)
    }

    fn each(&mut self, mut work: impl FnMut(&mut Self)) {
        work(self);
    }
}

impl Stores for &Striped {
    type Store = Shard;

    #[inline]
    fn with<R>(&mut self, hash: u64, work: impl FnOnce(&mut Shard) -> R) -> R {
        work(&mut self.lock(hash))
    }

    fn each(&mut self, work: impl FnMut(&mut Shard)) {
        self.for_each(work);
    }
}

/// Executes a whole request of any kind where all shards are at hand.
pub fn answer(
    stores: &mut impl Stores,
    buffer: &[u8],
    request: &Request,
    now: u32,
    facts: &global::ServerFacts<'_>,
    sink: &mut impl Sink,
) {
    match &request.parsed {
        Parsed::Single(single) => stores.with(single.store_hash(buffer), |shard| {
            execute(shard, buffer, single, now, sink);
        }),
        Parsed::Multi(multi) => {
            for part in multi.parts(buffer) {
                stores.with(part.hash, |shard| execute(shard, buffer, &part, now, sink));
            }
            multi.finish(sink);
        }
        // What serves streams knows no order of keys.
        Parsed::Scan(_) => rpc::Status::NotFound.alone().answer(sink),
        Parsed::Global(global) => {
            let mut gathered = global::Gathered::default();
            stores.each(|shard| global.apply(shard, now, &mut gathered));
            global.answer(&gathered, facts, sink);
        }
        Parsed::Immediate(immediate) => immediate.answer(sink),
    }
}

/// Executes the requests at the start of a stream's buffer, as many as are complete.
///
/// Returns how far it came; the caller drops that many bytes, then `swallow` more as they arrive.
pub fn drain(
    stores: &mut impl Stores,
    dialect: super::Dialect,
    buffer: &[u8],
    now: u32,
    facts: &global::ServerFacts<'_>,
    sink: &mut impl Sink,
) -> Drained {
    let mut consumed = 0;
    loop {
        let rest = &buffer[consumed..];
        match super::parse_as(dialect, rest) {
            Ok(request) => {
                answer(stores, rest, &request, now, facts, sink);
                consumed += request.consumed;
                let here = request.swallow.min(buffer.len() - consumed);
                consumed += here;
                let swallow = request.swallow - here;
                if request.close || swallow > 0 {
                    return Drained {
                        consumed,
                        swallow,
                        close: request.close,
                        needed: 0,
                    };
                }
            }
            Err(Incomplete { needed }) => {
                return Drained {
                    consumed,
                    swallow: 0,
                    close: false,
                    needed,
                };
            }
        }
    }
}

/// Where [`drain`] stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Bytes done with.
    pub consumed: usize,
    /// Bytes to be thrown away before the next request.
    pub swallow: usize,
    /// Close the stream once the replies are sent.
    pub close: bool,
    /// Bytes that the next request takes at least.
    pub needed: usize,
}
