//! Whose turn it is, for programs that give requests to all owners in turn. Each CPU has turns of its own.

use aya::Ebpf;
use aya::maps::{MapData, MapError, PerCpuArray, PerCpuValues};

use crate::Result;
use crate::object::{self, map_error};

/// The turns of the kernel's program.
pub(crate) struct Turns(PerCpuArray<MapData, u64>);

impl Turns {
    const MAP: &str = "TURNS";

    /// Takes the map out of an object.
    pub(crate) fn take(ebpf: &mut Ebpf, program: &'static str) -> Result<Self> {
        object::per_cpu(ebpf, program, Self::MAP).map(Self)
    }

    /// Sets the next turn on every CPU.
    pub(crate) fn set(&mut self, turn: u32) -> Result<()> {
        let error = map_error(Self::MAP);
        let cpus = self.0.get(&0, 0).map_err(&error)?.len();
        let turns = PerCpuValues::try_from(vec![u64::from(turn); cpus]);
        let turns = turns.map_err(|source| error(MapError::from(source)))?;
        self.0.set(0, turns, 0).map_err(&error)
    }
}
