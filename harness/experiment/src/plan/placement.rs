//! Which thread runs on which CPU. Pure: CPUs and demand in, CPUs per role out.
//!
//! A server's owner `i` lives on the CPU of NAPI thread `i`, as a NIC's interrupt `i` would be
//! steered there: a request that arrives on its owner's queue never changes CPU. That works while
//! owners sleep when idle. An owner that spins starves a NAPI thread on its CPU, so spinning owners
//! get CPUs of their own and the NAPI threads go to the rest.
//! Where CPUs are too few, roles share them and the plan says so; results carry it as advice.

use serde::{Deserialize, Serialize};

use super::refusal::Refusal;

/// What a trial asks of the CPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Demand {
    /// Threads of the server that own partitions.
    pub(crate) owners: usize,
    /// Whether those threads spin when they are idle.
    pub(crate) spinning: bool,
    /// Whether one more thread of it has a CPU to itself and decides when they run.
    pub(crate) dispatcher: bool,
    /// Queues of the server's device, one NAPI thread each; 0 without such threads (loopback).
    pub(crate) queues: usize,
    /// Threads of the client.
    pub(crate) clients: usize,
    /// CPUs that the spec names for the server.
    pub(crate) server_cpus: Option<Vec<u32>>,
    /// CPUs that the spec names for the client.
    pub(crate) client_cpus: Option<Vec<u32>>,
}

/// The CPUs of every role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Placement {
    /// CPU of owner `i`.
    pub(crate) owners: Vec<u32>,
    /// CPU of the server's dispatcher, where it has one, and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dispatcher: Option<u32>,
    /// CPU of the server's NAPI thread of queue `q`.
    pub(crate) server_napi: Vec<u32>,
    /// CPU of the client's NAPI thread of queue `q`.
    pub(crate) client_napi: Vec<u32>,
    /// CPU of client thread `t`.
    pub(crate) clients: Vec<u32>,
    /// CPU of the NAPI threads of queue `q` of a switch's ports, where there is a switch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) switch_napi: Vec<u32>,
    /// CPUs that several roles share.
    pub(crate) shared: Vec<SharedCpu>,
}

impl Placement {
    /// The placement with a switch, whose NAPI threads of queue `q` are on the `q`-th of `napi`.
    pub(crate) fn with_switch(self, napi: Vec<u32>) -> Self {
        let placed = Self {
            switch_napi: napi,
            ..self
        };
        Self {
            shared: placed.sharing(),
            ..placed
        }
    }

    /// Every CPU that some role is on, as often as roles are on it.
    pub(crate) fn cpus(&self) -> impl Iterator<Item = u32> {
        let roles = [
            &self.owners,
            &self.server_napi,
            &self.client_napi,
            &self.clients,
            &self.switch_napi,
        ];
        roles.into_iter().flatten().copied().chain(self.dispatcher)
    }
}

/// A CPU and the roles on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SharedCpu {
    /// The CPU.
    pub(crate) cpu: u32,
    /// Who runs there, for example `owner 0`.
    pub(crate) roles: Vec<String>,
}

/// Places `demand` on `cpus` (the ones this process may use, ascending).
pub(crate) fn place(demand: &Demand, cpus: &[u32]) -> Result<Placement, Refusal> {
    let server = chosen(demand.server_cpus.as_deref(), cpus, "topology.server_cpus")?;
    let client = chosen(demand.client_cpus.as_deref(), cpus, "topology.client_cpus")?;
    if server.is_empty() || client.is_empty() {
        return Err(Refusal::new(
            "no CPU is available to this process",
            "widen its affinity mask",
        ));
    }
    if demand.dispatcher {
        return place_dispatched(demand, cpus);
    }
    if demand.spinning {
        return place_spinning(demand, cpus, server);
    }
    // Without owners the queues alone have a place on the server's CPUs.
    let seats = cycle(
        server,
        [demand.owners, demand.queues][usize::from(demand.owners == 0)],
    );
    let server_napi = cycle(&seats, demand.queues);
    // The client takes what the server leaves, from the far end; where that is nothing it shares.
    let free: Vec<u32> = client
        .iter()
        .copied()
        .filter(|cpu| !seats.contains(cpu))
        .collect();
    let (clients, client_napi) = match (&demand.client_cpus, free.is_empty()) {
        (None, false) => (
            cycle_back(&free, demand.clients),
            cycle_back(&free, demand.queues),
        ),
        (None, true) => (
            cycle_back(client, demand.clients),
            cycle(client, demand.queues),
        ),
        (Some(_), _) => (cycle(client, demand.clients), cycle(client, demand.queues)),
    };
    let owners = cycle(&seats, demand.owners);
    Ok(finish(owners, server_napi, client_napi, clients))
}

