//! One trial's record.

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spec::{Trial, TrialId};

use crate::delivered::DeliveredStep;
use crate::device::DeviceState;
use crate::fault::SliceFault;
use crate::interval::Interval;
use crate::latency::{Distribution, Percentiles};
use crate::ledger::Ledger;
use crate::machine::{Activity, Hardware, Machine, ProgramRuns, RoleHardware};
use crate::smell::{Severity, Smell};
use crate::steering::SteeringStep;
use crate::time::Timestamp;
use crate::trace::{StallSeen, TraceRow};

/// Where requests went inside the server: totals over the measure phase, empty where a system
/// has no such thing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Steering {
    /// User-space transfers of a request to another thread before execution.
    pub handoffs: Option<u64>,
    /// Frames passed back to another core's fill ring.
    pub frame_returns: Option<u64>,
    /// Threads woken by a notification of the server's own.
    pub wakeups_app: Option<u64>,
    /// Sleeping workers woken by packet arrival.
    pub wakeups_kernel: Option<u64>,
    /// Requests whose packet was handled on another CPU than the one that served it.
    pub cross_core_hops: Option<u64>,
    /// Single-key requests dequeued by a thread that is not the owner.
    pub misroutes: Option<u64>,
}

/// What the measure phase cost: CPU time in nanoseconds, empty where it cannot be attributed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// All server threads.
    pub server_cpu_ns: Option<u64>,
    /// Of it, the thread that allocates cores to the others, where the server has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatcher_cpu_ns: Option<u64>,
    /// Time in which it polled and found nothing to do, by the clock; empty where it does not poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatcher_empty_ns: Option<u64>,
    /// NAPI threads of a switch between client and server, where there is one; no part of the server's cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch_cpu_ns: Option<u64>,
    /// The server side's kernel threads that handle packets: NAPI, and those of a CPUMAP.
    pub napi_cpu_ns: Option<u64>,
    /// Of them, while a drain's requests were loaded; the rest of both is the drain itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_cpu_ns: Option<u64>,
    /// ksoftirqd's share of all CPU time of the phase, 0 to 1.
    pub ksoftirqd_share: Option<f64>,
    /// The client's threads.
    pub client_cpu_ns: Option<u64>,
    /// The client side's NAPI threads.
    pub client_napi_cpu_ns: Option<u64>,
    /// Replies that the server sent in the phase: what costs are divided by.
    pub replies_measured: u64,
    /// Requests that the server executed in the phase: what steering counts are divided by.
    pub requests_executed: u64,
    /// What the server's threads did beside computing.
    #[serde(default)]
    pub server_activity: Option<Activity>,
    /// What the client's threads did beside computing.
    #[serde(default)]
    pub client_activity: Option<Activity>,
    /// CPU time of all ksoftirqd threads, ns.
    #[serde(default)]
    pub ksoftirqd_cpu_ns: Option<u64>,
    /// Share of the CPU time that the machine spent on the run and that is in none of the components
    /// above, 0 to 1.
    #[serde(default)]
    pub unaccounted_share: Option<f64>,
}

/// How unevenly the owners were loaded in the measure phase: the most loaded one over the mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Imbalance {
    /// By requests executed.
    pub measured: f64,
    /// By the popularity of the trial's keys and the partition table as the trial begins; empty where a
    /// key has no one owner.
    pub expected: Option<f64>,
    /// What no table gets below, for the most popular key has one owner: max(1, owners x its share).
    pub bound: Option<f64>,
}

/// What scans took in the measure phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scans {
    /// Scans that the server answered; each copy of one that clients duplicate counts.
    pub scans: u64,
    /// Keys that it looked up for them.
    pub keys: u64,
    /// Handoffs by which it asked for some of those; empty where any thread serves any key.
    pub handoffs: Option<u64>,
}

/// What became of the bytes of a packet trial: counts that the ledger, which is in frames, does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrameResult {
    /// Length of a frame as the sender makes it, B: link header included, frame check sequence not.
    pub frame_bytes: u32,
    /// UDP payload of the trial's traffic that was delivered in the measure phase, B; of a round trip, that
    /// came back.
    pub payload_bytes: u64,
    /// Frames that the system delivered although they never arrived at it, in the whole trial.
    pub recovered: u64,
    /// Frames of its own that it sent beside the traffic, in the whole trial: repairs, ICMP errors.
    pub repairs: u64,
    /// Frames of the traffic, repairs apart, that the link between the two routers was made to lose, in the
    /// whole trial: what `recovered` is a part of. Empty where no loss is injected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
    /// Bytes of all frames, link header included, that the egress router put on the link between the two
    /// routers in the whole trial, as its device counts them; empty where there is one router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_bytes: Option<u64>,
}

