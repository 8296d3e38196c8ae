//! From a trial to what is done where, decided without touching the machine.
//!
//! `check` prints a plan; `run` applies it. What the machine cannot do is refused here where values
//! decide it (too few CPUs, a topology of a later version), and by the agents where only an attempt
//! can tell (a driver without native XDP).

pub(crate) mod action;
pub(crate) mod chain;
pub(crate) mod clusters;
pub(crate) mod placement;
mod refusal;
mod saturate;
pub(crate) mod switch;
pub(crate) mod topology;
mod translate;
mod xdp;

use kv::systems::IoKind;
use loadgen::ClientConfig;
use record::Smell;
use spec::{ClientIo, LoadPoint, SystemKind, Task, Topology, TopologyKind, Trial, Wakeup};
use sys::cpu::Topology as CpuTopology;

use crate::agents::client::SteerTransmit;
use crate::agents::serving::Deployment;
use chain::FramePlan;
use placement::{Demand, Placement};
pub(crate) use refusal::Refusal;
use topology::{HostPlan, Receiver};
pub(crate) use translate::{PORT, design, dispatcher, io, service, waking, workload};

/// A plan for a trial, by what is asked of its system.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Planned {
    /// Requests are served.
    Requests(Box<Plan>),
    /// Frames are passed on.
    Frames(Box<FramePlan>),
}

/// Everything that one trial of requests needs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// The trial.
    pub(crate) trial: Trial,
    /// CPUs of all roles.
    pub(crate) placement: Placement,
    /// What receives at the server's and at the client's end.
    pub(crate) receivers: [Receiver; 2],
    /// Steps of the server's and of the client's host; `None` where both live on this host.
    pub(crate) hosts: Option<[HostPlan; 2]>,
    /// Steps of the switch between them, where there is one.
    pub(crate) switch: Option<HostPlan>,
    /// The requests that are made.
    pub(crate) requests: model::WorkloadSpec,
    /// The server.
    pub(crate) server: Deployment,
    /// The client.
    pub(crate) client: ClientConfig,
    /// The emulation of the NIC's choice of queue for a client on kernel sockets.
    pub(crate) steer_transmit: Option<SteerTransmit>,
    /// What the result must say about the plan.
    pub(crate) smells: Vec<Smell>,
}

/// What plans depend on of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Machine {
    /// CPUs that this process may use, ascending.
    pub(crate) cpus: Vec<u32>,
    /// What CPUs have in common.
    pub(crate) topology: CpuTopology,
}

/// Plans `trial` for a machine. `port` is the first port of a server: [`PORT`] unless another
/// program has it.
pub(crate) fn plan(trial: &Trial, machine: &Machine, port: u16) -> Result<Planned, Refusal> {
    Ok(match &trial.task {
        Task::Requests(_) => Planned::Requests(Box::new(requests(trial, machine, port)?)),
        Task::Frames(traffic) => Planned::Frames(Box::new(chain::plan(trial, traffic, machine)?)),
    })
}

