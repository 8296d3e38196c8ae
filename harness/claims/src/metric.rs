//! The numbers that a claim can be about, read from what was recorded of a trial.

use std::fmt;

use record::{Distribution, RecordError, RunFolder, TrialRecord};
use serde::{Deserialize, Serialize};
use spec::Counted;
use stats::{Histogram, Quantile};

/// A number of a trial, or of a round of the wakeup probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Median latency from the intended send time, or notification time.
    P50Ns,
    /// 90th percentile of the same.
    P90Ns,
    /// 99th percentile of the same.
    P99Ns,
    /// 99.9th percentile of the same.
    P99_9Ns,
    /// CPU time of the server's threads and its NAPI threads over replies sent.
    CpuNsPerRequest,
    /// CPU time of the server's threads alone.
    ServerCpuNsPerRequest,
    /// CPU time of the server side's NAPI threads alone, where XDP runs.
    NapiCpuNsPerRequest,
    /// Transfers to another thread before execution, over requests executed.
    HandoffsPerRequest,
    /// Frames passed back to another core's fill ring.
    FrameReturnsPerRequest,
    /// Threads woken by another thread's notification.
    WakeupsAppPerRequest,
    /// Sleeping threads woken by packets.
    WakeupsKernelPerRequest,
    /// Both.
    WakeupsPerRequest,
    /// Requests whose NAPI CPU is not the serving CPU.
    CrossCoreHopsPerRequest,
    /// Single-key requests dequeued by a thread that is not the owner.
    MisroutesPerRequest,
    /// The largest share of the steered requests that one owner received (XDP's own counters).
    BusiestOwnerShare,
    /// Requests of the measure phase answered in time, or frames delivered, per second of it.
    AchievedRps,
    /// Share of the measured requests that were answered in time.
    AnsweredShare,
    /// UDP payload that a packet system delivered.
    PayloadGbps,
    /// CPUs that its NAPI threads kept busy.
    KPeerCpus,
    /// CPUs that its own threads kept busy.
    UPeerCpus,
    /// Payload delivered for each CPU that either kept busy.
    GbpsPerCpu,
    /// Of the frames that a lossy link took, the share that was recovered.
    RecoveredShare,
    /// Of the bytes between two routers, the share that was frames of the traffic and delivered.
    GoodputShare,
    /// Where a slice is killed: of the frames that came for the others, the share that was delivered.
    SurvivorsDeliveredShare,
    /// Where a slice is killed: 1 where the kernel took no harm, 0 where it did.
    KernelUnharmed,
}

/// What one block contributes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Contribution {
    /// A value, in the metric's unit; infinite beyond the timeout.
    Value(f64),
    /// A distribution of which a percentile is meant.
    Times(Quantile, Histogram),
}

