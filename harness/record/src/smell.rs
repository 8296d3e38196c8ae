//! Typed warnings about a result, each with what to do about it.

use std::fmt;

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
    /// Something else competed for the CPUs.
    CpuPressure {
        /// Share of the measure phase in which runnable threads waited (PSI "some"), 0 to 1.
        share: f64,
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
            | Self::Misrouted { .. } => Severity::Invalid,
            // A server that collapses under load is a result: its ledger says where requests went.
            Self::NothingAnswered
            | Self::SendLag { .. }
            | Self::Unsent { .. }
            | Self::Duplicates { .. }
            | Self::Misses { .. }
            | Self::SharedCpu { .. }
            | Self::Ksoftirqd { .. }
            | Self::CpuPressure { .. }
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
            Self::NothingAnswered => "nothing_answered",
            Self::SendLag { .. } => "send_lag",
            Self::Unsent { .. } => "unsent",
            Self::Duplicates { .. } => "duplicates",
            Self::Misses { .. } => "misses",
            Self::SharedCpu { .. } => "shared_cpu",
            Self::Ksoftirqd { .. } => "ksoftirqd",
            Self::CpuPressure { .. } => "cpu_pressure",
            Self::Fallback { .. } => "fallback",
            Self::FewBlocks { .. } => "few_blocks",
            Self::FewSamples { .. } => "few_samples",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Remainder { .. } => {
                "look into counters.csv for a counter that moved and has no reason yet; other \
                 traffic on the interface also disturbs the count"
            }
            Self::LedgerUnbalanced { .. } => "report it: this is an error in the client",
            Self::VerificationFailed { .. } => "report it: the server mixed up values",
            Self::Misrouted { .. } => {
                "compare the kernel's partition table with the server's; a slot that moved during \
                 the trial explains requests that were under way"
            }
            Self::NothingAnswered => "see the server's messages; lower the load",
            Self::SendLag { .. } => {
                "give the client CPUs of its own or lower the load; latency counts from the \
                 intended time, so the lag is part of it"
            }
            Self::Unsent { .. } => "the client is saturated: lower the load or add client CPUs",
            Self::Duplicates { .. } => "look for a second server behind the same address",
            Self::Misses { .. } => "raise the system's `memory` or lower `keys`",
            Self::SharedCpu { .. } => {
                "use a machine with more CPUs, or place the roles with `server_cpus` and \
                 `client_cpus`; until then compare systems only within this machine"
            }
            Self::Ksoftirqd { .. } => "lower the load or give NAPI threads CPUs of their own",
            Self::CpuPressure { .. } => "stop what else runs on the machine and repeat the run",
            Self::Fallback { .. } => "use hardware and a kernel that have it",
            Self::FewBlocks { .. } => "set `blocks` to 10 or more (`--set blocks=10`)",
            Self::FewSamples { .. } => "measure longer, or read lower percentiles only",
        }
    }
}

impl fmt::Display for Smell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remainder { remainder } => {
                write!(f, "the ledger leaves {remainder} requests unexplained")
            }
            Self::LedgerUnbalanced {
                equation,
                left,
                right,
            } => {
                write!(f, "the ledger breaks {equation}: {left} against {right}")
            }
            Self::VerificationFailed { replies } => write!(f, "{replies} replies had wrong bytes"),
            Self::Misrouted { requests } => {
                write!(
                    f,
                    "{requests} requests reached a thread that is not their owner"
                )
            }
            Self::NothingAnswered => f.write_str("no measured request was answered"),
            Self::SendLag { p99_ns, limit_ns } => write!(
                f,
                "1% of the requests left more than {:.1} us late (limit {:.1} us)",
                us(*p99_ns),
                us(*limit_ns)
            ),
            Self::Unsent { requests } => write!(f, "{requests} requests could not be sent"),
            Self::Duplicates { replies } => write!(f, "{replies} replies arrived again"),
            Self::Misses { requests } => write!(f, "{requests} gets missed preloaded keys"),
            Self::SharedCpu { cpu, roles } => {
                write!(f, "CPU {cpu} is shared by {}", roles.join(", "))
            }
            Self::Ksoftirqd { share } => {
                write!(f, "ksoftirqd took {:.1}% of the CPU time", share * 100.0)
            }
            Self::CpuPressure { share } => {
                write!(
                    f,
                    "threads waited for a CPU {:.0}% of the time",
                    share * 100.0
                )
            }
            Self::Fallback { wanted, obtained } => write!(f, "{obtained} in place of {wanted}"),
            Self::FewBlocks { blocks, wanted } => {
                write!(f, "{blocks} blocks; intervals need {wanted} or more")
            }
            Self::FewSamples { samples, wanted } => {
                write!(f, "{samples} samples; the 99.9th percentile needs {wanted}")
            }
        }
    }
}

fn us(ns: u64) -> f64 {
    ns as f64 / 1e3
}
