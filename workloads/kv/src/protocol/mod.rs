//! The memcached protocols: ASCII, meta and binary, over datagrams and streams.

pub mod frame;
mod request;
mod sink;

pub use request::*;
pub use sink::{Decimal, Sink};
