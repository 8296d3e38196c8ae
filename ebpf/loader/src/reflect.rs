//! The reflector, and the program that passes everything.

use aya::programs::Xdp;
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};

use crate::counters::Counters;
use crate::object::{self, program_error};
use crate::{ReflectCounters, Result};

/// Which datagrams the reflector sends back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReflectConfig {
    /// First UDP destination port.
    pub server_port: u16,
    /// Number of consecutive ports.
    pub ports: u16,
}

/// The reflector, loaded: XDP_TX with MAC addresses, IP addresses and ports exchanged.
pub struct Reflect {
    ebpf: Ebpf,
    counters: Counters,
}

impl Reflect {
    const NAME: &str = "reflect";

    /// Loads the program.
    ///
    /// # Errors
    /// Missing privilege, or the verifier's refusal.
    pub fn load(config: &ReflectConfig) -> Result<Self> {
        let mut loader = EbpfLoader::new();
        loader
            .override_global("SERVER_PORT", &config.server_port, true)
            .override_global("PORTS", &config.ports, true);
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/reflect"));
        let mut ebpf = object::load(Self::NAME, &mut loader, object)?;
        object::program::<Xdp>(&mut ebpf, Self::NAME)?
            .load()
            .map_err(program_error(Self::NAME))?;
        let counters = Counters::new(object::per_cpu(&mut ebpf, Self::NAME, Counters::NAME)?);
        Ok(Self { ebpf, counters })
    }

    /// What the program counted so far.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn counters(&self) -> Result<ReflectCounters> {
        self.counters.reflect()
    }
}

crate::chain::xdp_methods!(Reflect);

/// XDP that passes everything, loaded. A veth device takes XDP_TX and redirected frames only if
/// its peer runs an XDP program.
pub struct Pass {
    ebpf: Ebpf,
}

impl Pass {
    const NAME: &str = "pass";

    /// Loads the program.
    ///
    /// # Errors
    /// Missing privilege, or the verifier's refusal.
    pub fn load() -> Result<Self> {
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/pass"));
        let mut ebpf = object::load(Self::NAME, &mut EbpfLoader::new(), object)?;
        object::program::<Xdp>(&mut ebpf, Self::NAME)?
            .load()
            .map_err(program_error(Self::NAME))?;
        Ok(Self { ebpf })
    }
}

crate::chain::xdp_methods!(Pass);
