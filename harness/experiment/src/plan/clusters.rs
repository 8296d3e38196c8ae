//! How many clusters the owners form: a number of the spec's, or what their CPUs have in common.

use spec::{Clusters, Domain};
use sys::cpu::{CpuId, Topology};

use super::refusal::Refusal;

/// The number of clusters of the owners on `cpus`, in owner order. Neighbours form a cluster.
pub(crate) fn count(clusters: Clusters, cpus: &[u32], topology: &Topology) -> Result<u32, Refusal> {
    let domain = match clusters {
        Clusters::Count(clusters) => return Ok(u32::from(clusters)),
        Clusters::Sharing(domain) => domain,
    };
    let domains: Vec<Option<u32>> = cpus
        .iter()
        .map(|cpu| of_cpu(domain, CpuId(*cpu), topology))
        .collect();
    let runs: Vec<&[Option<u32>]> = domains.chunk_by(|a, b| a == b).collect();
    let even = runs.iter().all(|run| run.len() == runs[0].len());
    let mut distinct: Vec<_> = runs.iter().map(|run| run[0]).collect();
    distinct.sort_unstable();
    distinct.dedup();
    if !even || distinct.len() != runs.len() {
        return Err(Refusal::new(
            &format!(
                "the owners' CPUs {cpus:?} do not form clusters of one size by {clusters}: they \
                 belong to {domains:?}"
            ),
            "name them in order by `topology.server_cpus`, or give `clusters` a number",
        ));
    }
    Ok(u32::try_from(runs.len()).unwrap_or(u32::MAX))
}

/// Which of the machine's domains a CPU belongs to; `None` where the machine does not tell.
fn of_cpu(domain: Domain, cpu: CpuId, topology: &Topology) -> Option<u32> {
    let cpu = topology.cpu(cpu)?;
    match domain {
        Domain::Llc => cpu.llc.iter().min().map(|first| first.0),
        Domain::Numa => Some(cpu.node),
    }
}

#[cfg(test)]
mod tests {
    use sys::cpu::Cpu;

    use super::*;

    /// Caches of two CPUs each, nodes of four.
    fn topology() -> Topology {
        let cpu = |id: u32| Cpu {
            id: CpuId(id),
            siblings: vec![CpuId(id)],
            llc: vec![CpuId(id & !1), CpuId(id | 1)],
            node: id / 4,
        };
        Topology::new((0..8).map(cpu).collect())
    }

    #[test]
    fn neighbours_with_something_in_common_form_a_cluster() {
        let topology = topology();
        let count = |clusters, cpus: &[u32]| count(clusters, cpus, &topology);
        let all = [0, 1, 2, 3, 4, 5, 6, 7];
        assert_eq!(count(Clusters::Sharing(Domain::Llc), &all), Ok(4));
        assert_eq!(count(Clusters::Sharing(Domain::Numa), &all), Ok(2));
        assert_eq!(count(Clusters::Sharing(Domain::Llc), &[0, 2, 4]), Ok(3));
        assert_eq!(count(Clusters::Sharing(Domain::Llc), &[0, 1]), Ok(1));
        assert_eq!(count(Clusters::Count(8), &all), Ok(8));
    }

    #[test]
    fn uneven_and_scattered_owners_are_refused_with_a_remedy() {
        let topology = topology();
        for cpus in [[0, 1, 2].as_slice(), &[0, 2, 1, 3], &[0, 4, 1]] {
            let refused = count(Clusters::Sharing(Domain::Llc), cpus, &topology).unwrap_err();
            assert!(refused.to_string().contains("server_cpus"), "{refused}");
        }
    }
}
