//! Which CPU does what between sender and receiver. Pure.
//!
//! A router's k-peer of queue q runs the NAPI threads of that queue of both devices; its u-peers are the system's threads.
//! The sender generates for queue q on a CPU whose frames come in by that queue ([`super::super::saturate`]). Sender
//! and receiver take what the routers leave; where that is nothing, roles share CPUs and the plan says so.

use serde::{Deserialize, Serialize};
use slices::placement::{self, Placement, PlacementError, Request};
use spec::{PeerPlacement, System, SystemKind};
use sys::cpu::CpuId;

use super::super::placement::SharedCpu;
use super::super::{Machine, Refusal, saturate};

/// What a trial asks of the CPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Demand<'a> {
    /// What runs in each router.
    pub(crate) system: &'a System,
    /// Queues of every device.
    pub(crate) queues: usize,
    /// Names of the routers, the sender's first.
    pub(crate) routers: &'a [&'static str],
    /// Whether the sender generates for each queue on a CPU of its own; else one thread drives all queues.
    pub(crate) generates: bool,
    /// Whether something between two routers redirects frames.
    pub(crate) path: bool,
    /// CPUs that the spec names for the routers.
    pub(crate) router_cpus: Option<&'a [u32]>,
    /// CPUs that the spec names for sender and receiver.
    pub(crate) end_cpus: Option<&'a [u32]>,
}

/// The CPUs of one router.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RouterCpus {
    /// Its name.
    pub(crate) name: String,
    /// CPU of the NAPI threads of queue `q`.
    pub(crate) k_peers: Vec<u32>,
    /// CPU of each thread of the system; empty where the scheduler chooses, or there are none.
    pub(crate) u_peers: Vec<u32>,
}

/// The CPUs of every role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChainPlacement {
    /// The routers, the sender's first.
    pub(crate) routers: Vec<RouterCpus>,
    /// Where the u-peers are, seen from the k-peers, as obtained; `None` for a system without threads.
    pub(crate) peers: Option<Placement>,
    /// CPU of each of the sender's threads.
    pub(crate) sender: Vec<u32>,
    /// CPU of the sender's NAPI thread of queue `q`.
    pub(crate) sender_napi: Vec<u32>,
    /// CPU of the receiver's NAPI thread of queue `q`.
    pub(crate) receiver_napi: Vec<u32>,
    /// CPU of the NAPI threads of queue `q` of a path between two routers, where there is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) path_napi: Vec<u32>,
    /// CPUs that several roles share.
    pub(crate) shared: Vec<SharedCpu>,
}

impl RouterCpus {
    /// The CPUs that send by each of several queues where every queue has a thread, each CPU by one queue: that of which it is
    /// the k-peer, or else that of its slice. Fewer threads would leave queues unused.
    pub(crate) fn senders(&self) -> Option<Vec<Vec<u32>>> {
        let queues = self.k_peers.len();
        if queues == 1 || self.u_peers.len() < queues {
            return None;
        }
        let mut senders: Vec<Vec<u32>> = vec![Vec::new(); queues];
        let k_peers = self.k_peers.iter().enumerate();
        for (number, cpu) in k_peers.chain(self.u_peers.iter().enumerate()) {
            if !senders.iter().any(|cpus| cpus.contains(cpu)) {
                senders[number % queues].push(*cpu);
            }
        }
        Some(senders)
    }
}

impl ChainPlacement {
    /// Every CPU that some role is on, as often as roles are on it.
    pub(crate) fn cpus(&self) -> impl Iterator<Item = u32> {
        let routers = (self.routers.iter()).flat_map(|router| [&router.k_peers, &router.u_peers]);
        let ends = [
            &self.sender,
            &self.sender_napi,
            &self.receiver_napi,
            &self.path_napi,
        ];
        routers.chain(ends).flatten().copied()
    }
}

