//! Rules of swept values that need something of the workload or of the systems.

use super::Finding;
use crate::spec::Spec;
use crate::workload::{SizeSpec, WorkloadSpec};

/// A share of large values needs two sizes to share among.
pub(super) fn large_share(spec: &Spec, workload: &WorkloadSpec, findings: &mut Vec<Finding>) {
    let Some(sweep) = (spec.sweep.as_ref()).filter(|sweep| sweep.large_share.is_some()) else {
        return;
    };
    let mut find = |message: &str| {
        findings.push(("sweep.large_share".to_owned(), message.to_owned()));
    };
    let of_two = |size: &SizeSpec| matches!(size, SizeSpec::Mix(sizes) if sizes.len() == 2);
    if !of_two(&workload.value_size) {
        find(
            "the share of large values is that of the larger size of a mix of two: make \
             `workload.value_size` one, such as {mix: [{size: 64 B, weight: 1}, {size: 16 KiB, weight: 1}]}",
        );
    }
    if sweep.value_size.is_some() {
        find("a swept `value_size` replaces the mix that this shares out; sweep one of them");
    }
}

/// Where a system has no cache, all values would be the same trial.
pub(super) fn cache_entries(spec: &Spec, findings: &mut Vec<Finding>) {
    if (spec.sweep.as_ref()).is_none_or(|sweep| sweep.cache_entries.is_none()) {
        return;
    }
    for system in spec.systems.iter().filter(|it| !it.system.caches()) {
        let message = format!(
            "{} has no cache, so that each value would be the same trial; leave it out, or sweep \
             something else",
            system.system
        );
        findings.push(("sweep.cache_entries".to_owned(), message));
    }
}
