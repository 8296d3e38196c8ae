//! Programs that place requests with a server's kernel sockets, seen from the control thread.

mod cpus;
mod groups;
mod ports;

use loader::PlacedCounters;
use pktio::udp::{Sharding, UdpGroup};

use super::config::ServerConfig;
use super::snapshot::ServerCounters;
use super::{ServerError, ThreadInfo};
use crate::systems::Placement;
use cpus::Cpus;
use groups::Groups;
use ports::Ports;

/// See the [module](self).
pub(super) enum Placing {
    /// There is no program.
    Kernel,
    /// In the sockets' groups.
    Reuseport(Groups),
    /// In XDP and clsact, by port.
    Ports(Box<Ports>),
    /// In XDP, to CPUs, and in the sockets' groups.
    Cpus(Box<Cpus>),
}

/// How the sockets are to be opened that the programs place requests with.
pub(super) fn sharding(placement: Placement) -> Sharding {
    match placement {
        Placement::Kernel | Placement::Reuseport | Placement::Cpu => Sharding::FlowHash,
        Placement::Port => Sharding::PerPort,
    }
}

impl Placing {
    /// Loads what the system needs for the sockets of `group`, and gives the groups their programs.
    ///
    /// # Errors
    /// When a program is refused, or there is no interface for XDP.
    pub(super) fn open(config: &ServerConfig, group: &UdpGroup) -> Result<Self, ServerError> {
        Ok(match config.system.placement() {
            Placement::Kernel => Self::Kernel,
            Placement::Reuseport => Self::Reuseport(Groups::open(config, group)?),
            Placement::Port => Self::Ports(Box::new(Ports::open(config)?)),
            Placement::Cpu => Self::Cpus(Box::new(Cpus::open(config, group)?)),
        })
    }

    /// Attaches to the interface what belongs there.
    ///
    /// # Errors
    /// When the driver has no native XDP, or somebody else's program is attached.
    pub(super) fn attach(&mut self) -> Result<(), ServerError> {
        match self {
            Self::Kernel | Self::Reuseport(_) => Ok(()),
            Self::Ports(ports) => ports.attach(),
            Self::Cpus(cpus) => cpus.attach(),
        }
    }

    /// Detaches from the interface. Groups keep their programs for as long as they have sockets.
    pub(super) fn detach(&mut self) {
        match self {
            Self::Kernel | Self::Reuseport(_) => {}
            Self::Ports(ports) => ports.detach(),
            Self::Cpus(cpus) => cpus.detach(),
        }
    }

    /// Writes one slot of every table in the kernel; false where there is none.
    ///
    /// # Errors
    /// When a map cannot be written.
    pub(super) fn set_slot(&mut self, slot: u16, entry: u64) -> Result<bool, ServerError> {
        match self {
            Self::Kernel => return Ok(false),
            Self::Reuseport(groups) => groups.set_slot(slot, entry)?,
            Self::Ports(ports) => ports.set_slot(slot, entry)?,
            Self::Cpus(cpus) => cpus.set_slot(slot, entry)?,
        }
        Ok(true)
    }

    /// Adds what the programs counted.
    ///
    /// # Errors
    /// When a counter cannot be read.
    pub(super) fn add_counters(&self, counters: &mut ServerCounters) -> Result<(), ServerError> {
        match self {
            Self::Kernel => Ok(()),
            Self::Reuseport(groups) => groups.add_counters(counters),
            Self::Ports(ports) => ports.add_counters(counters),
            Self::Cpus(cpus) => cpus.add_counters(counters),
        }
    }

    /// The program that chooses, for a result's record.
    pub(super) fn program(&self) -> Option<String> {
        let program = match self {
            Self::Kernel => return None,
            Self::Reuseport(groups) => groups.provenance(),
            Self::Ports(ports) => ports.provenance(),
            Self::Cpus(cpus) => cpus.provenance(),
        };
        (program.ok()).map(|program| format!("{} tag {:016x}", program.name, program.tag))
    }

    /// Whether a program sees on which CPU the stack ran for a request.
    pub(super) const fn sees_cpus(&self) -> bool {
        match self {
            Self::Kernel => false,
            Self::Reuseport(_) | Self::Ports(_) | Self::Cpus(_) => true,
        }
    }

    /// The kernel's threads that run the stack for the owners.
    ///
    /// # Errors
    /// When they cannot be found.
    pub(super) fn kernel_threads(&self) -> Result<Vec<ThreadInfo>, ServerError> {
        match self {
            Self::Kernel | Self::Reuseport(_) | Self::Ports(_) => Ok(Vec::new()),
            Self::Cpus(cpus) => cpus.threads(),
        }
    }
}

impl std::fmt::Debug for Placing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Kernel => "Kernel",
            Self::Reuseport(_) => "Reuseport",
            Self::Ports(_) => "Ports",
            Self::Cpus(_) => "Cpus",
        })
    }
}

/// The interface that XDP is to run on: its name and number.
fn interface(config: &ServerConfig) -> Result<(String, u32), ServerError> {
    let Some(name) = &config.interface else {
        let system = config.system;
        let message = format!("{system} runs an XDP program and needs an interface");
        return Err(ServerError::Config(message));
    };
    let index =
        sys::link::ifindex(name).map_err(ServerError::io(format!("the interface {name}")))?;
    Ok((name.clone(), index))
}

/// Tells what `program` did with requests, as evidence. None of it is a loss: what could not be read
/// was left to the network stack.
fn relate(counters: &mut ServerCounters, program: &str, placed: &PlacedCounters) {
    for (owner, count) in placed.placed.iter().enumerate() {
        counters.relate(format!("{program}_placed_{owner}"), *count);
    }
    counters.relate(format!("{program}_passed"), placed.passed);
    for (reason, count) in &placed.unread {
        counters.relate(format!("{program}_unread_{}", reason.name()), *count);
    }
}

/// Adds hops that a program saw.
fn add_hops(counters: &mut ServerCounters, hops: u64) {
    *counters.hops_before_threads.get_or_insert(0) += hops;
}
