//! `reproduce`: everything of one paper: its specs are run, their figures drawn, its claims judged, all in one folder.

use std::path::{Path, PathBuf};

use anyhow::Result;
use record::{RunId, Timestamp};

use super::claims;
use super::perform::{Start, Wish, perform};
use super::rerun::repeat;
use crate::cli::{ReproduceArgs, SpecArgs};
use crate::exit::{BadInput, Outcome};
use crate::specs;

/// Where the repository keeps its specs, a folder a paper.
const HERE: &str = "experiments";

/// Reproduces what was named: a paper, or a recorded run, which is repeated.
pub(crate) fn reproduce(args: &ReproduceArgs) -> Result<Outcome> {
    if args.what.join("run.json").is_file() {
        if !args.overrides.is_empty() {
            let message = "a recorded run is repeated as it was, without --set";
            return Err(BadInput(message.to_owned()).into());
        }
        return repeat(&args.what, &args.output.output, &args.how, args.json);
    }
    let folder = folder(&args.what)?;
    let paper = folder.file_name().unwrap_or_default().to_string_lossy();
    let specs = specs::read(&SpecArgs {
        spec: Some(folder.clone()),
        overrides: args.overrides.clone(),
        only: Vec::new(),
        json: args.json,
    })?;
    let (all, ours) = place(&args.output.output, &paper);
    let ran = perform(
        &specs,
        &Wish {
            start: Start::New(all.clone()),
            how: &args.how,
            json: args.json,
        },
    )?;
    let judged = claims::judge_paper(&paper, &all, args.json)?;
    sys::privilege::give_to_user(&ours)?;
    if !args.json {
        if !judged {
            println!("\nno claim is about the specs of {}", folder.display());
        }
        println!("\nall of {paper} is in {}", all.display());
        let place = format!("failures.csv of the runs in {}", all.display());
        if let Some(line) = ran.refusals(&place) {
            println!("{line}");
        }
    }
    Ok(ran.outcome(args.how.strict))
}

/// The folder of specs: as it was named, or of that name among the repository's.
fn folder(what: &Path) -> Result<PathBuf, BadInput> {
    let among = Path::new(HERE).join(what);
    let candidates = [what.to_path_buf(), among];
    let found = candidates.into_iter().find(|path| path.is_dir());
    found.ok_or_else(|| {
        BadInput(format!(
            "{} is no folder of specs, neither here nor in {HERE}/: run it where the repository is, with the \
             name of a paper's folder such as netslice2012, or name a folder",
            what.display()
        ))
    })
}

/// A fresh folder for everything, and the topmost folder that is made for it.
fn place(output: &Path, paper: &str) -> (PathBuf, PathBuf) {
    let name = RunId::new(Timestamp::now(), &format!("{} {paper}", std::process::id()));
    let all = output.join(paper).join(name.as_str());
    // The last ancestor of a relative path is empty, and stands for the folder that we are in.
    let there = |path: &Path| path.as_os_str().is_empty() || path.exists();
    let made = all.ancestors().take_while(|path| !there(path));
    let ours = made.last().unwrap_or(all.as_path()).to_path_buf();
    (all, ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topmost_folder_that_is_made_is_ours() {
        let output = tempfile::tempdir().expect("a folder");
        let (all, ours) = place(output.path(), "paper");
        assert_eq!(ours, output.path().join("paper"));
        assert!(all.starts_with(&ours));
        std::fs::create_dir(&ours).expect("writable");
        let (again, ours) = place(output.path(), "paper");
        assert_eq!(again, ours);
        let beyond = output.path().join("new");
        assert_eq!(place(&beyond, "paper").1, beyond);
        let relative = Path::new("no-such-folder-here");
        assert_eq!(place(relative, "paper").1, relative);
    }

    #[test]
    fn a_paper_that_is_not_there_is_told_with_the_remedy() {
        let error = folder(Path::new("nowhere2020")).expect_err("no such folder");
        assert!(
            error
                .to_string()
                .contains("nowhere2020 is no folder of specs"),
            "{error}"
        );
    }
}
