//! XDP programs for the NIC to run: refused with the driver's reason where it runs none.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bench::Bench;
use crate::case::Case;
use crate::needs::Need;

const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new(
        "offload::refused_by_veth",
        &[Need::Veth],
        refused,
    )]
}

fn refused(bench: &Bench) -> Result<()> {
    let spec = bench.spec(
        "offload",
        "
name: offload
topology: {kind: veth, queues: 2}
systems: [{system: xdp_steered, xdp: {mode: offload}}]
workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 1.0}
load: {rates: [1 kreq/s]}
phases: {warmup: 0 s, measure: 100 ms, timeout: 50 ms}
",
    )?;
    let finished = bench.finish(&mut bench.run_command(&spec, &[]), MINUTE)?;
    finished.expect_code(3)?;
    finished.expect_told(&[
        "takes no XDP program to run itself",
        "os error",
        "leave `xdp.mode: offload` out",
    ])?;
    let runs = record::runs_below(&bench.output()).unwrap_or_default();
    ensure!(runs.is_empty(), "a run was begun: {runs:?}");
    Ok(())
}
