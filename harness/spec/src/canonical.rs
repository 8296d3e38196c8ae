//! The canonical JSON that trial ids are made from: object keys sorted, no blanks.

use serde_json::Value;

use crate::trial::Trial;

/// The trial's canonical JSON without its placement.
pub(crate) fn without_placement(trial: &Trial) -> String {
    let mut value = serde_json::to_value(trial).unwrap_or_else(|error| {
        unreachable!("a trial has text keys and finite numbers only: {error}")
    });
    if let Value::Object(fields) = &mut value {
        fields.remove("placement");
    }
    let mut text = String::new();
    write(&value, &mut text);
    text
}

/// Appends `value`; sorts by itself, since the order in which `serde_json` keeps an object depends
/// on features that other crates switch on.
fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (index, (key, value)) in fields.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(&Value::String(key.clone()), out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&value.to_string());
        }
    }
}
