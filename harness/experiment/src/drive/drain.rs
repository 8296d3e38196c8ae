//! A drain: requests wait in the server's sockets until all its threads begin at one instant, with
//! nothing else running.
//!
//! What packets cost until they lie in the sockets is paid before the clock starts: the NAPI threads,
//! an XDP program, the copy. So both parts are told, and only their sum compares systems.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use record::{DrainTimes, Machine};
use sys::clock;

use super::trial::{Driven, Roles};
use super::watch::Ours;
use crate::agents::client::{ClientAnswer, ClientRequest};
use crate::agents::host::Measured;
use crate::agents::serving::{Answer, Request};
use crate::agents::window::Window;

/// The far end has taken the last frame; its NAPI thread may still be at it.
const SETTLE: Duration = Duration::from_millis(50);
/// Between the order and the release: every thread waits for the instant by then.
const LEAD_NS: u64 = 20_000_000;

/// What is known of a drain only.
pub(super) struct Drain {
    /// Its times.
    pub(super) times: DrainTimes,
    /// CPU time of the server's NAPI threads while requests were loaded, ns; `None` where there are
    /// none.
    pub(super) load_cpu_ns: Option<u64>,
}

/// Loads the server's sockets, releases its threads, and waits until they have nothing left to do;
/// neither may take longer than `within`. Tells also who ran on the CPUs meanwhile.
pub(super) fn drain(
    roles: Roles<'_>,
    window: Window,
    ours: Ours,
    within: Duration,
) -> Result<(Driven, Machine)> {
    let Roles {
        server,
        client,
        lab,
    } = roles;
    let look = ours.look()?;
    lab.mark()?;
    client.begin(&ClientRequest::Run(window))?;
    let ClientAnswer::Driven = client.finish(within).context("loading the sockets")? else {
        bail!("the client answered out of turn");
    };
    std::thread::sleep(SETTLE);
    let loading = lab.mark()?;
    let from_ns = clock::now_ns() + LEAD_NS;
    let drained = server.ask(&Request::Drain { from_ns }, within);
    let Answer::Drained(drained) = drained.context("draining the server")? else {
        bail!("the server answered out of turn");
    };
    let draining = lab.mark()?;
    let driven = Driven {
        measured: drained.measured,
        kernel: loading
            .as_ref()
            .zip(draining)
            .map(|(loading, draining)| both(loading, draining)),
        switch: None,
        drain: Some(Drain {
            times: DrainTimes {
                drain_ns: drained.drain_ns,
                first_idle_ns: drained.first_idle_ns,
            },
            load_cpu_ns: loading.map(|[server, _]| server.napi.sched.run_ns),
        }),
    };
    Ok((driven, look.again()?))
}

/// Both parts together, host by host.
fn both(loading: &[Measured; 2], draining: [Measured; 2]) -> [Measured; 2] {
    let [server, client] = draining;
    [server.plus(&loading[0]), client.plus(&loading[1])]
}