/// Places `demand` on the machine's CPUs.
pub(crate) fn place(demand: &Demand<'_>, machine: &Machine) -> Result<ChainPlacement, Refusal> {
    let all = machine.cpus.as_slice();
    let pool = chosen(demand.router_cpus, all, "topology.server_cpus")?;
    let ends = chosen(demand.end_cpus, all, "topology.client_cpus")?;
    let mut routers: Vec<RouterCpus> = Vec::new();
    let mut peers = None;
    for name in demand.routers {
        let left = without(pool, &used(&routers));
        // Where a second router finds no CPUs of its own it shares the first one's.
        let found = router(demand, name, &left, machine);
        let (placed, obtained) = match found {
            Err(_) if !routers.is_empty() => router(demand, name, pool, machine)?,
            found => found?,
        };
        peers = obtained;
        routers.push(placed);
    }
    let (mut order, free) = (used(&routers), without(ends, &used(&routers)));
    order.retain(|cpu| ends.contains(cpu));
    order.sort_unstable();
    order.dedup();
    // The last that fits is taken: a free one if there is such.
    order.extend(&free);
    let sender = match demand.generates {
        true => saturate::cpus(demand.queues, &order)?,
        false => order.last().copied().into_iter().collect(),
    };
    let left = without(&free, &sender);
    let receiver = [&left[..], &free[..], ends]
        .into_iter()
        .find(|cpus| !cpus.is_empty());
    let receiver = receiver.unwrap_or_default();
    let mut placed = ChainPlacement {
        routers,
        peers,
        sender_napi: cycle(sender.iter(), demand.queues),
        receiver_napi: cycle(receiver.iter().rev(), demand.queues),
        sender,
        path_napi: Vec::new(),
        shared: Vec::new(),
    };
    if demand.path {
        placed.path_napi = path(demand.queues, all, &placed)?;
    }
    placed.shared = sharing(&placed);
    Ok(placed)
}

/// The CPU of a path's NAPI threads of each queue: what is redirected on CPU c comes out by queue c modulo the number
/// of queues, and a frame is to have behind the path the queue that it had before. One that no other role is on, if
/// there is such.
fn path(queues: usize, all: &[u32], placed: &ChainPlacement) -> Result<Vec<u32>, Refusal> {
    let used: Vec<u32> = placed.cpus().collect();
    let (mut order, free): (Vec<u32>, Vec<u32>) =
        all.iter().copied().partition(|cpu| used.contains(cpu));
    order.extend(free);
    saturate::feeding(queues, &order).map_err(|queue| {
        Refusal::new(
            &format!(
                "the path between the routers cannot keep queue {queue} of {queues}: what is redirected on CPU c comes out \
                 by queue c modulo {queues}, and there are CPUs {all:?}"
            ),
            "fewer queues (topology.queues), or more CPUs for this process",
        )
    })
}

/// One router's CPUs, and the placement that was obtained.
fn router(
    demand: &Demand<'_>,
    name: &str,
    pool: &[u32],
    machine: &Machine,
) -> Result<(RouterCpus, Option<Placement>), Refusal> {
    let threads = demand.system.owners;
    let named = |k_peers, u_peers| RouterCpus {
        name: name.to_owned(),
        k_peers,
        u_peers,
    };
    if threads == 0 {
        if pool.is_empty() {
            return Err(no_cpu());
        }
        // CPU 0 last, as for slices: most machines leave interrupts and housekeeping there.
        let spared = pool.iter().filter(|cpu| **cpu != 0);
        let zero = pool.iter().filter(|cpu| **cpu == 0);
        return Ok((
            named(cycle(spared.chain(zero), demand.queues), Vec::new()),
            None,
        ));
    }
    let asked = demand.system.placement.map_or(Placement::Nearest, peers);
    let request = Request {
        slices: threads,
        placement: asked,
        u_peers: 1,
    };
    let allowed: Vec<CpuId> = pool.iter().copied().map(CpuId).collect();
    let plan = placement::place(&machine.topology, &allowed, &request).map_err(refusal)?;
    let k_peers: Vec<u32> = plan.slices.iter().map(|slice| slice.k_peer.0).collect();
    let mut u_peers: Vec<u32> = match plan.placement {
        // None is chosen.
        Placement::OsDefault => Vec::new(),
        Placement::Nearest
        | Placement::SameCpu
        | Placement::SmtSibling
        | Placement::SameLlc
        | Placement::SameNode
        | Placement::OtherNode => {
            let of = |slice: &placement::SliceCpus| slice.u_peers.first().map(|cpu| cpu.0);
            plan.slices.iter().filter_map(of).collect()
        }
    };
    if demand.system.system == SystemKind::DispatchThreads && !u_peers.is_empty() {
        // The reader is where frames arrive.
        u_peers.push(k_peers[0]);
    }
    // Queues beyond the threads have CPUs that are left, if any are.
    let taken: Vec<u32> = k_peers.iter().chain(&u_peers).copied().collect();
    let left = without(pool, &taken);
    let k_peers = cycle(k_peers.iter().chain(&left), demand.queues);
    Ok((named(k_peers, u_peers), Some(plan.placement)))
}

