//! Expansion to trials: what is in a block, what order, what names.

use std::collections::{BTreeMap, BTreeSet};

use spec::{Popularity, Spec, System, SystemKind, Trial, Workload, expand};

const TEXT: &str = "
name: expansion
topology: {kind: veth, queues: 2}
systems: [rss_shared, sphinx, xdp_steered, mica_erew]
workload:
  keys: 1 k
  key_size: 16 B
  value_size: {uniform: {min: 16 B, max: 1 KiB}}
  popularity: uniform
  get_ratio: 1
load: {rates: [10 kreq/s, 20 kreq/s]}
phases: {warmup: 0 s, measure: 1 s, timeout: 100 ms}
blocks: 4
floor: false
";

fn trials(set: &[&str]) -> Vec<Trial> {
    expand(&Spec::parse_with(TEXT, "expansion.yaml", set).expect("a good spec"))
}

fn workload(trial: &Trial) -> &Workload {
    trial.workload().expect("requests are asked for")
}

fn labels(trials: &[Trial]) -> Vec<&str> {
    trials
        .iter()
        .map(|trial| trial.system.label.as_str())
        .collect()
}

#[test]
fn a_block_is_one_pass_over_every_system_and_load() {
    let trials = trials(&[]);
    assert_eq!(trials.len(), 4 * 2 * 4);
    for (index, cell) in trials.chunks(4).enumerate() {
        let unique: BTreeSet<_> = labels(cell).into_iter().collect();
        assert_eq!(unique.len(), 4, "every system once");
        assert!(
            cell.iter()
                .all(|trial| trial.block as usize == index / 2 + 1)
        );
        assert!(cell.iter().all(|trial| trial.load == cell[0].load));
        assert!(
            cell.iter()
                .all(|trial| trial.schedule_seed == cell[0].schedule_seed)
        );
    }
    let seeds: BTreeSet<_> = trials.iter().map(|trial| trial.schedule_seed).collect();
    assert_eq!(seeds.len(), 4, "blocks do not repeat each other");
}

#[test]
fn the_order_is_random_and_follows_from_the_seed() {
    let orders: BTreeSet<Vec<String>> = trials(&["blocks=50"])
        .chunks(4)
        .map(|cell| labels(cell).into_iter().map(String::from).collect())
        .collect();
    assert!(
        orders.len() > 15,
        "100 shuffles of 4 systems gave {} of 24 orders",
        orders.len()
    );
    assert_eq!(
        labels(&trials(&[])),
        labels(&trials(&["seed=1"])),
        "1 is the default"
    );
    assert_ne!(labels(&trials(&[])), labels(&trials(&["seed=2"])));
}

#[test]
fn systems_take_each_position_about_equally_often() {
    let mut firsts = BTreeMap::new();
    for cell in trials(&["blocks=500"]).chunks(4) {
        *firsts.entry(cell[0].system.label.clone()).or_insert(0) += 1;
    }
    // 1000 draws with p = 1/4: five standard deviations are 68.
    assert!(
        firsts.values().all(|&count: &i32| (count - 250).abs() < 68),
        "{firsts:?}"
    );
}

#[test]
fn a_sweep_gives_every_combination() {
    let trials =
        trials(&["sweep={theta: [0, 0.99], owners: [1, 2], value_size: [64 B, 1 KiB, 256 B]}"]);
    assert_eq!(trials.len(), 4 * 2 * 4 * 12);
    let cells: BTreeSet<_> = trials
        .iter()
        .map(|trial| {
            let workload = workload(trial);
            format!(
                "{:?} {:?} {}",
                workload.popularity, workload.value_size, trial.system.owners
            )
        })
        .collect();
    assert_eq!(cells.len(), 12);
    assert!(
        trials
            .iter()
            .any(|trial| workload(trial).popularity == Popularity::Zipf(0.99))
    );
}

