//! What scans took inside the server. Pure.

use record::Scans;
use spec::{Trial, Workload};

use crate::agents::serving::Counts;

/// From the counters of the measure phase; nothing where gets are no scans.
pub(super) fn scans(trial: &Trial, counts: &Counts) -> Option<Scans> {
    if !trial.workload().is_some_and(Workload::scans) {
        return None;
    }
    let count = |name: &str| {
        let found = counts.related.iter().find(|(other, _)| other == name);
        found.map(|(_, count)| *count)
    };
    Some(Scans {
        scans: count("executed_scan")?,
        keys: count("executed_scan_key")?,
        handoffs: counts.handoffs.and(count("scan_handoffs")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::Spec;

    fn trial(calls: &str) -> Trial {
        let text = format!(
            "name: scans\n\
             topology: {{kind: veth, queues: 2}}\n\
             systems: [xdp_steered]\n\
             workload: {{protocol: rpc, calls: {calls}, keys: 1 k, key_size: 16 B, value_size: 16 B, \
             popularity: uniform, get_ratio: 0.9}}\n\
             load: {{rates: [5 kreq/s]}}\n\
             phases: {{warmup: 100 ms, measure: 200 ms, timeout: 50 ms}}\n\
             floor: false\n"
        );
        let spec = Spec::parse(&text, "scans.yaml").expect("a spec");
        spec::expand(&spec).remove(0)
    }

    #[test]
    fn scans_are_told_of_scans_only() {
        let related = [
            ("executed_scan", 10),
            ("executed_scan_key", 160),
            ("scan_handoffs", 7),
        ];
        let counts = Counts {
            handoffs: Some(9),
            related: related.map(|(name, count)| (name.to_owned(), count)).into(),
            ..Counts::default()
        };
        let seen = Scans {
            scans: 10,
            keys: 160,
            handoffs: Some(7),
        };
        assert_eq!(scans(&trial("scan"), &counts), Some(seen));
        assert_eq!(scans(&trial("store"), &counts), None);
        let shared = Counts {
            handoffs: None,
            ..counts
        };
        let seen = Scans {
            handoffs: None,
            ..seen
        };
        assert_eq!(scans(&trial("scan"), &shared), Some(seen));
        assert_eq!(scans(&trial("scan"), &Counts::default()), None);
    }
}
