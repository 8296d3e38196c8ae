//! Run-time statistics of eBPF programs: a pass of their own, in the warmup.

use super::Finding;
use crate::spec::Spec;

/// Time for the statistics, and for the kernel to drop them again before the measure phase.
const WARMUP_MS: u64 = 200;

/// The warmup must leave time for them, and there must be programs.
pub(super) fn bpf_stats(spec: &Spec, findings: &mut Vec<Finding>) {
    if !spec.bpf_statistics() {
        return;
    }
    let mut find = |message: String| findings.push(("bpf_stats".to_owned(), message));
    if let Some(phases) = spec.phases
        && phases.warmup.get() < WARMUP_MS * 1_000_000
    {
        find(format!(
            "the statistics are kept during the warmup, since they cost time: set \
             `phases.warmup` to {WARMUP_MS} ms or more"
        ));
    }
    if !spec.topology.kind.has_xdp() {
        find("there are no eBPF programs on loopback: use `topology.kind: veth`".to_owned());
    }
}
