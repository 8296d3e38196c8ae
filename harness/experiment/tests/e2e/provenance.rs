//! What a result says of where it comes from, and the archive made of it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::bench::{Bench, EXPERIMENT};
use crate::case::Case;
use crate::needs::Need;
use crate::results::{Run, table};
use crate::schema::misfits;

const MINUTE: Duration = Duration::from_secs(60);

const SPEC: &str = "
name: provenance
topology: {kind: veth, queues: 2}
systems: [xdp_steered]
workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: {zipf: 0.99}, get_ratio: 0.95}
load: {rates: [2 kreq/s]}
phases: {warmup: 100 ms, measure: 400 ms, timeout: 100 ms}
blocks: 1
figures: [ledger]
";

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("provenance::run_on_veth", &[Need::Veth], on_veth)]
}

fn on_veth(bench: &Bench) -> Result<()> {
    let run = bench.run(&bench.spec("provenance.yaml", SPEC)?, MINUTE)?;
    let record = json(&run.path.join("run.json"))?;
    devices(&record)?;
    software(&record)?;
    drawn(&run)?;
    for trial in &run.trials {
        intervals(&run.path.join("trials").join(trial.id()))?;
    }
    schemas(bench, &run, &record)?;
    shown(bench, &run, &record)?;
    bundled(bench, &run)
}

/// The figures that the spec names, and no others.
fn drawn(run: &Run) -> Result<()> {
    if !cfg!(feature = "figures") {
        return Ok(());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(run.path.join("figures"))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    ensure!(
        names == ["ledger.csv", "ledger.png", "ledger.svg"],
        "{names:?}"
    );
    Ok(())
}

fn json(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(serde_json::from_str(&text)?)
}

/// Both ends are described from within their namespaces, with the programs on them.
fn devices(record: &Value) -> Result<()> {
    let devices = record["devices"].as_array().context("no devices")?;
    for (host, name, program) in [
        ("server host", "server0", "steerer"),
        ("client host", "client0", "receive"),
    ] {
        let found = devices.iter().find(|entry| {
            let labels = entry["labels"].as_array();
            entry["host"] == host
                && labels.is_some_and(|labels| labels.contains(&"xdp_steered".into()))
        });
        let device = &found.with_context(|| format!("the {host} has no device"))?["device"];
        ensure!(
            device["name"] == name && device["driver"]["driver"] == "veth",
            "{device}"
        );
        ensure!(device["xdp_mode"] == "native", "{}", device["xdp_mode"]);
        ensure!(device["napi"]["threaded"] == true, "{}", device["napi"]);
        ensure!(device["channels"]["rx"] == 2, "{}", device["channels"]);
        let reason = device["coalescing"]["absent"].as_str();
        ensure!(
            reason.is_some_and(|reason| reason.contains(name)),
            "{}",
            device["coalescing"]
        );
        let attached = device["programs"].as_array().context("no programs")?;
        let tag = attached
            .iter()
            .find(|one| one["name"] == program)
            .map(|one| &one["tag"]);
        ensure!(
            tag.and_then(Value::as_str)
                .is_some_and(|tag| tag.len() == 16),
            "{program} is not among {attached:?}"
        );
    }
    Ok(())
}

/// The binary is named by its content, and so are its eBPF objects.
fn software(record: &Value) -> Result<()> {
    let software = &record["environment"]["software"];
    let output = std::process::Command::new("sha256sum")
        .arg(EXPERIMENT)
        .output()?;
    let expected = String::from_utf8(output.stdout)?;
    let recorded = software["binary_sha256"].as_str().context("no hash")?;
    ensure!(
        expected.starts_with(recorded),
        "{recorded} is not {expected}"
    );
    let objects = software["ebpf_objects"].as_object().context("no objects")?;
    ensure!(objects.contains_key("steer"), "{objects:?}");
    let settings = &record["environment"]["settings"];
    ensure!(settings["net.core.rmem_max"].is_string(), "{settings}");
    Ok(())
}

/// The steps hold every measured request once.
fn intervals(trial: &Path) -> Result<()> {
    let record = json(&trial.join("trial.json"))?;
    let (_, rows) = table(&trial.join("intervals.csv"))?;
    ensure!(rows.len() >= 4, "{} steps in 400 ms", rows.len());
    let sum = |column: &str| -> Result<u64> {
        rows.iter().map(|row| Ok(row[column].parse::<u64>()?)).sum()
    };
    let answered = record["answered_measured"].as_u64().unwrap_or_default();
    let unanswered = record["unanswered_measured"].as_u64().unwrap_or_default();
    ensure!(
        sum("answered")? == answered,
        "{} of {answered}",
        sum("answered")?
    );
    ensure!(
        sum("unanswered")? == unanswered,
        "{} of {unanswered}",
        sum("unanswered")?
    );
    ensure!(
        sum("requests")? == answered + unanswered,
        "{} requests",
        sum("requests")?
    );
    let parquet = fs::read(trial.join("intervals.parquet"))?;
    ensure!(
        parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"),
        "no Parquet file"
    );
    Ok(())
}

/// What was written fits the schemas that are printed.
fn schemas(bench: &Bench, run: &Run, record: &Value) -> Result<()> {
    let printed = |of: &str| -> Result<Value> {
        let finished = bench.finish(&mut bench.experiment(["schema", "--of", of]), MINUTE)?;
        finished.expect_code(0)?;
        Ok(serde_json::from_str(&finished.out)?)
    };
    let schema = printed("run")?;
    let found = misfits(&schema, &schema, record, "run.json");
    ensure!(found.is_empty(), "{found:#?}");
    let schema = printed("trial")?;
    for id in run.ids() {
        let trial = json(&run.path.join("trials").join(id).join("trial.json"))?;
        let found = misfits(&schema, &schema, &trial, "trial.json");
        ensure!(found.is_empty(), "{found:#?}");
        let mut wrong = trial.clone();
        wrong["ledger"]["offered"] = "many".into();
        let found = misfits(&schema, &schema, &wrong, "trial.json");
        ensure!(
            found.len() == 1 && found[0].contains("/ledger/offered"),
            "{found:?}"
        );
    }
    Ok(())
}

fn shown(bench: &Bench, run: &Run, record: &Value) -> Result<()> {
    let mut command = bench.experiment(["show", "--environment"]);
    let finished = bench.finish(command.arg(&run.path), MINUTE)?;
    finished.expect_code(0)?;
    let kernel = record["environment"]["kernel_release"]
        .as_str()
        .context("no kernel")?;
    for part in [
        kernel,
        "server0 on server host",
        "steerer tag",
        "net.core.rmem_max",
    ] {
        ensure!(
            finished.out.contains(part),
            "{part} is missing in\n{}",
            finished.out
        );
    }
    Ok(())
}

/// Packing twice gives the same bytes; packing over a file is refused.
fn bundled(bench: &Bench, run: &Run) -> Result<()> {
    let pack = |name: &str| {
        let mut command = bench.experiment(["bundle"]);
        command.arg(&run.path).arg("--output").arg(bench.path(name));
        bench.finish(&mut command, MINUTE)
    };
    pack("one.tar.gz")?.expect_code(0)?;
    pack("two.tar.gz")?.expect_code(0)?;
    let bytes = fs::read(bench.path("one.tar.gz"))?;
    ensure!(
        bytes == fs::read(bench.path("two.tar.gz"))?,
        "the archives differ"
    );
    let again = pack("one.tar.gz")?;
    again.expect_code(2)?;
    again.expect_told(&["exists already", "--output"])
}
