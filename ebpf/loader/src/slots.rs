//! The partition table and the owners' CPUs in the kernel.

use aya::Ebpf;
use aya::maps::{Array, MapData};
use steering::{PartitionTable, SLOTS, layout};

use crate::object::{self, map_error};
use crate::{Error, Result};

const TABLE: &str = "TABLE";
/// The map of the owners' CPUs: a loader sets its size.
pub(crate) const OWNER_CPUS: &str = "OWNER_CPUS";

/// The kernel's copy of the partition table, in one program.
pub(crate) struct Slots(Array<MapData, u64>);

impl Slots {
    /// Takes the table out of an object.
    pub(crate) fn take(ebpf: &mut Ebpf, program: &'static str) -> Result<Self> {
        Ok(Self(object::array(ebpf, program, TABLE)?))
    }

    /// Writes every slot, one by one.
    pub(crate) fn set_all(&mut self, table: &PartitionTable) -> Result<()> {
        (0..)
            .zip(table.snapshot())
            .try_for_each(|(slot, entry)| self.set(slot, entry))
    }

    /// Writes one slot.
    pub(crate) fn set(&mut self, slot: u16, entry: u64) -> Result<()> {
        self.0
            .set(u32::from(slot), entry, 0)
            .map_err(map_error(TABLE))
    }

    /// Every slot's value.
    pub(crate) fn all(&self) -> Result<Vec<u64>> {
        (0..SLOTS as u32)
            .map(|slot| self.0.get(&slot, 0).map_err(map_error(TABLE)))
            .collect()
    }
}

/// Tells a program which CPU each owner runs on.
pub(crate) fn set_owner_cpus(ebpf: &mut Ebpf, program: &'static str, cpus: &[u32]) -> Result<()> {
    let mut map: Array<MapData, u64> = object::array(ebpf, program, OWNER_CPUS)?;
    (0..).zip(cpus).try_for_each(|(owner, cpu)| {
        map.set(owner, u64::from(*cpu), 0)
            .map_err(map_error(OWNER_CPUS))
    })
}

/// The number of owners, if it is one that the programs can count.
pub(crate) fn owners(cpus: &[u32]) -> Result<u32> {
    let owners = u32::try_from(cpus.len()).unwrap_or(u32::MAX);
    check_owners(owners)?;
    Ok(owners)
}

/// Refuses a number of owners that the programs cannot count.
pub(crate) const fn check_owners(owners: u32) -> Result<()> {
    if owners == 0 || owners > layout::MAX_TARGETS {
        return Err(Error::BadConfig("the number of owners must be 1 to 256"));
    }
    Ok(())
}

/// Gives a type with fields `slots` and `owners` and `counters` what all programs have that place
/// requests for kernel sockets.
macro_rules! placing_methods {
    ($type:ident) => {
        impl $type {
            /// Writes the whole partition table, slot by slot.
            ///
            /// # Errors
            /// When the map cannot be written.
            pub fn set_table(&mut self, table: &steering::PartitionTable) -> crate::Result<()> {
                self.slots.set_all(table)
            }

            /// Writes one slot ([`steering::table::entry`] makes the value).
            ///
            /// # Errors
            /// When there is no such slot.
            pub fn set_slot(&mut self, slot: u16, entry: u64) -> crate::Result<()> {
                self.slots.set(slot, entry)
            }

            /// What the program counted so far.
            ///
            /// # Errors
            /// When the map cannot be read.
            pub fn counters(&self) -> crate::Result<crate::PlacedCounters> {
                self.counters.placed(self.owners)
            }
        }
    };
}
pub(crate) use placing_methods;
