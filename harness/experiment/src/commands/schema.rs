//! `schema`: the spec as a JSON schema, for editors.

use anyhow::Result;

use crate::exit::Outcome;

/// Prints the schema.
pub(crate) fn schema() -> Result<Outcome> {
    println!("{}", serde_json::to_string_pretty(&spec::json_schema())?);
    Ok(Outcome::Complete)
}
