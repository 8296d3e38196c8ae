//! `run`: new runs of the specs that were named, or, with `--resume`, the end of an earlier one.

use anyhow::Result;
use record::RunFolder;

use super::perform::{Start, Wish, perform};
use crate::cli::RunArgs;
use crate::exit::{BadInput, Outcome};
use crate::specs::{self, Chosen};

/// Runs every spec named, one after the other.
pub(crate) fn run(args: &RunArgs) -> Result<Outcome> {
    let specs = specs::read(&args.spec)?;
    let start = match (&args.resume, specs.as_slice()) {
        (None, _) => Start::New(args.output.output.clone()),
        (Some(path), [chosen]) => {
            same_spec(chosen, path)?;
            Start::Resume(path.clone())
        }
        (Some(_), _) => return Err(BadInput("--resume takes one spec".to_owned()).into()),
    };
    let ran = perform(
        &specs,
        &Wish {
            start,
            how: &args.how,
            json: args.spec.json,
        },
    )?;
    Ok(ran.outcome(args.how.strict))
}

/// A run is finished with the spec that it was begun with.
fn same_spec(chosen: &Chosen, path: &std::path::Path) -> Result<(), BadInput> {
    let folder = RunFolder::open(path).map_err(|error| BadInput(error.to_string()))?;
    if folder.run().spec == chosen.spec.resolved() {
        return Ok(());
    }
    Err(BadInput(format!(
        "{} was made from another spec than {}: finish it with `experiment resume {}`",
        path.display(),
        chosen.file.display(),
        path.display()
    )))
}