impl FrameResult {
    /// Of the lost frames of the traffic, the share that was recovered; `None` where none was lost.
    #[must_use]
    pub fn recovered_share(self) -> Option<f64> {
        let lost = self.lost.filter(|frames| *frames > 0)?;
        Some(self.recovered as f64 / lost as f64)
    }
}

/// What a frame takes of a CPU.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerFrame {
    /// CPU cycles.
    pub cycles: f64,
    /// Instructions retired.
    pub instructions: f64,
}

/// How long a server took for what waited in its sockets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DrainTimes {
    /// From the release of its threads until the last reply was accepted by the transmit path, ns.
    pub drain_ns: u64,
    /// From the release until the first owner found nothing to do, ns: the closer to `drain_ns`, the
    /// better balanced. Empty where it cannot be seen (memcached).
    pub first_idle_ns: Option<u64>,
}

/// A number read during the trial, as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CounterRow {
    /// Whose it is, such as `xdp:steer` or `server/owner0`.
    pub scope: String,
    /// Its name there.
    pub name: String,
    /// Its change over the trial.
    pub value: u64,
}

/// Everything about a trial but its distributions and counters: `trial.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialRecord {
    /// The layout's version.
    pub schema_version: u32,
    /// The trial's name.
    pub trial_id: TrialId,
    /// Position in the run's order, from 0.
    pub sequence: u32,
    /// The trial, fully resolved.
    pub trial: Trial,
    /// When it began.
    pub started: Timestamp,
    /// When it was complete.
    pub finished: Timestamp,
    /// What became of its requests.
    pub ledger: Ledger,
    /// Requests due in the measure phase that were answered in time.
    pub answered_measured: u64,
    /// Requests due in the measure phase that were not.
    pub unanswered_measured: u64,
    /// Latency of the requests due in the measure phase.
    pub latency: Percentiles,
    /// How late requests were sent.
    pub send_lag: Percentiles,
    /// Where requests went inside the server.
    pub steering: Steering,
    /// How unevenly its owners were loaded, where they tell what they executed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imbalance: Option<Imbalance>,
    /// Of the gets that reached a cache in the path, the share that it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_hit_ratio: Option<f64>,
    /// Bytes of packet memory that a received request took and left unused, on average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unused_packet_memory: Option<f64>,
    /// What scans took, where gets are such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scans: Option<Scans>,
    /// What became of the bytes of a packet trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<FrameResult>,
    /// For how long frames that a code recovered had been missing, in the whole trial; not there without a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Percentiles>,
    /// The end of a slice in its measure phase, where the spec asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<SliceFault>,
    /// What it cost.
    pub cost: Cost,
    /// Of a drain: how long it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<DrainTimes>,
    /// Who ran on the trial's CPUs.
    #[serde(default)]
    pub machine: Option<Machine>,
    /// Hardware counters of the roles.
    #[serde(default)]
    pub hardware: Option<RoleHardware>,
    /// How long eBPF programs ran, where `bpf_stats` asked for it.
    #[serde(default)]
    pub programs: Vec<ProgramRuns>,
    /// What was obtained: XDP mode, copy mode, queues, CPUs, program tags.
    pub obtained: Value,
    /// When the server's process was stopped, where the spec asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall: Option<StallSeen>,
    /// What the reader should know.
    pub smells: Vec<Smell>,
    /// Whether no smell says `invalid`.
    pub valid: bool,
}

impl TrialRecord {
    /// Answered requests a second: over the measure phase, or over the drain.
    #[must_use]
    pub fn achieved_rps(&self) -> f64 {
        let length_ns = match self.drain {
            None => self.trial.phases.measure.as_nanos(),
            Some(drain) => drain.drain_ns.max(1),
        };
        self.answered_measured as f64 * 1e9 / length_ns as f64
    }

    /// Of a packet trial: UDP payload delivered in the measure phase, Gb/s (10^9 bits).
    #[must_use]
    pub fn payload_gbps(&self) -> Option<f64> {
        Some(self.gbps(self.frames?.payload_bytes))
    }

