//! Whether a JSON value has the form that a schema describes: the part of JSON Schema that the printed
//! schemas use for structure. Ranges, patterns and formats are left to the types that wrote them.

use serde_json::Value;

/// What does not fit, with its place; nothing when all fits. `root` holds the definitions.
pub(crate) fn misfits(root: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    if let Some(target) = schema["$ref"].as_str() {
        let pointer = target.trim_start_matches('#');
        return match root.pointer(pointer) {
            Some(schema) => misfits(root, schema, value, place),
            None => vec![format!("{place}: the schema has no {target}")],
        };
    }
    let mut found = Vec::new();
    for choice in ["anyOf", "oneOf"] {
        if let Some(options) = schema[choice].as_array() {
            let tried: Vec<Vec<String>> = options
                .iter()
                .map(|option| misfits(root, option, value, place))
                .collect();
            if !tried.iter().any(Vec::is_empty) {
                found.push(format!("{place}: none of {choice}: {tried:?}"));
            }
        }
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        found.extend(misfits(root, part, value, place));
    }
    if !has_type(&schema["type"], value) {
        found.push(format!("{place}: {value} is no {}", schema["type"]));
    }
    let unlisted = |options: &Vec<Value>| !options.contains(value);
    if schema["enum"].as_array().is_some_and(unlisted)
        || schema.get("const").is_some_and(|only| only != value)
    {
        found.push(format!("{place}: {value} is not listed"));
    }
    for (at, item) in value.as_array().into_iter().flatten().enumerate() {
        if schema["items"].is_object() {
            found.extend(misfits(
                root,
                &schema["items"],
                item,
                &format!("{place}/{at}"),
            ));
        }
    }
    found.extend(fields(root, schema, value, place));
    found
}

fn fields(root: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let mut found = Vec::new();
    let Some(fields) = value.as_object() else {
        return found;
    };
    for name in schema["required"].as_array().into_iter().flatten() {
        if name.as_str().is_some_and(|name| !fields.contains_key(name)) {
            found.push(format!("{place}: {name} is missing"));
        }
    }
    for (name, value) in fields {
        let place = format!("{place}/{name}");
        let other = &schema["additionalProperties"];
        match schema["properties"].get(name) {
            Some(schema) => found.extend(misfits(root, schema, value, &place)),
            None if *other == Value::Bool(false) => found.push(format!("{place}: not described")),
            None if other.is_object() => found.extend(misfits(root, other, value, &place)),
            None => {}
        }
    }
    found
}

fn has_type(wanted: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    match wanted {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    }
}
