//! One trial, from an empty machine to its data, in the order of the protocol's phases.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use record::{Timestamp, TrialData};
use spec::{LoadPoint, Trial};
use sys::clock;

use super::drain::{Drain, drain};
use super::merge::{Evidence, merge};
use super::stall::Stalling;
use super::watch::{Ours, Watch};
use crate::agents::client::{self, ClientAnswer};
use crate::agents::host;
use crate::agents::repartition::SlotMoves;
use crate::agents::serving::{self, Counts, Deployment, Measured};
use crate::agents::window::Window;
use crate::lab::{Agent, Lab};
use crate::plan::Plan;

/// Time between the last order and the first request: every role is waiting by then.
const LEAD: Duration = Duration::from_millis(30);
/// Even past the deadline an answer that is there already is taken.
pub(super) const GRACE: Duration = Duration::from_millis(100);

type ServerAgent = Agent<serving::Request, serving::Answer>;
type ClientAgent = Agent<client::ClientRequest, ClientAnswer>;

/// How long a role may take before it counts as stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience(pub(crate) Duration);

impl Patience {
    /// For allocating, loading programs and filling the store, on a shared CPU.
    pub(super) fn setup(self) -> Duration {
        self.0 * 2
    }

    /// When a role must have driven its load: so long after the last timeout of `window`.
    pub(super) fn deadline(self, window: Window, timeout: spec::Duration) -> Instant {
        let timeout_ns = timeout.as_nanos();
        let end_ns = window.start_ns + window.load_ns() + timeout_ns;
        let ahead = Duration::from_nanos(end_ns.saturating_sub(clock::now_ns()));
        Instant::now() + ahead + self.0
    }
}

/// Runs the plan's trial.
pub(crate) fn run(plan: &Plan, sequence: u32, patience: Patience) -> Result<TrialData> {
    let started = Timestamp::now();
    let (plan, _memory) = super::regions::shared(plan)?;
    let mut lab = Lab::build(&plan).context("building the topology")?;
    let plan = super::switched::placed(plan, lab.switch_host());
    let plan = &*plan;
    let role = match plan.server {
        Deployment::Ours(_) => "server",
        Deployment::Memcached(_) => "memcached",
        Deployment::Reflector(_)
        | Deployment::KvDirect(_)
        | Deployment::FrameCount(_)
        | Deployment::LossyPath(_) => "in-kernel",
    };
    let mut server = ServerAgent::start(role, lab.server_host())?;
    let mut client = Agent::start("client", lab.client_host())?;
    let setup = patience.setup();
    let obtained = load(&mut server, plan, setup)?;
    attach(&mut server, &mut client, &mut lab, plan, setup)?;

    let devices = lab.describe().context("describing the devices")?;
    let lab_before = lab.counters()?;
    let server_before = counters(&mut server, &serving::Request::Arm, setup)?;
    let process = process_to_stop(&mut server, plan, setup)?;
    if let Some(moves) = SlotMoves::of(&plan.trial) {
        server.ask(&serving::Request::MoveSlots(moves), setup)?;
    }
    let begin = match plan.trial.load {
        LoadPoint::Open(_) | LoadPoint::Closed(_) | LoadPoint::Saturate => serving::Request::Serve,
        LoadPoint::Drain(_) => serving::Request::Hold,
    };
    server.ask(&begin, setup).context("starting to serve")?;
    let window = window(&plan.trial);
    let measure_started = wall_clock_of(window.measure_from_ns());
    let ours = Ours::of(plan.placement.cpus(), lab.napi_threads());
    let stalling = (plan.trial.disturb)
        .and_then(|disturb| disturb.stall)
        .zip(process)
        .map(|(stall, pid)| Stalling::begin(pid, stall, window))
        .transpose()?;
    let roles = Roles {
        server: &mut server,
        client: &mut client,
        lab: &mut lab,
    };
    let (driven, machine, programs) = match plan.trial.load {
        LoadPoint::Open(_) | LoadPoint::Closed(_) | LoadPoint::Saturate => {
            let watch = Watch::begin(window, plan.trial.bpf_stats, ours)?;
            let driven = measure(
                roles,
                window,
                patience.deadline(window, plan.trial.phases.timeout),
            )?;
            let (machine, programs) = watch.finish()?;
            (driven, machine, programs)
        }
        // It has no phase that was fixed beforehand.
        LoadPoint::Drain(_) => {
            let (driven, machine) = drain(roles, window, ours, setup)?;
            (driven, machine, Vec::new())
        }
    };
    let stall = stalling.map(Stalling::finish).transpose()?;
    // The client closes its ledger only when no reply is left in the server.
    let server_after = counters(&mut server, &serving::Request::Quiesce, setup)?;
    let closed = client.ask(&client::ClientRequest::Close, setup);
    let ClientAnswer::Report { report, hardware } = closed.context("driving the load")? else {
        bail!("the client answered out of turn");
    };
    let lab_after = lab.counters()?;
    Ok(merge(Evidence {
        plan,
        sequence,
        started,
        measure_started,
        report: *report,
        driven,
        server: server_after.since(&server_before),
        machine,
        programs,
        client_hardware: hardware,
        lab_before,
        lab_after,
        obtained,
        devices,
        stall,
    }))
}

