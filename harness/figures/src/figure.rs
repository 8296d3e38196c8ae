//! The closed set of figures.

use crate::canvas::scene::Scene;
use crate::data::Data;
use crate::error::Result;
use crate::plot;
use crate::run::Run;

/// A figure; each has a file of its own in `plot`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Figure {
    /// Distribution of the time to wake a thread (Enberg et al., ENCP'19, Figure 4).
    NotificationTime,
    /// Distribution of latency for each system and load.
    LatencyCdf,
    /// Median and tail latency against offered load.
    LatencyOverLoad,
    /// Latency in the course of the measure phase.
    LatencyOverTime,
    /// Requests that reached a thread which is not the owner, in the course of the measure phase.
    MisroutesOverTime,
    /// Latency and throughput of closed loops against their depth.
    ClosedLoop,
    /// CPU time per request by component.
    CpuCost,
    /// Handoffs, wakeups and cross-core hops per request.
    Crossings,
    /// Latency, CPU time and handoffs against what was swept.
    OverSweep,
    /// How unevenly owners are loaded, over the skew of the keys.
    Imbalance,
    /// Where the offered requests ended.
    Ledger,
    /// Capacity searches: what was tried and the brackets.
    Capacity,
    /// Ratios of each system to the baseline with their verdicts.
    Comparison,
    /// CPU time per request of a drain, by its two parts.
    Drain,
    /// Replies a second of saturated systems, and how little of the load that is.
    Saturation,
    /// What packet systems deliver (Marian et al., ANCS'12, Figures 4 and 7).
    PacketThroughput,
    /// What a slice delivers over the frames of a batch (the same, Figure 5).
    ThroughputOverBatch,
    /// CPU use of packet systems over the rate (the same, Table 2).
    CpuOverRate,
    /// Round trips of frames, and what systems add to the kernel's (the same, Table 1).
    RoundTrips,
    /// Goodput and recovery of Maelstrom (the same, section 4.4).
    Maelstrom,
    /// What each slice delivers in the course of the measure phase, where one is killed in it (the same, section 1).
    DeliveredOverTime,
    /// Held replies against the queue's recursion.
    GroundTruth,
    /// A stopped server against theory without coordinated omission.
    Stall,
    /// Repeated comparisons of one system with itself.
    AaAb,
}

impl Figure {
    /// Every figure, in the order they are drawn.
    pub const ALL: [Self; 24] = [
        Self::NotificationTime,
        Self::LatencyCdf,
        Self::LatencyOverLoad,
        Self::LatencyOverTime,
        Self::MisroutesOverTime,
        Self::ClosedLoop,
        Self::CpuCost,
        Self::Crossings,
        Self::OverSweep,
        Self::Imbalance,
        Self::Ledger,
        Self::Capacity,
        Self::Comparison,
        Self::Drain,
        Self::Saturation,
        Self::PacketThroughput,
        Self::ThroughputOverBatch,
        Self::CpuOverRate,
        Self::RoundTrips,
        Self::Maelstrom,
        Self::DeliveredOverTime,
        Self::GroundTruth,
        Self::Stall,
        Self::AaAb,
    ];

    /// The figure of this [`id`](Self::id).
    pub fn named(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|figure| figure.id() == id)
    }

    /// The name of its files, without extension.
    pub const fn id(self) -> &'static str {
        match self {
            Self::NotificationTime => "notification_time",
            Self::LatencyCdf => "latency_cdf",
            Self::LatencyOverLoad => "latency_over_load",
            Self::LatencyOverTime => "latency_over_time",
            Self::MisroutesOverTime => "misroutes_over_time",
            Self::ClosedLoop => "closed_loop",
            Self::CpuCost => "cpu_cost",
            Self::Crossings => "crossings",
            Self::OverSweep => "over_sweep",
            Self::Imbalance => "imbalance",
            Self::Ledger => "ledger",
            Self::Capacity => "capacity",
            Self::Comparison => "comparison",
            Self::Drain => "drain",
            Self::Saturation => "saturation",
            Self::PacketThroughput => "packet_throughput",
            Self::ThroughputOverBatch => "throughput_over_batch",
            Self::CpuOverRate => "cpu_over_rate",
            Self::RoundTrips => "round_trips",
            Self::Maelstrom => "maelstrom",
            Self::DeliveredOverTime => "delivered_over_time",
            Self::GroundTruth => "ground_truth",
            Self::Stall => "stall",
            Self::AaAb => "aa_ab",
        }
    }

    pub(crate) fn draw(self, run: &Run) -> Result<Drawing> {
        match self {
            Self::NotificationTime => plot::notification_time::draw(run),
            Self::LatencyCdf => plot::latency_cdf::draw(run),
            Self::LatencyOverLoad => plot::latency_over_load::draw(run),
            Self::LatencyOverTime => plot::latency_over_time::draw(run),
            Self::MisroutesOverTime => plot::misroutes_over_time::draw(run),
            Self::ClosedLoop => plot::closed_loop::draw(run),
            Self::CpuCost => plot::cpu_cost::draw(run),
            Self::Crossings => plot::crossings::draw(run),
            Self::OverSweep => plot::over_sweep::draw(run),
            Self::Imbalance => plot::imbalance::draw(run),
            Self::Ledger => plot::ledger::draw(run),
            Self::Capacity => plot::capacity::draw(run),
            Self::Comparison => plot::comparison::draw(run),
            Self::Drain => plot::drain::draw(run),
            Self::Saturation => plot::saturation::draw(run),
            Self::PacketThroughput => plot::packet_throughput::draw(run),
            Self::ThroughputOverBatch => plot::throughput_over_batch::draw(run),
            Self::CpuOverRate => plot::cpu_over_rate::draw(run),
            Self::RoundTrips => plot::round_trips::draw(run),
            Self::Maelstrom => plot::maelstrom::draw(run),
            Self::DeliveredOverTime => plot::delivered_over_time::draw(run),
            Self::GroundTruth => plot::ground_truth::draw(run),
            Self::Stall => plot::stall::draw(run),
            Self::AaAb => plot::aa_ab::draw(run),
        }
    }
}

