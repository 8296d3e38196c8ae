//! CPUs for slices, one after the other.

use sys::cpu::{CpuId, PairClass, Topology};

use super::SliceCpus;

/// As many slices as find room, at most `slices`, each with `u_peers` CPUs that are of `class` to its k-peer. CPU 0 is used
/// where it gives room to more of them.
pub(super) fn assign(
    topology: &Topology,
    allowed: &[CpuId],
    class: PairClass,
    (slices, u_peers): (u16, u16),
) -> Vec<SliceCpus> {
    let wanted = (usize::from(slices), usize::from(u_peers));
    let online = topology.cpus().iter().map(|cpu| cpu.id);
    let usable: Vec<CpuId> = online.filter(|id| allowed.contains(id)).collect();
    let spared: Vec<CpuId> = usable.iter().copied().filter(|id| id.0 != 0).collect();
    let without = greedy(topology, &spared, class, wanted);
    if without.len() == wanted.0 {
        return without;
    }
    let with = greedy(topology, &usable, class, wanted);
    if with.len() > without.len() {
        with
    } else {
        without
    }
}

/// Each slice takes the first free CPU that has enough free CPUs of the class beside it. Of free CPUs those come first whose
/// core is wholly free: two slices on one core would halve its caches (NetSlices, section 4.2).
fn greedy(
    topology: &Topology,
    usable: &[CpuId],
    class: PairClass,
    (slices, u_peers): (usize, usize),
) -> Vec<SliceCpus> {
    let mut free = usable.to_vec();
    let mut found: Vec<SliceCpus> = Vec::new();
    while found.len() < slices {
        let ordered = by_freedom(topology, &free, &found);
        let Some(slice) = ordered
            .iter()
            .find_map(|&k_peer| beside(topology, &free, class, (k_peer, u_peers), &found))
        else {
            break;
        };
        free.retain(|id| *id != slice.k_peer && !slice.u_peers.contains(id));
        found.push(slice);
    }
    found
}

/// A slice with this k-peer, if there are enough free CPUs of the class.
fn beside(
    topology: &Topology,
    free: &[CpuId],
    class: PairClass,
    (k_peer, u_peers): (CpuId, usize),
    found: &[SliceCpus],
) -> Option<SliceCpus> {
    let of_class = free
        .iter()
        .copied()
        .filter(|&id| topology.class(k_peer, id) == Some(class));
    let candidates: Vec<CpuId> = of_class.collect();
    let mut chosen = by_freedom(topology, &candidates, found);
    chosen.truncate(u_peers);
    (chosen.len() == u_peers).then_some(SliceCpus {
        k_peer,
        u_peers: chosen,
    })
}

/// CPUs in the order in which they are taken.
fn by_freedom(topology: &Topology, cpus: &[CpuId], found: &[SliceCpus]) -> Vec<CpuId> {
    let is_used = |id: &CpuId| found.iter().any(|slice| slice.all().contains(id));
    let used_siblings = |id: CpuId| {
        let siblings = topology.cpu(id).map_or(&[][..], |cpu| &cpu.siblings);
        siblings.iter().filter(|sibling| is_used(sibling)).count()
    };
    let mut ordered = cpus.to_vec();
    ordered.sort_by_key(|&id| (used_siblings(id), id));
    ordered
}
