//! The smoke spec of each rival, and the property that defines it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bench::{Bench, shipped};
use crate::case::Case;
use crate::needs::Need;
use crate::results::Row;

const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("systems::mica", &[Need::Veth], mica),
        Case::new("systems::minos", &[Need::Veth], minos),
        Case::new("systems::herd", &[], herd),
        Case::new("systems::full_regions", &[], full_regions),
        Case::new("systems::shenango", &[Need::Veth], shenango),
        Case::new("systems::shared_something", &[Need::Veth], shared_something),
        Case::new("systems::kv_direct", &[Need::Veth], kv_direct),
        Case::new("systems::netcache", &[Need::Veth], netcache),
        Case::new("systems::repartition", &[Need::Veth], repartition),
        Case::new("systems::rebalance", &[Need::Veth], rebalance),
        Case::new("systems::hot_keys", &[Need::Veth], hot_keys),
    ]
}

/// Nothing changes threads in any mode, although CREW's gets go to both owners by turns, and CRCW's
/// requests do.
fn mica(bench: &Bench) -> Result<()> {
    for trial in smoke(bench, "mica")? {
        expect_none(&trial, &["handoffs", "misroutes"])?;
        let (label, engine) = (trial.text("label")?, trial.text("engine")?);
        let expected = if label.ends_with("slab") {
            "slab"
        } else {
            "log"
        };
        ensure!(engine == expected, "{}: engine {engine}", trial.who());
        let count = |name: &str| trial.counter("server", name);
        let (gets, writes) = (count("executed_get")?, count("executed_write")?);
        ensure!(
            gets > 0 && writes > 0,
            "{}: {gets} gets, {writes} writes",
            trial.who()
        );
        if trial.text("io")? != "af_xdp" {
            continue;
        }
        let (first, second) = (count("xdp_redirected_0")?, count("xdp_redirected_1")?);
        ensure!(
            first + second == gets + writes,
            "{}: {first} + {second}",
            trial.who()
        );
        match label {
            // By turns: none or one apart.
            "crcw" => ensure!(first.abs_diff(second) <= 1, "crcw: {first} and {second}"),
            "crew" => {
                let at_least = gets / 2;
                ensure!(
                    first >= at_least && second >= at_least,
                    "crew: {first} and {second} with {gets} gets"
                );
            }
            _ => ensure!(first > 0 && second > 0, "{label}: {first} and {second}"),
        }
    }
    Ok(())
}

/// Large requests, and no others, change threads, once the threshold has been drawn: 0.5% of them,
/// give or take 4 standard deviations over 3000.
fn minos(bench: &Bench) -> Result<()> {
    for trial in smoke(bench, "minos")? {
        let executed = trial.counter("server", "requests_executed")?;
        let share = trial.counter("server", "handoffs")? as f64 / executed as f64;
        ensure!(
            share > 0.0 && share < 0.0102,
            "{}: {share} of the requests changed threads",
            trial.who()
        );
        expect_none(&trial, &["misroutes"])?;
        let large = trial.counter("server", "xdp_redirected_1")?;
        ensure!(
            large == 0,
            "{}: {large} arrived at the large core",
            trial.who()
        );
    }
    Ok(())
}

/// Clients address the owner's region, so that nothing changes threads and each owner serves what its
/// region got; nothing travels by packets, and the fidelity says so.
fn herd(bench: &Bench) -> Result<()> {
    for trial in smoke(bench, "herd")? {
        let who = trial.who();
        expect_none(&trial, &["handoffs", "misroutes", "drop_incomplete"])?;
        let [io, fidelity] = ["io", "fidelity"].map(|column| trial.text(column));
        let (io, fidelity) = (io?, fidelity?);
        ensure!(
            io == "memory" && fidelity == "memory",
            "{who}: {io} of fidelity {fidelity}"
        );
        let mut executed = 0;
        for owner in 0..2 {
            let own = trial.counter("server", &format!("executed_owner_{owner}"))?;
            ensure!(own > 0, "{who}: nothing for owner {owner}");
            executed += own;
        }
        let received = trial.counter("server", "requests_received")?;
        let sent = trial.number("sent")? as u64;
        ensure!(
            executed == sent && received == sent,
            "{who}: {received} received and {executed} executed of {sent}"
        );
        let wrong = trial.counter("client", "wrong_values")?;
        ensure!(wrong == 0, "{who}: {wrong} wrong values");
    }
    Ok(())
}

