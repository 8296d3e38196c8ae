//! Encrypted requests: steered by a token, with nothing else to be seen on the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use model::Schedule;
use steering::sealed::{Header, Kind};

use crate::bench::{Bench, shipped};
use crate::capture::{Capture, Datagram};
use crate::case::Case;
use crate::needs::Need;
use crate::results::{Row, Run};
use crate::schedules::schedule_of;

const LIMIT: Duration = Duration::from_secs(60);
const SERVER_PORT: u16 = 11_211;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("encrypted::steered_by_token", &[Need::Veth], by_token),
        Case::new("encrypted::only_tokens_show", &[Need::Veth], only_tokens),
        Case::new("encrypted::several_keys", &[Need::Veth], several_keys),
        Case::new("encrypted::repartitioned", &[Need::Veth], repartitioned),
    ]
}

/// XDP brings every request to the owner that its token names; in software half change threads, as in the
/// clear; and every value is right.
fn by_token(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/encrypted.yaml"), LIMIT)?;
    ensure!(run.trials.len() == 4, "{} trials", run.trials.len());
    for trial in &run.trials {
        expect_right(trial)?;
        let (who, sent) = (trial.who(), trial.number("sent")? as u64);
        match trial.text("label")? {
            "plain" | "xdp_token" => {
                for name in ["handoffs", "misroutes", "wrong_tokens"] {
                    let count = trial.counter("server", name)?;
                    ensure!(count == 0, "{who}: {count} {name}");
                }
                let steered = |owner| trial.counter("server", &format!("xdp_redirected_{owner}"));
                let (first, second) = (steered(0)?, steered(1)?);
                ensure!(
                    first > sent / 4 && second > sent / 4 && first + second == sent,
                    "{who}: {first} and {second} of {sent}"
                );
            }
            "sphinx_token" => {
                // Of 700 requests 0.1 are 5 standard deviations.
                let share = trial.counter("server", "handoffs")? as f64 / sent as f64;
                ensure!((0.4..0.6).contains(&share), "{who}: {share} handed off");
            }
            _ => {}
        }
    }
    Ok(())
}

/// The wire shows tokens, each of one key and each key's the same, numbers, and nothing else of what is
/// asked and answered: no key, no command, no value. The same look at plain requests shows them.
fn only_tokens(bench: &Bench) -> Result<()> {
    let (trial, wire) = captured(bench, "sealed", ", encryption: token")?;
    expect_right(&trial)?;
    let schedule = schedule_of(&trial.record()?.trial)?;
    let seen = in_the_clear(&wire, &schedule);
    ensure!(seen.is_empty(), "in the clear: {seen:?}");
    let mut tokens: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
    let mut nonces = BTreeSet::new();
    let mut replies = 0;
    for datagram in &wire {
        let to_server = datagram.to == SERVER_PORT;
        let kind = if to_server {
            Kind::Request
        } else {
            Kind::Reply
        };
        let header = Header::decode(kind, &datagram.payload).context("a sealed datagram")?;
        ensure!(
            nonces.insert((to_server, header.nonce())),
            "a nonce was used twice: {header:?}"
        );
        if to_server {
            // Requests of a flow are sent in the schedule's order.
            let flow = u16::try_from(header.sender)?;
            let mut of_flow = schedule.requests.iter().filter(|it| it.flow == flow);
            let asked = of_flow.nth(usize::try_from(header.number)?);
            let key = asked.context("a request that was not planned")?.key;
            tokens.entry(key).or_default().insert(header.subject);
        } else {
            replies += 1;
        }
    }
    ensure!(
        tokens.len() > 100 && replies > 100,
        "{} keys and {replies} replies",
        tokens.len()
    );
    ensure!(
        tokens.values().all(|of_key| of_key.len() == 1),
        "a key has several tokens"
    );
    let distinct: BTreeSet<u64> = tokens.values().flatten().copied().collect();
    ensure!(
        distinct.len() == tokens.len(),
        "{} tokens of {} keys",
        distinct.len(),
        tokens.len()
    );
    // The look is one that finds something, where there is something.
    let bench = Bench::new()?;
    let (plain, wire) = captured(&bench, "plain", "")?;
    let schedule = schedule_of(&plain.record()?.trial)?;
    let seen = in_the_clear(&wire, &schedule);
    ensure!(seen.len() > 300, "plain requests show {} times", seen.len());
    Ok(())
}

