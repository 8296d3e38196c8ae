//! What a case needs of the machine, and whether it is there.

use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::bench::EXPERIMENT;

/// One thing that a case needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Namespaces, native XDP and AF_XDP.
    Veth,
    /// Debian's memcached.
    Memcached,
    /// To become another user.
    Root,
    /// A program of this name.
    Tool(&'static str),
}

impl Need {
    /// Why it is not there; `None` if it is.
    pub(crate) fn missing(self) -> Option<String> {
        match self {
            Self::Veth => finding("native XDP and AF_XDP on veth"),
            Self::Memcached => finding("memcached"),
            Self::Root => {
                let root = rustix::process::geteuid().is_root();
                (!root).then(|| "only root can become another user".to_owned())
            }
            Self::Tool(name) => {
                let path = std::env::var_os("PATH").unwrap_or_default();
                let found = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
                (!found).then(|| format!("{name} is not installed (./setup installs it)"))
            }
        }
    }
}

/// What `experiment doctor` has against `subject`.
fn finding(subject: &str) -> Option<String> {
    static FINDINGS: OnceLock<Result<Value, String>> = OnceLock::new();
    let findings = match FINDINGS.get_or_init(ask) {
        Ok(findings) => findings,
        Err(error) => return Some(error.clone()),
    };
    let found = findings
        .as_array()
        .into_iter()
        .flatten()
        .find(|finding| finding["subject"] == subject);
    let Some(finding) = found else {
        return Some(format!("`experiment doctor` says nothing about {subject}"));
    };
    let missing = finding["verdict"]["verdict"] == "missing";
    missing.then(|| format!("{subject}: {}", finding["seen"].as_str().unwrap_or("?")))
}

fn ask() -> Result<Value, String> {
    let output = Command::new(EXPERIMENT)
        .args(["doctor", "--json"])
        .output()
        .map_err(|error| format!("experiment doctor: {error}"))?;
    serde_json::from_slice(&output.stdout).map_err(|error| format!("experiment doctor: {error}"))
}
