//! A device of the topology together with the eBPF programs on it.

use std::io;

use loader::Provenance;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sys::device::Device;
use sys::environment::Reading;
use sys::link;

/// A device, and what is attached to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct AttachedDevice {
    /// The device and its settings.
    #[serde(flatten)]
    pub(crate) device: Device,
    /// The attached eBPF programs.
    pub(crate) programs: Reading<Vec<Program>>,
}

/// An attached eBPF program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Program {
    /// Where it is attached.
    pub(crate) hook: Hook,
    /// Its name, as far as the kernel keeps it (15 bytes).
    pub(crate) name: String,
    /// The kernel's hash of its instructions, hexadecimal: equal for equal programs.
    pub(crate) tag: String,
    /// Instructions that the verifier walked through, where the kernel tells.
    pub(crate) verified_instructions: Option<u32>,
}

/// Where a program is attached to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Hook {
    /// In the driver, on arrival.
    Xdp,
    /// Before a packet leaves.
    Egress,
}

impl AttachedDevice {
    /// Describes a device of the calling thread's namespace.
    ///
    /// # Errors
    /// When there is no such device.
    pub(crate) fn describe(name: &str) -> io::Result<Self> {
        Ok(Self {
            device: Device::describe(name)?,
            programs: programs(name).map_or_else(Reading::absent, Reading::Known),
        })
    }
}

fn programs(name: &str) -> Result<Vec<Program>, String> {
    let link = link::get(name).map_err(|error| error.to_string())?;
    let xdp = match &link.xdp {
        Some(attached) => loader::programs_of(&attached.program_ids),
        None => Ok(Vec::new()),
    };
    let xdp = xdp.map_err(|error| error.to_string())?;
    let egress = loader::egress_programs(name).map_err(|error| error.to_string())?;
    let xdp = xdp.iter().map(|program| Program::of(Hook::Xdp, program));
    Ok(xdp
        .chain(
            egress
                .iter()
                .map(|program| Program::of(Hook::Egress, program)),
        )
        .collect())
}

impl Program {
    fn of(hook: Hook, program: &Provenance) -> Self {
        Self {
            hook,
            name: program.name.clone(),
            tag: format!("{:016x}", program.tag),
            verified_instructions: program.verified_instructions,
        }
    }
}
