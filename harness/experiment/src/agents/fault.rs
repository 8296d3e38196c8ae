//! A slice that is killed while it is measured: when, what came for each slice before and after, and what is looked at in the
//! kernel.

use anyhow::{Context, Result, ensure};
use record::KernelSeen;
use serde::{Deserialize, Serialize};
use slices::system::isolated::Killed;
use slices::system::{Counters, System};
use spec::KillSlice;
use sys::sysctl;

use super::window::Window;

/// What was seen of it at the router.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FaultSeen {
    /// The slice.
    pub(crate) slice: u16,
    /// From the begin of the measure phase to the signal, ns.
    pub(crate) killed_ns: u64,
    /// From the signal until its process had ended and its sockets were closed, ns.
    pub(crate) gone_ns: u64,
    /// Frames that came for each slice from the first one of the trial until the signal.
    pub(crate) before: Vec<u64>,
    /// Frames that came after it.
    pub(crate) after: Vec<u64>,
    /// The kernel before the first frame and after the last.
    pub(crate) kernel: KernelSeen,
}

/// Frames that came for each slice, and those of queues whose slice had no socket.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Arrivals {
    slices: Vec<u64>,
    homeless: u64,
}

impl Arrivals {
    fn of(counters: &Counters, slices: u16) -> Self {
        let redirected = |slice| counters.value(&format!("redirected_{slice}"));
        Self {
            slices: (0..slices).map(redirected).collect(),
            homeless: counters.value("redirect_failed"),
        }
    }
}

/// A slice's end, from the counters at rest before it to those after.
#[derive(Debug)]
pub(super) struct Fault {
    armed: Arrivals,
    taint: u64,
    killed: Option<(Killed, Window)>,
}

impl Fault {
    /// Notes how things stand before the first frame.
    pub(super) fn arm(counters: &Counters, slices: u16) -> Result<Self> {
        Ok(Self {
            armed: Arrivals::of(counters, slices),
            taint: taint()?,
            killed: None,
        })
    }

    /// Kills the slice, now.
    pub(super) fn carry_out(
        &mut self,
        system: &mut System,
        kill: KillSlice,
        window: Window,
    ) -> Result<()> {
        let killed = system.kill_slice(kill.slice)?;
        ensure!(
            killed.closed_ns < window.measure_until_ns(),
            "killing slice {} took {} ms, beyond the end of the measure phase: make it longer, or kill it earlier",
            kill.slice,
            (killed.closed_ns - killed.at_ns) / 1_000_000
        );
        self.killed = Some((killed, window));
        Ok(())
    }

    /// What was seen, given the counters after the last frame. The dead slice's queue is given to another process, to see
    /// whether the kernel does so; nothing of it is counted.
    pub(super) fn seen(&self, system: &mut System, counters: &Counters) -> Result<FaultSeen> {
        let (killed, window) = self.killed.as_ref().context("no slice was killed")?;
        let slices = u16::try_from(self.armed.slices.len())?;
        let (before, after) = parted(&self.armed, killed, &Arrivals::of(counters, slices));
        let again = system.restart_slice(killed.slice);
        if let Err(error) = &again {
            tracing::warn!(%error, slice = killed.slice, "the queue of a killed slice is not free");
        }
        Ok(FaultSeen {
            slice: killed.slice,
            killed_ns: killed.at_ns.saturating_sub(window.measure_from_ns()),
            gone_ns: killed.closed_ns - killed.at_ns,
            before,
            after,
            kernel: KernelSeen {
                taint_before: self.taint,
                taint_after: taint()?,
                queue_free: again.is_ok(),
            },
        })
    }
}

/// What came for each slice until the signal, and after it. Only the dead slice's frames find no socket.
fn parted(armed: &Arrivals, killed: &Killed, last: &Arrivals) -> (Vec<u64>, Vec<u64>) {
    let homeless = last.homeless.saturating_sub(armed.homeless);
    let of = |slice: usize, now: u64, before: u64| {
        let alone = if slice == usize::from(killed.slice) {
            homeless
        } else {
            0
        };
        now.saturating_sub(before) + alone
    };
    let until = killed.arrived.iter().zip(&armed.slices);
    let since = last.slices.iter().zip(&killed.arrived);
    (
        until
            .map(|(now, before)| now.saturating_sub(*before))
            .collect(),
        since
            .enumerate()
            .map(|(slice, (now, before))| of(slice, *now, *before))
            .collect(),
    )
}

/// `kernel.tainted`: 0, or bits for what has happened to the kernel (Documentation/admin-guide/tainted-kernels.rst).
fn taint() -> Result<u64> {
    let text = sysctl::read("kernel.tainted").context("asking whether the kernel is tainted")?;
    let text = text.trim();
    text.parse()
        .with_context(|| format!("kernel.tainted is '{text}'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use slices::system::isolated::Remains;

    #[test]
    fn frames_are_parted_by_the_signal_and_those_without_a_socket_are_the_dead_slices() {
        let arrivals = |slices: [u64; 3], homeless| Arrivals {
            slices: slices.to_vec(),
            homeless,
        };
        let killed = Killed {
            slice: 1,
            arrived: vec![15, 26, 37],
            at_ns: 0,
            ended_ns: 1,
            closed_ns: 2,
            remains: Remains::default(),
        };
        let (before, after) = parted(
            &arrivals([5, 6, 7], 2),
            &killed,
            &arrivals([25, 27, 57], 32),
        );
        assert_eq!(before, [10, 20, 30]);
        assert_eq!(after, [10, 1 + 30, 20]);
    }
}
