//! How much and how long: the `load`, `phases` and `sweep` sections.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Bytes, Count, Duration, Rate};

/// The `load` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Offered loads; every system sees each of them.
    #[garde(length(min = 1), inner(custom(crate::rules::rate)))]
    pub rates: Vec<Rate>,
}

/// The `phases` section: the times of one trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phases {
    /// Load that is applied but not measured.
    #[garde(skip)]
    pub warmup: Duration,
    /// Requests due in this phase are measured.
    #[garde(custom(crate::rules::phase))]
    pub measure: Duration,
    /// A request without a reply for this long counts as timed out.
    #[garde(custom(crate::rules::phase))]
    pub timeout: Duration,
}

/// The `sweep` section: values that replace the workload's or the systems', all combinations of
/// them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Zipf exponents, in place of `workload.popularity`; 0 is uniform.
    #[garde(inner(length(min = 1), inner(custom(crate::rules::theta))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theta: Option<Vec<f64>>,
    /// In place of `workload.get_ratio`.
    #[garde(inner(length(min = 1), inner(range(min = 0.0, max = 1.0))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub get_ratio: Option<Vec<f64>>,
    /// In place of `workload.keys`.
    #[garde(inner(length(min = 1), inner(custom(crate::rules::keys))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<Count>>,
    /// In place of `workload.key_size`.
    #[garde(inner(length(min = 1), inner(custom(crate::rules::key_bytes))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_size: Option<Vec<Bytes>>,
    /// In place of `workload.value_size`.
    #[garde(inner(length(min = 1), inner(custom(crate::rules::value_bytes))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_size: Option<Vec<Bytes>>,
    /// In place of `workload.flows`.
    #[garde(inner(length(min = 1), inner(range(min = 1, max = 28_000))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flows: Option<Vec<u16>>,
    /// In place of `workload.multi_get`.
    #[garde(inner(length(min = 1), inner(range(min = 1, max = 100))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_get: Option<Vec<u16>>,
    /// In place of every system's `owners`.
    #[garde(inner(length(min = 1), inner(range(min = 1, max = 64))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owners: Option<Vec<u16>>,
}
