//! `schema`: a spec, a run's record or a trial's record as a JSON schema.

use anyhow::Result;
use record::{RunRecord, TrialRecord};
use schemars::SchemaGenerator;
use serde_json::Value;

use crate::cli::SchemaOf;
use crate::environment::{AttachedDevice, RunEnvironment};
use crate::exit::Outcome;

/// Prints the schema.
pub(crate) fn schema(of: SchemaOf) -> Result<Outcome> {
    let schema = match of {
        SchemaOf::Spec => spec::json_schema(),
        SchemaOf::Run => run(),
        SchemaOf::Trial => trial(),
    };
    println!("{}", serde_json::to_string_pretty(&schema)?);
    Ok(Outcome::Complete)
}

/// The schema of `run.json`. The record leaves open what describes the machine; here it is known.
pub(crate) fn run() -> Value {
    let mut generator = SchemaGenerator::default();
    let parts = [
        (
            "/properties/environment",
            generator.subschema_for::<RunEnvironment>(),
        ),
        (
            "/$defs/DeviceRecord/properties/device",
            generator.subschema_for::<AttachedDevice>(),
        ),
    ];
    let mut schema = generator.into_root_schema_for::<RunRecord>().to_value();
    for (place, part) in parts {
        if let Some(open) = schema.pointer_mut(place) {
            *open = part.to_value();
        }
    }
    schema
}

/// The schema of `trial.json`.
pub(crate) fn trial() -> Value {
    schemars::schema_for!(TrialRecord).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_record_leaves_open_is_described() {
        let schema = run();
        let environment = &schema["properties"]["environment"]["$ref"];
        assert_eq!(environment, "#/$defs/RunEnvironment");
        assert!(schema["$defs"]["RunEnvironment"]["properties"]["mitigations"].is_object());
        let device = &schema["$defs"]["DeviceRecord"]["properties"]["device"]["$ref"];
        assert_eq!(device, "#/$defs/AttachedDevice");
        assert!(schema["$defs"]["AttachedDevice"]["properties"]["coalescing"].is_object());
    }
}
