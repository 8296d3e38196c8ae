//! Messages and phases between the coordinator and its agents.
//!
//! An agent is a process of its own. The two speak JSON lines over the agent's standard input and
//! output, so that an agent on another machine (over ssh) is the same agent. Each request gets one
//! reply; the agent exits when its input ends, which is also how it notices that the coordinator died.
//!
//! What is absent: the roles' own requests and reports. They are types of the crates that do the
//! work; this crate is generic over them and knows only framing, handshake and order.

mod message;
mod phase;
mod wire;

pub use message::{Hello, Reply, VERSION};
pub use phase::{OutOfOrder, Phase, Progress};
pub use wire::{LONGEST_LINE, WireError, read_line, write_line};
