//! `rerun`: a recorded run's spec once more, as a run of its own that knows which one it repeats.

use std::path::Path;

use anyhow::Result;
use record::{Difference, Origin, Repeats, RunFolder};

use super::perform::{Start, Wish, perform};
use crate::cli::{HowArgs, RerunArgs};
use crate::environment;
use crate::exit::{BadInput, Outcome};
use crate::specs::Chosen;

/// More lines than these would hide the first ones; `run.json` has them all.
const SHOWN: usize = 20;

/// Repeats the run that was named.
pub(crate) fn rerun(args: &RerunArgs) -> Result<Outcome> {
    repeat(&args.run, &args.output.output, &args.how, args.json)
}

/// Repeats a run as a new one below `output`.
pub(super) fn repeat(run: &Path, output: &Path, how: &HowArgs, json: bool) -> Result<Outcome> {
    let folder = RunFolder::open(run).map_err(|error| BadInput(error.to_string()))?;
    let (git, machine) = (environment::git(), environment::here()?);
    let differences = folder.run().differences_to(Origin {
        git: git.as_ref(),
        environment: &machine,
    });
    eprintln!("{}", told(&folder, &differences));
    let repeats = Repeats {
        run_id: folder.run().run_id.clone(),
        differences,
    };
    let ran = perform(
        &[Chosen::of_run(&folder)],
        &Wish {
            start: Start::Repeat(output.to_path_buf(), repeats),
            how,
            json,
        },
    )?;
    Ok(ran.outcome(how.strict))
}

fn told(folder: &RunFolder, differences: &[Difference]) -> String {
    let run = &folder.run().run_id;
    if differences.is_empty() {
        return format!("repeating {run}: same machine, same settings, same commit");
    }
    let line = |one: &Difference| format!("\n  {}: {} then, {} now", one.what, one.then, one.now);
    let lines: String = differences.iter().take(SHOWN).map(line).collect();
    let more = match differences.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("\n  and {more} more (run.json, `repeats`)"),
    };
    format!("repeating {run}; what differs here:{lines}{more}")
}
