//! The reflector, and the program that passes everything.

use aya::{Ebpf, EbpfLoader, include_bytes_aligned};

use crate::counters::Counters;
use crate::object;
use crate::{ReflectCounters, Result, ServerPorts};

/// The reflector, loaded: frames go back with MAC addresses, IP addresses and ports exchanged.
pub struct Reflect {
    ebpf: Ebpf,
    counters: Counters,
}

impl Reflect {
    const NAME: &str = "reflect";

    /// Loads the program: what goes to `ports` is sent back by XDP_TX.
    ///
    /// # Errors
    /// Missing privilege, or the verifier's refusal.
    pub fn load(ports: ServerPorts) -> Result<Self> {
        Self::load_object(ports, None)
    }

    /// Loads the program for the device with index `ifindex`, through which it redirects what it sends back: for a veth
    /// whose peer has GRO and no XDP program.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_for(ports: ServerPorts, ifindex: u32) -> Result<Self> {
        Self::load_object(ports, Some(ifindex))
    }

    fn load_object(ports: ServerPorts, through: Option<u32>) -> Result<Self> {
        let mut loader = EbpfLoader::new();
        ports.set(&mut loader);
        let redirects = u32::from(through.is_some());
        loader.override_global("REDIRECTS", &redirects, true);
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/reflect"));
        let mut ebpf = object::xdp(Self::NAME, &mut loader, object)?;
        if let Some(ifindex) = through {
            let mut device = object::devices(&mut ebpf, Self::NAME, "DEVICE")?;
            object::set_device(&mut device, "DEVICE", 0, ifindex)?;
        }
        let counters = Counters::take(&mut ebpf, Self::NAME)?;
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
        let ebpf = object::xdp(Self::NAME, &mut EbpfLoader::new(), object)?;
        Ok(Self { ebpf })
    }
}

crate::chain::xdp_methods!(Pass);
