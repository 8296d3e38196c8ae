//! `list`: what a spec can name.

use anyhow::Result;
use serde::Serialize;
use spec::SystemKind;

use crate::doctor::Host;
use crate::exit::Outcome;

/// A system as it is listed.
#[derive(Debug, Serialize)]
struct Listed {
    name: &'static str,
    io: Vec<&'static str>,
    wakeup: Vec<&'static str>,
    multi_key: Vec<&'static str>,
    processors: Vec<&'static str>,
    summary: &'static str,
    paper: &'static str,
    fidelity: &'static str,
    /// Whether this machine can run it.
    runnable: bool,
    /// Why not, with the remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<String>,
}

/// The probes, by name.
const PROBES: [(&str, &str); 1] = [(
    "wakeup",
    "time to notify a thread (eventfd, futex, pipe, spinning flag) by CPU pair: ENCP'19, figure 4",
)];

/// Prints every system, probe and figure.
pub(crate) fn list(json: bool) -> Result<Outcome> {
    let host = Host::look()?;
    let systems = SystemKind::ALL.into_iter();
    let systems: Vec<Listed> = systems.map(|system| listed(system, &host)).collect();
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
        println!("\n  {:<16} {}", system.name, system.summary);
        println!("  {:<16} {}", "", system.paper);
        println!("  {:<16} io: {}", "", system.io.join(" | "));
        if system.wakeup.len() > 1 {
            println!("  {:<16} wakeup: {}", "", system.wakeup.join(" | "));
        }
        if !system.multi_key.is_empty() {
            println!("  {:<16} multi_key: {}", "", system.multi_key.join(" | "));
        }
        if !system.processors.is_empty() {
            println!("  {:<16} processor: {}", "", system.processors.join(" | "));
        }
        println!("  {:<16} fidelity: {}", "", system.fidelity);
        match system.why_not {
            None => println!("  {:<16} runs here", ""),
            Some(reason) => println!("  {:<16} does not run here: {reason}", ""),
        }
    }
    println!("\nProbes\n");
    for (name, summary) in PROBES {
        println!("  {name:<16} {summary}");
    }
    println!("\nFigures\n");
    for name in figure_names() {
        println!("  {name}");
    }
    Ok(Outcome::Complete)
}

fn listed(system: SystemKind, host: &Host) -> Listed {
    let why_not = host.why_not(system);
    Listed {
        name: system.name(),
        io: system.ios().iter().map(|io| io.name()).collect(),
        wakeup: wakeups(system),
        multi_key: (system.multi_key_ways().iter())
            .map(|way| way.name())
            .collect(),
        processors: (system.processors().iter()).map(|one| one.name()).collect(),
        summary: system.summary(),
        paper: system.paper(),
        fidelity: system.fidelity(),
        runnable: why_not.is_none(),
        why_not,
    }
}

/// The ways to wait that a spec can choose; `sleep` stands for naming none.
fn wakeups(system: SystemKind) -> Vec<&'static str> {
    let sleeps = system.default_wakeup().is_none() && !system.forwards();
    let sleeps = sleeps.then_some("sleep");
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
