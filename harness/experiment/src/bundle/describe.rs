//! `ro-crate-metadata.json`: the archive described by RO-Crate 1.1 (<https://w3id.org/ro/crate/1.1>).
//!
//! Data entities are the files; the run is a `CreateAction` whose instrument is this program, whose
//! object is the spec and whose result is the data set. Authors and licence stand there only when they
//! were named.

use record::{RunRecord, Timestamp};
use serde_json::{Value, json};

use super::{Credits, Entry};

/// Name that the specification fixes.
pub(super) const FILE: &str = "ro-crate-metadata.json";

/// The description of `entries`, which do not include it.
pub(super) fn describe(run: &RunRecord, entries: &[Entry], credits: &Credits) -> Value {
    let (authors, people) = credits.people();
    let mut graph = vec![descriptor(), root(run, entries, authors, credits.license())];
    graph.extend(entries.iter().map(file));
    graph.extend([software(run), action(run)]);
    graph.extend(people);
    graph.extend(
        credits
            .license()
            .map(|address| json!({ "@id": address, "@type": "CreativeWork", "name": address })),
    );
    json!({
        // The specification's context predates schema.org's `sha256`.
        "@context": [
            "https://w3id.org/ro/crate/1.1/context",
            { "sha256": "https://schema.org/sha256" },
        ],
        "@graph": graph,
    })
}

fn descriptor() -> Value {
    json!({
        "@id": FILE,
        "@type": "CreativeWork",
        "conformsTo": { "@id": "https://w3id.org/ro/crate/1.1" },
        "about": { "@id": "./" },
    })
}

fn root(run: &RunRecord, entries: &[Entry], authors: Vec<Value>, license: Option<&str>) -> Value {
    let parts: Vec<Value> = entries
        .iter()
        .map(|entry| json!({ "@id": id(&entry.name) }))
        .collect();
    let about = match run.spec.description.trim() {
        "" => "A packet steering experiment.",
        text => text,
    };
    let unfinished = match run.finished {
        Some(_) => "",
        None => " The run was not finished.",
    };
    let mut root = json!({
        "@id": "./",
        "@type": "Dataset",
        "name": format!("steerbench run {} {}", run.experiment, run.run_id),
        "description": format!("{about}{unfinished} Fidelity: {}.", run.fidelity),
        "datePublished": end(run).to_string(),
        "identifier": run.run_id,
        "hasPart": parts,
        "mentions": [{ "@id": "#run" }],
    });
    if !authors.is_empty() {
        root["author"] = authors.into();
    }
    if let Some(address) = license {
        root["license"] = json!({ "@id": address });
    }
    root
}

/// When the data was complete, as far as is known.
pub(super) fn end(run: &RunRecord) -> Timestamp {
    run.finished.unwrap_or(run.started)
}

fn software(run: &RunRecord) -> Value {
    let text = |pointer| run.environment.pointer(pointer).and_then(Value::as_str);
    let version = text("/software/steerbench").unwrap_or("version not recorded");
    let commit = run.git.as_ref().map(|git| {
        let dirty = if git.dirty {
            ", with changes beside it"
        } else {
            ""
        };
        format!(" (commit {}{dirty})", git.commit)
    });
    let mut software = json!({
        "@id": "#steerbench",
        "@type": "SoftwareApplication",
        "name": "steerbench",
        "description": "A laboratory for packet steering on Linux.",
        "version": format!("{version}{}", commit.unwrap_or_default()),
    });
    if let Some(hash) = text("/software/binary_sha256") {
        software["sha256"] = hash.into();
    }
    software
}

fn action(run: &RunRecord) -> Value {
    let mut action = json!({
        "@id": "#run",
        "@type": "CreateAction",
        "name": format!("Run of {}", run.experiment),
        "description": run.command.join(" "),
        "instrument": { "@id": "#steerbench" },
        "object": { "@id": "spec.yaml" },
        "result": { "@id": "./" },
        "startTime": run.started.to_string(),
    });
    if let Some(finished) = run.finished {
        action["endTime"] = finished.to_string().into();
    }
    action
}

fn file(entry: &Entry) -> Value {
    let (media, what) = kind(&entry.name);
    json!({
        "@id": id(&entry.name),
        "@type": "File",
        "name": entry.name,
        "description": what,
        "encodingFormat": media,
        "contentSize": entry.content.len().to_string(),
        "sha256": entry.sha256,
    })
}

/// Media type of a file and what it is, by its name; RESULTS.md says more.
fn kind(name: &str) -> (&'static str, &'static str) {
    let file = name.rsplit('/').next().unwrap_or(name);
    let media = match file.rsplit('.').next().unwrap_or_default() {
        "csv" => "text/csv",
        "json" => "application/json",
        "yaml" => "application/yaml",
        "parquet" => "application/vnd.apache.parquet",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "html" => "text/html",
        "md" => "text/markdown",
        "hlog" => "text/plain",
        _ => "application/octet-stream",
    };
    let what = match file {
        "spec.yaml" => "What was run, with every default written out",
        "run.json" => "The run as a whole: versions, machine, devices, seeds",
        "trials.csv" => "One row a trial",
        "probes.csv" => "One row a cell of a probe",
        "trial.json" => "The record of one trial",
        "probe.json" => "The record of one cell of a probe",
        "latency.hlog" | "send_lag.hlog" => "HdrHistogram interval log, version 2 encoding, ns",
        "latency.csv" => "Histogram of latency",
        "counters.csv" => "Every counter that was read",
        "intervals.csv" | "intervals.parquet" => "The measure phase in steps",
        "RESULTS.md" => "What every file, column and field means",
        _ if name.starts_with("figures/") => "A figure, or the numbers in it",
        _ if name.starts_with("schemas/") => "JSON schema of a file of this result",
        _ => "A file of the result",
    };
    (media, what)
}

/// A file's name as a relative URI reference (RFC 3986): what is not unreserved is percent-encoded.
pub(super) fn id(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
