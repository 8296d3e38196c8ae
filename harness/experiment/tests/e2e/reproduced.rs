//! A paper's specs as one: all are run, their figures and claims are in one folder.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bench::Bench;
use crate::case::Case;

const MINUTE: Duration = Duration::from_secs(60);

fn spec(name: &str) -> String {
    format!(
        "
name: {name}
topology: {{kind: loopback}}
systems: [{{system: sphinx, io: udp, owners: 1}}]
workload: {{keys: 100, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 1}}
load: {{rates: [1 kreq/s]}}
phases: {{warmup: 50 ms, measure: 200 ms, timeout: 50 ms}}
blocks: 2
floor: false
"
    )
}

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("reproduced::a_paper", &[], a_paper)]
}

/// Two specs in a folder that has a paper's name; what `--set` says goes for both.
fn a_paper(bench: &Bench) -> Result<()> {
    let folder = bench.path("netslice2012");
    fs::create_dir(&folder)?;
    for name in ["one", "two"] {
        fs::write(folder.join(format!("{name}.yaml")), spec(name))?;
    }
    let mut command = bench.experiment(["reproduce", "netslice2012", "--set", "blocks=1"]);
    command.arg("--output").arg(bench.output());
    let finished = bench.finish(&mut command, MINUTE)?;
    finished.expect_code(0)?;
    let all: Vec<_> =
        fs::read_dir(bench.output().join("netslice2012"))?.collect::<Result<_, _>>()?;
    ensure!(all.len() == 1, "one folder for everything: {all:?}");
    let all = all[0].path();
    let runs = record::runs_below(&all)?;
    let mut names = BTreeSet::new();
    for run in &runs {
        let run = record::RunFolder::open(run)?;
        ensure!(
            run.trials().len() == 1,
            "--set was not heeded: {} trials",
            run.trials().len()
        );
        names.insert(run.run().experiment.clone());
    }
    ensure!(
        names == BTreeSet::from(["one".to_owned(), "two".to_owned()]),
        "{names:?}"
    );
    let mut reader = csv::Reader::from_path(all.join("claims.csv"))?;
    let papers: BTreeSet<String> = reader
        .records()
        .map(|row| Ok(row?[1].to_owned()))
        .collect::<Result<_, csv::Error>>()?;
    ensure!(
        papers == BTreeSet::from(["NetSlices'12".to_owned()]),
        "{papers:?}"
    );
    for told in [
        "all of netslice2012 is in",
        "netslice-over-pcap-mmap",
        "not testable here",
    ] {
        ensure!(
            finished.out.contains(told),
            "it does not say `{told}`: {}",
            finished.out
        );
    }
    repeated(bench, &runs[0])?;
    let mut command = bench.experiment(["reproduce", "nowhere2020"]);
    let finished = bench.finish(&mut command, MINUTE)?;
    finished.expect_code(2)?;
    finished.expect_told(&["nowhere2020 is no folder of specs"])
}

/// A recorded run is repeated.
fn repeated(bench: &Bench, run: &std::path::Path) -> Result<()> {
    let output = bench.path("again");
    let mut command = bench.experiment(["reproduce"]);
    command.arg(run).arg("--output").arg(&output);
    bench.finish(&mut command, MINUTE)?.expect_code(0)?;
    let again = record::runs_below(&output)?;
    ensure!(again.len() == 1, "{again:?}");
    let again = record::RunFolder::open(&again[0])?;
    let repeats = again
        .run()
        .repeats
        .as_ref()
        .map(|repeats| repeats.run_id.to_string());
    ensure!(
        repeats.is_some_and(|id| run.ends_with(id)),
        "it does not say what it repeats"
    );
    Ok(())
}