/// Why a figure was not drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Skip {
    /// The run has no trials.csv, or an empty one.
    #[error("the run recorded no trials")]
    NoTrials,
    /// Nothing was swept, or one value only.
    #[error("the run swept no quantity over several values")]
    NoSweep,
    /// No trial of the run is a drain.
    #[error("the run recorded no drains")]
    NoDrains,
    /// No valid trial was saturated.
    #[error("the run saturated no system")]
    NotSaturated,
    /// No valid trial is of a packet system.
    #[error("the run has no valid trial of a packet system (traffic)")]
    NoFrames,
    /// Frames went one way, so that there are no latencies.
    #[error(
        "the run's frames went one way, without latencies: see packet_throughput and cpu_over_rate"
    )]
    OneWay,
    /// No packet system was recorded at two batches.
    #[error("the run has no packet system at several batches")]
    NoBatches,
    /// No packet system was recorded at two rates.
    #[error("the run has no packet system at several rates")]
    NoRates,
    /// Nothing of what open loops sent were frames.
    #[error("the run has no valid trial of frames that come back (traffic.round_trip)")]
    NoRoundTrips,
    /// No valid trial is of Maelstrom.
    #[error("the run has no valid trial of maelstrom")]
    NoCode,
    /// Every trial is invalid.
    #[error("no trial of the run is valid")]
    NoValidTrials,
    /// The run is a capacity search.
    #[error("the run searched for capacities, at rates of their own for each system: see capacity")]
    Search,
    /// The run searched for no capacity.
    #[error("the run searched for no capacity")]
    NoSearch,
    /// No valid trial is one of a closed loop.
    #[error("the run recorded no valid trial of a closed loop")]
    NoClosedLoop,
    /// No valid open-loop trial has more than one interval.
    #[error("no valid trial of the run has several intervals")]
    NoIntervals,
    /// No valid trial of the run moved slots.
    #[error("no valid trial of the run moved slots (repartition, rebalance)")]
    NoMoves,
    /// No valid trial of the run killed a slice.
    #[error("no valid trial of the run killed a slice (disturb.kill_slice)")]
    NoFault,
    /// The run has no probes.csv, or an empty one.
    #[error("the run recorded no probes")]
    NoProbes,
    /// No valid trial holds replies and was traced.
    #[error("the run traced no valid trial of a system that holds replies")]
    NoHeldReplies,
    /// No valid trial was traced in which the server was stopped.
    #[error("the run traced no valid trial in which the server was stopped")]
    NoStall,
    /// No two labels were recorded at one point.
    #[error("the run has no two labels to compare (comparison.csv)")]
    NoComparison,
    /// The run is no A/A or A/B of enough blocks.
    #[error("the run does not compare one system with itself over many blocks (aa_ab.csv)")]
    NoRepeats,
    /// No system was recorded at two skews with the loads of its owners.
    #[error("the run has no system at several skews whose owners tell their loads")]
    NoSkews,
    /// Every probe was refused.
    #[error("every probe of the run was refused")]
    NoProbeRan,
}

/// A picture with the numbers behind it.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) scene: Scene,
    pub(crate) data: Data,
}

/// What drawing a figure gave.
#[derive(Debug)]
pub(crate) enum Drawing {
    Picture(Picture),
    Skipped(Skip),
}

impl Drawing {
    pub(crate) fn picture(scene: Scene, data: Data) -> Self {
        Self::Picture(Picture { scene, data })
    }
}
