//! Work that the steering program does for each frame beside steering: asked for in nanoseconds, done in
//! rounds, calibrated on the CPU that loads it.
//!
//! Rounds and not a clock, for a core that is slow does more work and does not wait: what the work takes when
//! others run on the same CPU is then theirs, as it is with the steering itself.

use crate::{Result, TestContext, TestRun};

/// Work for each frame, as it was asked for and as it came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burn {
    /// Nanoseconds that were asked for.
    pub asked_ns: u32,
    /// Rounds that were taken for them.
    pub rounds: u32,
    /// What they take by BPF_PROG_TEST_RUN, in nanoseconds.
    pub obtained_ns: u32,
}

impl std::fmt::Display for Burn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            asked_ns,
            rounds,
            obtained_ns,
        } = self;
        write!(
            f,
            "{obtained_ns} ns of {asked_ns} ns asked for, in {rounds} rounds"
        )
    }
}

/// Rounds by which one is timed.
const PROBE: u32 = 2_000;
/// More would make the program too long to walk for the verifier (some ten instructions each).
const MOST_ROUNDS: u32 = 40_000;
/// Runs in one measurement.
const REPEAT: u32 = 200;
/// Measurements, of which the least counts: others on the CPU only ever add time.
const TIMES: usize = 9;
const NOWHERE: TestContext = TestContext {
    ifindex: 0,
    rx_queue: 0,
};
/// Not ours, so that the program decides at once.
const FRAME: [u8; 60] = [0; 60];

/// Finds the rounds that take `asked_ns`; `run` runs the program with so many rounds over a frame.
///
/// # Errors
/// As `run`.
pub(crate) fn calibrate(
    asked_ns: u32,
    run: impl Fn(u32) -> Result<Box<dyn Fn() -> Result<TestRun>>>,
) -> Result<Burn> {
    let time = |rounds| least(&*run(rounds)?);
    let idle_ns = time(0)?;
    let rounds = rounds_for(asked_ns, time(PROBE)?.saturating_sub(idle_ns));
    Ok(Burn {
        asked_ns,
        rounds,
        obtained_ns: time(rounds)?.saturating_sub(idle_ns),
    })
}

fn least(run: &dyn Fn() -> Result<TestRun>) -> Result<u32> {
    let mut least = u128::MAX;
    for _ in 0..TIMES {
        least = least.min(run()?.duration.as_nanos());
    }
    Ok(u32::try_from(least).unwrap_or(u32::MAX))
}

/// What [`calibrate`] runs.
pub(crate) fn over_a_frame(
    test_run: impl Fn(&[u8], u32, TestContext) -> Result<TestRun> + 'static,
) -> Box<dyn Fn() -> Result<TestRun>> {
    Box::new(move || test_run(&FRAME, REPEAT, NOWHERE))
}

fn rounds_for(asked_ns: u32, probe_ns: u32) -> u32 {
    let rounds = u64::from(asked_ns) * u64::from(PROBE) / u64::from(probe_ns.max(1));
    u32::try_from(rounds)
        .unwrap_or(u32::MAX)
        .clamp(1, MOST_ROUNDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A machine on which a round takes 3 ns and everything else 40.
    fn machine(rounds: u32) -> Result<Box<dyn Fn() -> Result<TestRun>>> {
        Ok(over_a_frame(move |frame, repeat, _| {
            assert!(frame.len() >= 14 && repeat > 0);
            Ok(TestRun {
                verdict: 2,
                duration: Duration::from_nanos(40 + 3 * u64::from(rounds)),
                data: Vec::new(),
            })
        }))
    }

    #[test]
    fn what_is_asked_for_comes_out() {
        for asked_ns in [3, 250, 1_000, 20_000] {
            let burn = calibrate(asked_ns, machine).unwrap();
            assert_eq!(burn.rounds, asked_ns / 3);
            assert!(asked_ns - burn.obtained_ns < 3, "{burn:?}");
        }
    }

    #[test]
    fn rounds_are_bounded_whatever_the_probe_says() {
        assert_eq!(rounds_for(1, u32::MAX), 1);
        assert_eq!(rounds_for(20_000, 0), MOST_ROUNDS);
    }
}
