//! `resume`: the rest of a run, from its folder alone.
//!
//! What is recorded stays as it is. What is missing is run, and so is again what failed or was refused:
//! a failure may have had a passing cause, and a refusal costs nothing to ask for again.

use anyhow::Result;
use record::RunFolder;

use super::perform::{Start, Wish, perform};
use crate::cli::ResumeArgs;
use crate::exit::{BadInput, Outcome};
use crate::specs::Chosen;

/// Finishes the run that was named.
pub(crate) fn resume(args: &ResumeArgs) -> Result<Outcome> {
    let folder = RunFolder::open(&args.run).map_err(|error| BadInput(error.to_string()))?;
    let chosen = Chosen::of_run(&folder);
    let ran = perform(
        &[chosen],
        &Wish {
            start: Start::Resume(args.run.clone()),
            how: &args.how,
            json: args.json,
        },
    )?;
    Ok(ran.outcome(args.how.strict))
}
