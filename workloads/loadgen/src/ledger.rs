//! The client's side of the ledger: every offered request ends in exactly one line.

use serde::{Deserialize, Serialize};

/// Counts over the whole trial, warmup included. In requests unless a field says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// Requests of the schedule.
    pub offered: u64,
    /// Not accepted by the transmit path before the trial's deadline.
    pub unsent: u64,
    /// Accepted by the transmit path, at the intended time or later.
    pub sent: u64,
    /// Complete reply within the timeout, error replies included.
    pub answered: u64,
    /// No complete reply within the timeout.
    pub timed_out: u64,
    /// Datagrams that the sent requests took: one each, unless they were scattered.
    pub datagrams: u64,
    /// Of the datagrams of the timed out: those without a complete reply in time, beyond the one that
    /// each timed-out request has. Whatever counts lost datagrams counts these too.
    pub further_parts: u64,
    /// Sent and not awaited (noreply): the server's receipt accounts for them.
    pub noreply: u64,
    /// Of the timed out and their further parts: the complete reply came after the timeout
    /// (`drop_late_reply`).
    pub late: u64,
    /// Of the timed out and their further parts: some datagrams of the reply came, but never all
    /// (`drop_partial_reply`).
    pub partial: u64,
    /// Of the answered: error lines or an error status.
    pub errors: u64,
    /// Of the answered: replies that the client could not read.
    pub malformed: u64,
    /// Keys found by gets, with a right value.
    pub hits: u64,
    /// Keys not found by gets.
    pub misses: u64,
    /// Keys found by gets with a wrong value: verification failures.
    pub wrong_values: u64,
    /// Datagrams that had already come.
    pub duplicates: u64,
    /// Datagrams with a request id that the flow has not in use, or that are no reply frames.
    pub unknown: u64,
    /// Datagrams that are a frame header alone and announce no datagram; memcached sends some.
    pub empty: u64,
}

/// A ledger that does not close: a bug of the client, and the trial is void.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the client's ledger does not close ({rule}): {ledger:?}")]
pub struct Unbalanced {
    /// The equation that does not hold.
    pub rule: &'static str,
    /// The ledger.
    pub ledger: Box<Ledger>,
}

impl Ledger {
    /// Checks that every request is on exactly one line.
    ///
    /// # Errors
    /// Names the equation that does not hold.
    pub fn check(&self) -> Result<(), Unbalanced> {
        let rules = [
            (
                "offered = unsent + sent",
                self.offered == self.unsent + self.sent,
            ),
            (
                "sent = answered + timed_out + noreply",
                self.sent == self.answered + self.timed_out + self.noreply,
            ),
            (
                "late + partial <= timed_out + further_parts",
                self.late + self.partial <= self.timed_out + self.further_parts,
            ),
            ("sent <= datagrams", self.sent <= self.datagrams),
            (
                "errors + malformed <= answered",
                self.errors + self.malformed <= self.answered,
            ),
        ];
        match rules.into_iter().find(|(_, holds)| !holds) {
            Some((rule, _)) => Err(Unbalanced {
                rule,
                ledger: Box::new(*self),
            }),
            None => Ok(()),
        }
    }

    /// Adds the counts of another thread.
    pub fn merge(&mut self, other: &Self) {
        let Self {
            offered,
            unsent,
            sent,
            answered,
            timed_out,
            datagrams,
            further_parts,
            noreply,
            late,
            partial,
            errors,
            malformed,
            hits,
            misses,
            wrong_values,
            duplicates,
            unknown,
            empty,
        } = other;
        self.datagrams += datagrams;
        self.further_parts += further_parts;
        self.offered += offered;
        self.unsent += unsent;
        self.sent += sent;
        self.answered += answered;
        self.timed_out += timed_out;
        self.noreply += noreply;
        self.late += late;
        self.partial += partial;
        self.errors += errors;
        self.malformed += malformed;
        self.hits += hits;
        self.misses += misses;
        self.wrong_values += wrong_values;
        self.duplicates += duplicates;
        self.unknown += unknown;
        self.empty += empty;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSED: Ledger = Ledger {
        offered: 100,
        unsent: 10,
        sent: 90,
        answered: 70,
        timed_out: 15,
        datagrams: 90,
        further_parts: 0,
        noreply: 5,
        late: 3,
        partial: 2,
        errors: 1,
        malformed: 0,
        hits: 60,
        misses: 9,
        wrong_values: 0,
        duplicates: 4,
        unknown: 1,
        empty: 0,
    };

    #[test]
    fn closed_stays_closed_when_merged() {
        let mut sum = CLOSED;
        sum.merge(&CLOSED);
        sum.check().unwrap();
        assert_eq!((sum.offered, sum.unknown), (200, 2));
    }

    #[test]
    fn each_lost_request_is_noticed() {
        for broken in [
            Ledger {
                unsent: 9,
                ..CLOSED
            },
            Ledger {
                answered: 71,
                ..CLOSED
            },
            Ledger {
                noreply: 4,
                ..CLOSED
            },
            Ledger { late: 14, ..CLOSED },
            Ledger {
                datagrams: 89,
                ..CLOSED
            },
            Ledger {
                errors: 71,
                ..CLOSED
            },
        ] {
            assert!(broken.check().is_err(), "{broken:?}");
        }
    }
}
