//! The ledger: every offered request ends in exactly one line (design, invariant 2).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::smell::Smell;

/// Requests lost for one reason, and the counter that says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropCount {
    /// The reason, in snake case; the column is `drop_<reason>`.
    pub reason: String,
    /// The counter that the number was read from, such as `xdp:steer/no_socket`.
    pub counter: String,
    /// Requests.
    pub requests: u64,
}

/// What became of a trial's requests, all phases together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// Requests of the schedule.
    pub offered: u64,
    /// Not accepted by the transmit path before the trial's deadline.
    pub unsent: u64,
    /// Handed to the transmit path.
    pub sent: u64,
    /// Answered completely and in time.
    pub answered: u64,
    /// Sent, but without a complete reply in time.
    pub timed_out: u64,
    /// Datagrams without an answer of requests that were sent in several, beyond the first that each
    /// timed-out request lost: lost like it, and counted where they were lost, but no further requests. Of
    /// frames: those that drops count and that are none of the missing ones, for they are repairs of the
    /// system's own, or were recovered.
    #[serde(default)]
    pub further_parts: u64,
    /// Known reasons for timing out, each by counters of its own: none is what is left over.
    pub drops: Vec<DropCount>,
    /// Further replies to requests that were answered already; no line of the ledger.
    pub duplicates: u64,
}

impl Ledger {
    /// Requests whose loss has a named reason.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.drops.iter().map(|drop| drop.requests).sum()
    }

    /// Timed-out requests, and their further parts, without a named reason; negative when more losses
    /// were counted than there are. Anything but 0 invalidates the trial.
    #[must_use]
    pub fn remainder(&self) -> i64 {
        let lost = i128::from(self.timed_out) + i128::from(self.further_parts);
        let difference = lost - i128::from(self.dropped());
        i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX })
    }

    /// Requests lost for `reason`, over all counters that report it.
    #[must_use]
    pub fn dropped_for(&self, reason: &str) -> u64 {
        self.drops
            .iter()
            .filter(|drop| drop.reason == reason)
            .map(|drop| drop.requests)
            .sum()
    }

    /// The equations that do not hold; none for a ledger that closes.
    #[must_use]
    pub fn check(&self) -> Vec<Smell> {
        let mut smells = Vec::new();
        let mut equation = |name: &str, left: u64, right: [u64; 2]| {
            let right = right[0].saturating_add(right[1]);
            if left != right {
                smells.push(Smell::LedgerUnbalanced {
                    equation: name.to_owned(),
                    left,
                    right,
                });
            }
        };
        equation(
            "offered = unsent + sent",
            self.offered,
            [self.unsent, self.sent],
        );
        equation(
            "sent = answered + timed_out",
            self.sent,
            [self.answered, self.timed_out],
        );
        let remainder = self.remainder();
        if remainder != 0 {
            smells.push(Smell::Remainder { remainder });
        }
        smells
    }

    /// Whether every request ends in exactly one line.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.check().is_empty()
    }
}
