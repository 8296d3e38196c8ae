//! What was measured, request by request, against what must have been.
//!
//! Two experiments have an answer that is known beforehand. A server that holds replies until virtual
//! departure times lets every request be compared with the queue's recursion on the arrivals as
//! they really were ([`HeldReplies`]). A server that is stopped for a while must be seen to be by
//! every request that was due meanwhile ([`Stalled`]), which a client that waits for its replies
//! would leave out.

mod held;
mod stalled;

pub use held::{Bias, HeldReplies};
pub use stalled::Stalled;

/// One request of an open loop as it was measured. Times in ns since the trial's window began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// When it was due.
    pub due_ns: u64,
    /// When it was sent, no earlier.
    pub sent_ns: u64,
    /// When its reply was complete; none came otherwise.
    pub reply_ns: Option<u64>,
    /// The service time that its key draws; 0 where none is known.
    pub service_ns: u64,
}

/// The value at quantile `q` (0 to 1) of sorted values, nearest rank; `None` of none.
fn ranked<T: Copy>(sorted: &[T], q: f64) -> Option<T> {
    let rank = (q.clamp(0.0, 1.0) * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// A latency in ns of which an unanswered request has none: it ranks above all others.
fn latencies(replies: impl Iterator<Item = (Option<u64>, u64)>) -> Vec<Option<u64>> {
    let mut all: Vec<_> = replies
        .map(|(reply, from)| reply.map(|reply| reply.saturating_sub(from)))
        .collect();
    all.sort_unstable_by_key(|latency| latency.unwrap_or(u64::MAX));
    all
}
