//! Claims held against the recorded reference run: without privilege, far from the repository.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::bench::{Bench, shipped};
use crate::case::Case;

const SHORT: Duration = Duration::from_secs(60);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("judged::the_reference_run", &[], reference),
        Case::new("judged::mistakes", &[], mistakes),
    ]
}

/// Every claim has one of the four verdicts with a reason, in the table as in the file.
fn reference(bench: &Bench) -> Result<()> {
    let file = bench.path("claims.csv");
    let run = shipped("../results/reference");
    let mut command = bench.experiment(["claims"]);
    command.arg(&run).arg("--output").arg(&file);
    let finished = bench.finish(&mut command, SHORT)?;
    finished.expect_code(0)?;
    let mut reader = csv::Reader::from_path(&file)?;
    let rows: Vec<BTreeMap<String, String>> = reader.deserialize().collect::<Result<_, _>>()?;
    let claims = fs::read_dir(shipped("claims"))?.count();
    ensure!(rows.len() == claims, "{} rows of {claims}", rows.len());
    for row in rows {
        let id = &row["claim"];
        let decided = ["reproduced", "contradicted"].contains(&row["verdict"].as_str());
        let open = ["inconclusive", "not testable here"].contains(&row["verdict"].as_str());
        ensure!(decided || open, "{row:?}");
        ensure!(!row["why"].is_empty(), "{id} has no reason");
        ensure!(finished.out.contains(id.as_str()), "{id} is not printed");
        if decided {
            let bound = |name: &str| row[name].parse::<f64>().with_context(|| id.clone());
            ensure!(bound("low")? <= bound("high")?, "{row:?}");
            ensure!(row["blocks"].parse::<u32>()? >= 10, "{row:?}");
        }
    }
    Ok(())
}

fn mistakes(bench: &Bench) -> Result<()> {
    let told = |arguments: &[&str], texts: &[&str]| -> Result<()> {
        let mut command = bench.experiment(["claims"]);
        let finished = bench.finish(command.args(arguments), SHORT)?;
        finished.expect_code(2)?;
        finished.expect_told(texts)
    };
    told(&["nowhere"], &["nowhere is no result of a run"])?;
    fs::create_dir(bench.path("wrong"))?;
    fs::write(bench.path("wrong/x.yaml"), "id: x\npaper: gossip\n")?;
    told(
        &["--claims", "wrong", "nowhere"],
        &["wrong/x.yaml:2:8: paper: ", "gossip", "encp19"],
    )
}
