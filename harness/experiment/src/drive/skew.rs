//! How unevenly the owners were loaded, beside what the trial's keys and table let expect. Pure.

use kv::systems::Layout;
use model::{KeySpace, Permutation};
use record::Imbalance;
use spec::{SteerBy, Trial};
use steering::{Order, PartitionTable, Policy, hash_bytes};

use crate::plan;

/// From the counters of the measure phase; nothing where no two owners counted what they executed.
pub(super) fn imbalance(trial: &Trial, counted: &[(String, u64)]) -> Option<Imbalance> {
    let executed = |owner: u16| {
        let name = format!("executed_owner_{owner}");
        let found = counted.iter().find(|(other, _)| *other == name);
        found.map(|(_, requests)| *requests as f64)
    };
    let owners = trial.system.owners;
    let loads: Vec<f64> = (0..owners).map_while(executed).collect();
    if owners < 2 || loads.len() < usize::from(owners) {
        return None;
    }
    let (expected, bound) = partitioned(trial).unzip();
    Some(Imbalance {
        measured: stats::skew::imbalance(&loads)?,
        expected,
        bound,
    })
}

/// The imbalance that the trial's keys have over its table as it begins, and the least that any table
/// could give them; nothing where a key has no one owner.
fn partitioned(trial: &Trial) -> Option<(f64, f64)> {
    let design = plan::design(trial.system.serving())?;
    if design.layout() != Layout::Partitioned || trial.system.answered_in_path() {
        return None;
    }
    let requests = trial.workload()?;
    let workload = plan::workload(trial, requests);
    let keys = KeySpace::new(&workload).ok()?;
    let ids = Permutation::new(workload.seed, keys.len());
    let owners = trial.system.owners;
    let order = match trial.system.steer_by {
        Some(SteerBy::Range) => Some(Order::of(keys.len())),
        None | Some(SteerBy::Function | SteerBy::Argument(_)) => None,
    };
    let table = PartitionTable::of(order.map_or(Policy::Key, Policy::Range), owners);
    let (mut loads, mut key) = (vec![0.0; usize::from(owners)], Vec::new());
    let (mut hottest, theta) = (0.0_f64, requests.popularity.theta());
    for (rank, share) in (0..).zip(stats::skew::zipf_shares(theta, keys.len())) {
        let id = ids.id_of(rank);
        let place = match order {
            Some(order) => order.place(u64::from(id)),
            None => hash_bytes(keys.key_bytes(id, &mut key)),
        };
        loads[usize::from(table.owner_of(place))] += share;
        hottest = hottest.max(share);
    }
    let expected = stats::skew::imbalance(&loads)?;
    Some((expected, stats::skew::imbalance_bound(owners, hottest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::Spec;

    fn trial(system: &str, theta: f64) -> Trial {
        let text = format!(
            "name: skew\n\
             topology: {{kind: veth, queues: 2}}\n\
             systems: [{{system: {system}, io: af_xdp, owners: 2}}]\n\
             workload: {{keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: {{zipf: {theta}}}, \
             get_ratio: 0.9}}\n\
             load: {{rates: [5 kreq/s]}}\n\
             phases: {{warmup: 100 ms, measure: 200 ms, timeout: 50 ms}}\n\
             floor: false\n"
        );
        let spec = Spec::parse(&text, "skew.yaml").expect("a spec");
        spec::expand(&spec).remove(0)
    }

    fn counted(loads: &[u64]) -> Vec<(String, u64)> {
        let one = |(owner, load): (usize, &u64)| (format!("executed_owner_{owner}"), *load);
        loads.iter().enumerate().map(one).collect()
    }

    #[test]
    fn skew_shows_in_all_three_numbers() {
        let seen =
            imbalance(&trial("xdp_steered", 1.3), &counted(&[300, 100])).expect("two owners");
        assert_eq!(seen.measured, 1.5);
        let (expected, bound) = (seen.expected.expect("owners"), seen.bound.expect("owners"));
        // sum k^-1.3 over 1000 keys is 3.51.
        assert!((bound - 1.0).abs() < 1e-9, "{bound}");
        assert!(expected > bound && expected < 2.0, "{expected}");
        let even = imbalance(&trial("xdp_steered", 0.0), &counted(&[10, 10])).expect("two owners");
        // 1000 keys over 2 owners: 0.5 give or take 3 standard deviations of 0.016.
        assert!(even.expected.expect("owners") < 1.1);
    }

    #[test]
    fn a_key_without_an_owner_lets_nothing_expect() {
        let seen = imbalance(&trial("rss_shared", 1.2), &counted(&[3, 1])).expect("two owners");
        assert_eq!(
            (seen.measured, seen.expected, seen.bound),
            (1.5, None, None)
        );
    }

    #[test]
    fn nobody_is_uneven_alone_or_uncounted() {
        assert_eq!(imbalance(&trial("xdp_steered", 1.2), &counted(&[3])), None);
        assert_eq!(imbalance(&trial("xdp_steered", 1.2), &[]), None);
    }
}
