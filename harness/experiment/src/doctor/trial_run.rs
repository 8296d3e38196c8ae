//! The only honest test of XDP and AF_XDP: build the topology, load, attach, bind, take it down.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use spec::Spec;

use super::{Finding, facts};
use crate::agents::serving::{Answer, Request};
use crate::lab::{Agent, Lab};
use crate::plan::{self, PORT};

const SUBJECT: &str = "native XDP and AF_XDP on veth";
const PATIENCE: Duration = Duration::from_secs(20);

/// The smallest deployment that uses everything.
const SPEC: &str = "
name: doctor
topology: {kind: veth, queues: 1}
systems: [{system: xdp_steered, owners: 1, memory: 16 MiB}]
workload: {keys: 1, key_size: 16 B, value_size: 16 B, popularity: uniform, get_ratio: 1.0}
load: {rates: [1 kreq/s]}
phases: {warmup: 0 s, measure: 1 ms, timeout: 1 ms}
floor: false
";

/// The same, its program for the device to run.
const OFFLOADED: &str =
    "systems=[{system: xdp_steered, owners: 1, memory: 16 MiB, xdp: {mode: offload}}]";

/// Whether the device of the veth topology runs XDP programs itself.
///
/// # Errors
/// The driver's reason.
pub(super) fn offload() -> Result<()> {
    deploy(&[OFFLOADED.to_owned()]).map(drop)
}

/// Deploys a steered system on a veth pair and says what was obtained.
pub(super) fn veth() -> Finding {
    let without = "the veth topology";
    match facts::missing_capabilities() {
        Ok(missing) if missing.is_empty() => {}
        Ok(_) | Err(_) => {
            return Finding::missing(SUBJECT, "not tried", without, "privilege, see above");
        }
    }
    match deploy(&[]) {
        Ok(obtained) => Finding::good(SUBJECT, obtained),
        Err(error) => Finding::missing(
            SUBJECT,
            format!("{error:#}"),
            without,
            "a kernel with CONFIG_XDP_SOCKETS, CONFIG_VETH and CONFIG_BPF_JIT",
        ),
    }
}

fn deploy(overrides: &[String]) -> Result<String> {
    let spec = Spec::parse_with(SPEC, "doctor", overrides).context("the doctor's own spec")?;
    let trial = spec::expand(&spec)
        .into_iter()
        .next()
        .context("the doctor's own spec is empty")?;
    let plan = plan::requests(&trial, &facts::machine()?, PORT)?;
    let lab = Lab::build(&plan)?;
    let mut server = Agent::<Request, Answer>::start("server", lab.server_host())?;
    let Answer::Obtained(obtained) =
        server.ask(&Request::Load(Box::new(plan.server.clone())), PATIENCE)?
    else {
        bail!("the server answered out of turn");
    };
    server.ask(&Request::Attach(None), PATIENCE)?;
    let io = obtained.into_iter().find(|(name, _)| name == "server io");
    // The client's end has no program here and so no NAPI to pin: one end is enough to know.
    Ok(io.map_or_else(|| "works".to_owned(), |(_, mode)| mode))
}
