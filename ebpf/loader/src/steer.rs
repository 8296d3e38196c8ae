//! The steering program.

use std::os::fd::{AsRawFd as _, BorrowedFd};

use aya::maps::{MapData, XskMap};
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use steering::{PartitionTable, Policy, layout};

use crate::counters::Counters;
use crate::object::{self, map_error};
use crate::slots::{self, Slots};
use crate::{Error, Result, SteerCounters, refuse_kernel, running_kernel};

/// What the steering program is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SteerConfig {
    /// How owners are chosen.
    pub policy: Policy,
    /// Receive queues of the device.
    pub queues: u32,
    /// Owners, 1 to 256.
    pub owners: u32,
    /// Owners among which the receive queue decides: those of a cluster ([`Policy::Cluster`]), or
    /// the first so many of all, 1 to `owners`.
    pub members: u32,
    /// First UDP port of the server.
    pub server_port: u16,
    /// Number of consecutive ports (1, or one per partition for [`Policy::Port`]).
    pub ports: u16,
}

/// The steering program, loaded: XDP -> AF_XDP socket of (receive queue, owner).
pub struct Steer {
    config: SteerConfig,
    ebpf: Ebpf,
    slots: Slots,
    sockets: XskMap<MapData>,
    counters: Counters,
}

impl Steer {
    const NAME: &str = "steerer";

    /// Loads the program with an even table.
    ///
    /// # Errors
    /// A broken kernel, a configuration out of range, missing privilege, or the verifier's refusal.
    pub fn load(config: &SteerConfig) -> Result<Self> {
        Self::load_object(
            config,
            include_bytes_aligned!(concat!(env!("OUT_DIR"), "/steer")),
        )
    }

    /// Loads the bare reference in the steering program's place: IPv4 without options or tags,
    /// ASCII `get` only; anything else passes. For the benchmark.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_bare(config: &SteerConfig) -> Result<Self> {
        Self::load_object(
            config,
            include_bytes_aligned!(concat!(env!("OUT_DIR"), "/bare")),
        )
    }

    fn load_object(config: &SteerConfig, object: &[u8]) -> Result<Self> {
        refuse_kernel(running_kernel()?)?;
        let SteerConfig {
            policy,
            queues,
            owners,
            members,
            server_port,
            ports,
        } = *config;
        slots::check_owners(owners)?;
        if queues == 0 || queues > layout::MAX_TARGETS {
            return Err(Error::BadConfig("the number of queues must be 1 to 256"));
        }
        if members == 0 || members > owners {
            return Err(Error::BadConfig(
                "members must be 1 to the number of owners",
            ));
        }
        let partitions = match policy {
            Policy::Cluster => owners / members,
            Policy::Rss
            | Policy::Key
            | Policy::Port
            | Policy::FlowToeplitz
            | Policy::FlowMix
            | Policy::Token
            | Policy::Function
            | Policy::Argument(_) => owners,
        };
        let policy = policy.number();
        let mut loader = EbpfLoader::new();
        loader
            .override_global("POLICY", &policy, true)
            .override_global("OWNERS", &owners, true)
            .override_global("MEMBERS", &members, true)
            .override_global("SERVER_PORT", &server_port, true)
            .override_global("PORTS", &ports, true)
            .map_max_entries("SOCKETS", queues * owners)
            .map_max_entries(Counters::NAME, layout::COUNTER_REDIRECTED + owners);
        let mut ebpf = object::xdp(Self::NAME, &mut loader, object)?;
        let mut steer = Self {
            config: *config,
            slots: Slots::take(&mut ebpf, Self::NAME)?,
            sockets: object::sockets(&mut ebpf, Self::NAME, "SOCKETS")?,
            counters: Counters::take(&mut ebpf, Self::NAME)?,
            ebpf,
        };
        steer.set_table(&PartitionTable::even(partitions as u16))?;
        Ok(steer)
    }

    /// Registers the AF_XDP socket of an owner on a receive queue. The socket may be unbound still,
    /// but frames reach it only when it is bound to that queue of the device.
    ///
    /// # Errors
    /// When the pair is outside the mesh or the descriptor is no AF_XDP socket.
    pub fn register(&mut self, queue: u32, owner: u32, fd: BorrowedFd<'_>) -> Result<()> {
        if queue >= self.config.queues || owner >= self.config.owners {
            return Err(Error::BadConfig("no such queue or owner in the mesh"));
        }
        let index = layout::mesh_index(queue, self.config.owners, owner);
        self.sockets
            .set(index, fd.as_raw_fd(), 0)
            .map_err(map_error("SOCKETS"))
    }

    /// Writes the whole partition table, slot by slot.
    ///
    /// # Errors
    /// When the map cannot be written.
    pub fn set_table(&mut self, table: &PartitionTable) -> Result<()> {
        self.slots.set_all(table)
    }

    /// Writes one slot ([`steering::table::entry`] makes the value).
    ///
    /// # Errors
    /// When there is no such slot.
    pub fn set_slot(&mut self, slot: u16, entry: u64) -> Result<()> {
        self.slots.set(slot, entry)
    }

    /// The kernel's table.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn table(&self) -> Result<Vec<u64>> {
        self.slots.all()
    }

    /// What the program counted so far.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn counters(&self) -> Result<SteerCounters> {
        self.counters.steer(self.config.owners)
    }
}

crate::chain::xdp_methods!(Steer);
