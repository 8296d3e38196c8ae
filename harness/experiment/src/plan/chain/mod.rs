//! From a packet trial to what is done where: a sender, one router or two, a receiver. Pure.

mod cpus;
mod hosts;
mod roles;

use loadgen::frames::FramesConfig;
use record::Smell;
use slices::system::SystemConfig;
use spec::{TopologyKind, Traffic, Trial};

use super::topology::Receiver;
use super::{Machine, Refusal};
use crate::agents::client::Load;
use crate::agents::serving::Deployment;
use cpus::Demand;
pub(crate) use cpus::{ChainPlacement, RouterCpus};
use hosts::{CHAIN, PAIR, RouterHost, Row};
pub(crate) use hosts::{ChainHost, PATH, Part, RECEIVER, SENDER};

/// Everything that one packet trial needs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FramePlan {
    /// The trial.
    pub(crate) trial: Trial,
    /// What is sent.
    pub(crate) traffic: Traffic,
    /// CPUs of all roles.
    pub(crate) placement: ChainPlacement,
    /// The hosts, from the sender to the receiver.
    pub(crate) hosts: Vec<ChainHost>,
    /// What runs in each host between them, the sender's side first.
    pub(crate) routers: Vec<RouterPlan>,
    /// What loses frames between two routers, where something is to.
    pub(crate) path: Option<Deployment>,
    /// What sends.
    pub(crate) sender: SenderPlan,
    /// What receives.
    pub(crate) receiver: Deployment,
    /// What the result must say about the plan.
    pub(crate) smells: Vec<Smell>,
}

/// What runs in a host between sender and receiver.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RouterPlan {
    /// The host's name in results.
    pub(crate) scope: &'static str,
    /// Its devices, towards the sender and towards the receiver.
    pub(crate) devices: [&'static str; 2],
    /// Whether an XDP program takes the frames of its devices.
    pub(crate) receiver: Receiver,
    /// The system.
    pub(crate) system: SystemConfig,
    /// Whether each of its slices is a process of its own.
    pub(crate) isolated: bool,
}

/// What sends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SenderPlan {
    /// Frames that do not come back, made in the device.
    OneWay(FramesConfig),
    /// Frames that come back and are timed, by an AF_XDP client.
    RoundTrip(Box<Load>),
}

/// Plans a trial of `traffic` for a machine.
pub(crate) fn plan(
    trial: &Trial,
    traffic: &Traffic,
    machine: &Machine,
) -> Result<FramePlan, Refusal> {
    let hosts: &[RouterHost] = match trial.topology.kind {
        TopologyKind::Chain => &CHAIN,
        TopologyKind::Pair => &PAIR,
        TopologyKind::Veth | TopologyKind::Loopback | TopologyKind::Memory | TopologyKind::Nic => {
            return Err(Refusal::new(
                &format!("{} forwards no frames", trial.topology.kind.name()),
                "use `kind: chain`, or `kind: pair`",
            ));
        }
    };
    let path = roles::path(trial, traffic);
    let names: Vec<&str> = hosts.iter().map(|host| host.name).collect();
    let placement = cpus::place(
        &Demand {
            system: &trial.system,
            queues: usize::from(trial.topology.queues),
            routers: &names,
            generates: !traffic.round_trip,
            path: path.is_some(),
            router_cpus: trial.placement.server_cpus.as_deref(),
            end_cpus: trial.placement.client_cpus.as_deref(),
        },
        machine,
    )?;
    let routers = roles::routers(trial, traffic, hosts, &placement)?;
    let receiver = |router: &RouterPlan| router.receiver;
    let row = hosts::row(&Row {
        routers: hosts,
        queues: trial.topology.queues,
        mtu: trial.topology.mtu,
        ip: traffic.ip,
        sender: match traffic.round_trip {
            true => Receiver::Xdp,
            false => Receiver::Kernel,
        },
        router: routers.first().map_or(Receiver::Kernel, receiver),
        in_user_space: trial.system.owners > 0,
        path: path.is_some(),
        placement: &placement,
    });
    let shared = placement.shared.iter();
    let smells = shared.map(|shared| Smell::SharedCpu {
        cpu: shared.cpu,
        roles: shared.roles.clone(),
    });
    Ok(FramePlan {
        smells: smells.collect(),
        hosts: row,
        sender: roles::sender(trial, traffic, hosts[0].devices[0], &placement),
        receiver: roles::receiver(trial, traffic),
        traffic: traffic.clone(),
        trial: trial.clone(),
        placement,
        routers,
        path,
    })
}

#[cfg(test)]
mod tests;
