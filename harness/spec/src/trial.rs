//! Trials: one labelled system at one load point in one block, fully resolved.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::disturb::Disturb;
use crate::floor::{self, FLOOR_LABEL};
use crate::load::{LoadPoint, Phases};
use crate::pattern::Pattern;
use crate::repartition::Repartition;
use crate::spec::Spec;
use crate::system::System;
use crate::topology::{Placement, Topology};
use crate::traffic::Traffic;
use crate::workload::Workload;
use crate::{canonical, order, sweep};

/// What a system is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum Task {
    /// Serve requests.
    #[serde(rename = "workload")]
    Requests(Workload),
    /// Forward frames.
    #[serde(rename = "traffic")]
    Frames(Traffic),
}

/// A trial: everything that must be known to run it, and nothing left to choose but the CPUs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// The repetition, counted from 1.
    pub block: u32,
    /// What joins client and server, or sender and receiver.
    pub topology: Topology,
    /// The system under test.
    pub system: System,
    /// What is asked of it: the key `workload` or the key `traffic`.
    #[serde(flatten)]
    pub task: Task,
    /// How much: absolute and equal across systems.
    pub load: LoadPoint,
    /// How the rate of an open loop changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Pattern>,
    /// How long.
    pub phases: Phases,
    /// Seed of the schedule: equal for all systems of a block, different between blocks.
    pub schedule_seed: u64,
    /// Whether every request is recorded.
    #[serde(default, skip_serializing_if = "is_false")]
    pub trace: bool,
    /// Whether the run time of eBPF programs is measured in the warmup.
    #[serde(default, skip_serializing_if = "is_false")]
    pub bpf_stats: bool,
    /// Known wrongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disturb: Option<Disturb>,
    /// Partitions that change owners in the measure phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repartition: Option<Repartition>,
    /// The CPUs asked for; no part of the trial's identity.
    pub placement: Placement,
}

/// So that a trial without a trace has the name that it had before there were traces.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// A trial's name: the first 16 hexadecimal digits of a SHA-256.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct TrialId(String);

impl TrialId {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for TrialId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for TrialId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
        if text.len() == 16 && text.chars().all(hex) {
            Ok(Self(text))
        } else {
            Err(format!(
                "`{text}` is no trial id: 16 hexadecimal digits in lower case"
            ))
        }
    }
}

impl From<TrialId> for String {
    fn from(id: TrialId) -> Self {
        id.0
    }
}

impl Trial {
    /// The requests that are to be served, if such are asked for.
    #[must_use]
    pub const fn workload(&self) -> Option<&Workload> {
        match &self.task {
            Task::Requests(workload) => Some(workload),
            Task::Frames(_) => None,
        }
    }

    /// The frames that are to be forwarded, if such are asked for.
    #[must_use]
    pub const fn traffic(&self) -> Option<&Traffic> {
        match &self.task {
            Task::Requests(_) => None,
            Task::Frames(traffic) => Some(traffic),
        }
    }

    /// Whether it measures the instrument's own floor and no competitor.
    #[must_use]
    pub fn is_floor(&self) -> bool {
        self.system.label == FLOOR_LABEL
    }

    /// The trial's name: a hash of its canonical JSON without placement, so that the same trial
    /// has the same name on every machine and in every run.
    #[must_use]
    pub fn id(&self) -> TrialId {
        let digest = Sha256::digest(canonical::without_placement(self));
        TrialId(
            digest
                .iter()
                .take(8)
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        )
    }
}

/// All trials of a spec in the order in which they are run: block by block, each block going
/// through the sweep's combinations and the loads as written, the systems of each cell shuffled
/// by a generator seeded with [`Spec::seed`]; the floor's trial, if there is one, before them.
/// Empty when the spec has only probes.
#[must_use]
pub fn expand(spec: &Spec) -> Vec<Trial> {
    let (Some(task), Some(phases)) = (spec.task(), spec.phases) else {
        return Vec::new();
    };
    let topology = spec.topology.resolve();
    let placement = spec.topology.placement();
    let cells = sweep::cells(spec.sweep.as_ref());
    let pattern = spec.load.as_ref().and_then(|load| load.pattern.clone());
    let requests = spec.workload.as_ref();
    let service = requests.and_then(|workload| workload.service);
    let seed = requests.and_then(|workload| workload.seed);
    let workload_seed = seed.unwrap_or(spec.seed());
    let mut shuffler = order::Shuffler::new(spec.seed());
    let mut trials = Vec::new();
    for block in 1..=spec.blocks() {
        let schedule_seed = order::schedule_seed(workload_seed, block);
        let first = trials.len();
        for cell in &cells {
            let queues = match &task {
                Task::Requests(_) => topology.queues,
                Task::Frames(_) => cell.topology(&topology).queues,
            };
            let task = cell.task(task.clone());
            for point in spec.load_points(&task) {
                let mut systems: Vec<_> = spec
                    .systems
                    .iter()
                    .map(|system| system.resolve(queues, service))
                    .collect();
                shuffler.shuffle(&mut systems);
                trials.extend(systems.into_iter().map(|system| Trial {
                    block,
                    topology: cell.topology(&topology),
                    system: cell.system(system),
                    task: task.clone(),
                    load: point,
                    pattern: point.rate().and(pattern.clone()),
                    phases,
                    schedule_seed,
                    trace: spec.traces(),
                    bpf_stats: spec.bpf_statistics(),
                    disturb: spec.disturb,
                    repartition: spec.repartition,
                    placement: placement.clone(),
                }));
            }
        }
        let floor = trials.get(first).and_then(|of| floor::of_block(spec, of));
        trials.splice(first..first, floor);
    }
    trials
}
