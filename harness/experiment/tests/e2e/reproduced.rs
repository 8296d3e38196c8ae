//! A paper's specs as one: all are run, their figures and claims are in one folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bench::Bench;
use crate::case::Case;

const MINUTE: Duration = Duration::from_secs(60);

const SPHINX: &str = "{system: sphinx, io: udp, owners: 1}";
/// Threads that spin want CPUs of their own; few machines have as many.
const TOO_MANY: &str = "{system: seastar, io: udp, owners: 64}";

fn spec(name: &str, systems: &str) -> String {
    format!(
        "
name: {name}
topology: {{kind: loopback}}
systems: [{systems}]
workload: {{keys: 100, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 1}}
load: {{rates: [1 kreq/s]}}
phases: {{warmup: 50 ms, measure: 200 ms, timeout: 50 ms}}
blocks: 2
floor: false
"
    )
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("reproduced::a_paper", &[], a_paper),
        Case::new("reproduced::refusals", &[], refusals),
    ]
}

/// Two specs in a folder that has a paper's name; what `--set` says goes for both.
fn a_paper(bench: &Bench) -> Result<()> {
    let folder = bench.path("netslice2012");
    fs::create_dir(&folder)?;
    let partly = format!("{SPHINX}, {TOO_MANY}");
    for (name, systems) in [("one", SPHINX), ("two", &partly)] {
        fs::write(folder.join(format!("{name}.yaml")), spec(name, systems))?;
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
        "refused  1 trial that this machine cannot run; the reasons stand in failures.csv of the runs in",
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

/// What this machine cannot run is no failure of what it can, unless everything was asked for.
fn refusals(bench: &Bench) -> Result<()> {
    let partly = bench.spec("partly", &spec("partly", &format!("{SPHINX}, {TOO_MANY}")))?;
    let run =
        |path: &Path, further: &[&str]| bench.finish(&mut bench.run_command(path, further), MINUTE);
    let finished = run(&partly, &["--set", "blocks=1"])?;
    finished.expect_code(0)?;
    finished.expect_told(&["refused: block 1, seastar", "remedy"])?;
    let recorded = bench.only_run()?;
    recorded.only_trial()?.expect_closed()?;
    let failures = recorded.failures()?;
    ensure!(
        failures.len() == 1 && failures[0]["status"] == "refused",
        "{failures:?}"
    );
    let told = format!(
        "refused  1 trial that this machine cannot run; the reasons stand in {}/failures.csv",
        recorded.path.display()
    );
    ensure!(
        finished.out.contains(&told) && !finished.out.contains("once more"),
        "{}",
        finished.out
    );
    run(&partly, &["--set", "blocks=1", "--strict"])?.expect_code(1)?;
    let sweep = "sweep: {owners: [63, 64]}\n";
    let text = spec("nothing", "{system: seastar, io: udp}") + sweep;
    let nothing = bench.spec("nothing", &text)?;
    let finished = run(&nothing, &[])?;
    finished.expect_code(3)?;
    finished.expect_told(&["refused: block 1, seastar", "remedy"])?;
    // Four trials of two blocks, and two reasons: each is told when it is met first, and again in the closing table.
    for (told, lines) in [
        (&finished.err, "refused: block"),
        (&finished.out, "refused       2"),
    ] {
        let count = told.lines().filter(|line| line.contains(lines)).count();
        ensure!(count == 2, "{count} lines of `{lines}` in:\n{told}");
    }
    Ok(())
}

/// A recorded run is repeated.
fn repeated(bench: &Bench, run: &Path) -> Result<()> {
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
