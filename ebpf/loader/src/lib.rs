//! The compiled eBPF programs, embedded, with typed loading and attachment.
//!
//! One type per program. Loading and attaching act on the network namespace of the calling
//! thread. Every attachment is a `bpf_link` held by a descriptor, so that the end of the process,
//! however it comes, detaches. Two exceptions: a kernel before 6.6, where clsact knows no links and
//! the filter goes with its device; and a program that chooses sockets, which knows none either and
//! goes with the sockets.

mod attach;
mod burn;
mod chain;
mod channel;
mod count;
mod counters;
mod cpumap;
mod divert;
mod error;
mod forward;
mod generate;
mod held;
mod hot_keys;
mod kernel;
mod kv_direct;
mod loss;
mod netcache;
mod object;
mod ports;
mod provenance;
mod queue_sockets;
mod readdress;
mod receive;
mod reflect;
mod renew;
mod replies;
mod responses;
mod restore;
mod reuseport;
mod run_time;
mod slots;
mod steer;
mod switch;
mod test_run;
mod turns;
mod txqueue;

pub use attach::Attached;
pub use burn::Burn;
pub use chain::XdpProgram;
pub use channel::{LossyPath, PathCounters};
pub use count::{Count, Expected};
pub use counters::{
    AnswerCounters, CpuMapLosses, ForwardCounters, FrameCounters, PlacedCounters, ReceiveCounters,
    ReflectCounters, ReplyCounters, SteerCounters, SwitchCounters,
};
pub use cpumap::CpuRedirect;
pub use divert::Divert;
pub use error::{Error, Result};
pub use forward::Forward;
pub use generate::Generate;
pub use held::{Held, grace_period};
pub use hot_keys::HotKeys;
pub use kernel::{KernelVersion, refuse_kernel, running_kernel};
pub use kv_direct::KvDirect;
pub use loss::{Lossy, LossyConfig};
pub use netcache::{HotKey, NetCache, NetCacheConfig};
pub use ports::ServerPorts;
pub use provenance::{OBJECTS, Provenance, egress_programs, programs_of};
pub use readdress::Readdress;
pub use receive::Receive;
pub use reflect::{Pass, Reflect};
pub use renew::Renew;
pub use replies::Replies;
pub use responses::Responses;
pub use restore::{Restore, RestoreCounters};
pub use reuseport::Reuseport;
pub use run_time::{ProgramRuns, RunTimes};
pub use steer::{Notes, Steer, SteerConfig, SteerOptions};
pub use switch::SwitchPort;
pub use test_run::{TestContext, TestRun};
pub use txqueue::{TxQueue, TxQueueConfig};
