//! `serve`, and the field's own clients against it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::bench::{Bench, Running};
use crate::case::Case;
use crate::needs::Need;
use crate::traces::Machine;

const MINUTE: Duration = Duration::from_secs(60);
const START: Duration = Duration::from_secs(20);
const NOBODY: u32 = 65534;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "serving::sphinx_passes_memccapable",
            CAPABLE,
            sphinx_capable,
        ),
        Case::new(
            "serving::rss_shared_passes_memccapable",
            CAPABLE,
            rss_shared_capable,
        ),
        Case::new(
            "serving::xdp_steered_serves_memcaslap",
            SLAP,
            xdp_steered_serves,
        ),
        Case::new(
            "serving::xdp_steered_killed",
            &[Need::Veth],
            xdp_steered_killed,
        ),
    ]
}

const CAPABLE: &[Need] = &[Need::Memcached, Need::Tool("memccapable")];
const SLAP: &[Need] = &[Need::Veth, Need::Tool("memcaslap")];

/// Tests of memccapable that memcached passes and we need not, each with its reason. There are none.
const EXCEPTIONS: [(&str, &str); 0] = [];

fn sphinx_capable(bench: &Bench) -> Result<()> {
    capable(bench, "sphinx")
}

fn rss_shared_capable(bench: &Bench) -> Result<()> {
    capable(bench, "rss_shared")
}

/// Starts `serve` and waits until it is ready.
fn serve(bench: &Bench, arguments: &[&str]) -> Result<Running> {
    let mut command = bench.experiment(["serve"]);
    let mut running = bench.start(command.args(arguments))?;
    running.wait_for("line that begins with `ready`", START, |running| {
        let printed = running.printed();
        let ready = printed.lines().any(|line| line.starts_with("ready"));
        (ready && printed.ends_with('\n')).then_some(())
    })?;
    Ok(running)
}

/// Ctrl-C ends it with 130.
fn stop(running: Running) -> Result<()> {
    running.interrupt()?;
    running.wait(Duration::from_secs(10))?.expect_code(130)
}

fn free_port() -> Result<u16> {
    for _ in 0..100 {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port")
}

fn capable(bench: &Bench, system: &str) -> Result<()> {
    let port = free_port()?;
    let mut command = bench.program("memcached", ["-l", "127.0.0.1", "-U", "0", "-p"]);
    command.arg(port.to_string());
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut theirs = bench.start(&mut command)?;
    theirs.wait_for("memcached's socket", START, |_| {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()
    })?;
    let wanted = capabilities(bench, port)?;
    drop(theirs);
    let passed = wanted.values().filter(|passed| **passed).count();
    ensure!(
        passed >= 50,
        "memcached itself passes only {passed}: {wanted:?}"
    );

    let port = free_port()?;
    let text = port.to_string();
    let ours = serve(
        bench,
        &[
            "--system",
            system,
            "--topology",
            "loopback",
            "--port",
            &text,
        ],
    )?;
    let found = capabilities(bench, port)?;
    stop(ours)?;
    let failed: Vec<&String> = wanted
        .iter()
        .filter(|(name, passed)| **passed && found.get(*name) != Some(&true))
        .map(|(name, _)| name)
        .filter(|name| !EXCEPTIONS.iter().any(|(exception, _)| exception == name))
        .collect();
    ensure!(
        failed.is_empty(),
        "{system} fails what memcached passes: {failed:?}"
    );
    Ok(())
}

/// memccapable's tests by name, and whether the server at `port` passes each.
fn capabilities(bench: &Bench, port: u16) -> Result<BTreeMap<String, bool>> {
    let port = port.to_string();
    let mut command = bench.program("memccapable", ["-h", "127.0.0.1", "-p", &port]);
    let finished = bench.finish(&mut command, MINUTE)?;
    let text = format!("{}{}", finished.out, finished.err);
    let tests: BTreeMap<String, bool> = text
        .lines()
        .filter_map(|line| {
            let (name, result) = line.split_once('[')?;
            let passed = result.trim_end().strip_suffix(']')? == "pass";
            Some((name.trim().to_owned(), passed))
        })
        .collect();
    ensure!(!tests.is_empty(), "memccapable tells nothing: {text}");
    Ok(tests)
}

/// The command that `serve` prints, as it is printed.
fn xdp_steered_serves(bench: &Bench) -> Result<()> {
    let before = Machine::look()?;
    let ours = serve(bench, &["--system", "xdp_steered", "--topology", "veth"])?;
    let printed = ours.printed();
    let line = printed
        .lines()
        .find(|line| line.contains("memcaslap"))
        .with_context(|| format!("no command for a client: {printed}"))?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut told = String::new();
    let mut operations = None;
    // memcaslap itself now and then ends in an assertion.
    for _ in 0..5 {
        let mut command = bench.program(words[0], &words[1..]);
        let finished = bench.finish(&mut command, MINUTE)?;
        told = format!("{}{}", finished.out, finished.err);
        operations = finished.status.success().then(|| done(&told)).flatten();
        if operations.is_some_and(|operations| operations > 0) {
            break;
        }
    }
    ensure!(
        operations.is_some_and(|operations| operations > 1000),
        "`{}` did {operations:?} operations: {told}",
        line.trim()
    );
    stop(ours)?;
    before.expect_restored(bench)
}

/// The number behind `Ops:` in memcaslap's closing line.
fn done(told: &str) -> Option<u64> {
    let closing = told.lines().find(|line| line.starts_with("Run time:"))?;
    closing
        .split_once("Ops:")?
        .1
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

/// A killed `serve` leaves the name of a namespace, and `clean` removes it.
fn xdp_steered_killed(bench: &Bench) -> Result<()> {
    let before = Machine::look()?;
    let ours = serve(bench, &["--system", "xdp_steered", "--topology", "veth"])?;
    let name = format!("steerbench-client-{}", ours.pid());
    ours.kill()?;
    ours.wait(MINUTE)?;
    for _ in 0..100 {
        if bench.processes().is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let clean = bench.finish(&mut bench.experiment(["clean"]), MINUTE)?;
    clean.expect_code(0)?;
    ensure!(
        clean.out.contains(&name),
        "clean does not name {name}: {}",
        clean.out
    );
    before.expect_restored(bench)
}
