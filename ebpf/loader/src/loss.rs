//! The rig that loses frames.

use aya::maps::{Array, MapData, ProgramArray};
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};

use crate::object::{self, map_error};
use crate::{Result, XdpProgram};

/// What is to be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LossyConfig {
    /// How many datagrams.
    pub frames: u64,
    /// First UDP destination port whose datagrams count.
    pub first_port: u16,
    /// Number of consecutive ports.
    pub ports: u16,
}

/// An XDP program, loaded, that discards exactly so many datagrams outside every counter and hands
/// everything else to another program, or to the network stack.
pub struct Lossy {
    ebpf: Ebpf,
    left: Array<MapData, u64>,
    next: ProgramArray<MapData>,
}

impl Lossy {
    const NAME: &str = "loss";

    /// Loads the program.
    ///
    /// # Errors
    /// Missing privilege, or the verifier's refusal.
    pub fn load(config: &LossyConfig) -> Result<Self> {
        let mut loader = EbpfLoader::new();
        loader
            .override_global("FIRST_PORT", &config.first_port, true)
            .override_global("PORTS", &config.ports, true);
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/loss"));
        let mut ebpf = object::xdp(Self::NAME, &mut loader, object)?;
        let mut lossy = Self {
            left: object::array(&mut ebpf, Self::NAME, "LEFT")?,
            next: object::programs(&mut ebpf, Self::NAME, "NEXT")?,
            ebpf,
        };
        lossy.arm(config.frames)?;
        Ok(lossy)
    }

    /// Hands what is not lost to `program`, which need not be attached itself.
    ///
    /// # Errors
    /// When the kernel does not let the one call the other.
    pub fn before(&mut self, program: &impl XdpProgram) -> Result<()> {
        self.next
            .set(0, program.program_fd()?, 0)
            .map_err(map_error("NEXT"))
    }

    /// Sets how many datagrams are to be lost from now on.
    ///
    /// # Errors
    /// When the map cannot be written.
    pub fn arm(&mut self, frames: u64) -> Result<()> {
        self.left.set(0, frames, 0).map_err(map_error("LEFT"))
    }

    /// How many are still to be lost.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn left(&self) -> Result<u64> {
        self.left.get(&0, 0).map_err(map_error("LEFT"))
    }
}

crate::chain::xdp_methods!(Lossy);
