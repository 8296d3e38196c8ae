//! Workloads as fixed schedules of requests. Pure: no clock, no network, no file.
//!
//! A [`WorkloadSpec`] and its seed decide everything: which keys exist and how long they and their
//! values are ([`KeySpace`]), and which request is sent when, by which flow ([`Schedule`]). The
//! schedule exists before the first packet, so that a slow server cannot slow the load down (an
//! open loop), and every system of a comparison is offered the very same requests.
//!
//! The same spec gives the same schedule on every machine: random bits come from Xoshiro256++
//! (whose stream is specified), in one sub-stream per purpose ([`stream`]), and logarithms and
//! powers come from software routines ([`portable`]) instead of the machine's C library.

mod arrivals;
mod keyspace;
mod pattern;
mod permutation;
mod popularity;
pub mod portable;
mod schedule;
mod service;
mod size;
mod spec;
pub mod stream;
mod tenant;
mod value;

pub use arrivals::{Arrivals, Clockwork};
pub use keyspace::KeySpace;
pub use pattern::{Pattern, SINE_PIECES, Shape, Warp};
pub use permutation::Permutation;
pub use popularity::{Picker, Popularity};
pub use schedule::{Op, Planned, Schedule};
pub use service::{Service, ServiceTimes};
pub use size::{Size, Weighted};
pub use spec::{SpecError, WorkloadSpec};
pub use tenant::tenant_of;
pub use value::{value_bytes, value_into, value_version, verify_value};
