//! The JSON schema of the spec, for editors.

use crate::spec::Spec;

/// The schema of a spec file, as `experiment schema` prints it.
#[must_use]
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(Spec).to_value()
}
