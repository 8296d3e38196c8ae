//! The whole spec.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::capacity::Capacity;
use crate::disturb::Disturb;
use crate::error::SpecError;
use crate::load::{Load, LoadPoint, Phases, Sweep};
use crate::probe::Probe;
use crate::repartition::Repartition;
use crate::system::{SystemSpec, entry};
use crate::topology::TopologySpec;
use crate::traffic::{FrameArrivals, TrafficSpec};
use crate::trial::Task;
use crate::workload::{Arrivals, WorkloadSpec};
use crate::{floor, read};

/// An experiment as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Names the result folder: lower-case letters, digits, `_` and `-`.
    #[garde(custom(crate::rules::name))]
    pub name: String,
    /// What the experiment is for.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where the packets go.
    #[garde(dive)]
    pub topology: TopologySpec,
    /// What is compared. May be empty when there are probes.
    #[garde(dive)]
    #[serde(
        default,
        deserialize_with = "entry::read",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "Vec<entry::Written>")]
    pub systems: Vec<SystemSpec>,
    /// What is asked of systems that serve requests.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<WorkloadSpec>,
    /// What is sent through systems that forward frames; in place of `workload`.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<TrafficSpec>,
    /// How much is asked.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
    /// How long.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phases: Option<Phases>,
    /// How often the whole comparison is repeated. Default: 1.
    #[garde(inner(range(min = 1, max = 10_000)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<u32>,
    /// Seed of the order of trials, and of the schedules unless `workload.seed` is set. Default: 1.
    #[garde(inner(custom(crate::rules::seed)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Values to go through, in all combinations.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
    /// Record every request of each trial: when it was due, sent and answered. Default: no.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<bool>,
    /// Keep the kernel's run-time statistics of eBPF programs during each warmup, of 200 ms at least.
    /// Default: no.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bpf_stats: Option<bool>,
    /// Measure the instrument's own floor in each block, at the lowest rate. Default: yes where
    /// there is a veth pair and an open loop.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<bool>,
    /// Known wrongs that the result must show; for validating the instrument.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disturb: Option<Disturb>,
    /// Partitions that change owners in the measure phase.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repartition: Option<Repartition>,
    /// Measurements beside the trials, taken before the first.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<Probe>,
    /// Figures to draw, by the names that `experiment list` has; `[]` for none. Default: all that the result has data for.
    #[garde(inner(inner(custom(crate::rules::name))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figures: Option<Vec<String>>,
    /// Folder under which the result folder is made. Default: `./results`.
    #[garde(inner(length(min = 1)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

impl Spec {
    /// Reads a spec; `file_name` is for the messages only.
    ///
    /// # Errors
    /// Everything wrong with the text, each problem with its place.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, SpecError> {
        read::read::<&str>(text, file_name, &[])
    }

    /// Reads a spec with `path=value` overrides (`--set`) applied to the YAML before it is typed.
    ///
    /// # Errors
    /// As [`Spec::parse`]; a problem that an override brought in names the override.
    pub fn parse_with<S: AsRef<str>>(
        text: &str,
        file_name: &str,
        overrides: &[S],
    ) -> Result<Self, SpecError> {
        read::read(text, file_name, overrides)
    }

    /// Whether the generator saturates, so that there is no `load` to choose.
    #[must_use]
    pub fn saturates(&self) -> bool {
        let requests = self.workload.as_ref();
        let requests = requests.and_then(|workload| workload.arrivals);
        let frames = self.traffic.as_ref().map(TrafficSpec::arrivals);
        requests == Some(Arrivals::Saturate) || frames == Some(FrameArrivals::Saturate)
    }

    /// What every system is asked to do, before the sweep.
    pub(crate) fn task(&self) -> Option<Task> {
        let frames = || {
            let traffic = self.traffic.as_ref()?;
            Some(Task::Frames(traffic.resolve(self.topology.resolve().mtu)))
        };
        match &self.workload {
            Some(workload) => Some(Task::Requests(workload.resolve())),
            None => frames(),
        }
    }

    /// The load points of a task that are known beforehand, in the order in which a block goes through them.
    #[must_use]
    pub fn load_points(&self, task: &Task) -> Vec<LoadPoint> {
        if self.saturates() {
            return vec![LoadPoint::Saturate];
        }
        let load = self.load.iter();
        let burst = match task {
            Task::Requests(_) => 1,
            Task::Frames(traffic) => traffic.burst,
        };
        load.flat_map(|load| load.points_of_bursts(burst)).collect()
    }

    /// Repetitions of the whole comparison.
    #[must_use]
    pub fn blocks(&self) -> u32 {
        self.blocks.unwrap_or(1)
    }

    /// Whether every request of each trial is recorded.
    #[must_use]
    pub fn traces(&self) -> bool {
        self.trace.unwrap_or(false)
    }

    /// Whether the run time of eBPF programs is measured in each warmup.
    #[must_use]
    pub fn bpf_statistics(&self) -> bool {
        self.bpf_stats.unwrap_or(false)
    }

    /// Whether each block measures the instrument's own floor.
    #[must_use]
    pub fn has_floor(&self) -> bool {
        self.floor.unwrap_or_else(|| floor::is_possible(self))
    }

    /// Seed of the order of trials.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or(1)
    }

    /// The same spec with every default written out (placement and `figures` stay open: there
    /// "not given" is a choice). Expands to the same trials.
    #[must_use]
    pub fn resolved(&self) -> Self {
        let topology = self.topology.resolve();
        let mut spec = self.clone();
        spec.topology.queues = Some(topology.queues);
        spec.topology.mtu = Some(topology.mtu);
        spec.topology.client = Some(topology.client);
        spec.blocks = Some(self.blocks());
        spec.seed = Some(self.seed());
        spec.trace = Some(self.traces());
        spec.bpf_stats = Some(self.bpf_statistics());
        spec.floor = Some(self.has_floor());
        let service = self.workload.as_ref().and_then(|workload| workload.service);
        if let Some(load) = &mut spec.load {
            load.capacity = load.capacity.map(Capacity::resolved);
        }
        for system in &mut spec.systems {
            *system = system.resolved(topology.queues, service);
        }
        if let Some(workload) = &mut spec.workload {
            let resolved = workload.resolve();
            workload.arrivals = Some(resolved.arrivals);
            workload.flows = Some(resolved.flows);
            workload.protocol = Some(resolved.protocol);
            workload.multi_get = Some(resolved.multi_get);
            workload.calls = resolved.calls;
            workload.seed = workload.seed.or(Some(self.seed()));
        }
        spec.traffic = (self.traffic.as_ref()).map(|traffic| traffic.resolved(topology.mtu));
        spec
    }

    /// The spec as YAML, which parses back to the same spec.
    ///
    /// # Errors
    /// None for a spec that was read by this crate; the serializer's otherwise.
    pub fn to_yaml(&self) -> Result<String, serde_saphyr::ser::Error> {
        serde_saphyr::to_string(self)
    }
}