#[test]
fn a_trial_says_what_was_swept() {
    let set = [
        "workload.value_size={mix: [{size: 16 KiB, weight: 1}, {size: 64 B, weight: 1}]}",
        "sweep={large_share: [0.1 %, 5 %], multi_get: [1, 8]}",
    ];
    let spec = Spec::parse_with(TEXT, "expansion.yaml", &set).expect("a good spec");
    let sweep = spec.sweep.as_ref().expect("it was set");
    let swept: BTreeSet<_> = expand(&spec).iter().map(|trial| sweep.of(trial)).collect();
    let expected = [
        "large_share 0.001, multi_get 1",
        "large_share 0.001, multi_get 8",
        "large_share 0.05, multi_get 1",
        "large_share 0.05, multi_get 8",
    ];
    assert_eq!(swept, expected.map(String::from).into());

    let set = [
        "systems=[{system: netcache, cache_entries: 9}]",
        "workload.value_size=64 B",
        "sweep={cache_entries: [8, 64]}",
    ];
    let entries = |trial: &Trial| trial.system.cache.map(|cache| cache.entries);
    let entries: BTreeSet<_> = trials(&set).iter().map(entries).collect();
    assert_eq!(entries, [Some(8), Some(64)].into());
    let ids = |system: &str| {
        let set = [system, "workload.value_size=64 B"];
        trials(&set).iter().map(Trial::id).collect::<Vec<_>>()
    };
    // What was always there has the names that it always had.
    let usual = ids("systems=[{system: netcache}]");
    assert_eq!(usual, ids("systems=[{system: netcache, at: server}]"));
    assert_ne!(usual, ids("systems=[{system: netcache, at: switch}]"));
}

#[test]
fn each_block_begins_with_a_floor_that_changes_nothing_else() {
    let (with, without) = (trials(&["floor=true"]), trials(&[]));
    for (with, without) in with.chunks(9).zip(without.chunks(8)) {
        let [floor, systems @ ..] = with else {
            panic!("a block is not empty")
        };
        assert_eq!(systems, without);
        assert!(floor.is_floor() && systems.iter().all(|trial| !trial.is_floor()));
        assert_eq!(floor.block, systems[0].block);
        assert_eq!(floor.schedule_seed, systems[0].schedule_seed);
        assert_eq!(
            floor.load,
            spec::LoadPoint::Open(spec::Rate::requests(10_000))
        );
        assert!(floor.phases.measure < systems[0].phases.measure);
    }
    assert_eq!(with.len(), without.len() + 4);
    let default = expand(&Spec::parse(&TEXT.replace("floor: false\n", ""), "x").unwrap());
    assert_eq!(
        default, with,
        "a veth pair has a floor unless told otherwise"
    );
    let closed = trials(&["floor=null", "load={closed: [1]}"]);
    assert!(
        !closed.iter().any(Trial::is_floor),
        "no rate to measure it at"
    );
}

#[test]
fn threads_that_are_not_the_specs_to_choose_are_not_swept() {
    let trials = trials(&[
        "systems=[{system: synthetic, service: {fixed: 10 us}, servers: 2}, reflector, sphinx]",
        "sweep={owners: [3, 4]}",
    ]);
    for trial in &trials {
        let System {
            owners, servers, ..
        } = trial.system;
        let kind = trial.system.system;
        if kind == SystemKind::Synthetic {
            assert_eq!((owners, servers), (1, Some(2)));
        } else if kind == SystemKind::Reflector {
            assert_eq!((owners, servers), (0, None));
        } else {
            assert!(owners >= 3 && servers.is_none());
        }
    }
}

