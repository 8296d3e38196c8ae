//! The hot keys of the steering program: gets of them go to all owners in turn.

use aya::Ebpf;
use aya::maps::{HashMap, MapData};

use crate::Result;
use crate::object::{self, map_error};
use crate::turns::Turns;

/// The hot keys of the kernel's program.
pub struct HotKeys {
    hashes: HashMap<MapData, u64, u64>,
    turns: Turns,
}

impl HotKeys {
    pub(crate) const MAP: &str = "HOT";

    /// Takes the maps out of an object.
    pub(crate) fn take(ebpf: &mut Ebpf, program: &'static str) -> Result<Self> {
        Ok(Self {
            hashes: object::hash(ebpf, program, Self::MAP)?,
            turns: Turns::take(ebpf, program)?,
        })
    }

    /// From now on gets of the key of this hash are spread.
    ///
    /// # Errors
    /// When as many keys are hot as there is room for.
    pub fn spread(&mut self, hash: u64) -> Result<()> {
        self.hashes.insert(hash, 0, 0).map_err(map_error(Self::MAP))
    }

    /// From now on they go to the key's owner. What was spread before may still be under way.
    ///
    /// # Errors
    /// When the map cannot be written; not when the key was not hot.
    pub fn gather(&mut self, hash: u64) -> Result<()> {
        object::remove(&mut self.hashes, hash, Self::MAP)
    }

    /// Sets how many gets of hot keys each CPU has spread.
    ///
    /// # Errors
    /// When the map cannot be written.
    pub fn set_turn(&mut self, turn: u32) -> Result<()> {
        self.turns.set(turn)
    }
}
