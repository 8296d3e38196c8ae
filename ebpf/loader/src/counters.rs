//! The programs' counters, summed over CPUs.

use aya::Ebpf;
use aya::maps::{MapData, PerCpuArray};
use steering::forward::Fate;
use steering::in_kernel::counters::Outcome;
use steering::reply::ReplyKind;
use steering::{Drop, layout};

use crate::Result;
use crate::object::{self, map_error};

/// What the steering program did. All counts are frames since it was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SteerCounters {
    /// Redirected to each owner's socket.
    pub redirected: Vec<u64>,
    /// Not ours: on to the network stack.
    pub passed: u64,
    /// Ours, but the mesh had no socket for queue and owner: dropped.
    pub redirect_failed: u64,
    /// Ours, but dropped, by reason; all reasons, in their order.
    pub drops: Vec<(Drop, u64)>,
}

/// What a program did that places requests for kernel sockets. All counts are frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedCounters {
    /// Placed with each owner.
    pub placed: Vec<u64>,
    /// Of them, those that were handled on another CPU than their owner's.
    pub hopped: u64,
    /// Not ours, or not placed for a reason that is none of the request's: on as if there were no program.
    pub passed: u64,
    /// The kernel refused to place them. What becomes of them is the program's to say.
    pub refused: u64,
    /// Ours, but not readable as requests, by reason: left to the network stack. All reasons, in their
    /// order.
    pub unread: Vec<(Drop, u64)>,
}

/// What a program did that hands frames to the socket of their queue: the client's, or a slice's. All counts are frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiveCounters {
    /// Redirected to each queue's socket.
    pub redirected: Vec<u64>,
    /// Not for that socket: on to the network stack.
    pub passed: u64,
    /// For that socket, but the queue had none: dropped.
    pub redirect_failed: u64,
}

/// What a CPUMAP lost. All counts are frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuMapLosses {
    /// The queue to the owner's CPU was full.
    pub queue_full: u64,
    /// The thread there got no memory for a packet.
    pub no_packet: u64,
}

/// What the reflector did. All counts are frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReflectCounters {
    /// Sent back.
    pub reflected: u64,
    /// Not ours: on to the network stack.
    pub passed: u64,
}

/// What arrived at the end of a path. Counts are frames but where a field says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FrameCounters {
    /// Frames of the trial, by receive queue.
    pub arrived: Vec<u64>,
    /// Bytes of UDP payload in them.
    pub payload_bytes: u64,
    /// To the trial's port, but not what its frames should have become on their way.
    pub misfits: u64,
    /// Others: on to the network stack.
    pub passed: u64,
}

/// What a port of a switch did. All counts are frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwitchCounters {
    /// Handed to the device that is the port.
    pub forwarded: u64,
    /// Dropped: the kernel knows no such device.
    pub refused: u64,
}

/// What the program that counts replies saw. All counts are frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplyCounters {
    /// Gets that found their key.
    pub hits: u64,
    /// Gets that did not.
    pub misses: u64,
    /// Sets that were stored.
    pub stored: u64,
    /// Errors.
    pub failed: u64,
    /// From the server, but no reply that its first bytes tell.
    pub unread: u64,
    /// Not from the server: on to the network stack.
    pub passed: u64,
}

impl ReplyCounters {
    /// Whole replies of every kind.
    #[must_use]
    pub const fn replies(&self) -> u64 {
        self.hits + self.misses + self.stored + self.failed
    }
}

/// What a program that answers requests itself did with them. All counts are frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerCounters {
    /// Every outcome, in their order.
    pub outcomes: Vec<(Outcome, u64)>,
    /// Not ours: on to the network stack, or to the next program.
    pub passed: u64,
    /// Ours, but dropped, by reason; all reasons, in their order.
    pub drops: Vec<(Drop, u64)>,
}

impl AnswerCounters {
    /// How often that was the outcome.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> u64 {
        let found = self.outcomes.iter().find(|(other, _)| *other == outcome);
        found.map_or(0, |(_, frames)| *frames)
    }
}

/// What the forwarding program did. All counts are frames; each is in exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardCounters {
    /// Every fate, in their order.
    pub fates: Vec<(Fate, u64)>,
}

impl ForwardCounters {
    /// How many had this fate.
    #[must_use]
    pub fn of(&self, fate: Fate) -> u64 {
        let found = self.fates.iter().find(|(other, _)| *other == fate);
        found.map_or(0, |(_, frames)| *frames)
    }
}

/// A program's counter map.
pub(crate) struct Counters(PerCpuArray<MapData, u64>);

impl Counters {
    pub(crate) const NAME: &str = "COUNTERS";

