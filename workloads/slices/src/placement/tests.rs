//! Slices on machines that are not here.

use std::collections::BTreeSet;

use proptest::prelude::*;
use sys::cpu::Cpu;

use super::*;

/// `nodes` of `caches` last-level caches of `cores` of `threads`, numbered as Linux mostly does: first threads of all cores
/// first; or the threads of a core next to each other, as many virtual machines do.
fn machine((nodes, caches, cores, threads): (u32, u32, u32, u32), adjacent: bool) -> Topology {
    let all_cores = nodes * caches * cores;
    let place = |id: u32| {
        if adjacent {
            (id / threads, id % threads)
        } else {
            (id % all_cores, id / all_cores)
        }
    };
    let count = all_cores * threads;
    let sharing = |id: u32, of: u32| {
        let same = move |other: &u32| place(*other).0 / of == place(id).0 / of;
        (0..count).filter(same).map(CpuId).collect()
    };
    let cpu = |id| Cpu {
        id: CpuId(id),
        siblings: sharing(id, 1),
        llc: sharing(id, cores),
        node: place(id).0 / (cores * caches),
    };
    Topology::new((0..count).map(cpu).collect())
}

/// The paper's routers: two sockets of four cores of two threads (Figure 1).
fn nehalem() -> Topology {
    machine((2, 1, 4, 2), false)
}

/// Two CPUs of one cache, as the smallest virtual machines have.
fn two_cpus() -> Topology {
    machine((1, 1, 2, 1), false)
}

fn all(topology: &Topology) -> Vec<CpuId> {
    topology.cpus().iter().map(|cpu| cpu.id).collect()
}

fn plan(topology: &Topology, slices: u16, placement: Placement) -> Result<Plan, PlacementError> {
    let request = Request {
        slices,
        placement,
        u_peers: 1,
    };
    place(topology, &all(topology), &request)
}

fn pairs(plan: &Plan) -> Vec<(u32, u32)> {
    let pair = |slice: &SliceCpus| (slice.k_peer.0, slice.u_peers[0].0);
    plan.slices.iter().map(pair).collect()
}

#[test]
fn eight_slices_of_the_papers_machine_are_its_eight_cores() {
    let plan = plan(&nehalem(), 8, Placement::Nearest).unwrap();
    assert_eq!(plan.placement, Placement::SmtSibling);
    let figure_1: Vec<(u32, u32)> = (0..8).map(|i| (i, i + 8)).collect();
    assert_eq!(pairs(&plan), figure_1);
}

#[test]
fn every_class_of_figure_5_is_there_for_one_slice_of_the_papers_machine() {
    let topology = nehalem();
    for (placement, pair) in [
        (Placement::SameCpu, (1, 1)),
        (Placement::SmtSibling, (1, 9)),
        (Placement::SameLlc, (1, 2)),
        (Placement::OtherNode, (1, 4)),
    ] {
        assert_eq!(
            pairs(&plan(&topology, 1, placement).unwrap()),
            [pair],
            "{placement}"
        );
    }
    let free = plan(&topology, 1, Placement::OsDefault).unwrap();
    assert_eq!(free.slices[0].k_peer, CpuId(1));
    assert_eq!(free.slices[0].u_peers, all(&topology));
}

#[test]
fn what_a_machine_lacks_is_named_with_what_it_has() {
    let error = plan(&nehalem(), 1, Placement::SameNode).unwrap_err();
    assert_eq!(
        error.to_string(),
        "placement same_node: this machine has no two CPUs that are under two last-level caches of one node among CPUs \
         0-15; it has: os_default, same_cpu, smt_sibling, same_llc, other_node. Choose one of these, or `nearest`"
    );
    for placement in [
        Placement::SmtSibling,
        Placement::SameNode,
        Placement::OtherNode,
    ] {
        let error = plan(&two_cpus(), 1, placement).unwrap_err().to_string();
        assert!(
            error.contains("it has: os_default, same_cpu, same_llc."),
            "{error}"
        );
    }
}

#[test]
fn too_many_slices_are_refused_with_the_number_that_finds_room() {
    let error = plan(&two_cpus(), 2, Placement::SameLlc).unwrap_err();
    assert!(
        error.to_string().contains("where 1 such slices find room"),
        "{error}"
    );
    let error = plan(&two_cpus(), 3, Placement::Nearest).unwrap_err();
    assert!(
        error.to_string().contains("where 2 such slices find room"),
        "{error}"
    );
    assert_eq!(
        plan(&nehalem(), 9, Placement::SmtSibling),
        Err(PlacementError::TooFew {
            placement: Placement::SmtSibling,
            slices: 9,
            u_peers: 1,
            allowed: "0-15".to_owned(),
            possible: 8,
        })
    );
}

