//! Gets of several keys: the property that defines each way of serving them, and ledgers that count a
//! request once, however many datagrams it takes.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::bench::{Bench, shipped};
use crate::case::Case;
use crate::needs::Need;
use crate::results::Row;

const LIMIT: Duration = Duration::from_secs(60);

/// Keys of a get.
const WIDTH: u64 = 8;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("multi_key::each_way", &[Need::Veth], each_way),
        Case::new("multi_key::lost_parts", &[Need::Veth], lost_parts),
        Case::new("multi_key::overload", &[Need::Veth], overload),
    ]
}

/// What was counted of a trial that lost nothing.
struct Seen {
    gets: u64,
    handoffs: u64,
    multi_gets: u64,
    datagrams: u64,
}

/// Every key of every get was executed once and came back with its value, in as many replies as there
/// were requests to the server.
fn seen(trial: &Row) -> Result<Seen> {
    let server = |name: &str| trial.counter("server", name);
    let client = |name: &str| trial.counter("client", name);
    let who = trial.who();
    let lost = trial.number("timed_out")? + trial.number("unsent")?;
    ensure!(lost == 0, "{who}: {lost} without an answer");
    let sent = u64::try_from(trial.number("sent")?)?;
    let gets = sent
        .checked_sub(server("executed_write")?)
        .context("more sets than requests")?;
    let keys = server("executed_get")? + server("executed_multi_key")?;
    ensure!(
        keys == WIDTH * gets && client("hits")? == keys,
        "{who}: {keys} keys executed and {} found for {gets} gets of {WIDTH}",
        client("hits")?
    );
    let bad = client("wrong_values")? + client("misses")? + client("unknown_datagrams")?;
    ensure!(bad == 0, "{who}: {bad} wrong, missing or unknown answers");
    let datagrams = client("request_datagrams")?;
    let (received, replies) = (server("requests_received")?, server("replies_sent")?);
    ensure!(
        received == datagrams && replies == datagrams,
        "{who}: {datagrams} sent, {received} received, {replies} answered"
    );
    ensure!(server("misroutes")? == 0, "{who}: misroutes");
    Ok(Seen {
        gets,
        handoffs: server("handoffs")?,
        multi_gets: server("executed_multi")?,
        datagrams: datagrams - (sent - gets),
    })
}

/// Of eight keys of two owners 3.5 are not the first one's, and in 127 of 128 gets there are such. The
/// bounds are more than 6 standard deviations away.
fn each_way(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/multi-key.yaml"), LIMIT)?;
    ensure!(run.trials.len() == 8, "{} trials", run.trials.len());
    let (mut asked, mut scattered) = (Vec::new(), Vec::new());
    for trial in &run.trials {
        trial.expect_closed()?;
        trial.expect_sound()?;
        let Seen {
            gets,
            handoffs,
            multi_gets,
            datagrams,
        } = seen(trial)?;
        let each = |count: u64| count as f64 / gets as f64;
        let (way, who) = (trial.text("multi_key")?, trial.who());
        ensure!(gets > 300, "{who}: {gets} gets");
        match (trial.text("system")?, way) {
            // Sets of the other owner's keys change threads too.
            ("sphinx", "handoff") => ensure!(each(handoffs) > 3.0, "{who}: {handoffs} handoffs"),
            ("sphinx", "split") => ensure!(each(handoffs) < 1.2, "{who}: {handoffs} handoffs"),
            (_, "handoff") => {
                let expected = (3.0..4.0).contains(&each(handoffs));
                ensure!(expected, "{who}: {handoffs} handoffs for {gets} gets");
            }
            (_, "split") => {
                asked.push(handoffs);
                let expected = (0.95..=1.0).contains(&each(handoffs));
                ensure!(expected, "{who}: {handoffs} handoffs for {gets} gets");
            }
            (_, "client_split" | "duplicate") => {
                ensure!(handoffs == 0, "{who}: {handoffs} handoffs");
            }
            (system, way) => anyhow::bail!("{system} {way} is not expected here"),
        }
        match way {
            "client_split" | "duplicate" => {
                scattered.push(datagrams - gets);
                let expected = (1.95..=2.0).contains(&each(datagrams));
                ensure!(expected, "{who}: {datagrams} datagrams for {gets} gets");
            }
            _ => ensure!(
                datagrams == gets && multi_gets == gets,
                "{who}: {datagrams} datagrams, {multi_gets} gets of several keys for {gets} gets"
            ),
        }
        // The whole get in each copy, and not its owner's keys alone.
        ensure!(
            way != "duplicate" || multi_gets == datagrams,
            "{who}: {multi_gets} gets of several keys in {datagrams} datagrams"
        );
    }
    // All have the same schedule: the other owner is asked as often as clients ask it themselves.
    ensure!(
        asked.len() == 1 && scattered.len() == 4 && scattered.iter().all(|one| *one == asked[0]),
        "{asked:?} handoffs, {scattered:?} further datagrams"
    );
    Ok(())
}

fn spec(systems: &str, rate: &str, rest: &str) -> String {
    format!(
        "
name: multi-key
topology: {{kind: veth, queues: 2}}
systems: [{systems}]
workload: {{keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 1, flows: 1024, multi_get: {WIDTH}}}
load: {{rates: [{rate}]}}
phases: {{warmup: 100 ms, measure: 200 ms, timeout: 100 ms}}
floor: false
{rest}
"
    )
}

/// 100 datagrams vanish, some of them of one get: fewer gets than that time out, and the remainder is
/// exactly what vanished.
fn lost_parts(bench: &Bench) -> Result<()> {
    let system = "{system: xdp_steered, owners: 2, multi_key: client_split}";
    let text = spec(system, "5 kreq/s", "disturb: {lose_frames: 100}");
    let run = bench.run(&bench.spec("lost", &text)?, LIMIT)?;
    let trial = run.only_trial()?;
    trial.expect_remainder(100)?;
    let (timed_out, further) = (trial.number("timed_out")?, trial.number("further_parts")?);
    ensure!(
        timed_out < 100 && further > 0,
        "{timed_out} gets lost {further} further parts"
    );
    Ok(())
}

/// Where all that is lost has a name, it has one for each datagram of a get.
fn overload(bench: &Bench) -> Result<()> {
    let systems = "{system: xdp_steered, owners: 2, label: split, multi_key: split}, \
                   {system: xdp_steered, owners: 2, label: client_split, multi_key: client_split}, \
                   {system: xdp_steered, owners: 2, label: duplicate, multi_key: duplicate}";
    let text = spec(systems, "400 kreq/s", "");
    let run = bench.run(&bench.spec("overload", &text)?, LIMIT)?;
    ensure!(run.trials.len() == 3, "{} trials", run.trials.len());
    let mut lost = 0;
    for trial in &run.trials {
        trial.expect_closed()?;
        lost += trial.number("unsent")? + trial.number("timed_out")?;
    }
    ensure!(
        lost > 10_000,
        "only {lost} gets were lost: this load saturates nothing"
    );
    Ok(())
}
