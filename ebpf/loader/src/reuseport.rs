//! The program that chooses the owner's socket among those of one port.

use std::os::fd::{AsFd, AsRawFd};

use aya::maps::{MapData, ReusePortSockArray};
use aya::programs::SkReuseport;
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use steering::{PartitionTable, layout};

use crate::counters::Counters;
use crate::object::{self, map_error, program_error};
use crate::slots::{self, Slots};
use crate::{Error, Provenance, Result};

/// The program, loaded, for one group of sockets: those bound to one address and port. Its counter of
/// refusals tells requests whose owner has no socket; the kernel chooses one for them.
pub struct Reuseport {
    owners: u32,
    ebpf: Ebpf,
    slots: Slots,
    sockets: ReusePortSockArray<MapData>,
    counters: Counters,
}

impl Reuseport {
    const NAME: &str = "reuseport";

    /// Loads the program with an even table for the owners on these CPUs (1 to 256).
    ///
    /// # Errors
    /// A number of owners out of range, missing privilege, or the verifier's refusal.
    pub fn load(owner_cpus: &[u32]) -> Result<Self> {
        let owners = slots::owners(owner_cpus)?;
        let mut loader = EbpfLoader::new();
        loader
            .override_global("OWNERS", &owners, true)
            .map_max_entries("SOCKETS", owners)
            .map_max_entries(slots::OWNER_CPUS, owners)
            .map_max_entries(Counters::NAME, layout::COUNTER_REDIRECTED + owners);
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/reuseport"));
        let mut ebpf = object::load(Self::NAME, &mut loader, object)?;
        object::program::<SkReuseport>(&mut ebpf, Self::NAME)?
            .load()
            .map_err(program_error(Self::NAME))?;
        slots::set_owner_cpus(&mut ebpf, Self::NAME, owner_cpus)?;
        let sockets = ebpf
            .take_map("SOCKETS")
            .ok_or(Error::Incomplete {
                program: Self::NAME,
                part: "SOCKETS",
            })?
            .try_into()
            .map_err(map_error("SOCKETS"))?;
        let mut reuseport = Self {
            owners,
            slots: Slots::take(&mut ebpf, Self::NAME)?,
            sockets,
            counters: Counters::take(&mut ebpf, Self::NAME)?,
            ebpf,
        };
        reuseport.set_table(&PartitionTable::even(owners as u16))?;
        Ok(reuseport)
    }

    /// Makes a socket the one of an owner. It must be bound, with SO_REUSEPORT.
    ///
    /// # Errors
    /// When there is no such owner, or the socket is of no group.
    pub fn register(&mut self, owner: u32, socket: &impl AsRawFd) -> Result<()> {
        if owner >= self.owners {
            return Err(Error::BadConfig("no such owner"));
        }
        self.sockets
            .set(owner, socket, 0)
            .map_err(map_error("SOCKETS"))
    }

    /// Gives the program to the group of `socket`. It stays for as long as the group has sockets.
    ///
    /// # Errors
    /// When the socket is of no group.
    pub fn attach(&mut self, socket: impl AsFd) -> Result<()> {
        object::program::<SkReuseport>(&mut self.ebpf, Self::NAME)?
            .attach(socket)
            .map_err(program_error(Self::NAME))
    }

    /// The program as the kernel names it.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn provenance(&self) -> Result<Provenance> {
        object::provenance(&self.ebpf, Self::NAME)
    }
}

slots::placing_methods!(Reuseport);
