//! A cache of the responses to expensive calls in front of a system: its `response_cache` section.
//!
//! An option of the systems that serve calls and not a mode of `netcache`: that one is a design from a paper, which
//! holds items; this is an idea of ENCP'19 (section 3.2), to be switched on and off before any system whose frames can go
//! on.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::Duration;

/// A cache of responses.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct ResponseCache {
    /// Responses that it holds. Default: 1000.
    #[garde(inner(range(min = 1, max = 8192)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<u32>,
    /// CPU time that a response must have cost to be kept. Default: 20 us.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_cost: Option<Duration>,
    /// How long a response is given out. Default: 1 s.
    #[garde(inner(custom(crate::rules::phase)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
}

impl ResponseCache {
    /// As many as `netcache` holds items.
    const DEFAULT_ENTRIES: u32 = 1_000;
    /// Several times what a store costs a request, so that nothing is kept that was not made expensive.
    const DEFAULT_MIN_COST: Duration = Duration(20_000);
    /// As long as most trials measure.
    const DEFAULT_TTL: Duration = Duration(1_000_000_000);
    /// Bytes of the longest result that is kept (docs/rpc.md).
    pub(crate) const LONGEST_RESULT: u64 = 223;

    /// Responses that it holds, written or by default.
    #[must_use]
    pub fn entries(self) -> u32 {
        self.entries.unwrap_or(Self::DEFAULT_ENTRIES)
    }

    /// CPU time that a response must have cost, written or by default.
    #[must_use]
    pub fn min_cost(self) -> Duration {
        self.min_cost.unwrap_or(Self::DEFAULT_MIN_COST)
    }

    /// How long a response is given out, written or by default.
    #[must_use]
    pub fn ttl(self) -> Duration {
        self.ttl.unwrap_or(Self::DEFAULT_TTL)
    }

    /// With its defaults written out.
    #[must_use]
    pub fn resolve(self) -> Self {
        Self {
            entries: Some(self.entries()),
            min_cost: Some(self.min_cost()),
            ttl: Some(self.ttl()),
        }
    }
}
