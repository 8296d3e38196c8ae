//! Typed warnings about a result, each with what to do about it.

mod text;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much a smell weighs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The reader should know.
    Advice,
    /// The trial must not be used.
    Invalid,
}

/// Something that a reader of the result must know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "smell", rename_all = "snake_case", deny_unknown_fields)]
pub enum Smell {
    /// Requests were lost without a named reason, or more losses were counted than requests lost.
    Remainder {
        /// Timed-out requests minus named losses.
        remainder: i64,
    },
    /// The ledger's own equations do not hold.
    LedgerUnbalanced {
        /// The equation.
        equation: String,
        /// Its left side.
        left: u64,
        /// Its right side.
        right: u64,
    },
    /// Replies carried other bytes than were stored.
    VerificationFailed {
        /// Replies.
        replies: u64,
    },
    /// A system that must not misroute did.
    Misrouted {
        /// Requests.
        requests: u64,
    },
    /// Hashes or places of keys that came with packets were not those that the keys' bytes give.
    HashesDisagreed {
        /// Of the requests that were checked.
        requests: u64,
    },
    /// The kernel sent frames another way than the mirror of its tables would have.
    RoutesDisagreed {
        /// Of the frames that were compared.
        frames: u64,
    },
    /// No request of the measure phase was answered.
    NothingAnswered,
    /// Requests left later than their schedule says.
    SendLag {
        /// 99th percentile of the lag.
        p99_ns: u64,
        /// The lag from which on it is mentioned.
        limit_ns: u64,
    },
    /// The client could not send everything before the trial's deadline.
    Unsent {
        /// Requests.
        requests: u64,
    },
    /// Replies arrived more than once.
    Duplicates {
        /// Replies beyond the first.
        replies: u64,
    },
    /// Gets of preloaded keys found nothing: the store evicted.
    Misses {
        /// Gets.
        requests: u64,
    },
    /// Roles that a bigger machine would keep apart share a CPU.
    SharedCpu {
        /// The CPU.
        cpu: u32,
        /// The roles on it.
        roles: Vec<String>,
    },
    /// ksoftirqd did more than 2% of the work; its time belongs to nobody.
    Ksoftirqd {
        /// Its share of the measure phase's CPU time, 0 to 1.
        share: f64,
    },
    /// Requests left so late that the generator shaped the tail, though the server kept up.
    OffSchedule {
        /// 99th percentile of the lag between intended and actual send.
        p99_ns: u64,
        /// The lag that is tolerated.
        limit_ns: u64,
    },
    /// The sends did not follow the process that was asked for, though the server kept up.
    Arrivals {
        /// The process.
        process: String,
        /// Largest difference between the share of gaps up to a length as realised and as asked, 0 to
        /// 1, at the time scale that matters to the server.
        distance: f64,
        /// The difference that is tolerated.
        limit: f64,
    },
    /// Latency was not stationary inside the measure phase, though the server kept up.
    Unsteady {
        /// Median latency of the interval that differs most.
        interval_p50_ns: u64,
        /// Typical median latency of an interval.
        typical_p50_ns: u64,
        /// Where that interval begins in the measure phase.
        at_ns: u64,
    },
    /// Processes that are not part of the run used its CPUs.
    CompetingLoad {
        /// Their CPU time per time, in CPUs.
        foreign_cpus: f64,
        /// What is tolerated, in CPUs.
        limit_cpus: f64,
        /// The busiest of them, where it was still there at the end.
        busiest: Option<String>,
    },
    /// The hypervisor gave the CPUs of the trial to others.
    Steal {
        /// Share of the CPUs' time, 0 to 1.
        share: f64,
        /// What is tolerated, 0 to 1.
        limit: f64,
    },
    /// A pinned thread was found elsewhere.
    Moved {
        /// The thread.
        thread: String,
        /// The CPU that it was pinned to.
        cpu: u32,
        /// The CPUs that it was allowed to run on at the end of the measure phase; none when it had
        /// ended.
        allowed: Vec<u32>,
    },
    /// XDP did not run the way that was asked for.
    XdpMode {
        /// The device.
        device: String,
        /// What was asked for, such as `native`.
        wanted: String,
        /// What was found, such as `generic`.
        obtained: String,
    },
    /// The components of the CPU cost do not add up to what the machine spent on the run.
    Unaccounted {
        /// Share of the CPU time that no component holds, 0 to 1.
        share: f64,
        /// What is tolerated, 0 to 1.
        limit: f64,
    },
    /// The generator used almost all of its CPU: a higher load would measure the generator.
    GeneratorLimit {
        /// Share of the busiest client CPU that the client and its NAPI thread used, 0 to 1.
        share: f64,
    },
    /// The frequency of the CPUs may change between trials.
    FrequencyScaling {
        /// Governors in use and whether turbo is on.
        settings: String,
    },
    /// Mitigations of CPU vulnerabilities make system calls and indirect calls dearer.
    Mitigations {
        /// The vulnerabilities that are mitigated in software.
        vulnerabilities: Vec<String>,
    },
    /// Reading the clock is slow or coarse.
    ClockSource {
        /// The kernel's clock source.
        source: String,
    },
    /// The platform gave less than the spec asked for, within what the spec allows.
    Fallback {
        /// What was asked for, such as `zero-copy`.
        wanted: String,
        /// What was obtained, such as `copy`.
        obtained: String,
    },
    /// Too few repetitions for a conclusion.
    FewBlocks {
        /// Blocks of this run.
        blocks: u32,
        /// Blocks from which on intervals are worth reading.
        wanted: u32,
    },
    /// Too few samples for the highest percentiles.
    FewSamples {
        /// Samples.
        samples: u64,
        /// Samples that the 99.9th percentile needs.
        wanted: u64,
    },
}

