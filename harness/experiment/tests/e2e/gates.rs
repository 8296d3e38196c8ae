//! Every gate that says `invalid` is tripped for real: the wrong is done from outside, to processes
//! that know nothing of it, and the trial must be recorded with the smell and out of use.
//!
//! Only a hypervisor can steal, so that gate has its unit test alone.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, thread};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::bench::{Bench, Running, shipped};
use crate::bpf;
use crate::case::Case;
use crate::needs::Need;
use crate::results::Row;

const MINUTE: Duration = Duration::from_secs(60);
const WARMUP: Duration = Duration::from_millis(300);
/// From the first request until something is done to the trial: well inside its measure phase.
const INTO: Duration = Duration::from_millis(700);
/// Longer than several timeouts, shorter than the rest of the phase.
const STOPPED: Duration = Duration::from_millis(350);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("gates::a_hog_on_our_cpu", &[Need::Veth], hog),
        Case::new("gates::a_hog_on_a_drain", &[Need::Veth], hog_on_drain),
        Case::new("gates::a_stopped_server", &[Need::Veth], stopped_server),
        Case::new("gates::a_stopped_client", &[Need::Veth], stopped_client),
        Case::new("gates::a_drowsy_client", &[Need::Veth], drowsy_client),
        Case::new("gates::a_moved_worker", &[Need::Veth], moved_worker),
        Case::new("gates::a_moved_napi_thread", &[Need::Veth], moved_napi),
        Case::new("gates::xdp_detached", &[Need::Veth], xdp_detached),
        Case::new("gates::wrong_values", &[Need::Memcached], wrong_values),
    ]
}

fn spec(bench: &Bench) -> Result<PathBuf> {
    bench.spec(
        "gates",
        &format!(
            "
name: gates
topology: {{kind: veth, queues: 2}}
systems: [xdp_steered]
workload: {{keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 64}}
load: {{rates: [2 kreq/s]}}
phases: {{warmup: {} ms, measure: 1700 ms, timeout: 100 ms}}
floor: false
",
            WARMUP.as_millis()
        ),
    )
}

/// A trial under way: its run and the processes in it.
struct Trial<'a> {
    bench: &'a Bench,
    running: Running,
}

impl<'a> Trial<'a> {
    /// Starts a trial and waits until its load has begun.
    fn begin(bench: &'a Bench) -> Result<Self> {
        let mut running = bench.start(&mut bench.run_command(&spec(bench)?, &[]))?;
        running.wait_for("a client at work", MINUTE, |_| {
            agent(bench, "client").and_then(|pid| thread_of(pid, "client-0"))
        })?;
        Ok(Self { bench, running })
    }

    fn agent(&self, role: &str) -> Result<u32> {
        agent(self.bench, role).with_context(|| format!("no {role} agent"))
    }

    fn thread(&self, role: &str, name: &str) -> Result<u32> {
        thread_of(self.agent(role)?, name).with_context(|| format!("no thread {name}"))
    }

    /// Stops a role for a while inside the measure phase.
    fn stop_for_a_while(&self, role: &str) -> Result<()> {
        let pid = as_pid(self.agent(role)?)?;
        thread::sleep(INTO);
        kill_process(pid, Signal::STOP)?;
        thread::sleep(STOPPED);
        Ok(kill_process(pid, Signal::CONT)?)
    }

    /// Waits for the end; the trial must be recorded, invalid, and smell of `code`.
    fn expect_smell(self, code: &str) -> Result<Row> {
        self.running.wait(MINUTE)?.expect_code(0)?;
        smelling(self.bench, code)
    }
}

fn smelling(bench: &Bench, code: &str) -> Result<Row> {
    let run = bench.only_run()?;
    let trial = run.only_trial()?;
    ensure!(
        trial.smells()?.contains(&code),
        "no smell of {code}: {}\n{}",
        trial.text("smells")?,
        fs::read_to_string(trial.folder().join("trial.json"))?
    );
    ensure!(
        trial.text("valid")? == "false",
        "{code} makes a trial invalid"
    );
    Ok(trial.clone())
}

fn agent(bench: &Bench, role: &str) -> Option<u32> {
    let role = format!("agent {role}");
    let mut found = bench.processes().into_iter();
    found
        .find(|(_, command)| command.contains(&role))
        .map(|(pid, _)| pid)
}

fn thread_of(pid: u32, name: &str) -> Option<u32> {
    fs::read_dir(format!("/proc/{pid}/task"))
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .find(|tid: &u32| is_called(*tid, |comm| comm == name))
}

fn is_called(tid: u32, fits: impl Fn(&str) -> bool) -> bool {
    fs::read_to_string(format!("/proc/{tid}/comm")).is_ok_and(|comm| fits(comm.trim_end()))
}

fn as_pid(pid: u32) -> Result<Pid> {
    Pid::from_raw(i32::try_from(pid)?).context("a process id is positive")
}

/// Lets a thread run on every CPU that this process may use.
fn set_free(tid: u32) -> Result<()> {
    let all = sched_getaffinity(None)?;
    let cpus = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu)).count();
    ensure!(cpus > 1, "one CPU leaves nowhere to move to");
    Ok(sched_setaffinity(Some(as_pid(tid)?), &all)?)
}

