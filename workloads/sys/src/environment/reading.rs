//! A fact that a machine may keep to itself.

use std::io;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A value, or the reason why there is none. In JSON the value itself, or `{"absent": "<reason>"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Reading<T> {
    /// It could not be had.
    Absent {
        /// Why.
        absent: String,
    },
    /// What was read.
    Known(T),
}

impl<T> Reading<T> {
    /// No value, for this reason.
    pub fn absent(reason: impl Into<String>) -> Self {
        Self::Absent {
            absent: reason.into(),
        }
    }

    /// The value, if there is one.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent { .. } => None,
        }
    }

    /// Why there is no value, if there is none.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Absent { absent } => Some(absent),
        }
    }

    /// The value in another form.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Reading<U> {
        match self {
            Self::Known(value) => Reading::Known(change(value)),
            Self::Absent { absent } => Reading::Absent { absent },
        }
    }

    /// `value`, or `reason` where it is missing.
    pub(super) fn or_absent(value: Option<T>, reason: &str) -> Self {
        value.map_or_else(|| Self::absent(reason), Self::Known)
    }
}

impl<T> From<io::Result<T>> for Reading<T> {
    fn from(result: io::Result<T>) -> Self {
        result.map_or_else(|error| Self::absent(error.to_string()), Self::Known)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_written_as_itself_and_its_absence_with_the_reason() {
        let known = Reading::Known(vec!["performance".to_owned()]);
        assert_eq!(
            serde_json::to_value(&known).unwrap(),
            json!(["performance"])
        );
        let absent: Reading<Vec<String>> = Err(io::Error::other("no cpufreq")).into();
        let written = serde_json::to_value(&absent).unwrap();
        assert_eq!(written, json!({ "absent": "no cpufreq" }));
        for reading in [known, absent] {
            let text = serde_json::to_string(&reading).unwrap();
            let back: Reading<Vec<String>> = serde_json::from_str(&text).unwrap();
            assert_eq!(back, reading);
        }
    }
}