/// A get of several owners' keys goes to the first one's by its token, and the others are found by theirs.
fn several_keys(bench: &Bench) -> Result<()> {
    let run = run(
        bench,
        "several",
        "
name: several
topology: {kind: veth, queues: 2}
systems: [{system: xdp_steered, owners: 2, encryption: token}]
workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 64, multi_get: 4}
load: {rates: [2 kreq/s]}
phases: {warmup: 50 ms, measure: 300 ms, timeout: 200 ms}
floor: false
",
    )?;
    let trial = run.only_trial()?;
    expect_right(trial)?;
    for name in ["misroutes", "wrong_tokens"] {
        let count = trial.counter("server", name)?;
        ensure!(count == 0, "{}: {count} {name}", trial.who());
    }
    let handoffs = trial.counter("server", "handoffs")?;
    let multi = trial.counter("server", "executed_multi")?;
    ensure!(handoffs > multi, "{handoffs} of {multi} gets of 4 keys");
    Ok(())
}

/// Slots of tokens move with their items, as slots of hashes do.
fn repartitioned(bench: &Bench) -> Result<()> {
    let run = run(
        bench,
        "repartitioned",
        "
name: repartitioned
topology: {kind: veth, queues: 2}
systems: [{system: xdp_steered, owners: 2, encryption: token}]
workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 64}
load: {rates: [2 kreq/s]}
repartition: {after: 100 ms, slots: 64}
phases: {warmup: 50 ms, measure: 1 s, timeout: 300 ms}
floor: false
",
    )?;
    let trial = run.only_trial()?;
    expect_right(trial)?;
    let moved = trial.counter("server, measure phase", "repartitioned_slots")?;
    ensure!(moved == 64, "{moved} slots were moved");
    let unanswered = trial.number("timed_out")? + trial.number("unsent")?;
    ensure!(unanswered == 0, "{unanswered} without an answer");
    Ok(())
}

fn run(bench: &Bench, name: &str, text: &str) -> Result<Run> {
    bench.run(&bench.spec(name, text)?, LIMIT)
}

/// The ledger closes, and every get found its key's value.
fn expect_right(trial: &Row) -> Result<()> {
    trial.expect_closed()?;
    let client = |name| trial.counter("client", name);
    let (hits, misses, wrong) = (client("hits")?, client("misses")?, client("wrong_values")?);
    ensure!(
        hits > 300 && misses == 0 && wrong == 0,
        "{}: {hits} hits, {misses} misses, {wrong} wrong values",
        trial.who()
    );
    for name in ["errors", "malformed"] {
        let count = client(name)?;
        ensure!(count == 0, "{}: {count} {name}", trial.who());
    }
    Ok(())
}

/// A run of `xdp_steered` with an ordinary client, whose device a tap can look at, and what the tap saw.
fn captured(bench: &Bench, name: &str, further: &str) -> Result<(Row, Vec<Datagram>)> {
    let spec = bench.spec(
        name,
        &format!(
            "
name: {name}
topology: {{kind: veth, queues: 2, client: udp}}
systems: [{{system: xdp_steered, owners: 2{further}}}]
workload: {{keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 64}}
load: {{rates: [2 kreq/s]}}
phases: {{warmup: 500 ms, measure: 300 ms, timeout: 200 ms}}
floor: false
"
        ),
    )?;
    let mut running = bench.start(&mut bench.run_command(&spec, &[]))?;
    // The client enters its host's namespace a moment after its start.
    let host = running.wait_for("the client's host", LIMIT, |_| client_host(bench))?;
    let capture = Capture::begin(host, SERVER_PORT)?;
    running.wait(LIMIT)?.expect_code(0)?;
    let wire = capture.finish()?;
    let run = bench.only_run()?;
    Ok((run.only_trial()?.clone(), wire))
}

/// The process that holds the client's namespace.
fn client_host(bench: &Bench) -> Option<u32> {
    let all = bench.processes();
    let mut lines = all.iter().map(|(_, line)| line);
    lines.find_map(|line| line.split_once("agent client --inside ")?.1.parse().ok())
}

/// What of keys, commands and replies shows in the datagrams.
fn in_the_clear(wire: &[Datagram], schedule: &Schedule) -> Vec<String> {
    let keyspace = schedule.keyspace();
    let mut room = Vec::new();
    let mut known: BTreeSet<Vec<u8>> = (0..keyspace.len())
        .map(|id| keyspace.key_bytes(id, &mut room).to_vec())
        .collect();
    known.extend([b"VALUE ".to_vec(), b"STORED\r\n".to_vec(), b"get ".to_vec()]);
    let lengths: BTreeSet<usize> = known.iter().map(Vec::len).collect();
    let shown = wire.iter().flat_map(|datagram| {
        let parts = lengths
            .iter()
            .flat_map(|len| datagram.payload.windows(*len));
        parts.filter(|part| known.contains(*part))
    });
    shown
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect()
}