/// A drain has no phase that is fixed beforehand, and is watched all the same.
fn hog_on_drain(bench: &Bench) -> Result<()> {
    let mut busy = bench.program("sh", ["-c", "while :; do :; done"]);
    let hog = bench.start(&mut busy)?;
    let run = bench.run(&shipped("smoke/drain.yaml"), MINUTE)?;
    drop(hog);
    for trial in &run.trials {
        let smells = trial.text("smells")?;
        ensure!(
            smells.contains("competing_load"),
            "{}: {smells}",
            trial.who()
        );
        ensure!(trial.text("valid")? == "false", "{} is valid", trial.who());
    }
    ensure!(!run.trials.is_empty(), "no trial was recorded");
    Ok(())
}

fn hog(bench: &Bench) -> Result<()> {
    let mut busy = bench.program("sh", ["-c", "while :; do :; done"]);
    let hog = bench.start(&mut busy)?;
    let trial = Trial::begin(bench)?.expect_smell("competing_load")?;
    drop(hog);
    let foreign: f64 = trial.text("foreign_cpus")?.parse()?;
    ensure!(foreign > 0.1, "a busy loop used only {foreign} CPUs");
    Ok(())
}

fn stopped_server(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    trial.stop_for_a_while("server")?;
    trial.expect_smell("unsteady")?.expect_closed()
}

fn stopped_client(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    trial.stop_for_a_while("client")?;
    trial.expect_smell("off_schedule")?.expect_closed()
}

/// A client whose timers are some milliseconds late sends in bursts.
fn drowsy_client(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    let tid = trial.thread("client", "client-0")?;
    fs::write(format!("/proc/{tid}/timerslack_ns"), "3000000")?;
    trial.expect_smell("arrivals")?.expect_closed()
}

fn moved_worker(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    set_free(trial.thread("server", "owner-0")?)?;
    trial.expect_smell("moved")?.expect_closed()
}

fn moved_napi(bench: &Bench) -> Result<()> {
    let trial = Trial::begin(bench)?;
    let napi = fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .find(|pid: &u32| is_called(*pid, |comm| comm.starts_with("napi/server0-")));
    set_free(napi.context("no NAPI thread of the server's device")?)?;
    trial.expect_smell("moved")?.expect_closed()
}

/// The server's program is the first that a trial attaches.
fn xdp_detached(bench: &Bench) -> Result<()> {
    let before = bpf::links()?;
    let trial = Trial::begin(bench)?;
    let attached = bpf::links()?;
    let first = attached.difference(&before).next();
    thread::sleep(INTO);
    bpf::detach(*first.context("the trial attached nothing")?)?;
    trial.expect_smell("xdp_mode")?;
    Ok(())
}

/// A third party overwrites every value that the server holds.
fn wrong_values(bench: &Bench) -> Result<()> {
    let spec = bench.spec(
        "wrong-values",
        &format!(
            "
name: wrong-values
topology: {{kind: loopback, client: udp}}
systems: [memcached]
workload: {{keys: 100, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 1.0, flows: 16}}
load: {{rates: [1 kreq/s]}}
phases: {{warmup: {} ms, measure: 1500 ms, timeout: 100 ms}}
seed: 7
",
            WARMUP.as_millis()
        ),
    )?;
    let mut running = bench.start(&mut bench.run_command(&spec, &[]))?;
    let port = running.wait_for("a client at work", MINUTE, |_| {
        agent(bench, "client").and_then(|pid| thread_of(pid, "client-0"))?;
        port_of_memcached(bench)
    })?;
    overwrite(port)?;
    running.wait(MINUTE)?.expect_code(0)?;
    smelling(bench, "verification_failed")?.expect_closed()
}

fn port_of_memcached(bench: &Bench) -> Option<u16> {
    bench.processes().into_iter().find_map(|(_, command)| {
        let mut words = command.split_whitespace();
        words.next()?.ends_with("memcached").then_some(())?;
        words.find(|word| *word == "-p")?;
        words.next()?.parse().ok()
    })
}

/// Replaces each value by zeros of the same length; memcached itself lists the keys.
fn overwrite(port: u16) -> Result<()> {
    let mut lister = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    lister.write_all(b"lru_crawler metadump all\r\n")?;
    let mut keys = Vec::new();
    for line in BufReader::new(lister).lines() {
        let line = line?;
        if line == "END" {
            break;
        }
        let key = line.strip_prefix("key=").context("a line without a key")?;
        keys.extend(key.split_whitespace().next().map(str::to_owned));
    }
    ensure!(keys.len() == 100, "memcached lists {} keys", keys.len());
    // All at once: on a busy machine a hundred round trips outlast the trial. The answer to `mn` comes
    // when everything before it was executed.
    let replace = |key: &String| format!("replace {key} 0 0 64 noreply\r\n{:064}\r\n", 0);
    let mut orders: String = keys.iter().map(replace).collect();
    orders.push_str("mn\r\n");
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.write_all(orders.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(&stream).read_line(&mut answer)?;
    ensure!(answer == "MN\r\n", "memcached answers `{answer}`");
    Ok(())
}