/// While the server stands still, its regions fill up: requests wait with the client, and those that
/// find no room until the trial's end are unsent, each in that one line of the ledger.
fn full_regions(bench: &Bench) -> Result<()> {
    // 6800 requests are due in the stall, and there are 1024 slots an owner.
    let spec = bench.spec(
        "full-regions",
        "name: full-regions\n\
         topology: {kind: memory}\n\
         systems: [{system: herd, owners: 2}]\n\
         workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 64}\n\
         load: {rates: [20 kreq/s]}\n\
         phases: {warmup: 50 ms, measure: 600 ms, timeout: 20 ms}\n\
         disturb: {stall: {after: 250 ms, length: 340 ms}}\n",
    )?;
    let run = bench.run(&spec, LIMIT)?;
    ensure!(run.trials.len() == 1, "{} trials", run.trials.len());
    for trial in &run.trials {
        trial.expect_closed()?;
        let full = trial.counter("client", "region_full_retried")?;
        ensure!(full > 0, "{}: no region was full", trial.who());
        expect_none(trial, &["misroutes", "handoffs"])?;
    }
    Ok(())
}

/// Owners take part only as load demands: nobody runs without a core, which is granted when requests
/// wait and given back. One thread hands all requests over, or XDP does and none changes threads; each
/// is executed by its owner.
fn shenango(bench: &Bench) -> Result<()> {
    let trials = smoke(bench, "shenango")?;
    ensure!(trials.len() == 2, "{} trials", trials.len());
    for trial in trials {
        let (who, phase) = (trial.who(), "server, measure phase");
        let seen = |name: &str| trial.counter("server", name);
        expect_none(&trial, &["misroutes", "executed_dispatcher"])?;
        let executed = [seen("executed_owner_0")?, seen("executed_owner_1")?];
        let all = executed[0] + executed[1];
        ensure!(
            executed.iter().all(|count| *count > 0),
            "{who}: {executed:?}"
        );
        let redirected = seen("xdp_redirected_0")?;
        let polls = trial.counter(phase, "empty_polling_ns").is_ok();
        match trial.text("label")? {
            "software" => {
                ensure!(polls, "{who}: the dispatcher does not poll");
                let handoffs = seen("handoffs")?;
                ensure!(
                    handoffs == all && redirected == all,
                    "{who}: {redirected} came to the dispatcher, {handoffs} handed over, {all} executed"
                );
            }
            _ => {
                ensure!(!polls, "{who}: a thread polls");
                expect_none(&trial, &["handoffs"])?;
                let steered = [redirected, seen("xdp_redirected_1")?];
                ensure!(steered == executed, "{who}: {steered:?} for {executed:?}");
            }
        }
        let (granted, parked) = (seen("cores_granted")?, seen("cores_parked")?);
        ensure!(
            granted > 0 && granted <= all && granted.abs_diff(parked) <= 2,
            "{who}: {granted} cores granted, {parked} given back, for {all} requests"
        );
        ensure!(seen("queueing_delay_max_ns")? > 0, "{who}: nothing waited");
        let [dispatcher, server] = ["dispatcher", "server"].map(|whose| {
            let ns = trial.text(&format!("{whose}_cpu_ns_per_request"))?;
            Ok::<f64, anyhow::Error>(ns.parse()?)
        });
        let (dispatcher, server) = (dispatcher?, server?);
        ensure!(
            0.0 < dispatcher && dispatcher < server,
            "{who}: {dispatcher} ns a request in the dispatcher, {server} in all threads"
        );
        let wrong = trial.counter("client", "wrong_values")?;
        ensure!(wrong == 0, "{who}: {wrong} wrong values");
    }
    Ok(())
}

