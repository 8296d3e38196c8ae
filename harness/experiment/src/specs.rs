//! From the command line's SPEC to specs: one file, or every YAML file of a folder.

use std::fs;
use std::path::{Path, PathBuf};

#[cfg(feature = "figures")]
use ::figures::Figure;
use anyhow::{Context, Result};
use record::RunFolder;
use spec::{Search, Spec, Trial};

use crate::cli::SpecArgs;
use crate::exit::BadInput;

/// A spec and the trials of it that were asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chosen {
    /// The file.
    pub(crate) file: PathBuf,
    /// The spec, overrides applied.
    pub(crate) spec: Spec,
    /// Its trials, in order.
    pub(crate) trials: Vec<Trial>,
    /// Its capacity searches, which make trials of their own.
    pub(crate) searches: Vec<Search>,
}

impl Chosen {
    fn new(file: PathBuf, spec: Spec) -> Self {
        Self {
            file,
            trials: spec::expand(&spec),
            searches: spec::searches(&spec),
            spec,
        }
    }

    /// What a recorded run ran.
    pub(crate) fn of_run(folder: &RunFolder) -> Self {
        Self::new(folder.path().join("spec.yaml"), folder.run().spec.clone())
    }
}

/// Reads what the arguments name.
///
/// # Errors
/// [`BadInput`] with the place and the remedy.
pub(crate) fn read(args: &SpecArgs) -> Result<Vec<Chosen>> {
    let Some(path) = &args.spec else {
        return Err(BadInput(
            "no spec was named: experiment experiments/quickstart.yaml is a good first one".into(),
        )
        .into());
    };
    let chosen: Result<Vec<Chosen>> = files(path)?
        .into_iter()
        .map(|file| read_one(file, args))
        .collect();
    chosen
}

fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
        let file = entry?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml")
        {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(BadInput(format!("{}: no .yaml file in this folder", path.display())).into());
    }
    Ok(files)
}

fn read_one(file: PathBuf, args: &SpecArgs) -> Result<Chosen> {
    let shown = file.display().to_string();
    let text = fs::read_to_string(&file)
        .map_err(|error| BadInput(format!("{shown}: cannot be read: {error}")))?;
    let mut spec = Spec::parse_with(&text, &shown, &args.overrides)
        .map_err(|error| BadInput(error.to_string()))?;
    keep_only(&mut spec, &args.only, &shown)?;
    #[cfg(feature = "figures")]
    figures(&spec).map_err(|BadInput(why)| BadInput(format!("{shown}: {why}")))?;
    Ok(Chosen::new(file, spec))
}

/// The figures that a spec wants drawn: those that it names, or all.
#[cfg(feature = "figures")]
pub(crate) fn figures(spec: &Spec) -> Result<Vec<Figure>, BadInput> {
    let Some(names) = &spec.figures else {
        return Ok(Figure::ALL.to_vec());
    };
    let named = |name: &String| {
        Figure::named(name).ok_or_else(|| {
            let all = Figure::ALL.map(Figure::id).join(", ");
            BadInput(format!(
                "figures: there is no figure `{name}`; there are {all}"
            ))
        })
    };
    names.iter().map(named).collect()
}

/// Removes the systems that `--only` does not name.
fn keep_only(spec: &mut Spec, only: &[String], shown: &str) -> Result<(), BadInput> {
    if only.is_empty() {
        return Ok(());
    }
    let labels: Vec<&str> = spec.systems.iter().map(|system| system.label()).collect();
    if let Some(unknown) = only.iter().find(|label| !labels.contains(&label.as_str())) {
        return Err(BadInput(format!(
            "--only {unknown}: {shown} has no system with that label; it has {}",
            labels.join(", ")
        )));
    }
    spec.systems
        .retain(|system| only.iter().any(|label| label == system.label()));
    Ok(())
}