#[test]
fn two_cpus_are_one_slice_of_two_or_two_of_one() {
    let one = plan(&two_cpus(), 1, Placement::Nearest).unwrap();
    assert_eq!(
        (one.placement, pairs(&one)),
        (Placement::SameLlc, vec![(0, 1)])
    );
    let two = plan(&two_cpus(), 2, Placement::Nearest).unwrap();
    assert_eq!(two.placement, Placement::SameCpu);
    assert_eq!(pairs(&two), [(0, 0), (1, 1)]);
    let single = plan(&two_cpus(), 1, Placement::SameCpu).unwrap();
    assert_eq!(pairs(&single), [(1, 1)], "CPU 0 last");
}

#[test]
fn slices_do_not_share_cores_while_there_are_free_ones() {
    // Threads of a core are neighbours here: 0-1, 2-3, 4-5, 6-7.
    let topology = machine((1, 1, 4, 2), true);
    let two = plan(&topology, 2, Placement::SameLlc).unwrap();
    let cores: BTreeSet<u32> = pairs(&two)
        .iter()
        .flat_map(|(k, u)| [k / 2, u / 2])
        .collect();
    assert_eq!(cores.len(), 4, "{two:?}");
}

#[test]
fn further_u_peers_are_placed_like_the_first() {
    let request = Request {
        slices: 2,
        placement: Placement::SameLlc,
        u_peers: 3,
    };
    let topology = nehalem();
    let plan = place(&topology, &all(&topology), &request).unwrap();
    let per_slice: Vec<usize> = plan.slices.iter().map(|slice| slice.all().len()).collect();
    assert_eq!(per_slice, [4, 4]);
    for placement in [Placement::SameCpu, Placement::OsDefault] {
        let request = Request {
            placement,
            ..request
        };
        let error = place(&topology, &all(&topology), &request).unwrap_err();
        assert!(
            matches!(error, PlacementError::Impossible { .. }),
            "{error}"
        );
    }
    let none = Request {
        u_peers: 0,
        ..request
    };
    assert!(place(&topology, &all(&topology), &none).is_err());
    let nearest = Request {
        slices: 1,
        placement: Placement::Nearest,
        u_peers: 3,
    };
    let error = place(&two_cpus(), &all(&two_cpus()), &nearest).unwrap_err();
    assert!(error.to_string().contains("where 0 such slices"), "{error}");
}

#[test]
fn only_allowed_cpus_are_used() {
    let allowed = [2, 10, 6].map(CpuId);
    let request = Request {
        slices: 1,
        placement: Placement::Nearest,
        u_peers: 1,
    };
    let near = place(&nehalem(), &allowed, &request).unwrap();
    assert_eq!(pairs(&near), [(2, 10)]);
    let request = Request {
        slices: 3,
        ..request
    };
    let each = place(&nehalem(), &allowed, &request).unwrap();
    assert_eq!(
        (each.placement, pairs(&each)),
        (Placement::SameCpu, vec![(2, 2), (6, 6), (10, 10)])
    );
}

#[test]
fn names_are_those_of_serde() {
    for placement in Placement::ALL {
        assert_eq!(serde_json::to_value(placement).unwrap(), placement.name());
    }
}

proptest! {
    /// On any machine: no CPU in two slices, every u-peer of the class that was obtained, and a refusal only where the number
    /// that is said to find room really does.
    #[test]
    fn slices_are_exclusive_and_of_their_class(
        shape in (1_u32..3, 1_u32..3, 1_u32..5, 1_u32..3),
        adjacent in any::<bool>(),
        slices in 1_u16..10,
        u_peers in 1_u16..3,
        placement in prop::sample::select(Placement::ALL.to_vec()),
    ) {
        let topology = machine(shape, adjacent);
        let request = Request { slices, placement, u_peers };
        match place(&topology, &all(&topology), &request) {
            Ok(plan) => {
                prop_assert_eq!(plan.slices.len(), usize::from(slices));
                let obtained = class(plan.placement);
                let mut used = BTreeSet::new();
                for slice in &plan.slices {
                    let own = if obtained.is_some() { slice.all() } else { vec![slice.k_peer] };
                    for cpu in own {
                        prop_assert!(used.insert(cpu), "{} is in two slices", cpu);
                    }
                    for u_peer in &slice.u_peers {
                        if obtained.is_some() {
                            prop_assert_eq!(topology.class(slice.k_peer, *u_peer), obtained);
                        }
                    }
                }
            }
            Err(PlacementError::TooFew { possible, .. }) => {
                prop_assert!(possible < usize::from(slices));
                let fewer = Request { slices: possible as u16, ..request };
                prop_assert!(possible == 0 || place(&topology, &all(&topology), &fewer).is_ok());
            }
            Err(PlacementError::NoSuchPair { .. }) => {
                let one = Request { slices: 1, u_peers: 1, ..request };
                prop_assert!(place(&topology, &all(&topology), &one).is_err());
            }
            Err(PlacementError::Impossible { .. }) => {
                prop_assert!(u_peers > 1);
                prop_assert!(matches!(placement, Placement::SameCpu | Placement::OsDefault));
            }
        }
    }
}
