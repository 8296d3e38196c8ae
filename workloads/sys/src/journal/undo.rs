//! The undoing of one change, as far as the world still is as the dead run left it.

use std::io;
use std::time::Duration;

use serde::Serialize;

use super::Change;
use crate::error::read_text;
use crate::sysctl::write_setting;
use crate::{ethtool, netns};

/// How long an external process may take to end by itself.
const GRACE: Duration = Duration::from_secs(2);

/// A change of a dead run and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// The change.
    pub change: Change,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was undone now.
    Undone,
    /// It was no longer there: never made, undone already, or the device or process is gone.
    NothingToDo,
    /// Somebody changed the same thing since; it was left alone.
    ChangedSince,
    /// It could not be undone; the reason.
    Failed(String),
}

/// Undoes one change.
pub(super) fn undo(change: &Change) -> Undone {
    let result = match change {
        Change::Setting { path, old, new } => match read_text(path) {
            Ok(now) if now == *old => Ok(Outcome::NothingToDo),
            Ok(now) if now == *new => write_setting(path, old).map(|()| Outcome::Undone),
            Ok(_) => Ok(Outcome::ChangedSince),
            Err(error) => Err(error),
        },
        Change::Offload { device, name, old } => {
            ethtool::set_features(device, &[(name, *old)]).map(|before| did(!before.is_empty()))
        }
        Change::RssTable { device, old } => ethtool::rss(device).and_then(|now| {
            if now.table == *old {
                return Ok(Outcome::NothingToDo);
            }
            ethtool::set_rss_table(device, old).map(|()| Outcome::Undone)
        }),
        Change::NamespaceName { name } => netns::remove_name(name).map(|()| Outcome::Undone),
        Change::Process { process, .. } => process.terminate(GRACE).map(did),
    };
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Outcome::NothingToDo,
        Err(error) => Outcome::Failed(error.to_string()),
    };
    Undone {
        change: change.clone(),
        outcome,
    }
}

fn did(something: bool) -> Outcome {
    if something {
        Outcome::Undone
    } else {
        Outcome::NothingToDo
    }
}