    /// Of a packet trial with two routers: the share of the bytes between them that was frames of the traffic as
    /// the sender made them, and delivered; over the whole trial, so that both are counted at rest. `None` without
    /// such a link, or where nothing was put on it.
    #[must_use]
    pub fn goodput_share(&self) -> Option<f64> {
        let frames = self.frames?;
        let link = frames.link_bytes.filter(|bytes| *bytes > 0)?;
        Some(self.ledger.answered as f64 * f64::from(frames.frame_bytes) / link as f64)
    }

    /// Of a packet trial with two routers: what went from one to the other for the frames that were delivered in
    /// the measure phase, Gb/s: so many bytes for each of them as in the whole trial.
    #[must_use]
    pub fn link_gbps(&self) -> Option<f64> {
        let bits = self.achieved_rps() * f64::from(self.frames?.frame_bytes) * 8.0;
        Some(bits / 1e9 / self.goodput_share().filter(|share| *share > 0.0)?)
    }

    /// Of a packet trial: CPUs that the system's NAPI threads kept busy in the measure phase, on average.
    #[must_use]
    pub fn k_peer_cpus(&self) -> Option<f64> {
        self.cpus(self.cost.napi_cpu_ns)
    }

    /// Of a packet trial: CPUs that the system's own threads kept busy in the measure phase, on average.
    #[must_use]
    pub fn u_peer_cpus(&self) -> Option<f64> {
        self.cpus(self.cost.server_cpu_ns)
    }

    /// Of a packet trial: what the CPU counted for the system's own threads, for each frame that was delivered in the measure
    /// phase. `None` where it has no such counters, the system no threads, or nothing was delivered.
    #[must_use]
    pub fn per_frame(&self) -> Option<PerFrame> {
        self.frames?;
        let frames = self.cost.replies_measured;
        let per = |count: u64| (frames > 0).then(|| count as f64 / frames as f64);
        match self.hardware.as_ref()?.server {
            Hardware::Absent { .. } => None,
            Hardware::Counted {
                cycles,
                instructions,
                ..
            } => Some(PerFrame {
                cycles: per(cycles)?,
                instructions: per(instructions)?,
            }),
        }
    }

    fn cpus(&self, cpu_ns: Option<u64>) -> Option<f64> {
        self.frames?;
        Some(cpu_ns? as f64 / self.measure_ns())
    }

    /// Bits a nanosecond are gigabits a second.
    fn gbps(&self, bytes: u64) -> f64 {
        bytes as f64 * 8.0 / self.measure_ns()
    }

    fn measure_ns(&self) -> f64 {
        self.trial.phases.measure.as_nanos() as f64
    }
}

/// A trial as it was measured, to be recorded.
#[derive(Debug, Clone)]
pub struct TrialData {
    /// The trial.
    pub trial: Trial,
    /// Position in the run's order, from 0.
    pub sequence: u32,
    /// When it began.
    pub started: Timestamp,
    /// When it was complete.
    pub finished: Timestamp,
    /// When its measure phase began: the base of the interval logs.
    pub measure_started: Timestamp,
    /// What became of its requests; its smells are added by [`TrialData::record`].
    pub ledger: Ledger,
    /// Latency in nanoseconds of the answered requests that were due in the measure phase.
    pub latency: Histogram<u64>,
    /// Requests due in the measure phase without a complete reply in time, unsent ones included.
    pub unanswered_measured: u64,
    /// Requests answered in the measure phase, of a load that has no latencies: a drain.
    pub untimed_answers: Option<u64>,
    /// How late requests were sent, in nanoseconds.
    pub send_lag: Histogram<u64>,
    /// Where requests went inside the server.
    pub steering: Steering,
    /// How unevenly its owners were loaded, where they tell what they executed.
    pub imbalance: Option<Imbalance>,
    /// Of the gets that reached a cache in the path, the share that it answered.
    pub cache_hit_ratio: Option<f64>,
    /// Bytes of packet memory that a received request took and left unused, on average.
    pub unused_packet_memory: Option<f64>,
    /// What scans took, where gets are such.
    pub scans: Option<Scans>,
    /// What became of the bytes of a packet trial.
    pub frames: Option<FrameResult>,
    /// For how long frames that a code recovered had been missing, ns, from the frame that showed it, in the whole trial.
    pub recovery: Option<Histogram<u64>>,
    /// The end of a slice in its measure phase, where the spec asks for one.
    pub fault: Option<SliceFault>,
    /// What it cost.
    pub cost: Cost,
    /// Of a drain: how long it took.
    pub drain: Option<DrainTimes>,
    /// Who ran on the trial's CPUs.
    pub machine: Option<Machine>,
    /// Hardware counters of the roles.
    pub hardware: Option<RoleHardware>,
    /// How long eBPF programs ran, where `bpf_stats` asked for it.
    pub programs: Vec<ProgramRuns>,
    /// What was obtained.
    pub obtained: Value,
    /// The measure phase in steps.
    pub intervals: Vec<Interval>,
    /// Where requests went in its course, where partitions change owners in it.
    pub steering_steps: Option<Vec<SteeringStep>>,
    /// What each queue delivered in its course, where a slice is killed in it.
    pub delivered_steps: Option<Vec<DeliveredStep>>,
    /// The topology's devices with everything attached; they go to `run.json`.
    pub devices: Vec<DeviceState>,
    /// Every counter that was read.
    pub counters: Vec<CounterRow>,
    /// When the server's process was stopped, if it was.
    pub stall: Option<StallSeen>,
    /// Every request, where the spec asks for it.
    pub trace: Option<Vec<TraceRow>>,
    /// Smells beside the ledger's.
    pub smells: Vec<Smell>,
}