/// The program answers every request, and the server's process sleeps.
fn kv_direct(bench: &Bench) -> Result<()> {
    for trial in smoke(bench, "kv-direct")? {
        let [hits, misses, stored] = ["hits", "misses", "stored"].map(|outcome| {
            let counter = format!("xdp_{outcome}");
            trial.counter("server", &counter)
        });
        let (hits, misses, stored) = (hits?, misses?, stored?);
        // What the ledger names as lost on the way there, the program has not seen.
        let arrived = (trial.number("sent")? - trial.number("drop_request_link")?) as u64;
        ensure!(
            misses == 0 && hits + stored == arrived,
            "{}: {hits} hits, {misses} misses and {stored} stored of {arrived}",
            trial.who()
        );
        let wrong = trial.counter("client", "wrong_values")?;
        ensure!(wrong == 0, "{}: {wrong} wrong values", trial.who());
        // Waking up once at the phase's end is all that it does.
        let [server, napi] = ["server", "napi"].map(|whose| {
            let ns = trial.text(&format!("{whose}_cpu_ns_per_request"))?;
            Ok::<f64, anyhow::Error>(ns.parse()?)
        });
        let (server, napi) = (server?, napi?);
        ensure!(
            server * 20.0 < napi,
            "{}: {server} ns a request in its process, {napi} in NAPI",
            trial.who()
        );
    }
    Ok(())
}

/// What the cache answers never reaches the server, a larger cache answers more, and no value is wrong.
fn netcache(bench: &Bench) -> Result<()> {
    let mut ratios = Vec::new();
    for trial in smoke(bench, "netcache")? {
        let seen = |name: &str| trial.counter("server", name);
        let (hits, passed) = (seen("netcache_hits")?, seen("netcache_gets_passed")?);
        let others = seen("netcache_others_passed")? + seen("netcache_reads_passed")?;
        let writes = seen("netcache_writes_passed")?;
        let received = seen("requests_received")?;
        ensure!(
            received == passed + writes + others,
            "{}: {received} requests reached the server, {passed} gets, {writes} writes and {others} \
             others went on",
            trial.who()
        );
        let sent = trial.number("sent")? as u64;
        ensure!(
            hits + received == sent,
            "{}: {hits} hits of {sent}",
            trial.who()
        );
        ensure!(
            seen("netcache_refreshed")? > 0,
            "{}: no refreshes",
            trial.who()
        );
        let wrong = trial.counter("client", "wrong_values")?;
        ensure!(wrong == 0, "{}: {wrong} wrong values", trial.who());
        ratios.push((
            trial.text("label")?.to_owned(),
            hits as f64 / (hits + passed) as f64,
        ));
    }
    let ratio = |label: &str| {
        ratios
            .iter()
            .find(|(of, _)| of == label)
            .map(|found| found.1)
    };
    ensure!(
        ratio("small") > Some(0.0) && ratio("larger") > ratio("small"),
        "{ratios:?}"
    );
    Ok(())
}

/// Every request goes to a member of its key's cluster, and each member serves its share.
fn shared_something(bench: &Bench) -> Result<()> {
    for trial in smoke(bench, "shared-something")? {
        expect_none(&trial, &["handoffs", "misroutes"])?;
        for owner in 0..4 {
            let steered = trial.counter("server", &format!("xdp_redirected_{owner}"))?;
            ensure!(steered > 0, "{}: nothing for owner {owner}", trial.who());
        }
    }
    Ok(())
}

/// Half of the slots move. Whoever asks loses nothing and sees no wrong value; clients that address
/// partitions misroute half of their requests from the moves on until they are told, 300 ms after the
/// first move.
fn repartition(bench: &Bench) -> Result<()> {
    const TOLD_MS: f64 = 300.0;
    const LOAD_MS: f64 = 650.0;
    for trial in smoke(bench, "repartition")? {
        let (who, phase) = (trial.who(), "server, measure phase");
        let moved = trial.counter(phase, "repartitioned_slots")?;
        ensure!(moved == 512, "{who}: {moved} slots were moved");
        let unanswered = trial.number("timed_out")? + trial.number("unsent")?;
        ensure!(unanswered == 0, "{who}: {unanswered} without an answer");
        let moving_ms = trial.counter(phase, "repartition_ns")? as f64 / 1e6;
        ensure!(moving_ms < TOLD_MS, "{who}: the moves took {moving_ms} ms");
        let share = trial.counter("server", "misroutes")? as f64 / trial.number("sent")? as f64;
        // Of 1300 requests a quarter is 4 standard deviations of those misrouted.
        let misrouted = |ms: f64| 0.5 * ms / LOAD_MS;
        let expected = match trial.text("system")? {
            // Those on their way while slots move.
            "xdp_steered" => 0.0..misrouted(moving_ms) + 0.01,
            _ => 0.75 * misrouted(TOLD_MS - moving_ms)..1.25 * misrouted(TOLD_MS),
        };
        ensure!(
            expected.contains(&share),
            "{who}: {share} were misrouted, not {expected:?}; the moves took {moving_ms} ms"
        );
    }
    Ok(())
}