/// Plans a trial of requests.
pub(crate) fn requests(trial: &Trial, machine: &Machine, port: u16) -> Result<Plan, Refusal> {
    let (Task::Requests(requests), Some(io)) = (&trial.task, translate::io(trial.system.io)) else {
        return Err(forwarding());
    };
    let cpus = machine.cpus.as_slice();
    let queues = match trial.topology.kind {
        TopologyKind::Veth => usize::from(trial.topology.queues),
        TopologyKind::Loopback | TopologyKind::Memory => 0,
        TopologyKind::Nic => {
            return Err(Refusal::new(
                "the nic topology is not part of this version",
                "use `kind: veth`, or `experiment serve --topology nic`",
            ));
        }
        TopologyKind::Chain | TopologyKind::Pair => return Err(forwarding()),
    };
    if trial.topology.client == ClientIo::AfXdp && !trial.topology.kind.has_xdp() {
        return Err(Refusal::new(
            "the loopback device has no XDP",
            "use `client: udp`",
        ));
    }
    let placement = placement::place(
        &Demand {
            owners: usize::from(trial.system.owners),
            spinning: trial.system.wakeup == Some(Wakeup::Spin),
            dispatcher: trial.system.system.has_dispatcher(),
            queues,
            clients: match trial.load {
                LoadPoint::Open(_) | LoadPoint::Closed(_) | LoadPoint::Drain(_) => 1,
                LoadPoint::Saturate => queues,
            },
            server_cpus: trial.placement.server_cpus.clone(),
            client_cpus: match trial.load {
                LoadPoint::Open(_) | LoadPoint::Closed(_) | LoadPoint::Drain(_) => {
                    trial.placement.client_cpus.clone()
                }
                LoadPoint::Saturate => Some(saturate::cpus(
                    queues,
                    trial.placement.client_cpus.as_deref().unwrap_or(cpus),
                )?),
            },
        },
        cpus,
    )?;
    let spinning = trial.system.wakeup == Some(Wakeup::Spin);
    let placement = if trial.system.switched() {
        let napi = switch::napi_cpus(queues, cpus, &placement, spinning)?;
        placement.with_switch(napi)
    } else {
        placement
    };
    let clusters = match trial.system.clusters {
        None => 1,
        Some(clusters) => clusters::count(clusters, &placement.owners, &machine.topology)?,
    };
    let server = translate::server(trial, requests, io, &placement, clusters, port);
    if let Deployment::Ours(config) = &server {
        config.validate().map_err(|refusal| {
            Refusal::new(
                &refusal.to_string(),
                "change this system's entry in the spec",
            )
        })?;
    }
    let client = translate::client(trial, requests, &placement, port);
    let receivers = receivers(trial, io);
    let (hosts, switch) = hosts(trial, &placement, receivers);
    let smells = placement
        .shared
        .iter()
        .map(|shared| Smell::SharedCpu {
            cpu: shared.cpu,
            roles: shared.roles.clone(),
        })
        .collect();
    Ok(Plan {
        trial: trial.clone(),
        placement,
        receivers,
        hosts,
        switch,
        requests: workload(trial, requests),
        server,
        client,
        steer_transmit: translate::steer_transmit(trial, port),
        smells,
    })
}

/// Why what passes frames on serves no requests.
fn forwarding() -> Refusal {
    Refusal::new(
        "what passes frames on serves no requests",
        "give `traffic` in place of `workload`, or a server",
    )
}

/// The steps of server and client, and of a switch between them, where the topology has hosts of its own.
fn hosts(
    trial: &Trial,
    placement: &Placement,
    receivers: [Receiver; 2],
) -> (Option<[HostPlan; 2]>, Option<HostPlan>) {
    let Topology { queues, mtu, .. } = trial.topology;
    match trial.topology.kind {
        TopologyKind::Veth if trial.system.switched() => {
            let (hosts, switch) = switch::hosts(queues, mtu, placement, receivers);
            (Some(hosts), Some(switch))
        }
        TopologyKind::Veth => {
            let hosts = topology::veth(queues, mtu, placement, receivers);
            (Some(hosts), None)
        }
        TopologyKind::Loopback
        | TopologyKind::Memory
        | TopologyKind::Nic
        | TopologyKind::Chain
        | TopologyKind::Pair => (None, None),
    }
}

/// What receives at the server's end: XDP also where a program in front of kernel sockets is part of
/// the system.
pub(crate) const fn server_receiver(system: SystemKind, io: IoKind) -> Receiver {
    match io {
        IoKind::AfXdp => Receiver::Xdp,
        IoKind::Udp if system.needs_xdp() => Receiver::Xdp,
        IoKind::Udp | IoKind::Memory => Receiver::Kernel,
    }
}

/// What receives at the server's and the client's end.
fn receivers(trial: &Trial, io: IoKind) -> [Receiver; 2] {
    let server = server_receiver(trial.system.system, io);
    let client = match trial.topology.client {
        ClientIo::Udp | ClientIo::Memory => Receiver::Kernel,
        ClientIo::AfXdp => Receiver::Xdp,
    };
    [server, client]
}

#[cfg(test)]
mod tests;
