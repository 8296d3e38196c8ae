//! How many ICMP errors a router sends (RFC 1812, 4.3.2.8; RFC 4443, 2.4 f).

use serde::{Deserialize, Serialize};

const SECOND_NS: u64 = 1_000_000_000;

/// A token bucket's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorLimit {
    /// Errors a second, over a longer time.
    pub per_second: u32,
    /// Errors at once.
    pub burst: u32,
}

impl Default for ErrorLimit {
    /// What Linux allows in all (`net.ipv4.icmp_msgs_per_sec`, `icmp_msgs_burst`).
    fn default() -> Self {
        Self {
            per_second: 1000,
            burst: 50,
        }
    }
}

/// The bucket. It begins full.
#[derive(Debug)]
pub(super) struct Bucket {
    limit: ErrorLimit,
    /// Credit in error-nanoseconds: one error costs a second's worth of nanoseconds.
    credit: u64,
    at_ns: u64,
}

impl Bucket {
    pub(super) fn new(limit: ErrorLimit, now_ns: u64) -> Self {
        Self {
            limit,
            credit: u64::from(limit.burst) * SECOND_NS,
            at_ns: now_ns,
        }
    }

    /// Takes what one error costs; false, and nothing taken, when it is not there.
    pub(super) fn take(&mut self, now_ns: u64) -> bool {
        let most = u64::from(self.limit.burst) * SECOND_NS;
        let passed = now_ns.saturating_sub(self.at_ns);
        let earned = passed.saturating_mul(u64::from(self.limit.per_second));
        self.credit = self.credit.saturating_add(earned).min(most);
        self.at_ns = self.at_ns.max(now_ns);
        match self.credit.checked_sub(SECOND_NS) {
            Some(left) => {
                self.credit = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bucket: &mut Bucket, now_ns: u64) -> u32 {
        let mut taken = 0;
        while bucket.take(now_ns) {
            taken += 1;
        }
        taken
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let limit = ErrorLimit {
            per_second: 10,
            burst: 5,
        };
        let mut bucket = Bucket::new(limit, 7);
        assert_eq!(taken(&mut bucket, 7), 5);
        assert_eq!(taken(&mut bucket, 7 + SECOND_NS / 10 - 1), 0);
        assert_eq!(taken(&mut bucket, 7 + SECOND_NS / 10), 1);
        assert_eq!(taken(&mut bucket, 7 + SECOND_NS), 5);
        assert_eq!(taken(&mut bucket, 7), 0, "time does not go back");
        let all: u32 = (1..=100)
            .map(|step| taken(&mut bucket, 7 + SECOND_NS + step * SECOND_NS / 10))
            .sum();
        assert_eq!(all, 100);
    }

    #[test]
    fn none_means_none() {
        let limit = ErrorLimit {
            per_second: 0,
            burst: 0,
        };
        assert_eq!(taken(&mut Bucket::new(limit, 0), u64::MAX), 0);
    }
}