/// Under skew the owners' loads come together by moved slots, and nothing is lost on the way.
fn rebalance(bench: &Bench) -> Result<()> {
    let mut imbalance = BTreeMap::new();
    for trial in smoke(bench, "rebalance")? {
        expect_all_answered(&trial)?;
        imbalance.insert(trial.text("label")?.to_owned(), busier_of_two(&trial)?);
    }
    let (fixed, rebalanced) = (imbalance["fixed"], imbalance["rebalanced"]);
    ensure!(
        rebalanced < fixed,
        "the busier owner had {rebalanced} of the mean with moves, {fixed} without"
    );
    Ok(())
}

/// Under skew the owners' loads come together where gets of hot keys are spread: those are answered from
/// copies, none of them counts as misrouted or shows a wrong value, and nothing is lost.
fn hot_keys(bench: &Bench) -> Result<()> {
    let mut imbalance = BTreeMap::new();
    for trial in smoke(bench, "hot-keys")? {
        let (who, label) = (trial.who(), trial.text("label")?.to_owned());
        expect_all_answered(&trial)?;
        expect_none(&trial, &["misroutes"])?;
        let wrong = trial.counter("client", "wrong_values")?;
        ensure!(wrong == 0, "{who}: {wrong} wrong values");
        let count = |name: &str| trial.counter("server", name);
        let (spread, forwarded) = (count("hot_spread")?, count("hot_forwarded")?);
        let (waits, copies) = (count("hot_waits")?, count("hot_copies")?);
        let handoffs = count("handoffs")?;
        ensure!(
            handoffs == forwarded,
            "{who}: {handoffs} handoffs, {forwarded} gets found no copy"
        );
        match label.as_str() {
            "spread" => ensure!(
                spread > forwarded && waits > 0 && copies > 0,
                "{who}: {spread} gets from copies, {forwarded} without one; {waits} writes waited, \
                 {copies} items were copied"
            ),
            _ => ensure!(
                spread + forwarded + waits + copies == 0,
                "{who}: no hot keys"
            ),
        }
        imbalance.insert(label, busier_of_two(&trial)?);
    }
    let (homes, spread) = (imbalance["homes"], imbalance["spread"]);
    ensure!(
        spread < homes,
        "the busier owner had {spread} of the mean with hot keys spread, {homes} without"
    );
    Ok(())
}

/// Fails where a request got no answer.
fn expect_all_answered(trial: &Row) -> Result<()> {
    let unanswered = trial.number("timed_out")? + trial.number("unsent")?;
    ensure!(
        unanswered == 0,
        "{}: {unanswered} without an answer",
        trial.who()
    );
    Ok(())
}

/// The load of the busier one of two owners, over their mean.
fn busier_of_two(trial: &Row) -> Result<f64> {
    let executed = |owner: u8| trial.counter("server", &format!("executed_owner_{owner}"));
    let (first, second) = (executed(0)? as f64, executed(1)? as f64);
    Ok(first.max(second) * 2.0 / (first + second))
}

/// Runs a shipped smoke spec; its trials, each with a ledger that closes.
fn smoke(bench: &Bench, name: &str) -> Result<Vec<Row>> {
    let run = bench.run(&shipped(&format!("smoke/{name}.yaml")), LIMIT)?;
    ensure!(!run.trials.is_empty(), "{name} has no trials");
    for trial in &run.trials {
        trial.expect_closed()?;
        let answered = trial.number("answered")?;
        ensure!(answered > 0, "{} answered nothing", trial.who());
    }
    Ok(run.trials)
}

/// Fails where the server counted any of these.
fn expect_none(trial: &Row, counters: &[&str]) -> Result<()> {
    for name in counters {
        let count = trial.counter("server", name)?;
        ensure!(count == 0, "{}: {count} {name}", trial.who());
    }
    Ok(())
}