#[test]
fn ids_are_unique_and_survive_what_does_not_matter() {
    let plain = trials(&[]);
    let ids: BTreeSet<_> = plain.iter().map(Trial::id).collect();
    assert_eq!(ids.len(), plain.len());
    for same in [
        "name=other",
        "description=other",
        "topology.server_cpus=[0, 1]",
        "workload.flows=1024",
        "workload.arrivals=poisson",
        "systems.1={system: sphinx, wakeup: eventfd, owners: 2}",
        "workload.keys=1000",
        "output=/elsewhere",
    ] {
        let others: BTreeSet<_> = trials(&[same]).iter().map(Trial::id).collect();
        assert_eq!(ids, others, "{same} changes no trial");
    }
    for different in [
        "workload.keys=1001",
        "seed=9",
        "workload.seed=9",
        "topology.mtu=1400",
        "trace=true",
        "disturb={stall: {after: 100 ms, length: 10 ms}}",
    ] {
        let others: BTreeSet<_> = trials(&[different]).iter().map(Trial::id).collect();
        assert!(ids.is_disjoint(&others), "{different} changes every trial");
    }
    let longer: BTreeSet<_> = trials(&["blocks=5"]).iter().map(Trial::id).collect();
    assert!(
        ids.is_subset(&longer),
        "further blocks keep the trials that there are"
    );
}

/// Results are found by these names: a change here orphans every recorded run and needs a new
/// schema version.
#[test]
fn an_id_stays_what_it_is() {
    let trials = trials(&[]);
    let trial = trials
        .iter()
        .find(|trial| trial.block == 2 && trial.system.label == "sphinx")
        .expect("sphinx is in every block");
    assert_eq!(
        trial.load,
        spec::LoadPoint::Open(spec::Rate::requests(10_000))
    );
    assert_eq!(trial.id().as_str(), "bebd1f73448f6d2f");
}

#[test]
fn a_trial_survives_json() {
    for trial in trials(&["sweep={theta: [0, 0.99]}"]) {
        let text = serde_json::to_string(&trial).expect("a trial is plain data");
        let back: Trial = serde_json::from_str(&text).expect("what was written");
        assert_eq!(back, trial);
        assert_eq!(back.id(), trial.id());
    }
}

#[test]
fn the_resolved_spec_is_complete_and_gives_the_same_trials() {
    let spec = Spec::parse(TEXT, "expansion.yaml").expect("a good spec");
    let yaml = spec.resolved().to_yaml().expect("a spec is plain data");
    let back =
        Spec::parse(&yaml, "resolved.yaml").unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    assert_eq!(back, spec.resolved());
    assert_eq!(back.resolved(), back, "nothing was left to fill in");
    assert_eq!(expand(&back), expand(&spec));
}

#[test]
fn a_systems_own_service_replaces_the_workloads() {
    let with_service = trials(&[
        "workload.service={fixed: 20 us}",
        "systems[1]={system: sphinx, service: {fixed: 21 us}}",
    ]);
    let service = |label: &str| {
        let of_label = |trial: &&Trial| trial.system.label == label;
        with_service
            .iter()
            .find(of_label)
            .and_then(|trial| trial.system.service)
    };
    let fixed = |us: u64| Some(spec::Service::Fixed(spec::Duration(us * 1000)));
    assert_eq!(
        (service("sphinx"), service("rss_shared")),
        (fixed(21), fixed(20))
    );
    let without = trials(&[]);
    assert!(without.iter().all(|trial| trial.system.service.is_none()));
    let ids = |trials: &[Trial]| trials.iter().map(Trial::id).collect::<BTreeSet<_>>();
    assert!(ids(&without).is_disjoint(&ids(&with_service)));
}

#[test]
fn a_pattern_belongs_to_open_loops_alone() {
    let trials = trials(&[
        "load={rates: [10 kreq/s], closed: [8], pattern: {sine: {period: 500 ms, amplitude: 0.5}}}",
    ]);
    for trial in &trials {
        assert_eq!(trial.pattern.is_some(), trial.load.rate().is_some());
    }
    assert!(
        trials
            .iter()
            .any(|trial| trial.load == spec::LoadPoint::Closed(8))
    );
}
