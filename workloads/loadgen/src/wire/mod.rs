//! Requests as bytes, and what a reply says.

mod ascii;
mod binary;
pub(crate) mod frame;
mod meta;
mod rpc;

use model::{KeySpace, Op, Planned, Schedule, verify_value};
use steering::rpc::Kind;

use crate::Protocol;

/// Appends the datagram of a request to `out`: frame header and command, or call.
pub(crate) fn encode(
    protocol: Protocol,
    schedule: &Schedule,
    planned: &Planned,
    version: u32,
    id: u16,
    out: &mut Vec<u8>,
) {
    match protocol {
        Protocol::Ascii | Protocol::Meta | Protocol::Binary | Protocol::Plain => {
            out.extend_from_slice(&frame::header(id));
        }
        Protocol::Rpc(_) => {}
    }
    match protocol {
        Protocol::Rpc(calls) => rpc::encode(calls, schedule, planned, version, id, out),
        Protocol::Ascii => ascii::encode(schedule, planned, version, out),
        Protocol::Meta => meta::encode(schedule, planned, version, out),
        Protocol::Binary => binary::encode(schedule, planned, version, id, out),
        Protocol::Plain => append_value(planned, version, out),
    }
}

/// Appends the datagram of an ASCII get of `keys`.
pub(crate) fn encode_get(
    keyspace: &KeySpace,
    keys: impl Iterator<Item = u32>,
    id: u16,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(&frame::header(id));
    ascii::encode_get(keyspace, keys, out);
}

/// Appends the copy of a scan that `key` steers to its owner, who is to answer for its own keys.
pub(crate) fn encode_copy(
    schedule: &Schedule,
    planned: &Planned,
    key: u32,
    id: u16,
    out: &mut Vec<u8>,
) {
    rpc::encode_scan(schedule, planned, Some(key), id, out);
}

/// Reads a datagram that came back: a reply, or the request itself where there is an `echo`. `None` for
/// what can be neither.
pub(crate) fn parse(protocol: Protocol, echo: bool, datagram: &[u8]) -> Option<frame::Frame<'_>> {
    match protocol {
        Protocol::Ascii | Protocol::Meta | Protocol::Binary | Protocol::Plain => {
            frame::parse(datagram)
        }
        Protocol::Rpc(_) if echo => rpc::parse(Kind::Call, datagram),
        Protocol::Rpc(_) => rpc::parse(Kind::Reply, datagram),
    }
}

/// Appends the value that a set stores.
fn append_value(planned: &Planned, version: u32, out: &mut Vec<u8>) {
    let at = out.len();
    out.resize(at + planned.value_len as usize, 0);
    model::value_into(planned.key, version, &mut out[at..]);
}

/// What one message of a reply did to its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The reply is complete.
    Done(Verdict),
    /// More messages follow: memcached answers each key of a multi-get with a message of its own.
    More,
    /// Nothing that had not come before.
    Repeated,
}

/// What a complete reply says, the worst last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// The operation was executed.
    #[default]
    Ok,
    /// An error line or status.
    Error,
    /// Not a reply to this request.
    Malformed,
}

/// A reply being read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    /// Keys asked for and not yet seen in the reply.
    pub(crate) outstanding: Vec<u32>,
    /// Keys seen with a right value.
    pub(crate) hits: u64,
    /// Keys seen with a wrong value.
    pub(crate) wrong: u64,
    scratch: Vec<u8>,
}

impl Reading {
    /// Begins to read the reply to `planned`.
    pub(crate) fn start(&mut self, schedule: &Schedule, planned: &Planned) {
        self.outstanding.clear();
        self.hits = 0;
        self.wrong = 0;
        match planned.op {
            Op::Get => {
                self.outstanding.push(planned.key);
                self.outstanding
                    .extend_from_slice(schedule.further_keys(planned));
            }
            Op::Set => {}
        }
    }

    /// Reads one message: the body of a datagram, or of all datagrams of a message put together.
    pub(crate) fn read(
        &mut self,
        protocol: Protocol,
        schedule: &Schedule,
        planned: &Planned,
        id: u16,
        body: &[u8],
    ) -> Step {
        match protocol {
            Protocol::Ascii => ascii::read(self, schedule, planned, body),
            Protocol::Meta => Step::Done(meta::read(self, planned, body)),
            Protocol::Binary => Step::Done(binary::read(self, planned, id, body)),
            Protocol::Rpc(calls) => Step::Done(rpc::read(self, calls, planned, body)),
            // There are echoes of it, and no replies.
            Protocol::Plain => Step::Done(Verdict::Malformed),
        }
    }

    /// Compares one datagram with request `index` of the schedule, whose echo it must be: a hit when
    /// it is that, wrong when it is not.
    pub(crate) fn compare(
        &mut self,
        protocol: Protocol,
        schedule: &Schedule,
        index: u32,
        id: u16,
        body: &[u8],
    ) {
        let planned = &schedule.requests[index as usize];
        self.outstanding.clear();
        self.scratch.clear();
        encode(protocol, schedule, planned, index, id, &mut self.scratch);
        let same = self.scratch[frame::HEADER..] == *body;
        (self.hits, self.wrong) = (u64::from(same), u64::from(!same));
    }

    /// Takes the value of a key that the reply names; false when that key is not outstanding.
    fn take(&mut self, keyspace: &KeySpace, key: &[u8], value: &[u8]) -> bool {
        let Self {
            outstanding,
            scratch,
            ..
        } = self;
        let Some(at) = outstanding
            .iter()
            .position(|id| keyspace.key_bytes(*id, scratch) == key)
        else {
            return false;
        };
        let id = outstanding.remove(at);
        self.judge(id, value);
        true
    }

    /// Takes the value of the only key of a get.
    fn take_only(&mut self, planned: &Planned, value: &[u8]) {
        self.outstanding.clear();
        self.judge(planned.key, value);
    }

    /// Takes the values of the keys that are outstanding, which `next` gives in their order; those of which it
    /// has none stay.
    fn take_in_order<'a>(&mut self, mut next: impl FnMut() -> Option<&'a [u8]>) {
        let mut outstanding = std::mem::take(&mut self.outstanding);
        outstanding.retain(|id| match next() {
            Some(value) => {
                self.judge(*id, value);
                false
            }
            None => true,
        });
        self.outstanding = outstanding;
    }

    fn judge(&mut self, id: u32, value: &[u8]) {
        if verify_value(id, value) {
            self.hits += 1;
        } else {
            self.wrong += 1;
        }
    }
}

/// The bytes before the first CR LF, and those after it.
fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&bytes[..end], &bytes[end + 2..]))
}

/// True for the lines with which memcached refuses a command.
fn is_error_line(line: &[u8]) -> bool {
    const LINES: [&[u8]; 4] = [b"ERROR", b"NOT_STORED", b"EXISTS", b"NOT_FOUND"];
    LINES.contains(&line)
        || line.starts_with(b"CLIENT_ERROR ")
        || line.starts_with(b"SERVER_ERROR ")
}

/// A decimal number that is the whole of `text`.
fn number(text: &[u8]) -> Option<usize> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
