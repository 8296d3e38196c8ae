//! Whether a run may begin at all: asked before anything is touched.

use spec::{Spec, SystemKind, TopologyKind, XdpMode};

use super::{facts, trial_run};
use crate::environment::memcached_version;
use crate::exit::HostCannot;

/// Fails with the reason and the remedy when this machine cannot run `spec`.
pub(crate) fn preflight(spec: &Spec) -> Result<(), HostCannot> {
    match spec.topology.kind {
        TopologyKind::Veth | TopologyKind::Chain | TopologyKind::Pair => need_privilege()?,
        TopologyKind::Loopback | TopologyKind::Memory | TopologyKind::Nic => {}
    }
    if let Some(system) = spec.systems.iter().find(|one| one.system.needs_programs()) {
        need_programs(system.system)?;
    }
    let offloads = (spec.systems.iter().filter_map(|system| system.xdp))
        .any(|xdp| xdp.mode == XdpMode::Offload);
    if offloads {
        offloadable(trial_run::offload)?;
    }
    let wants_memcached = spec
        .systems
        .iter()
        .any(|system| system.system == SystemKind::Memcached);
    if wants_memcached && memcached_version().is_err() {
        return Err(HostCannot(
            "the spec compares with memcached, which is not installed: run ./setup, or leave it out \
             with --only"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Fails with the driver's reason where the device does not run programs; `offload` tries it.
fn offloadable(offload: impl FnOnce() -> anyhow::Result<()>) -> Result<(), HostCannot> {
    offload().map_err(|refused| HostCannot(format!("{refused:#}")))
}

/// Fails where the eBPF programs of a system cannot be loaded.
fn need_programs(system: SystemKind) -> Result<(), HostCannot> {
    let missing = facts::missing_capabilities().map_err(|error| HostCannot(error.to_string()))?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(HostCannot(format!(
        "the eBPF programs of {system} need {}.\nRun it as root (results will belong to you):\n    {}",
        missing.join(", "),
        facts::sudo_line()
    )))
}

/// Fails with the exact command line for root where network namespaces and XDP are out of reach.
pub(crate) fn need_privilege() -> Result<(), HostCannot> {
    let missing = facts::missing_capabilities().map_err(|error| HostCannot(error.to_string()))?;
    if !missing.is_empty() {
        return Err(HostCannot(format!(
            "network namespaces and XDP programs need {}.\n\
             Run it as root (results will belong to you):\n    {}\n\
             Without privilege these run: experiments/smoke/loopback.yaml (kernel sockets on \
             127.0.0.1), `serve --topology loopback`, check, list, figures, show",
            missing.join(", "),
            facts::sudo_line()
        )));
    }
    facts::kernel_refused().map_or(Ok(()), |reason| Err(HostCannot(reason)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_driver_says_is_what_the_user_is_told() {
        let refused = loader::Error::NoOffload {
            ifindex: 7,
            reason: "Invalid argument (os error 22)".to_owned(),
        };
        let told = offloadable(|| Err(refused.into())).unwrap_err().to_string();
        for part in [
            "index 7",
            "Invalid argument",
            "leave `xdp.mode: offload` out",
        ] {
            assert!(told.contains(part), "{told}");
        }
        assert!(offloadable(|| Ok(())).is_ok());
    }
}
