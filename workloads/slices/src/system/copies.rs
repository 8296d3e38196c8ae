//! How many frames were lost where each thread gets a copy of every frame.
//!
//! A socket counts the copies that it lost (`tp_drops`), not whose frames they were: a thread that loses a copy of another's frame
//! loses nothing. But it also counts what it was given, lost ones included (`tp_packets`), and each was given a copy of every
//! frame. A frame has one owner by what it holds, so it is taken by that thread, or that thread's copy was lost: the frames that were
//! given and that no owner took. Of all figures of a ledger this one alone is a difference, of the kernel's count and the threads'.
//! It is told where a third, the copies lost, confirms it, and else the ledger stays open:
//!
//! - every thread was given as many copies as any other;
//! - each thread's copies are those of its own frames, of others' and the lost ones: none waits, and none went amiss in the thread;
//! - no more frames are missing than copies were lost.
//!
//! Rejected: a filter on each socket, in eBPF, which counts the owner's frames before room is asked for. It would tell the same thread
//! by thread, and run for every copy on the CPU of the kernel's part: the design that is measured would pay for it.

use pktio::IoCounters;
use pktio::drops::{Drop, Drops};

use super::counters::Counters;

/// The counter of the line.
const COUNTER: &str =
    "PACKET_STATISTICS: tp_packets of a thread's sockets, less what owners took; tp_drops confirms";

/// The copies of one thread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Copies {
    /// What its sockets were given.
    given: u64,
    /// Of that, what they lost.
    lost: u64,
    /// Copies of its own frames that it took, whatever came of them.
    own: u64,
    /// Copies of others' frames that it took.
    others: u64,
}

impl Copies {
    /// What a thread and its sockets counted.
    fn of(sockets: &[Drops], thread: &IoCounters) -> Self {
        let mut all = Drops::default();
        sockets.iter().for_each(|socket| all.merge(socket));
        Self {
            given: all.related.given,
            lost: all.get(Drop::PacketSocket),
            own: thread.received + thread.foreign + thread.truncated,
            others: thread.of_others,
        }
    }

    const fn accounted(self) -> u64 {
        self.own + self.others + self.lost
    }
}

/// Frames whose owner lost its copy; nothing where the counts contradict one another, or where copies wait.
fn missed(threads: &[Copies]) -> Option<u64> {
    let frames = threads.first()?.given;
    let agree = |one: &Copies| one.given == frames && one.accounted() == frames;
    let taken = threads.iter().map(|one| one.own).sum();
    let missing = frames.checked_sub(taken)?;
    let lost: u64 = threads.iter().map(|one| one.lost).sum();
    (threads.iter().all(agree) && missing <= lost).then_some(missing)
}

/// Adds what no owner got. Of each thread the same number of sockets, in the order of the threads.
pub(super) fn count(into: &mut Counters, sockets: &[Drops], threads: &[IoCounters]) {
    let each = sockets.len() / threads.len().max(1);
    let copies: Vec<Copies> = sockets
        .chunks(each.max(1))
        .zip(threads)
        .map(|(sockets, thread)| Copies::of(sockets, thread))
        .collect();
    if let Some(frames) = missed(&copies) {
        into.lose(Drop::PacketSocket.name(), COUNTER, frames);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn copies(given: u64, lost: u64, own: u64, others: u64) -> Copies {
        Copies {
            given,
            lost,
            own,
            others,
        }
    }

    #[test]
    fn what_no_owner_took_was_lost() {
        // Of ten frames, six the first thread's: it lost two of them and one of the other's, the other one of its own.
        let threads = [copies(10, 3, 4, 3), copies(10, 1, 3, 6)];
        assert_eq!(missed(&threads), Some(3));
        assert_eq!(missed(&[copies(4, 0, 4, 0), copies(4, 0, 0, 4)]), Some(0));
        assert_eq!(missed(&[]), None);
    }

    #[test]
    fn nothing_is_told_where_counts_disagree() {
        for (what, threads) in [
            ("a copy waits", [copies(10, 3, 4, 2), copies(10, 1, 3, 6)]),
            (
                "one socket was given more",
                [copies(11, 4, 4, 3), copies(10, 1, 3, 6)],
            ),
            (
                "two think that a frame is theirs",
                [copies(2, 0, 2, 0), copies(2, 0, 1, 1)],
            ),
            (
                "nobody thinks that a frame is theirs",
                [copies(4, 0, 1, 3), copies(4, 1, 1, 2)],
            ),
        ] {
            assert_eq!(missed(&threads), None, "{what}");
        }
    }

    proptest! {
        /// Against the definition: frames with owners, each thread's copy of each kept or lost.
        #[test]
        fn it_is_the_number_of_frames_whose_owner_lost_its_copy(
            threads in 1_usize..6,
            frames in prop::collection::vec((0_usize..6, prop::array::uniform6(any::<bool>())), 0..60),
        ) {
            let mut counted = vec![Copies::default(); threads];
            let mut truth = 0;
            for (owner, lost) in frames {
                let owner = owner % threads;
                truth += u64::from(lost[owner]);
                for (thread, one) in counted.iter_mut().enumerate() {
                    one.given += 1;
                    match (lost[thread], thread == owner) {
                        (true, _) => one.lost += 1,
                        (false, true) => one.own += 1,
                        (false, false) => one.others += 1,
                    }
                }
            }
            prop_assert_eq!(missed(&counted), Some(truth));
            // One that vanished between a socket and its thread is not passed off as a lost copy.
            if let Some(one) = counted.iter_mut().find(|one| one.own > 0) {
                one.own -= 1;
                prop_assert_eq!(missed(&counted), None);
            }
        }
    }
}
