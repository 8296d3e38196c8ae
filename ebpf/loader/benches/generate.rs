//! What the saturating generator reaches, beside a bare loop of live frames.
//!
//! Both run on one CPU over a veth pair whose far end counts and discards. The bare loop is the same
//! program without the part that writes requests: the kernel's live frames and the redirect alone.
//! Rounds of both take turns, so that drift of the machine hits both; the middles of the rates (frames
//! per second of CPU time) and of the pairwise ratios are printed, and what arrived. benches/README.md keeps a result.

#![expect(
    unsafe_code,
    reason = "unshare of the process' network namespace, before any thread starts"
)]

#[path = "../../fixtures/build.rs"]
#[expect(dead_code, reason = "this target needs a part of the fixtures")]
mod build;

use std::process::Command;

use build::{PORT, Wrapping, framed};
use loader::{Error, Generate, Pass, Replies, ServerPorts};
use rustix::time::{ClockId, clock_gettime};

/// Frames of one round.
const FRAMES: u32 = 500_000;
/// Pairs of rounds.
const PAIRS: usize = 41;
/// Requests listed.
const LISTED: u32 = 1 << 16;

fn ip(arguments: &str) {
    let done = Command::new("ip").args(arguments.split(' ')).status();
    assert!(done.expect("iproute2").success(), "ip {arguments}");
}

fn ifindex(device: &str) -> u32 {
    let name = std::ffi::CString::new(device).expect("a name");
    // SAFETY: the string ends in a zero byte.
    unsafe { libc::if_nametoindex(name.as_ptr()) }
}

/// Gets of 16-byte keys, every twentieth a set of 64 bytes where sets are wanted.
fn requests(sets: bool) -> Vec<Vec<u8>> {
    let frame = |number: u32| {
        let key = format!("key-{number:012}");
        let command = if sets && number.is_multiple_of(20) {
            format!("set {key} 0 0 64\r\n{}\r\n", "v".repeat(64))
        } else {
            format!("get {key}\r\n")
        };
        let mut frame = Wrapping::default().frame(&framed(command.as_bytes()));
        // The far end discards what comes from the server's port.
        let udp_at = 34;
        frame[udp_at..udp_at + 2].copy_from_slice(&PORT.to_be_bytes());
        frame
    };
    (0..LISTED).map(frame).collect()
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// CPU time of this thread, s: what others take of the CPU is not the generator's.
fn cpu_s() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn rate_mpps(generate: &Generate) -> f64 {
    let began = cpu_s();
    generate.run(FRAMES).expect("live frames");
    f64::from(FRAMES) / (cpu_s() - began) / 1e6
}

fn compare(what: &str, requests: &[Vec<u8>], far: &Replies) -> Result<(), Error> {
    let near = ifindex("near");
    let bare = Generate::load_bare(requests, near)?;
    let whole = Generate::load(requests, near)?;
    let arrived_before = far.counters()?;
    let pairs: Vec<(f64, f64)> = (0..PAIRS)
        .map(|_| (rate_mpps(&bare), rate_mpps(&whole)))
        .collect();
    let arrived = far.counters()?.replies() + far.counters()?.unread
        - arrived_before.replies()
        - arrived_before.unread;
    let made = bare.made()? + whole.made()?;
    println!(
        "| {what} | {:.2} | {:.2} | {:.2} | {:.1}% |",
        middle(pairs.iter().map(|pair| pair.0).collect()),
        middle(pairs.iter().map(|pair| pair.1).collect()),
        middle(pairs.iter().map(|pair| pair.1 / pair.0).collect()),
        100.0 * arrived as f64 / made as f64
    );
    Ok(())
}

fn main() {
    // SAFETY: no other thread runs yet.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
        println!("SKIPPED: {}", std::io::Error::last_os_error());
        return;
    }
    ip("link add near type veth peer name far");
    for device in ["near", "far"] {
        ip(&format!("link set {device} addrgenmode none"));
        ip(&format!("link set {device} up"));
    }
    let run = || -> Result<(), Error> {
        let mut far = Replies::load(ServerPorts::new(PORT, 1))?;
        let _far = far.attach(ifindex("far"))?;
        let mut pass = Pass::load()?;
        let _near = pass.attach(ifindex("near"))?;
        println!("| requests | bare, Mpps | generator, Mpps | generator / bare | arrived |");
        println!("|---|---|---|---|---|");
        compare("get, 16 B keys", &requests(false), &far)?;
        compare("5% sets of 64 B", &requests(true), &far)
    };
    if let Err(error) = run() {
        println!("SKIPPED: {error}");
    }
}
