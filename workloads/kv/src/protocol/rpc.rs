//! The RPC service: functions over the same store, called by the datagrams of [`steering::rpc`].
//!
//! Every function takes a tenant and a key first. A tenant owns its keys, so that a service can be
//! partitioned by either; `echo` and `spin` touch no item. A reply's body is a status and the result;
//! docs/rpc.md lists functions, arguments and statuses.

use steering::rpc::{HEADER_LEN, LONGEST_NAME, MOST_ARGUMENTS};

use super::frame::{DATA_LIMIT, HEADER_LEN as HEAD};
use super::request::{Immediate, ImmediateReply, Incomplete, Op, Parsed, Request, Single, Span};
use super::scan::{self, Scan};
use super::sink::Sink;
use crate::store::{DeltaError, Key, Store, StoreRequest, Stored};

/// The longest result, bytes: a reply is one datagram.
pub(super) const LONGEST_RESULT: usize = DATA_LIMIT - 1;
/// The function that reads neighbours.
const SCAN: &[u8] = &steering::rpc::SCAN;
/// The longest `spin`, ns.
const LONGEST_SPIN_NS: u32 = 10_000_000;

/// How a call ended: the first byte of a reply's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// As it should; the result follows.
    Ok = 0,
    /// There is no such item.
    NotFound = 1,
    /// There is no such function, or not with so many arguments.
    NoFunction = 2,
    /// An argument is not of its kind.
    BadArgument = 3,
    /// The result does not fit into one datagram, or the value into the store.
    TooLong = 4,
    /// The store has no memory.
    NoMemory = 5,
}

/// A call of a function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RpcOp {
    pub(crate) name: Span,
    pub(crate) tenant: Span,
    pub(crate) call: Call,
}

/// The functions.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Call {
    Get,
    Set {
        value: Span,
    },
    Add {
        by: u64,
    },
    Echo {
        bytes: Span,
    },
    Spin {
        ns: u32,
    },
    /// One key of a scan.
    Scanned,
}

/// Reads a call from behind its call id on: the body of a datagram.
///
/// # Errors
/// When its lengths are impossible, or it ends before its arguments do.
pub(crate) fn parse(body: &[u8]) -> Result<Request, Incomplete> {
    let incomplete = Incomplete {
        needed: body.len() + 1,
    };
    let header = body.get(..HEADER_LEN - HEAD).ok_or(incomplete)?;
    let (name_len, count) = (usize::from(header[0]), usize::from(header[1]));
    if name_len == 0 || name_len > LONGEST_NAME || count > MOST_ARGUMENTS {
        return Err(incomplete);
    }
    let mut at = HEADER_LEN - HEAD;
    let mut next = |len: usize| -> Result<Span, Incomplete> {
        let span = Span {
            at: at as u32,
            len: len as u32,
        };
        at += len;
        (at <= body.len()).then_some(span).ok_or(incomplete)
    };
    let name = next(name_len)?;
    let mut arguments = [Span::default(); MOST_ARGUMENTS];
    let lengths = header[4..].chunks_exact(2);
    for (argument, len) in arguments[..count].iter_mut().zip(lengths) {
        *argument = next(usize::from(u16::from_be_bytes([len[0], len[1]])))?;
    }
    let parsed = called(body, name, &arguments[..count]);
    let parsed = parsed.unwrap_or_else(|status| Parsed::Immediate(status.alone()));
    Ok(Request {
        consumed: body.len(),
        swallow: 0,
        close: false,
        parsed,
    })
}

impl Status {
    /// The reply that says no more than this.
    pub(crate) const fn alone(self) -> Immediate {
        Immediate {
            reply: ImmediateReply::Rpc(self),
        }
    }
}

