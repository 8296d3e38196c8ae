//! What a cache in the path of a server holds, and until when.
//!
//! **It is never written while the program could read it.** The index names a slot. A value is written into a free
//! slot, and only then named; a slot that is no longer named is free after a grace period:
//! `membarrier(MEMBARRIER_CMD_GLOBAL)` returns when every run of the program that had begun before has ended (it is the
//! kernel's `synchronize_rcu`, and XDP programs run in its read side). So the program needs no lock, no version, and
//! no second look.

use aya::maps::{Array, HashMap, MapData, PerCpuArray, ProgramArray};
use aya::{Ebpf, EbpfLoader, Pod};
use steering::in_kernel::coherence::{EVERY_KEY, clock_of};

use crate::object::{self, map_error};
use crate::{Error, Result, ServerPorts, XdpProgram};

/// The maps that the programs of both caches have, with values of one kind.
pub struct Held<V: Pod> {
    index: HashMap<MapData, u64, u64>,
    values: Array<MapData, V>,
    values_name: &'static str,
    hits: PerCpuArray<MapData, u64>,
    hits_before: Vec<u64>,
    clocks: Array<MapData, u64>,
    next: ProgramArray<MapData>,
}

impl<V: Pod> Held<V> {
    /// Tells a program that is to be loaded its ports, and how much it can hold.
    ///
    /// # Errors
    /// When that is nothing.
    pub(crate) fn prepare<'a>(
        loader: &mut EbpfLoader<'a>,
        ports: &'a ServerPorts,
        slots: u32,
        values: &'static str,
    ) -> Result<()> {
        if slots == 0 {
            return Err(Error::BadConfig("a cache needs at least one slot"));
        }
        ports.set(loader);
        for map in ["INDEX", "HITS", values] {
            loader.map_max_entries(map, slots);
        }
        Ok(())
    }

    /// Takes the maps out of an object.
    pub(crate) fn take(
        ebpf: &mut Ebpf,
        program: &'static str,
        slots: u32,
        values: &'static str,
    ) -> Result<Self> {
        Ok(Self {
            index: object::hash(ebpf, program, "INDEX")?,
            values: object::array(ebpf, program, values)?,
            values_name: values,
            hits: object::per_cpu(ebpf, program, "HITS")?,
            hits_before: vec![0; slots as usize],
            clocks: object::array(ebpf, program, "CLOCKS")?,
            next: object::programs(ebpf, program, "NEXT")?,
        })
    }

    /// Hands what the cache does not answer to `program`, which need not be attached itself.
    ///
    /// # Errors
    /// When the kernel does not let the one call the other.
    pub fn before(&mut self, program: &impl XdpProgram) -> Result<()> {
        self.next
            .set(0, program.program_fd()?, 0)
            .map_err(map_error("NEXT"))
    }

    /// The two clocks of a hash: see [`steering::in_kernel::coherence`].
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn clocks(&self, hash: u64) -> Result<(u64, u64)> {
        let clock = |index| self.clocks.get(&index, 0).map_err(map_error("CLOCKS"));
        Ok((clock(clock_of(hash))?, clock(EVERY_KEY)?))
    }

    /// Writes a value into a free slot.
    ///
    /// # Errors
    /// When there is no such slot.
    pub fn write(&mut self, slot: u32, value: V) -> Result<()> {
        self.values
            .set(slot, value, 0)
            .map_err(map_error(self.values_name))
    }

    /// Names the slot in which the program finds the value of a hash, in place of another one if there was any.
    ///
    /// # Errors
    /// When the index is full.
    pub fn publish(&mut self, hash: u64, slot: u32) -> Result<()> {
        self.index
            .insert(hash, u64::from(slot), 0)
            .map_err(map_error("INDEX"))
    }

    /// Names no slot any more for a hash.
    ///
    /// # Errors
    /// When the map cannot be written; not when there was none.
    pub fn withdraw(&mut self, hash: u64) -> Result<()> {
        object::remove(&mut self.index, hash, "INDEX")
    }

    /// How often each slot was given out since the last call. The map is not cleared, which would take two calls into
    /// the kernel more for each slot.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn hits(&mut self) -> Result<Vec<u64>> {
        let mut since = Vec::with_capacity(self.hits_before.len());
        for (slot, before) in (0..).zip(&mut self.hits_before) {
            let hits = self.hits.get(&slot, 0).map_err(map_error("HITS"))?;
            let hits = hits.iter().sum();
            since.push(hits - std::mem::replace(before, hits));
        }
        Ok(since)
    }
}

/// Waits until no run of a program is left that began before: slots no longer named are free then. Takes some
/// milliseconds.
///
/// # Errors
/// A kernel without `membarrier`.
pub fn grace_period() -> Result<()> {
    let global = rustix::thread::membarrier(rustix::thread::MembarrierCommand::Global);
    global.map_err(|error| Error::GracePeriod(error.into()))
}
