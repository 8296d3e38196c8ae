//! What a packet system did with the frames that reached it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A system's counters. All counts are frames unless named otherwise. Those that the kernel keeps for a namespace or a device began
/// with it, so that only the difference of two readings is about a time.
///
/// Every frame of the traffic that reached the system is in `sent` or in one of `losses`, once nothing is on its way
/// ([`System::quiesce`](super::System::quiesce)); what the devices count themselves (a veth's full queue, in `tx_dropped` of the
/// device that sends) lies before and behind it.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Everything that was counted, also what is in none of the sums below.
    pub all: Vec<Counter>,
    /// Frames that user space took; 0 where none reaches it.
    pub received: u64,
    /// Frames of the traffic that the transmit path took.
    pub sent: u64,
    /// Frames of the system's own (ICMP errors, repairs, the fragments of a frame) that were sent beside the traffic.
    pub made: u64,
    /// Frames of the traffic that were sent and had never come in: a decoder recovered them.
    pub recovered: u64,
    /// For how long such had been missing, from the frame that showed it until they were recovered: the highest time of each
    /// bucket of a histogram with three significant digits, ns, and how many. One that no frame showed to be missing has none.
    pub recovery_ns: BTreeMap<u64, u64>,
    /// Frames that came and did not leave; each in one line.
    pub losses: Vec<Loss>,
    /// Attempts to send that the devices counted in `tx_dropped` although the frame was kept and tried again: the devices' losses
    /// are so many fewer than they say.
    pub retried: u64,
}

/// One counter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// What counted it: a thread, a device, a queue of a device, the namespace.
    pub scope: String,
    /// Its name there.
    pub name: String,
    /// Its value.
    pub value: u64,
}

/// Frames that were lost for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Why, as results name it.
    pub reason: String,
    /// The counter that it was read from.
    pub counter: String,
    /// How many.
    pub frames: u64,
}

impl Counters {
    /// Notes a counter.
    pub(super) fn note(&mut self, scope: &str, name: &str, value: u64) {
        self.all.push(Counter {
            scope: scope.to_owned(),
            name: name.to_owned(),
            value,
        });
    }

    /// Adds to a loss. Several scopes that lose for the same reason, by the same counter of each, make one line.
    pub(super) fn lose(&mut self, reason: &str, counter: &str, frames: u64) {
        let same = |loss: &&mut Loss| loss.reason == reason && loss.counter == counter;
        if frames == 0 {
            return;
        }
        match self.losses.iter_mut().find(same) {
            Some(loss) => loss.frames += frames,
            None => self.losses.push(Loss {
                reason: reason.to_owned(),
                counter: counter.to_owned(),
                frames,
            }),
        }
    }

    /// Adds what another part of the system counted.
    pub(super) fn merge(&mut self, other: Self) {
        self.all.extend(other.all);
        self.received += other.received;
        self.sent += other.sent;
        self.made += other.made;
        self.recovered += other.recovered;
        self.retried += other.retried;
        for (ns, frames) in other.recovery_ns {
            *self.recovery_ns.entry(ns).or_default() += frames;
        }
        for loss in other.losses {
            self.lose(&loss.reason, &loss.counter, loss.frames);
        }
    }

    /// All losses.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.losses.iter().map(|loss| loss.frames).sum()
    }

    /// Frames lost for a reason.
    #[must_use]
    pub fn lost_by(&self, reason: &str) -> u64 {
        let lines = self.losses.iter().filter(|loss| loss.reason == reason);
        lines.map(|loss| loss.frames).sum()
    }

    /// A counter's value, over all scopes that have one of this name.
    #[must_use]
    pub fn value(&self, name: &str) -> u64 {
        let named = self.all.iter().filter(|counter| counter.name == name);
        named.map(|counter| counter.value).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_one_line_a_reason_and_none_where_nothing_was_lost() {
        let mut counters = Counters::default();
        counters.lose("ring_full", "rx_ring_full", 0);
        assert_eq!(counters.losses, []);
        counters.lose("ring_full", "rx_ring_full", 2);
        counters.lose("ring_full", "rx_ring_full", 3);
        counters.lose("no_route", "drop_no_route", 4);
        assert_eq!(counters.losses.len(), 2);
        assert_eq!((counters.lost_by("ring_full"), counters.lost()), (5, 9));
        let mut other = counters.clone();
        other.lose("no_slice", "divert: redirect_failed", 1);
        other.received = 6;
        other.recovery_ns = [(700, 2)].into();
        counters.merge(other);
        assert_eq!(counters.recovery_ns, [(700, 2)].into());
        assert_eq!((counters.lost(), counters.losses.len()), (19, 3));
        assert_eq!(counters.received, 6);
        counters.note("slice-0", "received", 7);
        counters.note("slice-1", "received", 8);
        assert_eq!(counters.value("received"), 15);
    }
}
