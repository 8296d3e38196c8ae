//! Wall-clock times of a result, in UTC.

use std::fmt;
use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A point in time, written as RFC 3339 in UTC with milliseconds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Timestamp(SystemTime);

impl Timestamp {
    /// The present, to the millisecond.
    #[must_use]
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// The standard library's form.
    #[must_use]
    pub const fn system_time(self) -> SystemTime {
        self.0
    }

    /// `20261122T063343Z`: sorts by time as text, and is a file name everywhere.
    #[must_use]
    pub fn compact(self) -> String {
        let text = humantime::format_rfc3339_seconds(self.0).to_string();
        text.chars().filter(|c| !matches!(c, '-' | ':')).collect()
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let since = time
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let millis = u64::try_from(since.as_millis()).unwrap_or(0);
        Self(SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_millis(self.0).fmt(f)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = humantime::TimestampError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        humantime::parse_rfc3339(&text).map(Self::from)
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> Self {
        time.to_string()
    }
}
