//! `clean`: undoes what a killed run could not.
//!
//! Namespaces, links and attached programs end with their processes. What is left for the journal are
//! names of namespaces, settings, and processes that forgot their parent.

use anyhow::Result;
use sys::journal::{self, Change, Journal, Outcome as Fate, State};

use crate::exit::Outcome;

/// Undoes, or with `dry_run` only tells, what dead runs left behind.
pub(crate) fn clean(dry_run: bool) -> Result<Outcome> {
    let folder = Journal::default_folder();
    if dry_run {
        let found = journal::find(&folder)?;
        let dead = found.iter().filter(|journal| journal.state == State::Dead);
        let changes: Vec<String> = dead
            .flat_map(|journal| journal.changes.iter().map(describe))
            .collect();
        print_or_nothing(&changes);
        return Ok(Outcome::Complete);
    }
    let undone = journal::replay(&folder)?;
    let mut failed = false;
    let mut lines = Vec::new();
    for one in &undone {
        let fate = match &one.outcome {
            Fate::Undone => "undone".to_owned(),
            Fate::NothingToDo => "gone already".to_owned(),
            Fate::ChangedSince => "left alone: somebody changed it since".to_owned(),
            Fate::Failed(why) => {
                failed = true;
                format!("FAILED: {why}")
            }
        };
        lines.push(format!("{}: {fate}", describe(&one.change)));
    }
    print_or_nothing(&lines);
    Ok(if failed {
        Outcome::Incomplete
    } else {
        Outcome::Complete
    })
}

fn print_or_nothing(lines: &[String]) {
    if lines.is_empty() {
        println!("nothing was left behind");
    }
    for line in lines {
        println!("{line}");
    }
}

fn describe(change: &Change) -> String {
    match change {
        Change::Setting { path, old, new } => {
            format!("setting {}: {new} back to {old}", path.display())
        }
        Change::Offload { device, name, .. } => format!("offload {name} of {device}"),
        Change::RssTable { device, .. } => format!("RSS table of {device}"),
        Change::NamespaceName { name } => format!("name {name} of a network namespace"),
        Change::Process { process, program } => format!("{program}, process {}", process.pid),
    }
}