impl Smell {
    /// Share of ksoftirqd from which on it is a smell.
    pub const KSOFTIRQD_LIMIT: f64 = 0.02;
    /// Blocks below which a run says so.
    pub const BLOCKS_WANTED: u32 = 10;
    /// Samples below which the 99.9th percentile rests on fewer than ten of them.
    pub const SAMPLES_WANTED: u64 = 10_000;

    /// Whether the trial can be used all the same.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Remainder { .. }
            | Self::LedgerUnbalanced { .. }
            | Self::VerificationFailed { .. }
            | Self::Misrouted { .. }
            | Self::HashesDisagreed { .. }
            | Self::RoutesDisagreed { .. }
            | Self::OffSchedule { .. }
            | Self::Arrivals { .. }
            | Self::Unsteady { .. }
            | Self::CompetingLoad { .. }
            | Self::Steal { .. }
            | Self::Moved { .. }
            | Self::XdpMode { .. } => Severity::Invalid,
            // A server that collapses under load is a result: its ledger says where requests went.
            Self::NothingAnswered
            | Self::SendLag { .. }
            | Self::Unsent { .. }
            | Self::Duplicates { .. }
            | Self::Misses { .. }
            | Self::SharedCpu { .. }
            | Self::Ksoftirqd { .. }
            | Self::Unaccounted { .. }
            | Self::GeneratorLimit { .. }
            | Self::FrequencyScaling { .. }
            | Self::Mitigations { .. }
            | Self::ClockSource { .. }
            | Self::Fallback { .. }
            | Self::FewBlocks { .. }
            | Self::FewSamples { .. } => Severity::Advice,
        }
    }

    /// The short name in `trials.csv`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Remainder { .. } => "remainder",
            Self::LedgerUnbalanced { .. } => "ledger_unbalanced",
            Self::VerificationFailed { .. } => "verification_failed",
            Self::Misrouted { .. } => "misrouted",
            Self::HashesDisagreed { .. } => "hashes_disagreed",
            Self::RoutesDisagreed { .. } => "routes_disagreed",
            Self::NothingAnswered => "nothing_answered",
            Self::SendLag { .. } => "send_lag",
            Self::Unsent { .. } => "unsent",
            Self::Duplicates { .. } => "duplicates",
            Self::Misses { .. } => "misses",
            Self::SharedCpu { .. } => "shared_cpu",
            Self::Ksoftirqd { .. } => "ksoftirqd",
            Self::OffSchedule { .. } => "off_schedule",
            Self::Arrivals { .. } => "arrivals",
            Self::Unsteady { .. } => "unsteady",
            Self::CompetingLoad { .. } => "competing_load",
            Self::Steal { .. } => "steal",
            Self::Moved { .. } => "moved",
            Self::XdpMode { .. } => "xdp_mode",
            Self::Unaccounted { .. } => "unaccounted",
            Self::GeneratorLimit { .. } => "generator_limit",
            Self::FrequencyScaling { .. } => "frequency_scaling",
            Self::Mitigations { .. } => "mitigations",
            Self::ClockSource { .. } => "clock_source",
            Self::Fallback { .. } => "fallback",
            Self::FewBlocks { .. } => "few_blocks",
            Self::FewSamples { .. } => "few_samples",
        }
    }
}