fn called(body: &[u8], name: Span, arguments: &[Span]) -> Result<Parsed, Status> {
    let &[tenant, key, ref further @ ..] = arguments else {
        return Err(Status::NoFunction);
    };
    let call = match (name.of(body), further) {
        (b"get", []) => Call::Get,
        (b"set", &[value]) => Call::Set { value },
        (b"add", [by]) => Call::Add {
            by: u64::from_be_bytes(number(by.of(body))?),
        },
        (b"echo", &[bytes]) => Call::Echo { bytes },
        (SCAN, [count]) => return Scan::new(key, count.of(body), None).map(Parsed::Scan),
        (SCAN, &[count, first]) => {
            return Scan::new(key, count.of(body), Some(first)).map(Parsed::Scan);
        }
        (b"spin", [ns]) => {
            let ns = u32::from_be_bytes(number(ns.of(body))?);
            if ns > LONGEST_SPIN_NS {
                return Err(Status::BadArgument);
            }
            Call::Spin { ns }
        }
        _ => return Err(Status::NoFunction),
    };
    let hash = Key::new(key.of(body)).ok_or(Status::BadArgument)?.hash();
    let op = Op::Rpc(RpcOp { name, tenant, call });
    Ok(Parsed::Single(Single { hash, key, op }))
}

/// The bytes of a number of this width.
fn number<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Status> {
    bytes.try_into().map_err(|_| Status::BadArgument)
}

impl RpcOp {
    /// CPU time that the call is there to use, ns.
    pub(crate) const fn spin_ns(&self) -> u32 {
        match self.call {
            Call::Spin { ns } => ns,
            Call::Get | Call::Set { .. } | Call::Add { .. } | Call::Echo { .. } | Call::Scanned => {
                0
            }
        }
    }

    /// Whether it touches an item.
    pub(crate) const fn is_about_an_item(&self) -> bool {
        match self.call {
            Call::Get | Call::Set { .. } | Call::Add { .. } | Call::Scanned => true,
            Call::Echo { .. } | Call::Spin { .. } => false,
        }
    }

    /// Whether it leaves the store as it is.
    pub(crate) const fn is_read(&self) -> bool {
        match self.call {
            Call::Get | Call::Echo { .. } | Call::Spin { .. } | Call::Scanned => true,
            Call::Set { .. } | Call::Add { .. } => false,
        }
    }

    /// Whether it is one key of a scan.
    pub(crate) const fn is_scanned(&self) -> bool {
        match self.call {
            Call::Scanned => true,
            Call::Get
            | Call::Set { .. }
            | Call::Add { .. }
            | Call::Echo { .. }
            | Call::Spin { .. } => false,
        }
    }
}

/// Executes a call on the shard that holds its key, and writes status and result.
pub(super) fn execute(
    shard: &mut impl Store,
    request: &[u8],
    single: &Single,
    op: &RpcOp,
    now: u32,
    sink: &mut impl Sink,
) {
    let Some(key) = Key::with_hash(single.key.of(request), single.hash) else {
        return put(Status::BadArgument, b"", sink);
    };
    match op.call {
        Call::Get => match shard.get(key, now) {
            Some(item) if item.value.len() <= LONGEST_RESULT => put(Status::Ok, item.value, sink),
            Some(_) => put(Status::TooLong, b"", sink),
            None => put(Status::NotFound, b"", sink),
        },
        Call::Set { value } => {
            let status = match set(shard, key, value.of(request), now) {
                Ok(()) => Status::Ok,
                Err(failed) => failed,
            };
            put(status, b"", sink);
        }
        Call::Add { by } => add(shard, key, by, now, sink),
        Call::Echo { bytes } => match bytes.of(request) {
            bytes if bytes.len() <= LONGEST_RESULT => put(Status::Ok, bytes, sink),
            _ => put(Status::TooLong, b"", sink),
        },
        Call::Spin { .. } => put(Status::Ok, b"", sink),
        Call::Scanned => scan::put_key(shard, key, now, sink),
    }
}

/// Adds to a number, which begins at 0 where there is none; the result is what it has become.
fn add(shard: &mut impl Store, key: Key<'_>, by: u64, now: u32, sink: &mut impl Sink) {
    let number = match shard.delta(key, true, by, 0, now) {
        Ok(delta) => Ok(delta.number),
        Err(DeltaError::NotFound) => set(shard, key, by.to_string().as_bytes(), now).map(|()| by),
        Err(DeltaError::NonNumeric | DeltaError::Exists) => Err(Status::BadArgument),
        Err(DeltaError::NoMemory) => Err(Status::NoMemory),
    };
    match number {
        Ok(number) => put(Status::Ok, &number.to_be_bytes(), sink),
        Err(failed) => put(failed, b"", sink),
    }
}

