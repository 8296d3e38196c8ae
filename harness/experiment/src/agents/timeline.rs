//! Where requests went in the course of the measure phase: the server's steering counts, read again and again.

use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use kv::server::{Counts, Watch};
use kv::systems::SystemKind;
use record::SteeringStep;
use sys::clock;

use super::window::Window;

/// Long beside the microseconds that a look takes, short beside what clients take to learn of a new table.
const STEP: Duration = Duration::from_millis(20);

/// A thread that looks, until the measure phase ends.
pub(super) struct Timeline {
    samples: JoinHandle<Vec<(u64, Counts)>>,
}

impl Timeline {
    /// Begins with the measure phase.
    pub(super) fn start(watch: Watch, window: Window) -> Result<Self> {
        let look = move || {
            let sample = |at_ns| {
                clock::sleep_until_ns(at_ns);
                (clock::now_ns(), watch.total())
            };
            instants(window).map(sample).collect()
        };
        let thread = std::thread::Builder::new().name("timeline".to_owned());
        let samples = thread
            .spawn(look)
            .context("starting the thread that reads counters")?;
        Ok(Self { samples })
    }

    /// What was seen, once the phase has ended.
    pub(super) fn finish(self, window: Window, system: SystemKind) -> Result<Vec<SteeringStep>> {
        let samples = self.samples.join();
        let samples =
            samples.map_err(|_| anyhow!("the thread that reads counters has panicked"))?;
        Ok(steps(&samples, window.measure_from_ns(), system))
    }
}

/// When it looks: first and last at the phase's ends.
pub(super) fn instants(window: Window) -> impl Iterator<Item = u64> {
    let (from_ns, until_ns) = (window.measure_from_ns(), window.measure_until_ns());
    (from_ns..until_ns)
        .step_by(STEP.as_nanos() as usize)
        .chain([until_ns])
}

/// What happened between two looks each. `from_ns` is when the phase began.
fn steps(samples: &[(u64, Counts)], from_ns: u64, system: SystemKind) -> Vec<SteeringStep> {
    let between = samples.windows(2).map(|pair| {
        let [(began_ns, before), (ended_ns, after)] = [pair[0], pair[1]];
        let counts = after.since(before);
        SteeringStep {
            start_ns: began_ns.saturating_sub(from_ns),
            length_ns: ended_ns - began_ns,
            requests_executed: counts.requests_executed,
            handoffs: system.hands_over().then_some(counts.handoffs),
            misroutes: system.has_owners().then_some(counts.misroutes),
        }
    });
    between.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_what_happened_between_two_looks() {
        let look = |at_ns, requests_executed, misroutes| {
            let counts = Counts {
                requests_executed,
                misroutes,
                handoffs: requests_executed / 2,
                ..Counts::default()
            };
            (at_ns, counts)
        };
        let looks = [look(1_000, 10, 0), look(1_020, 30, 5), look(1_043, 40, 6)];
        let step = |start_ns, length_ns, requests_executed, handoffs, misroutes| SteeringStep {
            start_ns,
            length_ns,
            requests_executed,
            handoffs,
            misroutes,
        };
        assert_eq!(
            steps(&looks, 1_000, SystemKind::Sphinx),
            [
                step(0, 20, 20, Some(10), Some(5)),
                step(20, 23, 10, Some(5), Some(1))
            ]
        );
        assert_eq!(
            steps(&looks, 1_000, SystemKind::MicaCrcw),
            [step(0, 20, 20, None, None), step(20, 23, 10, None, None)]
        );
        assert_eq!(steps(&looks[..1], 1_000, SystemKind::Sphinx), []);
    }

    #[test]
    fn it_looks_at_both_ends_of_the_phase() {
        let window = Window {
            start_ns: 1_000,
            warmup_ns: 500,
            measure_ns: 50_000_000,
        };
        let from_ns = window.measure_from_ns();
        let after: Vec<u64> = instants(window).map(|at_ns| at_ns - from_ns).collect();
        assert_eq!(after, [0, 20_000_000, 40_000_000, 50_000_000]);
    }
}
