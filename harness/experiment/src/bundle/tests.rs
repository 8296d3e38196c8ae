//! The archive is what RO-Crate 1.1 asks for, and the same each time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;

use flate2::read::GzDecoder;
use record::{RunFolder, RunId, Timestamp};
use serde_json::{Value, json};
use spec::Spec;

use super::*;
use crate::hash;

const SPEC: &str = "
name: tiny
description: A test.
topology: {kind: loopback}
probes: [{wakeup: {mechanisms: [eventfd], modes: [idle], samples: 10, time_limit: 1 s, total_limit: 1 s}}]
";

/// A run with a figure whose name must be encoded, and with something unfinished.
fn run(output: &Path) -> RunFolder {
    let spec = Spec::parse(SPEC, "tiny.yaml").unwrap();
    let started = Timestamp::now();
    let record = RunRecord::begin(&spec, RunId::new(started, "test"), started);
    let folder = RunFolder::create(output, record).unwrap();
    fs::create_dir(folder.figures_folder()).unwrap();
    fs::write(folder.figures_folder().join("p99 over load.svg"), "<svg/>").unwrap();
    fs::create_dir(folder.path().join("trials/.unfinished-1")).unwrap();
    fs::write(folder.path().join("trials/.unfinished-1/trial.json"), "{").unwrap();
    folder
}

fn packed(folder: &RunFolder, credits: &Credits) -> Vec<u8> {
    let schemas = [
        ("schemas/run.schema.json", json!({})),
        ("schemas/trial.schema.json", json!({})),
    ];
    let run = folder.run();
    let entries = entries(folder.path(), run, credits, schemas).unwrap();
    let mut bytes = Vec::new();
    archive::pack(&mut bytes, &stem(run), run.started, &entries).unwrap();
    bytes
}

/// Contents by name; the names have the archive's folder in front.
fn unpack(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(GzDecoder::new(bytes));
    let read = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (name, content)
    };
    archive.entries().unwrap().map(read).collect()
}

fn entity<'a>(graph: &'a [Value], id: &str) -> &'a Value {
    let found: Vec<&Value> = graph.iter().filter(|entity| entity["@id"] == id).collect();
    assert_eq!(found.len(), 1, "exactly one entity is {id}");
    found[0]
}

#[test]
fn the_description_names_every_file_as_it_is() {
    let output = tempfile::tempdir().unwrap();
    let folder = run(output.path());
    let credits = Credits::parse(&["Ada <https://orcid.org/1>".to_owned()], Some("CC-BY-4.0"));
    let files = unpack(&packed(&folder, &credits.unwrap()));
    let inside = format!("{}/", stem(folder.run()));
    let description = &files[&format!("{inside}ro-crate-metadata.json")];
    let crate_: Value = serde_json::from_slice(description).unwrap();
    assert_eq!(
        crate_["@context"][0],
        "https://w3id.org/ro/crate/1.1/context"
    );
    let graph = crate_["@graph"].as_array().unwrap();

    let descriptor = entity(graph, "ro-crate-metadata.json");
    assert_eq!(descriptor["@type"], "CreativeWork");
    assert_eq!(
        descriptor["conformsTo"]["@id"],
        "https://w3id.org/ro/crate/1.1"
    );
    assert_eq!(descriptor["about"]["@id"], "./");
    let root = entity(graph, "./");
    assert_eq!(root["@type"], "Dataset");
    for field in ["name", "description", "datePublished"] {
        assert!(
            root[field].as_str().is_some_and(|text| !text.is_empty()),
            "{field}"
        );
    }
    assert_eq!(
        root["license"]["@id"],
        "https://spdx.org/licenses/CC-BY-4.0"
    );
    assert_eq!(entity(graph, "https://orcid.org/1")["name"], "Ada");

    let parts = root["hasPart"].as_array().unwrap();
    let parts: BTreeSet<&str> = parts
        .iter()
        .map(|part| part["@id"].as_str().unwrap())
        .collect();
    let described: BTreeSet<&str> = graph
        .iter()
        .filter(|entity| entity["@type"] == "File")
        .map(|entity| entity["@id"].as_str().unwrap())
        .collect();
    assert_eq!(parts, described);
    let mut there: BTreeSet<String> = files
        .keys()
        .map(|name| describe::id(name.strip_prefix(&inside).unwrap()))
        .collect();
    there.remove("ro-crate-metadata.json");
    assert_eq!(
        described
            .iter()
            .map(|id| (*id).to_owned())
            .collect::<BTreeSet<_>>(),
        there
    );
    assert!(there.contains("figures/p99%20over%20load.svg") && there.contains("RESULTS.md"));
    assert!(!there.iter().any(|name| name.contains("unfinished")));

    for entity in graph.iter().filter(|entity| entity["@type"] == "File") {
        let content = &files[&format!("{inside}{}", entity["name"].as_str().unwrap())];
        assert_eq!(entity["contentSize"], content.len().to_string());
        assert_eq!(entity["sha256"], hash::sha256(content.as_slice()).unwrap());
        assert!(entity["encodingFormat"].is_string());
    }
}

#[test]
fn every_reference_within_the_description_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        if let Some(fields) = value.as_object() {
            match (fields.len(), fields.get("@id").and_then(Value::as_str)) {
                (1, Some(id)) => found.push(id),
                _ => fields.values().for_each(|value| references(value, found)),
            }
        }
        value
            .as_array()
            .into_iter()
            .flatten()
            .for_each(|value| references(value, found));
    }
    let output = tempfile::tempdir().unwrap();
    let folder = run(output.path());
    let entries = entries(
        folder.path(),
        folder.run(),
        &Credits::default(),
        [("a", json!({})), ("b", json!({}))],
    );
    let crate_: Value = serde_json::from_slice(&entries.unwrap()[0].content).unwrap();
    let graph = crate_["@graph"].as_array().unwrap();
    let mut found = Vec::new();
    references(&crate_["@graph"], &mut found);
    assert!(found.len() > 5);
    for id in found
        .into_iter()
        .filter(|id| *id != "https://w3id.org/ro/crate/1.1")
    {
        entity(graph, id);
    }
    let root = entity(graph, "./");
    assert!(root.get("author").is_none() && root.get("license").is_none());
}

#[test]
fn packing_twice_gives_the_same_bytes() {
    let output = tempfile::tempdir().unwrap();
    let folder = run(output.path());
    let once = packed(&folder, &Credits::default());
    let again = RunFolder::open(folder.path()).unwrap();
    assert_eq!(packed(&again, &Credits::default()), once);
}

#[test]
fn what_is_neither_file_nor_folder_is_refused_by_name() {
    let output = tempfile::tempdir().unwrap();
    let folder = run(output.path());
    std::os::unix::fs::symlink("/etc", folder.path().join("elsewhere")).unwrap();
    let error = files::read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("elsewhere"), "{error}");
}
