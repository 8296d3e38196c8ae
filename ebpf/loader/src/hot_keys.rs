//! The hot keys of the steering program: gets of them go to all owners in turn.

use aya::Ebpf;
use aya::maps::{HashMap, MapData, MapError, PerCpuArray, PerCpuValues};

use crate::Result;
use crate::object::{self, map_error};

/// The hot keys of the kernel's program.
pub struct HotKeys {
    hashes: HashMap<MapData, u64, u64>,
    turns: PerCpuArray<MapData, u64>,
}

impl HotKeys {
    pub(crate) const MAP: &str = "HOT";
    const TURNS: &str = "TURNS";

    /// Takes the maps out of an object.
    pub(crate) fn take(ebpf: &mut Ebpf, program: &'static str) -> Result<Self> {
        Ok(Self {
            hashes: object::hash(ebpf, program, Self::MAP)?,
            turns: object::per_cpu(ebpf, program, Self::TURNS)?,
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
        let error = map_error(Self::TURNS);
        let cpus = self.turns.get(&0, 0).map_err(&error)?.len();
        let turns = PerCpuValues::try_from(vec![u64::from(turn); cpus]);
        let turns = turns.map_err(|source| error(MapError::from(source)))?;
        self.turns.set(0, turns, 0).map_err(&error)
    }
}
