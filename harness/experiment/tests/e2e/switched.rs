//! A cache on a switch between client and server: what it answers ends there, and what it lets through keeps its queue.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bench::{Bench, shipped};
use crate::case::Case;
use crate::needs::Need;
use crate::results::Row;

const LIMIT: Duration = Duration::from_secs(60);
/// Frames that a device's kernel may send of its own accord.
const OF_ITS_OWN: u64 = 20;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("switched::hits", &[Need::Veth], hits),
        Case::new("switched::overload", &[Need::Veth], overload),
    ]
}

/// What passes the cache is what reaches the server's device and its threads, by the queue that was chosen; hits do not,
/// and no value is wrong.
fn hits(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/netcache-switch.yaml"), LIMIT)?;
    ensure!(run.trials.len() == 3, "{} trials", run.trials.len());
    for trial in &run.trials {
        let who = trial.who();
        trial.expect_closed()?;
        let unanswered = trial.number("timed_out")? + trial.number("unsent")?;
        ensure!(unanswered == 0, "{who}: {unanswered} without an answer");
        let wrong = trial.counter("client", "wrong_values")?;
        ensure!(wrong == 0, "{who}: {wrong} wrong values");
        let (hits, passed) = passed(trial)?;
        let sent = trial.number("sent")? as u64;
        ensure!(
            hits > 0 && hits + passed == sent,
            "{who}: {hits} hits, {passed} passed, of {sent}"
        );
        let received = trial.counter("server", "requests_received")?;
        ensure!(
            received == passed,
            "{who}: {received} reached a thread, {passed} passed"
        );
        ensure!(
            trial.counter("server", "netcache_refreshed")? > 0,
            "{who}: no refreshes"
        );
        let arrived = trial.counter("server host", "server0 rx_packets")?;
        let cpu = trial.text("switch_cpu_ns_per_request")?;
        if trial.text("label")? == "server" {
            ensure!(
                arrived >= sent,
                "{who}: {arrived} frames for {sent} requests"
            );
            ensure!(cpu.is_empty(), "{who}: a switch used {cpu} ns a request");
            continue;
        }
        ensure!(
            (passed..passed + OF_ITS_OWN).contains(&arrived),
            "{who}: {arrived} frames reached the server's device, {passed} requests passed"
        );
        let forwarded = trial.counter("server", "switch_to_server")?;
        let back = trial.counter("server", "switch_to_clients")?;
        ensure!(
            forwarded >= arrived && back >= passed,
            "{who}: {forwarded} forwarded, {back} forwarded back"
        );
        ensure!(
            cpu.parse::<f64>()? > 0.0,
            "{who}: the switch used {cpu} ns a request"
        );
        same_queues(trial)?;
    }
    Ok(())
}

/// Hits, and requests that the cache let through.
fn passed(trial: &Row) -> Result<(u64, u64)> {
    let of = |what: &str| trial.counter("server", &format!("netcache_{what}"));
    let kinds = [
        "gets_passed",
        "reads_passed",
        "writes_passed",
        "others_passed",
    ];
    let mut passed = 0;
    for kind in kinds {
        passed += of(kind)?;
    }
    Ok((of("hits")?, passed))
}

/// What came in by a queue of the switch and was no hit came in by the same queue of the server, and the replies came
/// back by it.
fn same_queues(trial: &Row) -> Result<()> {
    let count = |host: &str, device: &str, name: String| {
        trial.counter(&format!("{host} host"), &format!("{device} ethtool {name}"))
    };
    for queue in 0..2 {
        let came = count("switch", "switch0", format!("rx_queue_{queue}_xdp_packets"))?;
        let answered = count("switch", "switch0", format!("rx_queue_{queue}_xdp_tx"))?;
        let arrived = count("server", "server0", format!("rx_queue_{queue}_xdp_packets"))?;
        let replies = count("switch", "switch1", format!("rx_queue_{queue}_xdp_packets"))?;
        let received = count("client", "client0", format!("rx_queue_{queue}_xdp_packets"))?;
        ensure!(
            came.abs_diff(answered + arrived) < OF_ITS_OWN
                && received.abs_diff(answered + replies) < OF_ITS_OWN
                && arrived > OF_ITS_OWN,
            "{}, queue {queue}: {came} came, {answered} were answered and {arrived} arrived; {replies} replies left \
             and {received} were received with them",
            trial.who()
        );
    }
    Ok(())
}

/// More than the path carries: whatever is lost on the switch is in a line that names its counter.
fn overload(bench: &Bench) -> Result<()> {
    let spec = shipped("smoke/netcache-switch.yaml");
    let set = OVERLOAD.map(|setting| ["--set", setting]).concat();
    let finished = bench.finish(&mut bench.run_command(&spec, &set), LIMIT)?;
    finished.expect_code(0)?;
    let run = bench.only_run()?;
    for trial in &run.trials {
        trial.expect_closed()?;
        let answered = trial.number("answered")?;
        ensure!(answered > 0, "{} answered nothing", trial.who());
    }
    Ok(())
}

/// One system, many more requests than two CPUs serve.
const OVERLOAD: [&str; 3] = [
    "systems=[{system: netcache, at: switch, cache_entries: 100}]",
    "load.rates=[600 kreq/s]",
    "phases={warmup: 300 ms, measure: 500 ms, timeout: 200 ms}",
];