fn set(shard: &mut impl Store, key: Key<'_>, value: &[u8], now: u32) -> Result<(), Status> {
    match shard.store(&StoreRequest::set(key, value), now) {
        Stored::Stored { .. } => Ok(()),
        Stored::TooLarge => Err(Status::TooLong),
        Stored::NotStored | Stored::Exists | Stored::NotFound | Stored::NoMemory => {
            Err(Status::NoMemory)
        }
    }
}

fn put(status: Status, result: &[u8], sink: &mut impl Sink) {
    sink.put(&[status as u8]);
    sink.put(result);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::scan::Scanned;
    use crate::store::{Shard, ShardConfig};

    /// Function, arguments, and how the call ends.
    type Case<'a> = (&'a [u8], &'a [&'a [u8]], Status);

    fn body(name: &[u8], arguments: &[&[u8]]) -> Vec<u8> {
        let lengths: Vec<usize> = arguments.iter().map(|it| it.len()).collect();
        let lengths = steering::rpc::lengths(name.len(), &lengths);
        [&lengths, name, &arguments.concat()].concat()
    }

    fn call(shard: &mut Shard, name: &[u8], arguments: &[&[u8]]) -> Vec<u8> {
        let body = body(name, arguments);
        let mut reply = Vec::new();
        match parse(&body).unwrap().parsed {
            Parsed::Single(single) => {
                super::super::execute(shard, &body, &single, 1, &mut reply);
            }
            Parsed::Scan(scan) => {
                let mut scanned = Scanned::default();
                match scanned.spell(&scan, &body, Some(&space())) {
                    Err(status) => status.alone().answer(&mut reply),
                    Ok(()) => {
                        scan::begin(&mut reply);
                        for key in &scanned.keys {
                            super::super::execute(shard, &scanned.bytes, key, 1, &mut reply);
                        }
                        scan::finish(&mut reply);
                    }
                }
            }
            Parsed::Immediate(immediate) => immediate.answer(&mut reply),
            Parsed::Multi(_) | Parsed::Global(_) => panic!("not of this protocol"),
        }
        reply
    }

    /// Ten keys in a row.
    fn space() -> model::KeySpace {
        let size = model::Size::Fixed(4);
        model::KeySpace::new(&model::WorkloadSpec {
            keys: 10,
            key_size: size.clone(),
            value_size: size,
            popularity: model::Popularity::Uniform,
            get_ratio: 1.0,
            keys_per_get: 1,
            consecutive: false,
            noreply_ratio: 0.0,
            arrivals: model::Arrivals::Poisson,
            pattern: None,
            rate_rps: 1.0,
            flows: 1,
            seed: 1,
        })
        .unwrap()
    }

    fn ok(result: &[u8]) -> Vec<u8> {
        [&[0], result].concat()
    }

    #[test]
    fn functions_do_what_they_say() {
        let shard = &mut Shard::new(ShardConfig { bytes: 8 << 20 }).unwrap();
        let (tenant, key) = (b"t".as_slice(), b"key".as_slice());
        assert_eq!(call(shard, b"get", &[tenant, key]), [1]);
        assert_eq!(call(shard, b"set", &[tenant, key, b"value"]), [0]);
        assert_eq!(call(shard, b"get", &[tenant, key]), ok(b"value"));
        let add = |shard: &mut Shard, key, by: u64| {
            call(shard, b"add", &[tenant, key, &by.to_be_bytes()])
        };
        assert_eq!(add(shard, b"n", 0), ok(&0_u64.to_be_bytes()));
        assert_eq!(add(shard, b"n", 7), ok(&7_u64.to_be_bytes()));
        assert_eq!(add(shard, b"n", 35), ok(&42_u64.to_be_bytes()));
        assert_eq!(call(shard, b"get", &[tenant, b"n"]), ok(b"42"));
        assert_eq!(add(shard, key, 1), [Status::BadArgument as u8]);
        assert_eq!(call(shard, b"echo", &[tenant, key, b"\0x"]), ok(b"\0x"));
        let spin = 5_u32.to_be_bytes();
        assert_eq!(call(shard, b"spin", &[tenant, key, &spin]), [0]);
    }

    #[test]
    fn a_scan_reads_keys_in_their_order() {
        let shard = &mut Shard::new(ShardConfig { bytes: 8 << 20 }).unwrap();
        let (space, mut key) = (space(), Vec::new());
        for id in [3, 4, 6, 9] {
            let value = vec![b'v'; id as usize];
            let set = call(
                shard,
                b"set",
                &[b"t", space.key_bytes(id, &mut key), &value],
            );
            assert_eq!(set, [0]);
        }
        let mut scan = |from, count: u16| {
            let key = space.key_bytes(from, &mut key).to_vec();
            call(shard, b"scan", &[b"t", &key, &count.to_be_bytes()])
        };
        let four = b"\0\x03vvv\0\x04vvvv\xff\xff\0\x06vvvvvv";
        assert_eq!(scan(3, 4), ok(four));
        assert_eq!(scan(5, 1), ok(b"\xff\xff"));
        assert_eq!(scan(8, 100), ok(b"\xff\xff\0\x09vvvvvvvvv"), "to the end");
        for count in [0, 101] {
            assert_eq!(scan(0, count), [Status::BadArgument as u8]);
        }
        let nine = space.key_bytes(9, &mut key).to_vec();
        for (key, count, status) in [
            (b"none".as_slice(), [0, 1].as_slice(), Status::NotFound),
            (nine.as_slice(), [1].as_slice(), Status::BadArgument),
        ] {
            assert_eq!(call(shard, b"scan", &[b"t", key, count]), [status as u8]);
        }
        let value = [b'v'; LONGEST_RESULT - 1];
        assert_eq!(call(shard, b"set", &[b"t", &nine, &value]), [0]);
        let count = &[0, 1];
        let reply = call(shard, b"scan", &[b"t", &nine, count]);
        assert_eq!(reply, [Status::TooLong as u8]);
    }

    #[test]
    fn a_copy_of_a_scan_begins_elsewhere_and_asks_for_an_owners_keys() {
        let parsed = |arguments: &[&[u8]]| {
            let parsed = parse(&body(b"scan", arguments)).unwrap().parsed;
            let Parsed::Scan(scan) = parsed else {
                panic!("{parsed:?}")
            };
            scan.own_keys
        };
        assert!(!parsed(&[b"t", b"k", b"\0\x01"]));
        assert!(parsed(&[b"t", b"k", b"\0\x01", b"first"]));
    }

    #[test]
    fn what_is_no_call_of_a_function_is_named() {
        let shard = &mut Shard::new(ShardConfig { bytes: 8 << 20 }).unwrap();
        let long = [b'k'; 251];
        let too_long = LONGEST_SPIN_NS + 1;
        let too_long = too_long.to_be_bytes();
        let cases: [Case<'_>; 8] = [
            (b"gets", &[b"t", b"k"], Status::NoFunction),
            (b"get", &[b"t"], Status::NoFunction),
            (b"get", &[b"t", b"k", b"v"], Status::NoFunction),
            (b"set", &[b"t", b"k"], Status::NoFunction),
            (b"get", &[b"t", b""], Status::BadArgument),
            (b"get", &[b"t", &long], Status::BadArgument),
            (b"add", &[b"t", b"k", b"1"], Status::BadArgument),
            (b"spin", &[b"t", b"k", &too_long], Status::BadArgument),
        ];
        for (name, arguments, status) in cases {
            let reply = call(shard, name, arguments);
            assert_eq!(reply, [status as u8], "{name:?} {arguments:?}");
        }
        let value = [b'v'; LONGEST_RESULT + 1];
        assert_eq!(call(shard, b"set", &[b"t", b"k", &value]), [0]);
        let reply = call(shard, b"get", &[b"t", b"k"]);
        assert_eq!(reply, [Status::TooLong as u8]);
    }

    #[test]
    fn a_call_that_is_cut_is_incomplete() {
        let whole = body(b"set", &[b"tenant", b"key", b"value"]);
        assert!(parse(&whole).is_ok());
        for end in 0..whole.len() {
            assert!(parse(&whole[..end]).is_err(), "{end}");
        }
        assert!(parse(&body(b"", &[b"t", b"k"])).is_err());
        assert!(parse(&body(&[b'n'; 33], &[b"t", b"k"])).is_err());
        let mut five = whole;
        five[1] = 5;
        assert!(parse(&five).is_err());
    }
}