/// The spec's placement in the library's words.
const fn peers(placement: PeerPlacement) -> Placement {
    match placement {
        PeerPlacement::Nearest => Placement::Nearest,
        PeerPlacement::OsDefault => Placement::OsDefault,
        PeerPlacement::SameCpu => Placement::SameCpu,
        PeerPlacement::SmtSibling => Placement::SmtSibling,
        PeerPlacement::SameLlc => Placement::SameLlc,
        PeerPlacement::SameNode => Placement::SameNode,
        PeerPlacement::OtherNode => Placement::OtherNode,
    }
}

fn refusal(error: PlacementError) -> Refusal {
    let remedy = match &error {
        PlacementError::NoSuchPair { .. } | PlacementError::Impossible { .. } => {
            "another `placement`"
        }
        PlacementError::TooFew { .. } => {
            "fewer queues and owners, or a placement that takes fewer CPUs"
        }
    };
    Refusal::new(&error.to_string(), remedy)
}

fn no_cpu() -> Refusal {
    Refusal::new(
        "no CPU is available to this process",
        "widen its affinity mask",
    )
}

fn chosen<'a>(asked: Option<&'a [u32]>, all: &'a [u32], field: &str) -> Result<&'a [u32], Refusal> {
    let chosen = asked.unwrap_or(all);
    if let Some(missing) = chosen.iter().find(|cpu| !all.contains(cpu)) {
        return Err(Refusal::new(
            &format!("{field} names CPU {missing}, which this process cannot use"),
            &format!("choose from {all:?}"),
        ));
    }
    if chosen.is_empty() {
        return Err(no_cpu());
    }
    Ok(chosen)
}

fn used(routers: &[RouterCpus]) -> Vec<u32> {
    let cpus = routers
        .iter()
        .flat_map(|router| [&router.k_peers, &router.u_peers]);
    cpus.flatten().copied().collect()
}

fn without(cpus: &[u32], used: &[u32]) -> Vec<u32> {
    (cpus.iter().copied())
        .filter(|cpu| !used.contains(cpu))
        .collect()
}

fn cycle<'a>(cpus: impl Iterator<Item = &'a u32> + Clone, count: usize) -> Vec<u32> {
    cpus.copied().cycle().take(count).collect()
}

/// The CPUs that different hosts are on, or several threads of one system. That a router's k-peer and u-peer of one
/// queue are together is a placement and no shortage, and so is a sender beside its own NAPI thread.
fn sharing(placed: &ChainPlacement) -> Vec<SharedCpu> {
    let mut roles: Vec<(u32, &str, String)> = Vec::new();
    let mut add = |host: &'static str, prefix: &str, cpus: &[u32]| {
        let named = cpus.iter().enumerate();
        roles.extend(named.map(|(i, cpu)| (*cpu, host, format!("{prefix} {i}"))));
    };
    let hosts = ["first router", "second router"];
    for (router, host) in placed.routers.iter().zip(hosts) {
        add(host, &format!("{} k-peer", router.name), &router.k_peers);
        add(host, &format!("{} u-peer", router.name), &router.u_peers);
    }
    add("sender", "sender", &placed.sender);
    add("receiver", "receiver NAPI", &placed.receiver_napi);
    add("path", "path NAPI", &placed.path_napi);
    let mut cpus: Vec<u32> = roles.iter().map(|(cpu, ..)| *cpu).collect();
    cpus.sort_unstable();
    cpus.dedup();
    let shared = cpus.into_iter().filter_map(|cpu| {
        let here: Vec<_> = roles.iter().filter(|(at, ..)| *at == cpu).collect();
        let mixed = here.iter().any(|(_, host, _)| *host != here[0].1);
        let threads = here.iter().filter(|(.., role)| role.contains("u-peer"));
        (mixed || threads.count() > 1).then(|| SharedCpu {
            cpu,
            roles: here.iter().map(|(.., role)| role.clone()).collect(),
        })
    });
    shared.collect()
}
