//! Rules of listed and swept values: what they need of workload and systems, and that none stands twice.

use super::Finding;
use crate::probe::Probe;
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

/// A value listed twice would be the same trial twice.
pub(super) fn repeats(spec: &Spec, findings: &mut Vec<Finding>) {
    let mut list = |path: &str, items: Vec<String>| {
        for (index, item) in items.iter().enumerate() {
            if items[..index].contains(item) {
                findings.push((
                    format!("{path}[{index}]"),
                    format!("`{item}` is listed twice"),
                ));
            }
        }
    };
    fn texts<T: ToString>(values: Option<&Vec<T>>) -> Vec<String> {
        values
            .into_iter()
            .flatten()
            .map(ToString::to_string)
            .collect()
    }
    if let Some(load) = &spec.load {
        list("load.rates", texts(Some(&load.rates)));
        list("load.every", texts(Some(&load.every)));
        list("load.closed", texts(Some(&load.closed)));
        list("load.drain", texts(Some(&load.drain)));
    }
    if let Some(sweep) = &spec.sweep {
        list("sweep.theta", texts(sweep.theta.as_ref()));
        list("sweep.get_ratio", texts(sweep.get_ratio.as_ref()));
        list("sweep.keys", texts(sweep.keys.as_ref()));
        list("sweep.key_size", texts(sweep.key_size.as_ref()));
        list("sweep.value_size", texts(sweep.value_size.as_ref()));
        list("sweep.large_share", texts(sweep.large_share.as_ref()));
        list("sweep.flows", texts(sweep.flows.as_ref()));
        list("sweep.multi_get", texts(sweep.multi_get.as_ref()));
        list("sweep.frame_size", texts(sweep.frame_size.as_ref()));
        list("sweep.burst", texts(sweep.burst.as_ref()));
        list("sweep.loss", texts(sweep.loss.as_ref()));
        list("sweep.loss_burst", texts(sweep.loss_burst.as_ref()));
        list("sweep.queues", texts(sweep.queues.as_ref()));
        list("sweep.steering_cost", texts(sweep.steering_cost.as_ref()));
        list("sweep.owners", texts(sweep.owners.as_ref()));
        list("sweep.cache_entries", texts(sweep.cache_entries.as_ref()));
        list("sweep.batch", texts(sweep.batch.as_ref()));
        list("sweep.placement", texts(sweep.placement.as_ref()));
    }
    let kinds = spec.probes.iter().map(|probe| match probe {
        Probe::Wakeup(_) => "wakeup".to_owned(),
    });
    list("probes", kinds.collect());
}
