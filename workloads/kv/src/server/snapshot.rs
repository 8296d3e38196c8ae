//! A server's counters at one time, for the coordinator.

use serde::{Deserialize, Serialize};

use super::counters::Counts;

/// A reason for which requests were lost, in requests; lines never overlap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropLine {
    /// Name of the reason; the ledger's column is `drop_<name>`.
    pub name: String,
    /// Requests lost.
    pub requests: u64,
    /// The counter it was read from.
    pub source: String,
}

/// What the I/O of one thread counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IoCounts {
    /// Datagrams received.
    pub received: u64,
    /// Reply datagrams accepted by the transmit path.
    pub transmitted: u64,
    /// Frames passed back to the fill ring of a queue whose home is another thread.
    pub frame_returns: u64,
    /// Sleeps that packet arrival ended.
    pub wakeups_kernel: u64,
    /// Sleeps that another thread's notification ended.
    pub wakeups_app: u64,
    /// Rounds of the worker loop that found work.
    pub busy_rounds: u64,
    /// Rounds that found none.
    pub empty_rounds: u64,
    /// Time that a spinning thread spent in empty rounds, in ns.
    pub empty_ns: u64,
    /// Chunks of packet memory that received frames took; of AF_XDP.
    pub chunks: u64,
    /// Bytes of those frames.
    pub frame_bytes: u64,
}

/// One thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadCounters {
    /// Its name (`owner-0` .., `tcp`).
    pub name: String,
    /// Its thread id, for CPU accounting.
    pub tid: u32,
    /// The CPU it is pinned to, if it is.
    pub cpu: Option<u32>,
    /// What its request processing counted.
    pub counts: Counts,
    /// What its I/O and waiting counted; zeros for the TCP thread.
    pub io: IoCounts,
    /// Since when there was nothing to do when it first found nothing (CLOCK_MONOTONIC, ns); 0 before.
    pub first_idle_ns: u64,
    /// When its last round ended that did something (CLOCK_MONOTONIC, ns); 0 before.
    pub last_busy_ns: u64,
}

/// A server at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerCounters {
    /// Owners in owner order, then the TCP thread where there is one.
    pub threads: Vec<ThreadCounters>,
    /// Losses, each request in at most one line.
    pub drops: Vec<DropLine>,
    /// Further counters about the same events or about other packets: evidence, never ledger lines.
    pub related: Vec<(String, u64)>,
    /// Requests that a program saw on another CPU than their owner's, where one looks; the threads
    /// do not count those.
    pub hops_before_threads: Option<u64>,
    /// Requests that a cache in the path answered, so that no thread saw them.
    #[serde(default)]
    pub answered_in_path: u64,
}

impl ServerCounters {
    /// Adds to a counter of `related`.
    pub(crate) fn relate(&mut self, name: String, count: u64) {
        match self.related.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += count,
            None => self.related.push((name, count)),
        }
    }

    /// All threads' request counters together.
    pub fn total(&self) -> Counts {
        self.threads
            .iter()
            .fold(Counts::default(), |sum, thread| sum.plus(thread.counts))
    }

    /// All threads' I/O counters together.
    pub fn io_total(&self) -> IoCounts {
        self.threads
            .iter()
            .fold(IoCounts::default(), |sum, thread| sum.plus(thread.io))
    }

    /// Losses as (name, requests, source).
    pub fn ledger_drops(&self) -> Vec<(String, u64, String)> {
        self.drops
            .iter()
            .map(|line| (line.name.clone(), line.requests, line.source.clone()))
            .collect()
    }

    /// What was counted since `earlier`, a snapshot of the same server.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut delta = self.clone();
        for (now, before) in delta.threads.iter_mut().zip(&earlier.threads) {
            now.counts = now.counts.since(before.counts);
            now.io = now.io.since(before.io);
        }
        delta.answered_in_path = (self.answered_in_path).saturating_sub(earlier.answered_in_path);
        for line in &mut delta.drops {
            let before = earlier.drops.iter().find(|old| old.name == line.name);
            line.requests = line
                .requests
                .saturating_sub(before.map_or(0, |old| old.requests));
        }
        for (name, value) in &mut delta.related {
            let before = earlier.related.iter().find(|(old, _)| old == name);
            *value = value.saturating_sub(before.map_or(0, |(_, value)| *value));
        }
        let before = earlier.hops_before_threads.unwrap_or_default();
        delta.hops_before_threads =
            (delta.hops_before_threads).map(|hops| hops.saturating_sub(before));
        delta
    }
}

impl IoCounts {
    fn zip(self, other: Self, with: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            received: with(self.received, other.received),
            transmitted: with(self.transmitted, other.transmitted),
            frame_returns: with(self.frame_returns, other.frame_returns),
            wakeups_kernel: with(self.wakeups_kernel, other.wakeups_kernel),
            wakeups_app: with(self.wakeups_app, other.wakeups_app),
            busy_rounds: with(self.busy_rounds, other.busy_rounds),
            empty_rounds: with(self.empty_rounds, other.empty_rounds),
            empty_ns: with(self.empty_ns, other.empty_ns),
            chunks: with(self.chunks, other.chunks),
            frame_bytes: with(self.frame_bytes, other.frame_bytes),
        }
    }

    /// The sum of two threads' counters.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    /// What was counted since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        self.zip(earlier, u64::saturating_sub)
    }
}
