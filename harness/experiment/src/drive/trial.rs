//! One trial, from an empty machine to its data, in the order of the protocol's phases.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use record::{Timestamp, TrialData};
use sys::clock;

use super::merge::{Evidence, merge};
use super::stall::Stalling;
use crate::agents::client::{self, ClientAnswer};
use crate::agents::serving::{self, Counts, Deployment};
use crate::agents::window::Window;
use crate::lab::{Agent, Lab};
use crate::plan::{Plan, workload};

/// Time between the last order and the first request: every role is waiting by then.
const LEAD: Duration = Duration::from_millis(30);
/// Allocating, loading programs, filling the store: on a shared CPU.
const SETUP: Duration = Duration::from_secs(60);
/// How long a role may take beyond the window to drain and report.
const DRAIN: Duration = Duration::from_secs(30);

type ServerAgent = Agent<serving::Request, serving::Answer>;

/// Runs the plan's trial.
pub(crate) fn run(plan: &Plan, sequence: u32) -> Result<TrialData> {
    let started = Timestamp::now();
    let mut lab = Lab::build(plan).context("building the topology")?;
    let role = match plan.server {
        Deployment::Ours(_) => "server",
        Deployment::Memcached(_) => "memcached",
        Deployment::Reflector(_) => "reflector",
    };
    let mut server = ServerAgent::start(role, lab.server_host())?;
    let mut client = Agent::start("client", lab.client_host())?;
    let obtained = load(&mut server, plan)?;
    attach(&mut server, &mut client, &mut lab, plan)?;

    let devices = lab.describe().context("describing the devices")?;
    let lab_before = lab.counters()?;
    let server_before = counters(&mut server, &serving::Request::Arm)?;
    let process = process_to_stop(&mut server, plan)?;
    let window = window(plan);
    let measure_started = wall_clock_of(window.measure_from_ns());
    lab.begin(window)?;
    server.begin(&serving::Request::Measure(window))?;
    client.begin(&client::ClientRequest::Run(window))?;
    let stalling = (plan.trial.disturb)
        .and_then(|disturb| disturb.stall)
        .zip(process)
        .map(|(stall, pid)| Stalling::begin(pid, stall, window))
        .transpose()?;

    let within = Duration::from_nanos(window.load_ns()) + LEAD + DRAIN;
    let ClientAnswer::Driven = client.finish(within).context("driving the load")? else {
        bail!("the client answered out of turn");
    };
    let serving::Answer::Measured(measured) = server.finish(within)? else {
        bail!("the server answered out of turn");
    };
    let kernel = lab.finish(within)?;
    let stall = stalling.map(Stalling::finish).transpose()?;
    // The client closes its ledger only when no reply is left in the server.
    let server_after = counters(&mut server, &serving::Request::Quiesce)?;
    let closed = client.ask(&client::ClientRequest::Close, SETUP);
    let ClientAnswer::Report(report) = closed.context("driving the load")? else {
        bail!("the client answered out of turn");
    };
    let lab_after = lab.counters()?;
    Ok(merge(Evidence {
        plan,
        sequence,
        started,
        measure_started,
        report: *report,
        measured: *measured,
        server: server_after.since(&server_before),
        kernel,
        lab_before,
        lab_after,
        obtained,
        devices,
        stall,
    }))
}

fn load(server: &mut ServerAgent, plan: &Plan) -> Result<Vec<(String, String)>> {
    let request = serving::Request::Load(Box::new(plan.server.clone()));
    let serving::Answer::Obtained(obtained) =
        server.ask(&request, SETUP).context("loading the server")?
    else {
        bail!("the server answered out of turn");
    };
    Ok(obtained)
}

/// Attaches both ends, pins the NAPI threads that exist from then on, fills the store.
fn attach(
    server: &mut ServerAgent,
    client: &mut Agent<client::ClientRequest, ClientAnswer>,
    lab: &mut Lab,
    plan: &Plan,
) -> Result<()> {
    server
        .ask(&serving::Request::Attach(plan.trial.disturb), SETUP)
        .context("attaching the server's programs")?;
    let request = client::ClientRequest::Load(Box::new(client::Load {
        config: plan.client.clone(),
        workload: workload(&plan.trial),
        duration_ns: window(plan).load_ns(),
        steer_transmit: plan.steer_transmit.clone(),
    }));
    let ClientAnswer::Ready = client
        .ask(&request, SETUP)
        .context("preparing the client")?
    else {
        bail!("the client answered out of turn");
    };
    if let Some(cpus) = lab.pin().context("pinning NAPI threads")? {
        server.ask(&serving::Request::NapiCpus(cpus), SETUP)?;
    }
    server
        .ask(&serving::Request::Preload, SETUP)
        .context("filling the store")?;
    Ok(())
}

/// The process of a server that is going to be stopped.
fn process_to_stop(server: &mut ServerAgent, plan: &Plan) -> Result<Option<u32>> {
    if (plan.trial.disturb).is_none_or(|disturb| disturb.stall.is_none()) {
        return Ok(None);
    }
    let serving::Answer::Process(pid) = server.ask(&serving::Request::Process, SETUP)? else {
        bail!("the server answered out of turn");
    };
    Ok(Some(pid))
}

fn counters(server: &mut ServerAgent, request: &serving::Request) -> Result<Counts> {
    let serving::Answer::Counters(counts) = server.ask(request, SETUP)? else {
        bail!("the server answered out of turn");
    };
    Ok(*counts)
}

fn window(plan: &Plan) -> Window {
    Window {
        start_ns: clock::now_ns() + u64::try_from(LEAD.as_nanos()).unwrap_or(u64::MAX),
        warmup_ns: plan.trial.phases.warmup.as_nanos(),
        measure_ns: plan.trial.phases.measure.as_nanos(),
    }
}

/// The wall-clock time of an instant of CLOCK_MONOTONIC.
fn wall_clock_of(at_ns: u64) -> Timestamp {
    let ahead = at_ns.saturating_sub(clock::now_ns());
    Timestamp::from(Timestamp::now().system_time() + Duration::from_nanos(ahead))
}
