//! The times between sends as they were, for a test of the arrival process.

use serde::{Deserialize, Serialize};

/// Gaps that one thread keeps at most: 64 KiB, and enough for any test of a distribution.
const MOST: u64 = 16_384;

/// Times between consecutive sends of one client thread's requests that were due in the measure phase.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gaps {
    /// Requests of the thread that were due in the phase.
    pub requests: u64,
    /// Every n-th gap, ns; at most 16 384.
    pub gaps_ns: Vec<u32>,
}

/// Takes the gaps of one thread as it sends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sampler {
    gaps: Gaps,
    last_ns: Option<u64>,
    skip: u64,
}

impl Sampler {
    /// One more request is due in the measure phase.
    pub(crate) fn due(&mut self) {
        self.gaps.requests += 1;
    }

    /// A request of the measure phase was sent at `now_ns`.
    pub(crate) fn sent(&mut self, now_ns: u64) {
        let last_ns = self.last_ns.replace(now_ns);
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        if let Some(last_ns) = last_ns {
            let gap_ns = u32::try_from(now_ns - last_ns).unwrap_or(u32::MAX);
            self.gaps.gaps_ns.push(gap_ns);
            self.skip = self.gaps.requests.div_ceil(MOST).saturating_sub(1);
        }
    }

    /// What was taken.
    pub(crate) fn take(&mut self) -> Gaps {
        std::mem::take(&mut self.gaps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(requests: u64) -> Gaps {
        let mut sampler = Sampler::default();
        (0..requests).for_each(|_| sampler.due());
        (0..requests).for_each(|n| sampler.sent(1_000 + n * n));
        sampler.take()
    }

    #[test]
    fn few_gaps_are_all_kept() {
        assert_eq!(of(5).gaps_ns, [1, 3, 5, 7]);
        assert!(of(1).gaps_ns.is_empty());
    }

    #[test]
    fn many_are_thinned_evenly_and_stay_gaps_between_neighbours() {
        let gaps = of(3 * MOST);
        assert!(gaps.gaps_ns.len() as u64 <= MOST);
        assert!(gaps.gaps_ns.len() as u64 > MOST - 2);
        assert_eq!(gaps.gaps_ns[..3], [1, 7, 13]);
    }
}
