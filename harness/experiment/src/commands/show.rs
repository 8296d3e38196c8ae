//! `show`: a recorded run as a table, or what it was obtained on.

use std::path::Path;

use anyhow::Result;
use record::RunFolder;

use crate::exit::{BadInput, Outcome};
use crate::terminal;

/// Prints the run at `path`.
pub(crate) fn show(path: &Path, json: bool, environment: bool) -> Result<Outcome> {
    let run = RunFolder::open(path).map_err(|error| BadInput(error.to_string()))?;
    match (environment, json) {
        (true, true) => {
            let run = run.run();
            let all = serde_json::json!({
                "environment": run.environment,
                "devices": run.devices,
                "git": run.git,
            });
            println!("{all}");
        }
        (true, false) => terminal::print_environment(run.run()).map_err(|error| {
            BadInput(format!(
                "{}/run.json describes its machine in another form than this version does ({error}); \
                 --json prints it as it is",
                path.display()
            ))
        })?,
        (false, true) => {
            for trial in run.trials() {
                println!("{}", serde_json::to_string(trial)?);
            }
        }
        (false, false) => terminal::print_run(&run),
    }
    Ok(Outcome::Complete)
}
