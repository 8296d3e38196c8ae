//! How far the generator can be trusted at this load.

use std::collections::BTreeMap;

use record::Smell;

use super::Seen;

/// Share of its CPU from which on a higher load would measure the generator.
const NEAR: f64 = 0.85;

/// Too few answers for the highest percentiles. Of the floor, median and 99th percentile are told,
/// which need fewer.
pub(super) fn few_samples(samples: u64, floor: bool) -> Option<Smell> {
    (samples < Smell::SAMPLES_WANTED && !floor).then_some(Smell::FewSamples {
        samples,
        wanted: Smell::SAMPLES_WANTED,
    })
}

/// The client and its NAPI threads used almost all of their CPUs. Their accounts are sums, so each
/// CPU is taken to bear an equal part of either.
pub(super) fn near_its_limit(seen: &Seen<'_>) -> Option<Smell> {
    let client_ns = seen.report.measured.used.sched.run_ns;
    let napi_ns = seen
        .kernel
        .map_or(0, |[_, client]| client.napi.sched.run_ns);
    let placement = &seen.plan.placement;
    let share = busiest(
        [
            (&placement.clients, client_ns),
            (&placement.client_napi, napi_ns),
        ],
        seen.report.measured.length_ns,
    );
    (share > NEAR).then_some(Smell::GeneratorLimit { share })
}

/// The largest share of `length_ns` that a CPU is used; each list of CPUs shares its time evenly.
fn busiest(roles: [(&Vec<u32>, u64); 2], length_ns: u64) -> f64 {
    let mut by_cpu: BTreeMap<u32, f64> = BTreeMap::new();
    for (cpus, used_ns) in roles {
        for cpu in cpus {
            *by_cpu.entry(*cpu).or_default() += used_ns as f64 / cpus.len() as f64;
        }
    }
    let most_ns = by_cpu.into_values().fold(0.0, f64::max);
    most_ns / length_ns.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_samples_are_enough() {
        assert_eq!(few_samples(10_000, false), None);
        assert!(few_samples(9_999, false).is_some());
        assert_eq!(few_samples(9_999, true), None);
    }

    #[test]
    fn client_and_napi_add_up_where_they_share_a_cpu() {
        let (clients, napi) = (vec![1], vec![0, 1]);
        let share = busiest([(&clients, 700), (&napi, 400)], 1_000);
        assert!((share - 0.9).abs() < 1e-9, "{share}");
        let apart = busiest([(&vec![1], 700), (&vec![0], 400)], 1_000);
        assert!((apart - 0.7).abs() < 1e-9, "{apart}");
    }
}
