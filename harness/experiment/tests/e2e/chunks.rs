//! Chunks of packet memory: what a packet takes and leaves unused, and packets that take several.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::bench::{Bench, shipped};
use crate::case::Case;
use crate::needs::Need;

const MINUTE: Duration = Duration::from_secs(60);
/// Bytes of a chunk that the kernel leaves free.
const HEADROOM: u64 = 256;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("chunks::counted", &[Need::Veth], counted),
        Case::new("chunks::refused", &[], refused),
    ]
}

/// The same frames arrive whatever they are kept in; what they take is chunks, whole ones.
fn counted(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/chunks.yaml"), MINUTE)?;
    ensure!(run.trials.len() == 2, "{} trials", run.trials.len());
    let mut used_by_all = Vec::new();
    for trial in &run.trials {
        trial.expect_closed()?;
        let count = |name| trial.counter("server", name);
        let wrong = (
            trial.counter("client", "misses")?,
            trial.counter("client", "wrong_values")?,
            trial.number("timed_out")?,
        );
        ensure!(wrong == (0, 0, 0), "{}: {wrong:?}", trial.who());
        let (chunks, used) = (count("umem_chunks")?, count("umem_bytes_used")?);
        let (wasted, requests) = (count("umem_bytes_wasted")?, count("requests_received")?);
        let xdp = trial.record()?.trial.system.xdp.context("options")?;
        let chunk = xdp.longest_frame().get() + HEADROOM;
        ensure!(
            used + wasted == chunks * chunk,
            "{}: {used} B used and {wasted} B wasted of {chunks} chunks of {chunk} B",
            trial.who()
        );
        if xdp.multi_buffer {
            ensure!(
                requests < chunks && chunks < 2 * requests,
                "{}: {requests} requests, gets in one chunk and sets in two: {chunks} chunks",
                trial.who()
            );
        } else {
            ensure!(
                chunks == requests,
                "{}: {requests} requests took {chunks} chunks",
                trial.who()
            );
        }
        used_by_all.push(used);
    }
    ensure!(
        used_by_all[0] == used_by_all[1] && used_by_all[0] > 0,
        "the same requests, but {used_by_all:?} bytes of frames"
    );
    Ok(())
}

fn refused(bench: &Bench) -> Result<()> {
    let spec = |xdp: &str, load: &str| {
        format!(
            "
name: refused
topology: {{kind: veth, queues: 2, mtu: 3000}}
systems: [{{system: xdp_steered, xdp: {{{xdp}}}}}]
workload: {{keys: 1 k, key_size: 16 B, value_size: 2500 B, popularity: uniform, get_ratio: 0.5}}
load: {{{load}}}
phases: {{warmup: 0 s, measure: 100 ms, timeout: 50 ms}}
"
        )
    };
    let cases = [
        (
            spec("hash_reuse: true", "rates: [1 kreq/s]"),
            "give it `xdp: {chunk: 4 KiB}`",
        ),
        (
            spec("chunk: 8 KiB", "rates: [1 kreq/s]"),
            "allowed: 2 KiB, 4 KiB",
        ),
        (
            spec("multi_buffer: true", "drain: [1 k]"),
            "a drain's sockets are made for one chunk a request",
        ),
    ];
    for (text, reason) in cases {
        bench.expect_refused(&text, &[reason], MINUTE)?;
    }
    Ok(())
}
