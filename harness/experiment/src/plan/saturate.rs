//! Which CPUs a generator that saturates runs on. Pure.
//!
//! A frame that the kernel makes on CPU c comes in by receive queue c modulo the number of queues. So
//! each queue has a CPU of its own, or its owners would never be asked anything, and what belongs to
//! it would reach others: a system that is sensitive to queues would be misfed.

use super::Refusal;

/// The CPU of each queue's generator, the last of `cpus` that feeds it: the server takes the first.
///
/// # Errors
/// When no CPU feeds a queue.
pub(super) fn cpus(queues: usize, cpus: &[u32]) -> Result<Vec<u32>, Refusal> {
    feeding(queues, cpus).map_err(|queue| {
        Refusal::new(
            &format!(
                "no CPU feeds queue {queue} of {queues}: frames made on CPU c come in by queue c \
                 modulo {queues}, and the generator may use {cpus:?}"
            ),
            "fewer queues, or other CPUs in topology.client_cpus",
        )
    })
}

/// The last of `cpus` by which redirected frames come in by each queue.
///
/// # Errors
/// The queue that no CPU feeds.
pub(super) fn feeding(queues: usize, cpus: &[u32]) -> Result<Vec<u32>, usize> {
    let feeds = |queue: usize| {
        let fits = |cpu: &&u32| **cpu as usize % queues == queue;
        cpus.iter().rev().find(fits).copied().ok_or(queue)
    };
    (0..queues).map(feeds).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_queue_has_the_last_cpu_that_feeds_it() {
        assert_eq!(cpus(2, &[0, 1]).unwrap(), [0, 1]);
        assert_eq!(cpus(2, &[0, 1, 2, 3]).unwrap(), [2, 3]);
        assert_eq!(cpus(3, &[0, 1, 2, 3, 4]).unwrap(), [3, 4, 2]);
    }

    #[test]
    fn a_queue_that_nobody_feeds_is_refused() {
        let refused = cpus(2, &[0, 2]).unwrap_err().to_string();
        assert!(refused.contains("no CPU feeds queue 1 of 2"), "{refused}");
    }
}
