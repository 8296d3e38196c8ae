//! The program that moves requests to their owners' CPUs, and the watch over what that loses.

use std::collections::BTreeSet;

use aya::maps::{CpuMap, Map, MapData};
use aya::programs::RawTracePoint;
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use steering::{PartitionTable, layout};

use crate::counters::Counters;
use crate::object::{self, map_error, program_error};
use crate::slots::{self, Slots};
use crate::{CpuMapLosses, Error, Result};

/// The program, loaded: XDP -> CPUMAP entry of the owner's CPU. Each entry has a thread of the kernel,
/// pinned to its CPU, named `cpumap/CPU/map:ID` and there from loading on until this is dropped. The
/// program's counter of refusals tells requests for which the map had no entry: dropped.
pub struct CpuRedirect {
    owners: u32,
    map_id: u32,
    ebpf: Ebpf,
    slots: Slots,
    counters: Counters,
    watch: Watch,
    // The threads live as long as the map.
    _cpus: CpuMap<MapData>,
}

/// The tracepoints' program, attached.
struct Watch {
    counters: Counters,
    // It is detached with its object.
    _ebpf: Ebpf,
}

impl CpuRedirect {
    const NAME: &str = "cpumap";

    /// Loads the program with an even table for the owners on these CPUs (1 to 256), starts the
    /// kernel's threads, each with a queue of `queue` frames (1 to 16384), and the watch over losses.
    ///
    /// # Errors
    /// A configuration out of range, a CPU that is not there, missing privilege, a kernel without
    /// these tracepoints, or the verifier's refusal.
    pub fn load(owner_cpus: &[u32], server_port: u16, queue: u32) -> Result<Self> {
        let owners = slots::owners(owner_cpus)?;
        let cpus: BTreeSet<u32> = owner_cpus.iter().copied().collect();
        let entries = cpus.last().map_or(1, |last| last + 1);
        let mut loader = EbpfLoader::new();
        loader
            .override_global("OWNERS", &owners, true)
            .override_global("SERVER_PORT", &server_port, true)
            .override_global("PORTS", &1_u16, true)
            .map_max_entries("CPUS", entries)
            .map_max_entries(slots::OWNER_CPUS, owners)
            .map_max_entries(Counters::NAME, layout::COUNTER_REDIRECTED + owners);
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/cpumap"));
        let mut ebpf = object::xdp(Self::NAME, &mut loader, object)?;
        slots::set_owner_cpus(&mut ebpf, Self::NAME, owner_cpus)?;
        let (map_id, threads) = start_threads(&mut ebpf, &cpus, queue)?;
        let mut redirect = Self {
            owners,
            map_id,
            slots: Slots::take(&mut ebpf, Self::NAME)?,
            counters: Counters::take(&mut ebpf, Self::NAME)?,
            watch: Watch::begin(map_id)?,
            _cpus: threads,
            ebpf,
        };
        redirect.set_table(&PartitionTable::even(owners as u16))?;
        Ok(redirect)
    }

    /// The kernel's number of the CPUMAP, which is in the names of its threads.
    #[must_use]
    pub const fn map_id(&self) -> u32 {
        self.map_id
    }

    /// What the CPUMAP lost so far.
    ///
    /// # Errors
    /// When the map of counters cannot be read.
    pub fn losses(&self) -> Result<CpuMapLosses> {
        self.watch.counters.losses()
    }
}

/// Makes an entry for each CPU, which starts its thread.
fn start_threads(
    ebpf: &mut Ebpf,
    cpus: &BTreeSet<u32>,
    queue: u32,
) -> Result<(u32, CpuMap<MapData>)> {
    const MAP: &str = "CPUS";
    let Some(Map::CpuMap(data)) = ebpf.take_map(MAP) else {
        return Err(Error::Incomplete {
            program: CpuRedirect::NAME,
            part: MAP,
        });
    };
    let id = data.info().map_err(map_error(MAP))?.id();
    let mut map: CpuMap<MapData> = Map::CpuMap(data).try_into().map_err(map_error(MAP))?;
    for cpu in cpus {
        map.set(*cpu, queue, None, 0)
            .map_err(|source| match source {
                aya::maps::xdp::XdpMapError::MapError(source) => map_error(MAP)(source),
                aya::maps::xdp::XdpMapError::ChainedProgramNotSupported => {
                    Error::BadConfig("no program is chained to a CPUMAP here")
                }
            })?;
    }
    Ok((id, map))
}

impl Watch {
    fn begin(map_id: u32) -> Result<Self> {
        const OBJECT: &str = "cpumap_losses";
        let mut loader = EbpfLoader::new();
        loader
            .override_global("MAP_ID", &map_id, true)
            .map_max_entries(Counters::NAME, layout::COUNTER_CPUMAP_NO_PACKET + 1);
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/cpumap_losses"));
        let mut ebpf = object::load(OBJECT, &mut loader, object)?;
        for (name, tracepoint) in [
            ("queue_full", "xdp_cpumap_enqueue"),
            ("no_packet", "xdp_cpumap_kthread"),
        ] {
            let program = object::program::<RawTracePoint>(&mut ebpf, name)?;
            program.load().map_err(program_error(name))?;
            program.attach(tracepoint).map_err(program_error(name))?;
        }
        Ok(Self {
            counters: Counters::take(&mut ebpf, OBJECT)?,
            _ebpf: ebpf,
        })
    }
}

slots::placing_methods!(CpuRedirect);
crate::chain::xdp_methods!(CpuRedirect);
