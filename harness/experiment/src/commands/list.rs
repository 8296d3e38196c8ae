//! `list`: what a spec can name.

use anyhow::Result;
use serde::Serialize;
use spec::SystemKind;

use crate::exit::Outcome;
use crate::plan::design;

/// A system as it is listed.
#[derive(Debug, Serialize)]
struct Listed {
    name: &'static str,
    io: Vec<&'static str>,
    wakeup: Vec<&'static str>,
    summary: &'static str,
    paper: &'static str,
    fidelity: &'static str,
}

/// The probes, by name.
const PROBES: [(&str, &str); 1] = [(
    "wakeup",
    "time to notify a thread (eventfd, futex, pipe, spinning flag) by CPU pair: ENCP'19, figure 4",
)];

/// Prints every system, probe and figure.
pub(crate) fn list(json: bool) -> Result<Outcome> {
    let systems: Vec<Listed> = SystemKind::ALL.into_iter().map(listed).collect();
    if json {
        let all = serde_json::json!({
            "systems": systems,
            "probes": PROBES.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            "figures": figure_names(),
        });
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(Outcome::Complete);
    }
    println!("Systems");
    for system in systems {
        println!("\n  {:<12} {}", system.name, system.summary);
        println!("  {:<12} {}", "", system.paper);
        println!("  {:<12} io: {}", "", system.io.join(" | "));
        if system.wakeup.len() > 1 {
            println!("  {:<12} wakeup: {}", "", system.wakeup.join(" | "));
        }
        println!("  {:<12} fidelity: {}", "", system.fidelity);
    }
    println!("\nProbes\n");
    for (name, summary) in PROBES {
        println!("  {name:<12} {summary}");
    }
    println!("\nFigures\n");
    for name in figure_names() {
        println!("  {name}");
    }
    Ok(Outcome::Complete)
}

fn listed(system: SystemKind) -> Listed {
    let (paper, fidelity) = match design(system).map(kv::systems::SystemKind::description) {
        Some(description) => (description.paper, description.fidelity),
        None => foreign(system),
    };
    Listed {
        name: system.name(),
        io: system.ios().iter().map(|io| io.name()).collect(),
        wakeup: wakeups(system),
        summary: system.summary(),
        paper,
        fidelity,
    }
}

/// Origin and fidelity of what is none of our servers.
fn foreign(system: SystemKind) -> (&'static str, &'static str) {
    match system {
        SystemKind::Reflector => (
            "the instrument's own floor, measured in every run over veth (label floor)",
            "no server: XDP_TX in the driver, the same client, wire and queues",
        ),
        SystemKind::Memcached
        | SystemKind::RssShared
        | SystemKind::Sphinx
        | SystemKind::Seastar
        | SystemKind::MicaErew
        | SystemKind::XdpSteered
        | SystemKind::Synthetic => (
            "https://memcached.org, as Debian packages it",
            "the real program, an external process",
        ),
    }
}

/// The ways to wait that a spec can choose; `sleep` stands for naming none.
fn wakeups(system: SystemKind) -> Vec<&'static str> {
    let sleeps = system.default_wakeup().is_none().then_some("sleep");
    let named = system.wakeups().iter().map(|wakeup| wakeup.name());
    sleeps.into_iter().chain(named).collect()
}

#[cfg(feature = "figures")]
fn figure_names() -> Vec<&'static str> {
    ::figures::Figure::ALL
        .into_iter()
        .map(::figures::Figure::id)
        .collect()
}

#[cfg(not(feature = "figures"))]
fn figure_names() -> Vec<&'static str> {
    Vec::new()
}