/// A dispatcher alone on its CPU, the last one, and everything else on the others as if there were no
/// more.
fn place_dispatched(demand: &Demand, cpus: &[u32]) -> Result<Placement, Refusal> {
    let pool = demand.server_cpus.as_deref().unwrap_or(cpus);
    let Some((dispatcher, owners)) = pool.split_last().filter(|(_, rest)| !rest.is_empty()) else {
        return Err(Refusal::new(
            "a dispatcher needs a CPU to itself, beside one for the owners it wakes",
            "name two CPUs or more in topology.server_cpus, or give this process two",
        ));
    };
    if (demand.client_cpus.as_ref()).is_some_and(|asked| asked.contains(dispatcher)) {
        return Err(Refusal::new(
            &format!("the client was asked onto the dispatcher's CPU {dispatcher}"),
            "name other CPUs in topology.client_cpus",
        ));
    }
    let rest: Vec<u32> = (cpus.iter().copied())
        .filter(|cpu| cpu != dispatcher)
        .collect();
    let demand = Demand {
        dispatcher: false,
        server_cpus: (demand.server_cpus.as_ref()).map(|_| owners.to_vec()),
        ..demand.clone()
    };
    Ok(Placement {
        dispatcher: Some(*dispatcher),
        ..place(&demand, &rest)?
    })
}

/// Spinning owners alone on their CPUs, everything else on the others.
fn place_spinning(demand: &Demand, cpus: &[u32], server: &[u32]) -> Result<Placement, Refusal> {
    let needed = demand.owners + 1;
    if needed > cpus.len() {
        return Err(Refusal::new(
            &format!(
                "{} spinning owners and one CPU for packets and client need {needed} CPUs, here are {}",
                demand.owners,
                cpus.len()
            ),
            "fewer owners, or a wakeup that sleeps (eventfd, batched)",
        ));
    }
    // The last CPUs spin: CPU 0 takes most interrupts of a machine.
    let owners: Vec<u32> = match &demand.server_cpus {
        Some(asked) if asked.len() < demand.owners => {
            return Err(Refusal::new(
                &format!(
                    "{} spinning owners on {} server CPUs",
                    demand.owners,
                    asked.len()
                ),
                "name one CPU per spinning owner",
            ));
        }
        Some(_) => server[..demand.owners].to_vec(),
        None => cpus[cpus.len() - demand.owners..].to_vec(),
    };
    let rest: Vec<u32> = cpus
        .iter()
        .copied()
        .filter(|cpu| !owners.contains(cpu))
        .collect();
    let clients = match &demand.client_cpus {
        Some(asked) if asked.iter().any(|cpu| owners.contains(cpu)) => {
            return Err(Refusal::new(
                "the client was asked onto the CPU of a spinning owner",
                "name other CPUs in topology.client_cpus",
            ));
        }
        Some(asked) => cycle(asked, demand.clients),
        None => cycle_back(&rest, demand.clients),
    };
    let server_napi = cycle(&rest, demand.queues);
    let client_napi = cycle_back(&rest, demand.queues);
    Ok(finish(owners, server_napi, client_napi, clients))
}

fn chosen<'a>(
    asked: Option<&'a [u32]>,
    cpus: &'a [u32],
    field: &str,
) -> Result<&'a [u32], Refusal> {
    let Some(asked) = asked else { return Ok(cpus) };
    match asked.iter().find(|cpu| !cpus.contains(cpu)) {
        None => Ok(asked),
        Some(missing) => Err(Refusal::new(
            &format!("{field} names CPU {missing}, which this process cannot use"),
            &format!("choose from {cpus:?}"),
        )),
    }
}

fn cycle(cpus: &[u32], count: usize) -> Vec<u32> {
    cpus.iter().copied().cycle().take(count).collect()
}

fn cycle_back(cpus: &[u32], count: usize) -> Vec<u32> {
    cpus.iter().rev().copied().cycle().take(count).collect()
}

fn finish(
    owners: Vec<u32>,
    server_napi: Vec<u32>,
    client_napi: Vec<u32>,
    clients: Vec<u32>,
) -> Placement {
    let placed = Placement {
        owners,
        dispatcher: None,
        server_napi,
        client_napi,
        clients,
        switch_napi: Vec::new(),
        shared: Vec::new(),
    };
    Placement {
        shared: placed.sharing(),
        ..placed
    }
}

impl Placement {
    /// The CPUs that roles of several kinds are on.
    fn sharing(&self) -> Vec<SharedCpu> {
        let named = |role: &'static str, cpus: &[u32]| -> Vec<(u32, String)> {
            cpus.iter()
                .enumerate()
                .map(|(i, cpu)| (*cpu, format!("{role} {i}")))
                .collect()
        };
        let mut roles = named("owner", &self.owners);
        // Owner and NAPI thread of one queue on one CPU is the intended layout, not a shortage.
        roles.extend(
            named("server NAPI", &self.server_napi)
                .into_iter()
                .enumerate()
                .filter(|(queue, (cpu, _))| self.owners.get(*queue) != Some(cpu))
                .map(|(_, role)| role),
        );
        roles.extend(named("client NAPI", &self.client_napi));
        roles.extend(named("client thread", &self.clients));
        roles.extend(named("switch NAPI", &self.switch_napi));
        let mut cpus: Vec<u32> = roles.iter().map(|(cpu, _)| *cpu).collect();
        cpus.sort_unstable();
        cpus.dedup();
        let on = |cpu: u32| -> Vec<String> {
            roles
                .iter()
                .filter(|(at, _)| *at == cpu)
                .map(|(_, role)| role.clone())
                .collect()
        };
        cpus.into_iter()
            .map(|cpu| SharedCpu {
                cpu,
                roles: on(cpu),
            })
            .filter(|shared| shared.roles.len() > 1 && mixes(&shared.roles))
            .collect()
    }
}