    /// Takes the counters out of an object.
    pub(crate) fn take(ebpf: &mut Ebpf, program: &'static str) -> Result<Self> {
        Ok(Self(object::per_cpu(ebpf, program, Self::NAME)?))
    }

    fn sum(&self, index: u32) -> Result<u64> {
        let values = self.0.get(&index, 0).map_err(map_error(Self::NAME))?;
        Ok(values.iter().sum())
    }

    fn redirected(&self, targets: u32) -> Result<Vec<u64>> {
        (0..targets)
            .map(|target| self.sum(layout::COUNTER_REDIRECTED + target))
            .collect()
    }

    fn by_reason(&self) -> Result<Vec<(Drop, u64)>> {
        let drop = |reason: Drop| Ok((reason, self.sum(layout::COUNTER_DROPS + reason.index())?));
        Drop::ALL.into_iter().map(drop).collect()
    }

    pub(crate) fn steer(&self, owners: u32) -> Result<SteerCounters> {
        Ok(SteerCounters {
            redirected: self.redirected(owners)?,
            passed: self.sum(layout::COUNTER_PASSED)?,
            redirect_failed: self.sum(layout::COUNTER_REFUSED)?,
            drops: self.by_reason()?,
        })
    }

    pub(crate) fn placed(&self, owners: u32) -> Result<PlacedCounters> {
        Ok(PlacedCounters {
            placed: self.redirected(owners)?,
            hopped: self.sum(layout::COUNTER_HOPPED)?,
            passed: self.sum(layout::COUNTER_PASSED)?,
            refused: self.sum(layout::COUNTER_REFUSED)?,
            unread: self.by_reason()?,
        })
    }

    pub(crate) fn losses(&self) -> Result<CpuMapLosses> {
        Ok(CpuMapLosses {
            queue_full: self.sum(layout::COUNTER_CPUMAP_QUEUE_FULL)?,
            no_packet: self.sum(layout::COUNTER_CPUMAP_NO_PACKET)?,
        })
    }

    pub(crate) fn answers(&self) -> Result<AnswerCounters> {
        let outcome = |outcome: Outcome| {
            let place = layout::COUNTER_REDIRECTED + outcome as u32;
            Ok((outcome, self.sum(place)?))
        };
        let outcomes = Outcome::ALL.into_iter().map(outcome);
        Ok(AnswerCounters {
            outcomes: outcomes.collect::<Result<_>>()?,
            passed: self.sum(layout::COUNTER_PASSED)?,
            drops: self.by_reason()?,
        })
    }

    pub(crate) fn forward(&self) -> Result<ForwardCounters> {
        let fate = |fate: Fate| Ok((fate, self.sum(fate as u32)?));
        Ok(ForwardCounters {
            fates: Fate::ALL.into_iter().map(fate).collect::<Result<_>>()?,
        })
    }

    pub(crate) fn receive(&self, queues: u32) -> Result<ReceiveCounters> {
        Ok(ReceiveCounters {
            redirected: self.redirected(queues)?,
            passed: self.sum(layout::COUNTER_PASSED)?,
            redirect_failed: self.sum(layout::COUNTER_REFUSED)?,
        })
    }

    pub(crate) fn reflect(&self) -> Result<ReflectCounters> {
        Ok(ReflectCounters {
            reflected: self.sum(layout::COUNTER_REDIRECTED)?,
            passed: self.sum(layout::COUNTER_PASSED)?,
        })
    }

    pub(crate) fn frames(&self, queues: u32) -> Result<FrameCounters> {
        Ok(FrameCounters {
            arrived: self.redirected(queues)?,
            payload_bytes: self.sum(layout::COUNTER_PAYLOAD)?,
            misfits: self.sum(layout::COUNTER_REFUSED)?,
            passed: self.sum(layout::COUNTER_PASSED)?,
        })
    }

    pub(crate) fn switch(&self) -> Result<SwitchCounters> {
        Ok(SwitchCounters {
            forwarded: self.sum(layout::COUNTER_REDIRECTED)?,
            refused: self.sum(layout::COUNTER_REFUSED)?,
        })
    }

    pub(crate) fn replies(&self) -> Result<ReplyCounters> {
        let kind = |kind: ReplyKind| self.sum(layout::COUNTER_REDIRECTED + kind as u32);
        Ok(ReplyCounters {
            hits: kind(ReplyKind::Hit)?,
            misses: kind(ReplyKind::Miss)?,
            stored: kind(ReplyKind::Stored)?,
            failed: kind(ReplyKind::Failed)?,
            unread: kind(ReplyKind::Unread)?,
            passed: self.sum(layout::COUNTER_PASSED)?,
        })
    }
}
