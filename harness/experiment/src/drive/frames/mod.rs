//! One packet trial, from an empty machine to its data.
//!
//! Everything begins at the receiver: a device takes frames only once the one at the far end of its link is ready.

mod agents;
mod cost;
mod hardware;
mod ledger;
mod merge;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use record::{CounterRow, Timestamp, TrialData};

use super::trial::{GRACE, Patience, wall_clock_of, window};
use super::watch::{Ours, Watch};
use crate::agents::serving::Counts;
use crate::agents::window::Window;
use crate::agents::{host, router};
use crate::lab::Chain;
use crate::plan::chain::FramePlan;
use agents::{Counted, Programs, Roles, Told};
use merge::{Evidence, merge};

pub(super) use agents::HostRefuses;

/// How often the hosts' counters are read while frames may still be on their way.
const LOOK_EVERY: Duration = Duration::from_millis(40);

/// Runs the plan's trial.
///
/// # Errors
/// [`HostRefuses`] where this machine cannot run the system; whatever failed otherwise.
pub(crate) fn run(plan: &FramePlan, sequence: u32, patience: Patience) -> Result<TrialData> {
    let started = Timestamp::now();
    let setup = patience.setup();
    let mut lab = Chain::build(&plan.hosts).context("building the topology")?;
    let mut roles = Roles::start(plan, &lab)?;
    let obtained = roles.attach(plan, &mut lab, setup)?;
    let devices = lab.describe().context("describing the devices")?;
    let before = AtRest {
        lab: lab.counters()?,
        counted: roles.arm(setup)?,
    };
    let window = window(&plan.trial);
    let measure_started = wall_clock_of(window.measure_from_ns());
    let ours = Ours::of(plan.placement.cpus(), lab.napi_threads());
    let watch = Watch::begin(window, plan.trial.bpf_stats, ours)?;
    let deadline = patience.deadline(window, plan.trial.phases.timeout);
    let driven = drive(&mut roles, &mut lab, window, deadline)?;
    let (machine, programs) = watch.finish()?;
    let after = rest(&mut roles, &mut lab, setup)?;
    let (sent, sender_hardware) = roles.close(driven.sent, setup)?;
    Ok(merge(Evidence {
        plan,
        sequence,
        started,
        measure_started,
        sent,
        sender_hardware,
        arrived: driven.arrived,
        routers: driven.routers,
        kernel: driven.kernel,
        whole: after.since(&before),
        machine,
        programs,
        obtained,
        devices,
    }))
}

/// What the window did.
struct Driven {
    /// What was sent, where nothing comes back.
    sent: Option<Told>,
    /// The receiver in the measure phase.
    arrived: Counts,
    routers: Vec<router::Measured>,
    /// Kernel threads of each host.
    kernel: Vec<host::Measured>,
}

/// Sends through the window. One deadline for all, as for requests.
fn drive(roles: &mut Roles, lab: &mut Chain, window: Window, deadline: Instant) -> Result<Driven> {
    lab.begin(window)?;
    roles.begin(window)?;
    let left = || {
        deadline
            .saturating_duration_since(Instant::now())
            .max(GRACE)
    };
    Ok(Driven {
        sent: roles.sent(left()).context("sending frames")?,
        arrived: roles.arrived(left()).context("measuring the receiver")?,
        routers: roles.measured(left()).context("measuring the system")?,
        kernel: lab.finish(left())?,
    })
}

/// Every count, while nothing is on its way.
struct AtRest {
    /// The hosts' networks.
    lab: Vec<CounterRow>,
    /// Systems and programs.
    counted: Counted,
}

impl AtRest {
    /// What was counted since `earlier`.
    fn since(&self, earlier: &Self) -> Self {
        let (now, before) = (&self.counted, &earlier.counted);
        let routers = now.routers.iter().zip(&before.routers);
        Self {
            lab: super::merge::difference(&earlier.lab, &self.lab),
            counted: Counted {
                routers: routers
                    .map(|(now, before)| ledger::since(now, before))
                    .collect(),
                programs: Programs {
                    path: now.programs.path.since(&before.programs.path),
                    receiver: now.programs.receiver.since(&before.programs.receiver),
                },
            },
        }
    }
}

/// Waits until nothing is on its way any more, and reads every counter: frames lie in the devices' queues until NAPI
/// takes them, then in the systems, then in the devices behind those.
fn rest(roles: &mut Roles, lab: &mut Chain, within: Duration) -> Result<AtRest> {
    stand_still(lab, within)?;
    let routers = roles.quiesce(within)?;
    let lab = stand_still(lab, within)?;
    let programs = roles.finish_programs(within)?;
    Ok(AtRest {
        lab,
        counted: Counted { routers, programs },
    })
}

/// Waits until no device has taken a frame between two looks; returns the second.
fn stand_still(lab: &mut Chain, within: Duration) -> Result<Vec<CounterRow>> {
    let deadline = Instant::now() + within;
    let mut before = lab.counters()?;
    loop {
        std::thread::sleep(LOOK_EVERY);
        let now = lab.counters()?;
        if ledger::frames_moved(&before, &now) == 0 {
            return Ok(now);
        }
        anyhow::ensure!(
            Instant::now() < deadline,
            "frames are still on their way after {within:?}"
        );
        before = now;
    }
}