impl TrialData {
    /// A trial that began at `started` and has measured nothing: what a synthetic one fills in.
    /// Times are kept up to `longest_ns`.
    ///
    /// # Errors
    /// When no histogram can reach `longest_ns`, which must be 2 at least.
    pub fn empty(
        trial: Trial,
        sequence: u32,
        started: Timestamp,
        longest_ns: u64,
    ) -> Result<Self, hdrhistogram::CreationError> {
        let nothing = Histogram::new_with_bounds(1, longest_ns, 3)?;
        Ok(Self {
            trial,
            sequence,
            started,
            finished: started,
            measure_started: started,
            ledger: Ledger::default(),
            latency: nothing.clone(),
            unanswered_measured: 0,
            untimed_answers: None,
            send_lag: nothing,
            steering: Steering::default(),
            imbalance: None,
            cache_hit_ratio: None,
            unused_packet_memory: None,
            scans: None,
            frames: None,
            recovery: None,
            fault: None,
            cost: Cost::default(),
            drain: None,
            machine: None,
            hardware: None,
            programs: Vec::new(),
            obtained: Value::Null,
            intervals: Vec::new(),
            steering_steps: None,
            delivered_steps: None,
            devices: Vec::new(),
            counters: Vec::new(),
            stall: None,
            trace: None,
            smells: Vec::new(),
        })
    }

    /// The record: percentiles, the ledger's smells, the verdict.
    #[must_use]
    pub fn record(&self) -> TrialRecord {
        let latency = Distribution::new(&self.latency, self.unanswered_measured);
        let mut smells = self.ledger.check();
        smells.extend(self.smells.iter().cloned());
        let answered = self.untimed_answers.unwrap_or(latency.answered());
        if answered == 0 {
            smells.push(Smell::NothingAnswered);
        }
        TrialRecord {
            schema_version: crate::SCHEMA_VERSION,
            trial_id: self.trial.id(),
            sequence: self.sequence,
            trial: self.trial.clone(),
            started: self.started,
            finished: self.finished,
            ledger: self.ledger.clone(),
            answered_measured: answered,
            unanswered_measured: self.unanswered_measured,
            latency: latency.percentiles(),
            send_lag: Distribution::new(&self.send_lag, 0).percentiles(),
            steering: self.steering,
            imbalance: self.imbalance,
            cache_hit_ratio: self.cache_hit_ratio,
            unused_packet_memory: self.unused_packet_memory,
            scans: self.scans,
            frames: self.frames,
            recovery: (self.recovery.as_ref())
                .map(|times| Distribution::new(times, 0).percentiles()),
            fault: self.fault.clone(),
            cost: self.cost,
            drain: self.drain,
            machine: self.machine.clone(),
            hardware: self.hardware.clone(),
            programs: self.programs.clone(),
            obtained: self.obtained.clone(),
            stall: self.stall,
            valid: smells
                .iter()
                .all(|smell| smell.severity() != Severity::Invalid),
            smells,
        }
    }
}
