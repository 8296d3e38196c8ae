//! Rules of options that belong to some systems only.

use super::{Finding, fewest_queues, owners};
use crate::spec::Spec;
use crate::system::{Clusters, SystemSpec};

/// A system's items are kept by what its design allows.
pub(super) fn engine(system: &SystemSpec, index: usize, findings: &mut Vec<Finding>) {
    let (name, Some(engine)) = (system.system, system.engine) else {
        return;
    };
    let engines = name.engines();
    if !engines.contains(&engine) {
        let allowed: Vec<_> = engines.iter().map(|engine| engine.name()).collect();
        let allowed = match allowed.as_slice() {
            [] => "leave it out".to_owned(),
            some => format!("allowed: {}", some.join(", ")),
        };
        let (reason, engine) = (name.engine_reason(), engine.name());
        let message = format!("{name} has no engine `{engine}`: {reason}; {allowed}");
        findings.push((format!("systems[{index}].engine"), message));
    }
}

/// Clusters are of one size, and belong to systems that have such.
pub(super) fn clusters(
    spec: &Spec,
    system: &SystemSpec,
    index: usize,
    findings: &mut Vec<Finding>,
) {
    let Some(clusters) = system.clusters else {
        return;
    };
    let name = system.system;
    let mut find = |message: String| findings.push((format!("systems[{index}].clusters"), message));
    if !name.has_clusters() {
        find(format!("the owners of {name} form no clusters"));
        return;
    }
    let Clusters::Count(clusters) = clusters else {
        return;
    };
    let (queues, of) = fewest_queues(spec);
    for owners in owners(spec, system) {
        if clusters == 0 || owners % clusters != 0 {
            find(format!(
                "{owners} owners do not form {clusters} clusters of one size; choose a divisor"
            ));
        } else if owners / clusters > queues {
            find(format!(
                "a cluster's requests are spread by receive queue: {} members need as many queues, \
                 and `{of}` is {queues}",
                owners / clusters,
            ));
        }
    }
}

/// Where some owners serve large requests only, others must be there for the small ones.
pub(super) fn large_owners(
    spec: &Spec,
    system: &SystemSpec,
    index: usize,
    findings: &mut Vec<Finding>,
) {
    let name = system.system;
    if !name.has_large_owners() {
        if system.large_owners.is_some() {
            let message = format!("{name} does not tell large requests from small ones");
            findings.push((format!("systems[{index}].large_owners"), message));
        }
        return;
    }
    let large = system.large_owners.unwrap_or(1);
    let field = if system.large_owners.is_some() {
        ".large_owners"
    } else {
        ""
    };
    for owners in owners(spec, system) {
        if large >= owners {
            let message = format!(
                "of {owners} owners {large} serve large requests, which leaves none for the small \
                 ones"
            );
            findings.push((format!("systems[{index}]{field}"), message));
        }
    }
}

/// A hash is chosen where a program of the system's own computes it.
pub(super) fn flow_hash(system: &SystemSpec, index: usize, findings: &mut Vec<Finding>) {
    if system.flow_hash.is_some() && !system.system.hashes_flows() {
        let message = format!(
            "{} hashes no flows in a program of its own: `flow_hash` belongs to programmable_rss",
            system.system
        );
        findings.push((format!("systems[{index}].flow_hash"), message));
    }
}

/// Who steers is a choice where a dispatcher may, besides XDP.
pub(super) fn steering(system: &SystemSpec, index: usize, findings: &mut Vec<Finding>) {
    if system.steering.is_some() && !system.system.has_dispatcher() {
        let message = format!(
            "{} has no dispatcher that could steer: `steering` belongs to shenango",
            system.system
        );
        findings.push((format!("systems[{index}].steering"), message));
    }
}

/// Not every system's threads can be made to burn time.
pub(super) fn service(spec: &Spec, system: &SystemSpec, index: usize, findings: &mut Vec<Finding>) {
    let Some(reason) = system.system.service_refusal() else {
        return;
    };
    let name = system.system;
    let of_workload = spec.workload.as_ref().and_then(|workload| workload.service);
    if system.service.is_some() {
        let message = format!("no service time can be injected into {name}: {reason}");
        findings.push((format!("systems[{index}].service"), message));
    } else if of_workload.is_some() {
        let message = format!(
            "`workload.service` cannot be injected into {name}: {reason}; leave {name} out, or \
             give `service` to the other systems alone"
        );
        findings.push((format!("systems[{index}]"), message));
    }
}
