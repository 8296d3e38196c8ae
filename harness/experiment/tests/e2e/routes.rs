//! Slices that the kernel tells where frames go, and whose mirror finds something else: the tables of the router's namespace are changed
//! by a rule, which the kernel follows and the mirror does not.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use record::Smell;
use sys::netns::Namespace;

use crate::bench::Bench;
use crate::case::Case;
use crate::needs::Need;

const MINUTE: Duration = Duration::from_secs(60);

/// What the receiver is asked for by, at the far end of the router's second device.
const RECEIVER: &str = "198.19.0.2";
/// The same link as in the main table, in a table of its own.
const LINK: &str = "route replace 198.19.0.0/24 dev router1 table 100";

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new(
        "routes::mirror_disagrees",
        &[Need::Veth, Need::Tool("ip")],
        mirror_disagrees,
    )]
}

/// Has `ip` change a namespace; whether it did.
fn changed(space: &Namespace, arguments: &str) -> Result<bool> {
    let mut command = Command::new("ip");
    command.args(arguments.split(' '));
    let output = space.run(|| command.output())??;
    Ok(output.status.success())
}

/// Every frame goes where the kernel says, which is right; each that is compared is found to go elsewhere by the mirror, and
/// the trial is invalid for that and for nothing else that the ledger tells.
fn mirror_disagrees(bench: &Bench) -> Result<()> {
    let spec = bench.spec(
        "disagreeing",
        "
name: disagreeing
topology: {kind: chain, queues: 1}
traffic: {processor: router, arrivals: fixed, flows: 64}
systems: [{system: netslice, routing: kernel}]
load: {rates: [2 kframes/s]}
phases: {warmup: 500 ms, measure: 1 s, timeout: 100 ms}
",
    )?;
    let mut running = bench.start(&mut bench.run_command(&spec, &[]))?;
    // The router's devices are there before its agent.
    let space = running.wait_for("the router", MINUTE, |_| {
        let space = Namespace::of_pid(bench.process("agent router")?).ok()?;
        changed(&space, LINK).ok()?.then_some(space)
    })?;
    // In this order the kernel knows the way at any time.
    for change in [
        format!("rule add pref 100 to {RECEIVER} lookup 100"),
        format!("route add blackhole {RECEIVER}/32"),
    ] {
        ensure!(changed(&space, &change)?, "`ip {change}` failed");
    }
    drop(space);
    running.wait(MINUTE)?.expect_code(0)?;

    let run = bench.only_run()?;
    let trial = run.only_trial()?;
    let who = trial.who();
    trial.expect_closed()?;
    let (sent, answered) = (trial.number("sent")?, trial.number("answered")?);
    ensure!(answered == sent, "{who}: {answered} of {sent} arrived");
    let count = |name: &str| trial.counter("router host", &format!("slice-0 {name}"));
    let (by_kernel, by_mirror) = (count("routed_by_kernel")?, count("routed_by_mirror")?);
    ensure!(
        i64::try_from(by_kernel)? == sent && by_mirror == 0,
        "{who}: {by_kernel} by the kernel, {by_mirror} by the mirror, {sent} sent"
    );
    let (checked, disagreed) = (count("next_links_checked")?, count("next_links_disagreed")?);
    ensure!(
        disagreed > 0 && disagreed <= checked,
        "{who}: {checked} compared, {disagreed} of them wrong"
    );
    let smells = trial.record()?.smells;
    let told = Smell::RoutesDisagreed { frames: disagreed };
    ensure!(
        smells.contains(&told),
        "{who}: {disagreed} disagreed, and {smells:?}"
    );
    ensure!(
        trial.text("valid")? == "false",
        "{who}: valid, though {disagreed} frames went elsewhere"
    );
    Ok(())
}
