//! The compiled eBPF programs, embedded, with typed loading and attachment.
//!
//! One type per program. Loading and attaching act on the network namespace of the calling
//! thread. Every attachment is a `bpf_link` held by a descriptor, so that the end of the process,
//! however it comes, detaches; the one exception is a kernel before 6.6, where clsact knows no
//! links and the filter goes with its device.

mod attach;
mod chain;
mod counters;
mod error;
mod generate;
mod kernel;
mod loss;
mod object;
mod ports;
mod provenance;
mod receive;
mod reflect;
mod replies;
mod run_time;
mod steer;
mod test_run;
mod txqueue;

pub use attach::Attached;
pub use chain::XdpProgram;
pub use counters::{ReceiveCounters, ReflectCounters, ReplyCounters, SteerCounters};
pub use error::{Error, Result};
pub use generate::Generate;
pub use kernel::{KernelVersion, refuse_kernel, running_kernel};
pub use loss::{Lossy, LossyConfig};
pub use ports::ServerPorts;
pub use provenance::{OBJECTS, Provenance, egress_programs, programs_of};
pub use receive::Receive;
pub use reflect::{Pass, Reflect};
pub use replies::Replies;
pub use run_time::{ProgramRuns, RunTimes};
pub use steer::{Steer, SteerConfig};
pub use test_run::{TestContext, TestRun};
pub use txqueue::{TxQueue, TxQueueConfig};
