//! The run's own record: `run.json`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use spec::Spec;

use crate::capacity::CapacityRecord;
use crate::device::DeviceRecord;
use crate::difference::{Difference, Origin, differences};
use crate::smell::Smell;
use crate::time::Timestamp;

/// A run's name: its start in UTC and a short hash, so that names sort by time and two runs of
/// the same second differ.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// The name of a run that starts at `started`; `salt` is whatever tells it from others of
    /// the same second (spec text, process id, host).
    #[must_use]
    pub fn new(started: Timestamp, salt: &str) -> Self {
        let digest = Sha256::digest(format!("{started} {salt}"));
        let hash: String = digest
            .iter()
            .take(3)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self(format!("{}-{hash}", started.compact()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The program's own version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Git {
    /// The commit's full hash.
    pub commit: String,
    /// Whether the tree had changes beside it.
    pub dirty: bool,
}

/// The seeds that the run was drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seeds {
    /// Order of the trials.
    pub order: u64,
    /// Schedules; each trial records the seed derived from it.
    pub workload: u64,
}

impl Seeds {
    /// The seeds of a spec.
    #[must_use]
    pub fn of(spec: &Spec) -> Self {
        let workload = spec.workload.as_ref().and_then(|workload| workload.seed);
        Self {
            order: spec.seed(),
            workload: workload.unwrap_or(spec.seed()),
        }
    }
}

/// The earlier run that a run repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repeats {
    /// Its name.
    pub run_id: RunId,
    /// What is another on this machine, or in this version, than there.
    pub differences: Vec<Difference>,
}

/// A later process that went on with the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resumption {
    /// When it did.
    pub resumed_at: Timestamp,
    /// Its command line.
    pub command: Vec<String>,
    /// What was another by then than when the run began.
    pub differences: Vec<Difference>,
}

/// Everything about a run that is not in its trials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// The layout's version.
    pub schema_version: u32,
    /// The run's name.
    pub run_id: RunId,
    /// The spec's name.
    pub experiment: String,
    /// The spec with every default written out.
    pub spec: Spec,
    /// How far the result may be generalised: `loopback`, `veth`, `nic`.
    pub fidelity: String,
    /// The program's version, where it is known.
    pub git: Option<Git>,
    /// The command line.
    pub command: Vec<String>,
    /// The machine (kernel, CPUs, memory, settings) and the software that was started.
    pub environment: Value,
    /// The topology's devices, each state once.
    #[serde(default)]
    pub devices: Vec<DeviceRecord>,
    /// What was obtained for the whole run, in place of what was asked.
    pub obtained: Value,
    /// The seeds.
    pub seeds: Seeds,
    /// Trials of the spec; those of a capacity search are not known beforehand.
    pub trials_planned: u32,
    /// What the reader should know about the run as a whole.
    pub smells: Vec<Smell>,
    /// What capacity searches found, where the spec asks for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capacity: Vec<CapacityRecord>,
    /// The run that it repeats, if it was begun by `rerun`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<Repeats>,
    /// The processes that went on with it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumed: Vec<Resumption>,
    /// When it began.
    pub started: Timestamp,
    /// When its last trial was complete; empty while it runs or when it was interrupted.
    pub finished: Option<Timestamp>,
}

impl RunRecord {
    /// The record of a run that begins: what follows from the spec, and nothing obtained yet.
    #[must_use]
    pub fn begin(spec: &Spec, run_id: RunId, started: Timestamp) -> Self {
        Self {
            schema_version: crate::SCHEMA_VERSION,
            run_id,
            experiment: spec.name.clone(),
            spec: spec.resolved(),
            fidelity: spec.topology.kind.fidelity().to_owned(),
            git: None,
            command: Vec::new(),
            environment: Value::Null,
            devices: Vec::new(),
            obtained: Value::Null,
            seeds: Seeds::of(spec),
            trials_planned: u32::try_from(spec::expand(spec).len()).unwrap_or(u32::MAX),
            smells: few_blocks(spec),
            capacity: Vec::new(),
            repeats: None,
            resumed: Vec::new(),
            started,
            finished: None,
        }
    }
}

impl RunRecord {
    /// In which facts the machine and program of `now` differ from those that began this run.
    #[must_use]
    pub fn differences_to(&self, now: Origin<'_>) -> Vec<Difference> {
        let then = Origin {
            git: self.git.as_ref(),
            environment: &self.environment,
        };
        differences(then, now)
    }
}

/// A run of few blocks says so from its start; a search has repeats in place of blocks.
fn few_blocks(spec: &Spec) -> Vec<Smell> {
    let (blocks, wanted) = (spec.blocks(), Smell::BLOCKS_WANTED);
    let searches = spec
        .load
        .as_ref()
        .is_some_and(|load| load.capacity.is_some());
    let few = !spec.systems.is_empty() && !searches && blocks < wanted;
    few.then_some(Smell::FewBlocks { blocks, wanted })
        .into_iter()
        .collect()
}
