//! How long the oldest request of a queue has waited, from two counts. Pure.

use std::collections::VecDeque;

/// One queue, looked at again and again.
#[derive(Debug, Default)]
pub(super) struct Delay {
    /// How many had arrived in all at a look, and when that was; only looks at which some had that
    /// still wait.
    marks: VecDeque<(u64, u64)>,
    arrived: u64,
}

impl Delay {
    /// `arrived` requests so far, of which `waiting` wait, at `now_ns`. Returns for how long the oldest
    /// has been seen to wait, in ns: shorter than the truth by less than the time between two looks.
    pub(super) fn look(&mut self, now_ns: u64, arrived: u64, waiting: u64) -> Option<u64> {
        if arrived != self.arrived {
            self.arrived = arrived;
            self.marks.push_back((arrived, now_ns));
        }
        let taken = arrived - waiting;
        while self.marks.front().is_some_and(|(upto, _)| *upto <= taken) {
            self.marks.pop_front();
        }
        self.marks.front().map(|(_, since_ns)| now_ns - since_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_oldest_counts_until_it_is_taken() {
        let mut delay = Delay::default();
        assert_eq!(delay.look(0, 0, 0), None);
        assert_eq!(delay.look(5, 3, 3), Some(0));
        assert_eq!(delay.look(10, 4, 4), Some(5));
        // Two of the first three are gone, the third still waits.
        assert_eq!(delay.look(15, 4, 2), Some(10));
        assert_eq!(delay.look(20, 4, 1), Some(10));
        assert_eq!(delay.look(25, 4, 0), None);
        // Gone before it was seen.
        assert_eq!(delay.look(30, 9, 0), None);
    }

    proptest! {
        /// Against a queue of times: never older than the truth, and younger by less than a look.
        #[test]
        fn it_is_the_age_of_the_head_to_a_look(
            steps in proptest::collection::vec((0u64..4, 0usize..4), 1..200)
        ) {
            let (mut delay, mut queue, mut arrived) = (Delay::default(), VecDeque::new(), 0);
            for (look, (come, go)) in steps.into_iter().enumerate() {
                let now = 5 * (look as u64 + 1);
                for _ in 0..come {
                    // Some time since the last look.
                    queue.push_back(now - 3);
                    arrived += 1;
                }
                queue.drain(..go.min(queue.len()));
                let seen = delay.look(now, arrived, queue.len() as u64);
                let truth = queue.front().map(|at| now - at);
                prop_assert_eq!(seen.is_some(), truth.is_some());
                if let (Some(seen), Some(truth)) = (seen, truth) {
                    prop_assert!(seen <= truth && truth - seen < 5, "{} of {}", seen, truth);
                }
            }
        }
    }
}