/// The roles that a load concerns.
pub(super) struct Roles<'a> {
    pub(super) server: &'a mut ServerAgent,
    pub(super) client: &'a mut ClientAgent,
    pub(super) lab: &'a mut Lab,
}

/// What a load did to the server and its hosts.
pub(super) struct Driven {
    /// The server's measure phase.
    pub(super) measured: Measured,
    /// Kernel threads of the server's and of the client's host.
    pub(super) kernel: Option<[host::Measured; 2]>,
    /// Kernel threads of the switch, where there is one.
    pub(super) switch: Option<host::Measured>,
    /// Of a drain: its times, and what loading cost.
    pub(super) drain: Option<Drain>,
}

/// Drives the load through the window. One deadline for all: whoever is late after the others has
/// had their time as well.
fn measure(roles: Roles<'_>, window: Window, deadline: Instant) -> Result<Driven> {
    let Roles {
        server,
        client,
        lab,
    } = roles;
    lab.begin(window)?;
    server.begin(&serving::Request::Measure(window))?;
    client.begin(&client::ClientRequest::Run(window))?;
    let left = || {
        deadline
            .saturating_duration_since(Instant::now())
            .max(GRACE)
    };
    let driven = client.finish(left()).context("driving the load")?;
    let ClientAnswer::Driven = driven else {
        bail!("the client answered out of turn");
    };
    let measured = server.finish(left()).context("measuring the server")?;
    let serving::Answer::Measured(measured) = measured else {
        bail!("the server answered out of turn");
    };
    Ok(Driven {
        measured: *measured,
        kernel: lab.finish(left()).context("measuring kernel threads")?,
        switch: (lab.finish_switch(left())).context("measuring the switch's kernel threads")?,
        drain: None,
    })
}

fn load(server: &mut ServerAgent, plan: &Plan, within: Duration) -> Result<Vec<(String, String)>> {
    let request = serving::Request::Load(Box::new(plan.server.clone()));
    let serving::Answer::Obtained(obtained) =
        server.ask(&request, within).context("loading the server")?
    else {
        bail!("the server answered out of turn");
    };
    Ok(obtained)
}

/// Attaches both ends, pins the NAPI threads that exist from then on, fills the store.
fn attach(
    server: &mut ServerAgent,
    client: &mut ClientAgent,
    lab: &mut Lab,
    plan: &Plan,
    within: Duration,
) -> Result<()> {
    server
        .ask(&serving::Request::Attach(plan.trial.disturb), within)
        .context("attaching the server's programs")?;
    let request = client::ClientRequest::Load(Box::new(client::Load {
        config: plan.client.clone(),
        workload: plan.requests.clone(),
        duration_ns: window(&plan.trial).load_ns(),
        steer_transmit: plan.steer_transmit.clone(),
    }));
    let ClientAnswer::Ready = client
        .ask(&request, within)
        .context("preparing the client")?
    else {
        bail!("the client answered out of turn");
    };
    if let Some(cpus) = lab.pin().context("pinning NAPI threads")? {
        server.ask(&serving::Request::NapiCpus(cpus), within)?;
    }
    let asked = server.ask(&serving::Request::KernelThreads, within)?;
    let serving::Answer::KernelThreads(threads) = asked else {
        bail!("the server answered out of turn");
    };
    lab.add_stack(threads)
        .context("accounting for the threads that run the stack")?;
    server
        .ask(&serving::Request::Preload, within)
        .context("filling the store")?;
    Ok(())
}

/// The process of a server that is going to be stopped.
fn process_to_stop(server: &mut ServerAgent, plan: &Plan, within: Duration) -> Result<Option<u32>> {
    if (plan.trial.disturb).is_none_or(|disturb| disturb.stall.is_none()) {
        return Ok(None);
    }
    let serving::Answer::Process(pid) = server.ask(&serving::Request::Process, within)? else {
        bail!("the server answered out of turn");
    };
    Ok(Some(pid))
}

fn counters(
    server: &mut ServerAgent,
    request: &serving::Request,
    within: Duration,
) -> Result<Counts> {
    let serving::Answer::Counters(counts) = server.ask(request, within)? else {
        bail!("the server answered out of turn");
    };
    Ok(*counts)
}

/// The window of a trial that is about to begin.
pub(super) fn window(trial: &Trial) -> Window {
    Window {
        start_ns: clock::now_ns() + u64::try_from(LEAD.as_nanos()).unwrap_or(u64::MAX),
        warmup_ns: trial.phases.warmup.as_nanos(),
        measure_ns: trial.phases.measure.as_nanos(),
    }
}

/// The wall-clock time of an instant of CLOCK_MONOTONIC.
pub(super) fn wall_clock_of(at_ns: u64) -> Timestamp {
    let ahead = at_ns.saturating_sub(clock::now_ns());
    Timestamp::from(Timestamp::now().system_time() + Duration::from_nanos(ahead))
}
