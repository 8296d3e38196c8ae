//! The specs in `experiments/` are valid, and each says what its comments promise.

use std::fs;
use std::path::{Path, PathBuf};

use spec::{Probe, ProcessorKind, Spec, SystemKind, expand};

fn experiments() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments")
}

fn read(name: &str) -> Spec {
    let path = experiments().join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    Spec::parse(&text, name).unwrap_or_else(|error| panic!("{error}"))
}

/// Every spec below `folder`, as paths relative to `experiments/`; what lies in `claims` are none.
fn all(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).expect("experiments/ is there") {
        let path = entry.expect("a readable entry").path();
        if path.ends_with("claims") {
            continue;
        }
        if path.is_dir() {
            names.extend(all(&path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let relative = path
                .strip_prefix(experiments())
                .expect("below experiments/");
            names.push(relative.to_string_lossy().into_owned());
        }
    }
    names
}

#[test]
fn every_shipped_spec_is_valid_and_fully_resolvable() {
    let names = all(&experiments());
    assert!(names.len() >= 5, "{names:?}");
    for name in names {
        let spec = read(&name);
        let yaml = spec.resolved().to_yaml().expect("plain data");
        let back = Spec::parse(&yaml, &name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(expand(&back), expand(&spec), "{name}");
    }
}

#[test]
fn quickstart_keeps_its_promises() {
    let spec = read("quickstart.yaml");
    let systems: std::collections::BTreeSet<_> =
        spec.systems.iter().map(|system| system.system).collect();
    for system in [
        SystemKind::RssShared,
        SystemKind::Sphinx,
        SystemKind::XdpSteered,
        SystemKind::MicaErew,
        SystemKind::Memcached,
    ] {
        assert!(systems.contains(&system), "{system} is missing");
    }
    assert!(spec.load.as_ref().is_some_and(|load| load.rates.len() >= 2));
    assert!(spec.blocks() >= 3);
    assert!(
        spec.workload
            .as_ref()
            .is_some_and(|workload| workload.keys.get() <= 100_000)
    );
    let phases = spec.phases.expect("it has systems");
    let trial_ns = phases.warmup.get() + phases.measure.get() + phases.timeout.get();
    let trials_s = expand(&spec).len() as u64 * trial_ns / 1_000_000_000;
    let [Probe::Wakeup(probe)] = spec.probes.as_slice() else {
        panic!("one wakeup probe")
    };
    let probe_s = probe.total_limit.expect("limited").get() / 1_000_000_000;
    assert!(probe_s < 10);
    assert!(
        trials_s + probe_s < 70,
        "{trials_s} s of trials leave no room for set-up in 90 s"
    );
}

#[test]
fn serious_specs_have_enough_blocks() {
    for name in all(&experiments().join("enberg2019")) {
        let spec = read(&name);
        // A search repeats each rate instead.
        let capacity = spec.load.as_ref().and_then(|load| load.capacity);
        let enough = capacity.map_or(spec.blocks() >= 10, |capacity| capacity.repeats() >= 5);
        assert!(enough, "{name}");
    }
}

#[test]
fn the_schema_describes_every_section() {
    let schema = spec::json_schema();
    let properties = schema["properties"]
        .as_object()
        .expect("a spec is an object");
    let value = serde_json::to_value(read("quickstart.yaml").resolved()).expect("plain data");
    for field in value.as_object().expect("an object").keys() {
        let known = properties.get(field).expect("every field is described");
        assert!(
            known.get("description").is_some(),
            "{field} has no description"
        );
    }
    assert_eq!(
        schema["additionalProperties"],
        serde_json::Value::Bool(false)
    );
    // A spec has one of the two.
    assert!(properties["traffic"].get("description").is_some());
    for processor in ProcessorKind::ALL {
        let name = format!("\"{}\"", processor.name());
        assert!(schema.to_string().contains(&name), "{name}");
    }
    for system in SystemKind::ALL {
        assert!(
            schema.to_string().contains(&format!("\"{system}\"")),
            "{system}"
        );
    }
}
