//! `claims`: papers' statements held against recorded runs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use claims::{Claim, Judgement};
use record::{RunFolder, runs_below};
use serde_json::{Value, json};

use crate::cli::ClaimsArgs;
use crate::exit::{BadInput, Outcome};
use crate::terminal;

/// Where the repository keeps its claims.
const HERE: &str = "experiments/claims";

/// Judges, prints and writes claims.csv. A contradicted claim is a result and no failure.
pub(crate) fn claims(args: &ClaimsArgs) -> Result<Outcome> {
    let claims = read_claims(args.claims.as_deref())?;
    let runs = open(&args.runs)?;
    judge(&claims, &runs, &file(args, &runs), args.json)?;
    Ok(Outcome::Complete)
}

/// Judges the claims that name a spec of the folder `paper` by the runs below `folder`, and writes claims.csv
/// there; `false` where there is no such claim.
pub(super) fn judge_paper(paper: &str, folder: &Path, json: bool) -> Result<bool> {
    let mut claims = read_claims(None)?;
    claims.retain(|claim| {
        claim
            .experiment
            .split_once('/')
            .is_some_and(|(of, _)| of == paper)
    });
    if claims.is_empty() {
        return Ok(false);
    }
    let runs = open(&[folder.to_path_buf()])?;
    judge(&claims, &runs, &folder.join("claims.csv"), json)?;
    Ok(true)
}

/// Judges, writes and prints.
fn judge(claims: &[Claim], runs: &[RunFolder], file: &Path, json: bool) -> Result<()> {
    let judgements = ::claims::judge(claims, runs)?;
    ::claims::write_csv(file, &judgements)
        .with_context(|| format!("writing {}", file.display()))?;
    sys::privilege::give_to_user(file)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&as_json(&judgements))?);
    } else {
        terminal::print_claims(&judgements);
        println!("\nclaims  {}", file.display());
    }
    Ok(())
}

fn read_claims(folder: Option<&Path>) -> Result<Vec<Claim>> {
    let here = Path::new(HERE);
    let read = match folder {
        Some(folder) => ::claims::read_folder(folder),
        None if here.is_dir() => ::claims::read_folder(here),
        None => ::claims::shipped(),
    };
    read.map_err(|error| BadInput(error.to_string()).into())
}

/// Every run that is named or lies in a named folder, once.
fn open(named: &[PathBuf]) -> Result<Vec<RunFolder>> {
    let bad = |error: record::RecordError| BadInput(error.to_string());
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in named {
        let mut below = runs_below(path).map_err(bad)?;
        if below.is_empty() {
            // The reason is what opening it says.
            below.push(path.clone());
        }
        for path in below {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    let runs = paths.iter().map(|path| RunFolder::open(path));
    Ok(runs.collect::<Result<_, _>>().map_err(bad)?)
}

fn file(args: &ClaimsArgs, runs: &[RunFolder]) -> PathBuf {
    match (&args.output, runs) {
        (Some(file), _) => file.clone(),
        (None, [run]) => run.path().join("claims.csv"),
        (None, _) => PathBuf::from("claims.csv"),
    }
}

fn as_json(judgements: &[Judgement<'_>]) -> Value {
    let one = |judgement: &Judgement<'_>| {
        json!({
            "claim": judgement.claim,
            "finding": judgement.finding,
            "test": judgement.claim.test.as_ref().map(::claims::Test::text),
            "runs": judgement.runs,
            "fidelity": judgement.fidelity,
            "machine": judgement.machine,
        })
    };
    json!({ "judgements": judgements.iter().map(one).collect::<Vec<_>>() })
}