/// Whether the roles on a CPU are of different kinds, or owners that share it: a client thread on
/// the CPU of its own NAPI thread is no shortage.
fn mixes(roles: &[String]) -> bool {
    let owners = roles
        .iter()
        .filter(|role| role.starts_with("owner"))
        .count();
    let server = roles
        .iter()
        .any(|role| role.starts_with("owner") || role.starts_with("server"));
    let is_of = |host: &str| roles.iter().any(|role| role.starts_with(host));
    let hosts = [server, is_of("client"), is_of("switch")];
    owners > 1 || hosts.into_iter().filter(|is| *is).count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(owners: usize, queues: usize) -> Demand {
        Demand {
            owners,
            spinning: false,
            dispatcher: false,
            queues,
            clients: 1,
            server_cpus: None,
            client_cpus: None,
        }
    }

    #[test]
    fn two_cpus_put_owner_and_napi_together_and_share_with_the_client() {
        let placement = place(&demand(2, 2), &[0, 1]).unwrap();
        assert_eq!(placement.owners, [0, 1]);
        assert_eq!(placement.server_napi, [0, 1]);
        assert_eq!(placement.client_napi, [0, 1]);
        assert_eq!(placement.clients, [1]);
        let shared: Vec<u32> = placement.shared.iter().map(|shared| shared.cpu).collect();
        assert_eq!(shared, [0, 1]);
    }

    #[test]
    fn eight_cpus_keep_the_client_apart() {
        let placement = place(&demand(4, 4), &[0, 1, 2, 3, 4, 5, 6, 7]).unwrap();
        assert_eq!(placement.owners, placement.server_napi);
        assert_eq!(placement.client_napi, [7, 6, 5, 4]);
        assert_eq!(placement.clients, [7]);
        assert_eq!(placement.shared, []);
    }

    #[test]
    fn spinning_owners_have_their_cpus_to_themselves_or_are_refused() {
        let spin = |owners| Demand {
            spinning: true,
            ..demand(owners, 2)
        };
        let placement = place(&spin(1), &[0, 1]).unwrap();
        assert_eq!(placement.owners, [1]);
        assert_eq!(placement.server_napi, [0, 0]);
        assert_eq!(placement.clients, [0]);
        let refused = place(&spin(2), &[0, 1]).unwrap_err();
        assert!(
            refused.to_string().contains("need 3 CPUs, here are 2"),
            "{refused}"
        );
    }

    #[test]
    fn a_dispatcher_has_its_cpu_to_itself_or_is_refused() {
        let dispatched = Demand {
            dispatcher: true,
            ..demand(2, 2)
        };
        let placement = place(&dispatched, &[0, 1, 2]).unwrap();
        assert_eq!(placement.dispatcher, Some(2));
        assert_eq!(
            (placement.owners, placement.server_napi),
            (vec![0, 1], vec![0, 1])
        );
        let placement = place(&dispatched, &[0, 1]).unwrap();
        assert_eq!(placement.dispatcher, Some(1));
        assert_eq!((placement.owners, placement.clients), (vec![0, 0], vec![0]));
        let refused = place(&dispatched, &[0]).unwrap_err().to_string();
        assert!(refused.contains("a CPU to itself"), "{refused}");
        let asked = Demand {
            server_cpus: Some(vec![0, 3]),
            client_cpus: Some(vec![1, 3]),
            ..dispatched
        };
        let refused = place(&asked, &[0, 1, 2, 3]).unwrap_err().to_string();
        assert!(refused.contains("dispatcher's CPU 3"), "{refused}");
        let asked = Demand {
            client_cpus: Some(vec![1]),
            ..asked
        };
        let placement = place(&asked, &[0, 1, 2, 3]).unwrap();
        assert_eq!(
            (placement.dispatcher, placement.owners),
            (Some(3), vec![0, 0])
        );
        assert_eq!(placement.clients, [1]);
    }

    #[test]
    fn without_owners_the_queues_have_the_servers_cpus() {
        let placement = place(&demand(0, 2), &[0, 1, 2, 3]).unwrap();
        assert_eq!(placement.server_napi, [0, 1]);
        assert_eq!((placement.owners, placement.clients), (vec![], vec![3]));
        assert_eq!(placement.shared, []);
    }

    #[test]
    fn named_cpus_are_kept_and_checked() {
        let mut asked = demand(2, 2);
        asked.server_cpus = Some(vec![2, 3]);
        asked.client_cpus = Some(vec![0, 1]);
        let placement = place(&asked, &[0, 1, 2, 3]).unwrap();
        assert_eq!((placement.owners, placement.clients), (vec![2, 3], vec![0]));
        asked.server_cpus = Some(vec![9]);
        assert!(
            place(&asked, &[0, 1])
                .unwrap_err()
                .to_string()
                .contains("CPU 9")
        );
    }
}
