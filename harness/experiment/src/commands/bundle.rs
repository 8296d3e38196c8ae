//! `bundle`: a recorded run as one archive.

use std::path::PathBuf;

use anyhow::{Context, Result};
use record::RunFolder;

use super::schema;
use crate::bundle::{self, Credits};
use crate::cli::BundleArgs;
use crate::exit::{BadInput, Outcome};

/// Packs the run.
pub(crate) fn bundle(args: &BundleArgs) -> Result<Outcome> {
    let credits = Credits::parse(&args.authors, args.license.as_deref())?;
    let folder = RunFolder::open(&args.run).map_err(|error| BadInput(error.to_string()))?;
    let run = folder.run();
    let stem = bundle::stem(run);
    let output = args
        .output
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("{stem}.tar.gz")));
    if output.exists() {
        return Err(BadInput(format!(
            "{} exists already: remove it, or name another file with --output",
            output.display()
        ))
        .into());
    }
    let schemas = [
        ("schemas/run.schema.json", schema::run()),
        ("schemas/trial.schema.json", schema::trial()),
    ];
    let entries = bundle::entries(folder.path(), run, &credits, schemas)?;
    let time = run.finished.unwrap_or(run.started);
    bundle::write(&output, &stem, time, &entries)
        .with_context(|| format!("writing {}", output.display()))?;
    sys::privilege::give_to_user(&output)?;
    println!("{} files in {}", entries.len(), output.display());
    if run.finished.is_none() {
        println!("the run was not finished, and the description says so");
    }
    if args.license.is_none() {
        println!("no licence is named: others may need one to use the data (--license CC-BY-4.0)");
    }
    Ok(Outcome::Complete)
}