impl Metric {
    /// The name that claims and tables use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::P50Ns => "p50_ns",
            Self::P90Ns => "p90_ns",
            Self::P99Ns => "p99_ns",
            Self::P99_9Ns => "p99_9_ns",
            Self::CpuNsPerRequest => "cpu_ns_per_request",
            Self::ServerCpuNsPerRequest => "server_cpu_ns_per_request",
            Self::NapiCpuNsPerRequest => "napi_cpu_ns_per_request",
            Self::HandoffsPerRequest => "handoffs_per_request",
            Self::FrameReturnsPerRequest => "frame_returns_per_request",
            Self::WakeupsAppPerRequest => "wakeups_app_per_request",
            Self::WakeupsKernelPerRequest => "wakeups_kernel_per_request",
            Self::WakeupsPerRequest => "wakeups_per_request",
            Self::CrossCoreHopsPerRequest => "cross_core_hops_per_request",
            Self::MisroutesPerRequest => "misroutes_per_request",
            Self::BusiestOwnerShare => "busiest_owner_share",
            Self::AchievedRps => "achieved_rps",
            Self::AnsweredShare => "answered_share",
            Self::PayloadGbps => "payload_gbps",
            Self::KPeerCpus => "k_peer_cpus",
            Self::UPeerCpus => "u_peer_cpus",
            Self::GbpsPerCpu => "gbps_per_cpu",
            Self::RecoveredShare => "recovered_share",
            Self::GoodputShare => "goodput_share",
            Self::SurvivorsDeliveredShare => "survivors_delivered_share",
            Self::KernelUnharmed => "kernel_unharmed",
        }
    }

    /// Its unit, where requests or frames are counted.
    #[must_use]
    pub const fn unit(self, of: Counted) -> &'static str {
        match self {
            Self::P50Ns | Self::P90Ns | Self::P99Ns | Self::P99_9Ns => "ns",
            Self::CpuNsPerRequest | Self::ServerCpuNsPerRequest | Self::NapiCpuNsPerRequest => {
                match of {
                    Counted::Requests => "ns/req",
                    Counted::Frames => "ns/frame",
                }
            }
            Self::HandoffsPerRequest
            | Self::FrameReturnsPerRequest
            | Self::WakeupsAppPerRequest
            | Self::WakeupsKernelPerRequest
            | Self::WakeupsPerRequest
            | Self::CrossCoreHopsPerRequest
            | Self::MisroutesPerRequest => match of {
                Counted::Requests => "per req",
                Counted::Frames => "per frame",
            },
            Self::BusiestOwnerShare
            | Self::AnsweredShare
            | Self::RecoveredShare
            | Self::GoodputShare
            | Self::SurvivorsDeliveredShare => "share",
            Self::KernelUnharmed => "of 1",
            Self::AchievedRps => of.base(),
            Self::PayloadGbps => "Gb/s",
            Self::KPeerCpus | Self::UPeerCpus => "CPUs",
            Self::GbpsPerCpu => "Gb/s per CPU",
        }
    }

    /// The percentile that it is, if it is one.
    #[must_use]
    pub const fn quantile(self) -> Option<Quantile> {
        match self {
            Self::P50Ns => Some(Quantile::P50),
            Self::P90Ns => Some(Quantile::P90),
            Self::P99Ns => Some(Quantile::P99),
            Self::P99_9Ns => Some(Quantile::P99_9),
            Self::CpuNsPerRequest
            | Self::ServerCpuNsPerRequest
            | Self::NapiCpuNsPerRequest
            | Self::HandoffsPerRequest
            | Self::FrameReturnsPerRequest
            | Self::WakeupsAppPerRequest
            | Self::WakeupsKernelPerRequest
            | Self::WakeupsPerRequest
            | Self::CrossCoreHopsPerRequest
            | Self::MisroutesPerRequest
            | Self::BusiestOwnerShare
            | Self::AchievedRps
            | Self::AnsweredShare
            | Self::PayloadGbps
            | Self::KPeerCpus
            | Self::UPeerCpus
            | Self::GbpsPerCpu
            | Self::RecoveredShare
            | Self::GoodputShare
            | Self::SurvivorsDeliveredShare
            | Self::KernelUnharmed => None,
        }
    }

    /// Whether it counts the server threads' CPU time, of which a spinning thread takes all there
    /// is.
    #[must_use]
    pub const fn counts_server_cpu(self) -> bool {
        matches!(
            self,
            Self::CpuNsPerRequest
                | Self::ServerCpuNsPerRequest
                | Self::UPeerCpus
                | Self::GbpsPerCpu
        )
    }

    /// What a trial says; `None` where nothing was recorded for it.
    pub(crate) fn of_trial(
        self,
        run: &RunFolder,
        trial: &TrialRecord,
    ) -> Result<Option<Contribution>, RecordError> {
        if let Some(quantile) = self.quantile() {
            let times = histogram(&run.latency(&trial.trial_id)?);
            return Ok(Some(Contribution::Times(quantile, times)));
        }
        if self == Self::BusiestOwnerShare {
            let share = busiest_owner_share(run, trial)?;
            return Ok(share.map(Contribution::Value));
        }
        Ok(self.scalar(trial).map(Contribution::Value))
    }

    fn scalar(self, trial: &TrialRecord) -> Option<f64> {
        let (steering, cost) = (&trial.steering, &trial.cost);
        let per_reply = |ns: u64| over(ns, cost.replies_measured);
        let per_request = |count: u64| over(count, cost.requests_executed);
        let measured = trial.answered_measured + trial.unanswered_measured;
        match self {
            Self::P50Ns | Self::P90Ns | Self::P99Ns | Self::P99_9Ns | Self::BusiestOwnerShare => {
                None
            }
            Self::CpuNsPerRequest => per_reply(cost.server_cpu_ns? + cost.napi_cpu_ns?),
            Self::ServerCpuNsPerRequest => per_reply(cost.server_cpu_ns?),
            Self::NapiCpuNsPerRequest => per_reply(cost.napi_cpu_ns?),
            Self::HandoffsPerRequest => per_request(steering.handoffs?),
            Self::FrameReturnsPerRequest => per_request(steering.frame_returns?),
            Self::WakeupsAppPerRequest => per_request(steering.wakeups_app?),
            Self::WakeupsKernelPerRequest => per_request(steering.wakeups_kernel?),
            Self::WakeupsPerRequest => {
                per_request(steering.wakeups_app? + steering.wakeups_kernel?)
            }
            Self::CrossCoreHopsPerRequest => per_request(steering.cross_core_hops?),
            Self::MisroutesPerRequest => per_request(steering.misroutes?),
            Self::AchievedRps => {
                let seconds = trial.trial.phases.measure.to_std().as_secs_f64();
                Some(trial.answered_measured as f64 / seconds)
            }
            Self::AnsweredShare => over(trial.answered_measured, measured),
            Self::PayloadGbps => trial.payload_gbps(),
            Self::KPeerCpus => trial.k_peer_cpus(),
            Self::UPeerCpus => trial.u_peer_cpus(),
            Self::GbpsPerCpu => {
                let cpus = trial.k_peer_cpus()? + trial.u_peer_cpus()?;
                (cpus > 0.0).then_some(trial.payload_gbps()? / cpus)
            }
            Self::RecoveredShare => trial.frames?.recovered_share(),
            Self::GoodputShare => trial.goodput_share(),
            Self::SurvivorsDeliveredShare => trial.fault.as_ref()?.survivors_delivered_share(),
            Self::KernelUnharmed => {
                let unharmed = trial.fault.as_ref()?.kernel_unharmed();
                Some(f64::from(u8::from(unharmed)))
            }
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

fn over(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A recorded distribution for ranking.
pub(crate) fn histogram(distribution: &Distribution) -> Histogram {
    let mut histogram = Histogram::from_iter(distribution.buckets.iter().copied());
    histogram.record_unanswered(distribution.unanswered);
    histogram
}

/// Counters `xdp_redirected_<owner>` of the scope `server`.
fn busiest_owner_share(run: &RunFolder, trial: &TrialRecord) -> Result<Option<f64>, RecordError> {
    let counters = run.counters(&trial.trial_id)?;
    let by_owner = counters
        .iter()
        .filter(|row| row.scope == "server" && row.name.starts_with("xdp_redirected_"));
    let (mut most, mut all) = (0, 0);
    for row in by_owner {
        most = most.max(row.value);
        all += row.value;
    }
    Ok(over(most, all))
}
