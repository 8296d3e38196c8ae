//! The memcached protocols: ASCII, meta and binary, over datagrams and streams; and an RPC service, over
//! datagrams.
//!
//! Parsing and execution are apart, so that a partitioned server can send a request to the owner
//! of its key in between: [`parse`] cuts one request from a buffer and says who must take part
//! ([`Parsed`]), without allocating and without looking at any store; [`execute`](execute()) runs a
//! one-key request on a shard and writes the reply into a [`Sink`]. What a request means, error
//! lines included, is what memcached 1.6.18 makes of it; the differential tests play the same
//! bytes to both. Known departures stand in the modules that make them.
//!
//! Not served: `slabs`, `lru`, `lru_crawler`, `watch`, `cache_memlimit`, `extstore` (they manage
//! memcached's own machinery and are answered `ERROR`), `stats detail on`, `stats cachedump`.

mod ascii;
mod binary;
mod binary_exec;
mod execute;
pub mod frame;
mod global;
mod known;
mod line;
mod meta;
mod meta_exec;
mod request;
mod rpc;
pub(crate) mod scan;
mod sink;

pub(crate) use execute::put_found;
pub use execute::{Drained, Stores, answer, drain, execute};
pub use global::{Gathered, ServerFacts};
pub use known::{KnownKey, parse_known};
pub(crate) use request::{AsciiOp, Op};
pub use request::{Global, Immediate, Incomplete, Multi, Parsed, Request, Single, Span};
pub use rpc::Status as RpcStatus;
pub(crate) use rpc::parse as parse_call;
pub use scan::Scan;
pub use sink::{Decimal, Sink};

/// The version that is reported: that of the memcached whose semantics these are, then the
/// program's own.
pub const VERSION: &str = concat!("1.6.18-steerbench-", env!("CARGO_PKG_VERSION"));

/// What a client speaks. A stream keeps to what its first byte says; each datagram says anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// ASCII and meta commands.
    Text,
    /// The binary protocol.
    Binary,
}

impl Dialect {
    /// What the first byte of a stream or datagram stands for.
    #[must_use]
    pub fn of(first: u8) -> Self {
        if first == binary::REQUEST_MAGIC {
            Self::Binary
        } else {
            Self::Text
        }
    }
}

/// Cuts one request from the start of a datagram's body or of what a stream has received.
///
/// # Errors
/// When the request is not complete yet: a stream waits for more, a datagram is dropped.
#[inline]
pub fn parse(buffer: &[u8]) -> Result<Request, Incomplete> {
    match buffer.first() {
        Some(first) => parse_as(Dialect::of(*first), buffer),
        None => Err(Incomplete { needed: 1 }),
    }
}

/// [`parse`] for a stream whose dialect is known.
///
/// # Errors
/// When the request is not complete yet.
#[inline]
pub fn parse_as(dialect: Dialect, buffer: &[u8]) -> Result<Request, Incomplete> {
    match dialect {
        Dialect::Text => ascii::parse(buffer, None),
        Dialect::Binary => binary::parse(buffer, None),
    }
}
