//! What a claim needs beyond the cells that its test names.

use std::fmt;

use garde::Validate;
use serde::{Deserialize, Serialize};
use spec::SystemKind;

use crate::evidence::MachineRuns;

/// What a claim needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Runs of this fidelity: `memory`, `loopback`, `veth`, `vm`, `nic` or `model`.
    Fidelity(#[garde(custom(fidelity))] String),
    /// A machine with as many CPUs.
    Cpus(#[garde(range(min = 1))] u16),
    /// A system by name. One that this version does not have makes the claim untestable.
    System(#[garde(length(min = 1))] String),
    /// Something that this version cannot do or measure, in words.
    Facility(#[garde(length(min = 1))] String),
}

const FIDELITIES: [&str; 6] = ["memory", "loopback", "veth", "vm", "nic", "model"];

fn fidelity(name: &str, _: &()) -> garde::Result {
    if FIDELITIES.contains(&name) {
        return Ok(());
    }
    let known = FIDELITIES.join(", ");
    Err(garde::Error::new(format!(
        "`{name}` is no fidelity: {known}"
    )))
}

/// Whether this version has a system of that name.
fn has_system(name: &str) -> bool {
    SystemKind::ALL.iter().any(|system| system.name() == name)
}

impl Need {
    /// Whether no run of this version can give it.
    #[must_use]
    pub fn is_beyond_this_version(&self) -> bool {
        match self {
            Self::Fidelity(_) | Self::Cpus(_) => false,
            Self::System(name) => !has_system(name),
            Self::Facility(_) => true,
        }
    }

    /// Whether these runs meet it.
    #[must_use]
    pub fn is_met(&self, runs: &MachineRuns<'_>) -> bool {
        match self {
            Self::Fidelity(wanted) => wanted == runs.fidelity(),
            Self::Cpus(wanted) => runs.cpus().is_some_and(|cpus| cpus >= usize::from(*wanted)),
            Self::System(_) | Self::Facility(_) => !self.is_beyond_this_version(),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fidelity(wanted) => write!(f, "runs of fidelity {wanted}"),
            Self::Cpus(wanted) => write!(f, "a machine with {wanted} CPUs"),
            Self::System(name) => write!(f, "the system {name}, which this version does not have"),
            Self::Facility(what) => f.write_str(what),
        }
    }
}
