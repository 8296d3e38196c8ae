//! The YAML spec: what an experiment compares, on what, under which load.
//!
//! Pure: text in, values out; nothing here looks at the machine. A [`Spec`] is what a person
//! wrote; [`Spec::resolved`] fills every default in; [`expand`] turns it into [`Trial`]s, which
//! leave nothing open and have a stable [name](Trial::id). Whatever the spec gets wrong is
//! reported with file, line, column, the offending text and what is allowed ([`SpecError`]).
//!
//! The words are those of GLOSSARY.md. Values and combinations that no system could honour are
//! refused here, with the reason; what this machine cannot honour is the planner's business.

mod canonical;
mod capacity;
mod disturb;
mod error;
mod floor;
mod ip_version;
mod load;
mod order;
mod overrides;
mod pattern;
mod probe;
mod read;
mod repartition;
mod rules;
mod schema;
mod service;
mod size;
mod spec;
mod sweep;
mod system;
mod topology;
mod traffic;
mod tree;
mod trial;
mod typing;
pub mod units;
mod workload;

pub use capacity::{Capacity, Search, ServiceLevel, searches, turns};
pub use disturb::{Disturb, KillSlice, Stall};
pub use error::{Place, Problem, SpecError};
pub use floor::FLOOR_LABEL;
pub use ip_version::IpVersion;
pub use load::{Load, LoadPoint, Phases, Sweep};
pub use pattern::Pattern;
pub use probe::{Mechanism, Probe, ProbeMode, WakeupProbe};
pub use read::read_document;
pub use repartition::Repartition;
pub use schema::json_schema;
pub use service::Service;
pub use spec::Spec;
pub use system::{
    Cache, CachePlace, Clusters, Domain, Encryption, Engine, FlowHash, Io, Isolation, Limits,
    MultiKey, PeerPlacement, ResponseCache, Routing, SteerBy, Steerer, System, SystemKind,
    SystemSpec, Wakeup, Xdp, XdpMode,
};
pub use topology::{ClientIo, Placement, Topology, TopologyKind, TopologySpec};
pub use traffic::{
    FrameArrivals, Integrity, IpsecOptions, MaelstromOptions, Processor, ProcessorKind, Traffic,
    TrafficSpec,
};
pub use trial::{Task, Trial, TrialId, expand};
pub use units::{Bytes, Count, Counted, Duration, Rate, Share, UnitError};
pub use workload::{
    Arrivals, Calls, Popularity, SizeSpec, WeightedSize, WireProtocol, Workload, WorkloadSpec,
};
