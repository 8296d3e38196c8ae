//! What a slice left behind whose process has ended, by its rings.
//!
//! Its own counters have died with it but for one ([`Discards`](super::Discards)). A frame that the program gave to its socket is in
//! exactly one of these counts, or was lost by the socket, which has counters of its own: so the ledger goes on closing, and
//! nothing of it is what others leave over. An ICMP error that a router sent in a frame's place counts as that frame, sent: that it
//! was none of the traffic is known to nobody any more, so that the ledger of such a trial does not close.

use pktio::af_xdp::RingUse;
use serde::{Deserialize, Serialize};

use super::Watch;
use crate::system::counters::Counters;
use crate::system::{Error, SystemConfig, netslice};

/// Where the frames of a dead slice are. All counts are frames, the first two since its sockets were opened, modulo 2^32.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remains {
    /// It had taken them from its RX rings.
    pub taken: u64,
    /// The kernel had taken them from its TX rings.
    pub sent: u64,
    /// They wait in its RX rings.
    pub waiting: u64,
    /// It had taken them and thrown them away, in batches before the one at hand: its processor refused them, or a TX ring stayed
    /// full.
    pub discarded: u64,
    /// It had taken them and not queued them to be sent: they were in the thread's hands, of the batch that it was at.
    pub in_hand: u64,
    /// They are in its TX rings, and the kernel has not taken them.
    pub unsent: u64,
}

impl Remains {
    /// By the rings of all ports, when nothing is on its way to them any more, and by what the slice had thrown away.
    pub(super) fn of(rings: &[RingUse], discarded: u64) -> Self {
        let sum = |of: fn(&RingUse) -> u32| rings.iter().map(of).fold(0, u32::wrapping_add);
        let (taken, queued) = (sum(|ring| ring.taken), sum(|ring| ring.queued));
        // A slice that had made frames of its own may have queued more than it took.
        let gone = queued.wrapping_add(discarded as u32);
        let in_hand = taken.wrapping_sub(gone).cast_signed();
        Self {
            taken: taken.into(),
            sent: sum(|ring| ring.sent).into(),
            waiting: sum(|ring| ring.received.wrapping_sub(ring.taken)).into(),
            discarded,
            in_hand: u64::try_from(in_hand).unwrap_or(0),
            unsent: sum(|ring| ring.queued.wrapping_sub(ring.sent)).into(),
        }
    }

    /// The lines of the ledger, each with the counter that it was read from: what had been lost before, and what was lost with the
    /// process, by where it was.
    fn losses(self) -> [(&'static str, &'static str, u64); 4] {
        [
            (
                "dead_discarded",
                "shared with the keeper: taken and thrown away",
                self.discarded,
            ),
            (
                "died_waiting",
                "ring indices: received and not taken",
                self.waiting,
            ),
            (
                "died_in_hand",
                "ring indices: taken, neither queued nor thrown away",
                self.in_hand,
            ),
            (
                "died_unsent",
                "ring indices: queued and not sent",
                self.unsent,
            ),
        ]
    }

    fn note(self, into: &mut Counters, number: u16) {
        let scope = format!("slice-{number}, dead");
        for (name, frames) in [("taken", self.taken), ("sent", self.sent)] {
            into.note(&scope, name, frames);
        }
        for (reason, counter, frames) in self.losses() {
            into.note(&scope, reason, frames);
            into.lose(reason, counter, frames);
        }
        into.received += self.taken;
        into.sent += self.sent;
    }
}

/// Counts what a dead slice left, once nothing is on its way to its sockets any more.
pub(super) fn count(
    config: &SystemConfig,
    number: u16,
    watch: &Watch,
) -> Result<(Remains, Counters), Error> {
    let mut counters = Counters::default();
    let probe = watch.witness.probe();
    for (port, device) in config.devices.iter().enumerate() {
        let scope = format!("{device} queue {number}");
        netslice::of_socket(&mut counters, &scope, &probe, port)?;
    }
    let remains = Remains::of(&watch.witness.rings(), watch.discards.read());
    remains.note(&mut counters, number);
    Ok((remains, counters))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ring(received: u32, taken: u32, queued: u32, sent: u32) -> RingUse {
        RingUse {
            received,
            taken,
            queued,
            sent,
        }
    }

    #[test]
    fn every_frame_that_was_received_is_sent_or_in_one_line() {
        // Towards the sender and towards the receiver: 100 came by the first, and 80 have left by the second.
        let remains = Remains::of(&[ring(100, 93, 1, 1), ring(2, 2, 88, 80)], 4);
        let expected = Remains {
            taken: 95,
            sent: 81,
            waiting: 7,
            discarded: 4,
            in_hand: 2,
            unsent: 8,
        };
        assert_eq!(remains, expected);
        let mut counters = Counters::default();
        remains.note(&mut counters, 3);
        assert_eq!(counters.lost(), 102 - 81);
        assert_eq!((counters.received, counters.sent), (95, 81));
        assert_eq!(counters.lost_by("died_waiting"), 7);
        assert_eq!(counters.lost_by("dead_discarded"), 4);
        assert_eq!(counters.all[0].scope, "slice-3, dead");
    }

    #[test]
    fn indices_that_have_wrapped_and_frames_of_its_own_make_no_losses() {
        let last = u32::MAX;
        let remains = Remains::of(&[ring(4, 2, 0, 0), ring(0, 0, last, last - 1)], 0);
        assert_eq!(
            (remains.waiting, remains.in_hand, remains.unsent),
            (2, 3, 1)
        );
        let answering = Remains::of(&[ring(5, 5, 7, 7)], 0);
        assert_eq!((answering.in_hand, answering.sent), (0, 7));
        // 2^32 and 3 more were thrown away, of as many that were taken and one more, which it has.
        let patient = Remains::of(&[ring(4, 4, 0, 0)], (1 << 32) + 3);
        assert_eq!(patient.in_hand, 1);
    }
}
