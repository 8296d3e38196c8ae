//! Rates count what the spec asks for: requests, or frames.

use super::Finding;
use crate::spec::Spec;
use crate::units::{Counted, Rate};

/// Each rate that counts something else than what is asked for, with what was meant.
pub(super) fn rates(spec: &Spec, asked: Counted, findings: &mut Vec<Finding>) {
    let Some(load) = &spec.load else { return };
    let section = match asked {
        Counted::Requests => "workload",
        Counted::Frames => "traffic",
    };
    let listed = load.rates.iter().enumerate();
    let listed = listed.map(|(index, rate)| (format!("load.rates[{index}]"), *rate));
    let searched = load.capacity.iter();
    let searched = searched.flat_map(|search| [("from", search.from), ("to", search.to)]);
    let searched = searched.map(|(end, rate)| (format!("load.capacity.{end}"), rate));
    for (path, rate) in listed.chain(searched) {
        if rate.of() == asked {
            continue;
        }
        let (counts, asks) = (rate.of().name(), asked.name());
        let meant = Rate::new(rate.get(), asked);
        let message =
            format!("`{rate}` counts {counts}, and `{section}` has {asks}: write `{meant}`");
        findings.push((path, message));
    }
}
