//! What a reader needs to judge a result and to repeat it: the machine, what was started on it, and
//! the version of this program.

mod device;
mod rss;
mod software;

use std::process::Command;

use anyhow::Result;
use record::{Git, Smell};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sys::environment::Environment;

use crate::gates;

pub(crate) use device::{AttachedDevice, Program};
pub(crate) use rss::RssEmulation;
pub(crate) use software::{Software, memcached_version};

/// The commit that this program was built from lies two folders above the crate; a binary that was
/// copied elsewhere does not know it.
const SOURCE: &str = env!("CARGO_MANIFEST_DIR");

/// `environment` of `run.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RunEnvironment {
    /// The machine and its settings when the run began.
    #[serde(flatten)]
    pub(crate) machine: Environment,
    /// What the run starts.
    pub(crate) software: Software,
    /// The stand-in for a NIC's receive-side scaling on veth.
    pub(crate) rss_emulation: RssEmulation,
}

impl RunEnvironment {
    /// This machine, as `run.json` has it.
    pub(crate) fn gather() -> Self {
        Self {
            machine: Environment::gather(),
            software: Software::gather(),
            rss_emulation: RssEmulation::of_this_program(),
        }
    }
}

/// This machine, as `run.json` has it.
pub(crate) fn here() -> Result<Value> {
    Ok(serde_json::to_value(RunEnvironment::gather())?)
}

/// What of it a reader of any result of this machine must know.
pub(crate) fn advice() -> Vec<Smell> {
    gates::host::advice(&Environment::gather())
}

/// The program's own version, if its source tree is still there.
pub(crate) fn git() -> Option<Git> {
    let commit = output(&["rev-parse", "HEAD"])?;
    let dirty = !output(&["status", "--porcelain"])?.is_empty();
    Some(Git { commit, dirty })
}

fn output(arguments: &[&str]) -> Option<String> {
    // Root that runs a user's tree is refused by git unless the folder is declared safe.
    let output = Command::new("git")
        .args(["-c", "safe.directory=*", "-C", SOURCE])
        .args(arguments)
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
