//! Injected service times: `service` of the workload or of one system.
//!
//! The thread that executes a key burns so much CPU beside the store's own work, so that the tail
//! can be studied apart from the store, and a difference of known size can be put between two
//! labels of one system. The draws belong to the keys (`model::ServiceTimes`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Duration, Share};

/// How long a key takes to be served, beside what the store costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Service {
    /// Every key takes this long.
    Fixed(Duration),
    /// Exponentially distributed over the keys, with this mean.
    Exponential(Duration),
    /// Most keys take short, a share of them long.
    Bimodal {
        /// What most keys take.
        short: Duration,
        /// What the others take.
        long: Duration,
        /// The others' share of the keys.
        long_share: Share,
    },
}

/// Beyond it a request has timed out anywhere.
const LONGEST: Duration = Duration(10_000_000_000);

impl Service {
    /// What is wrong with the times, if anything is.
    pub(crate) fn fault(self) -> Option<String> {
        let bad = |time: Duration| {
            (time.get() == 0 || time > LONGEST)
                .then(|| format!("a service time of {time}: it must be above 0 and at most 10 s"))
        };
        match self {
            Self::Fixed(time) | Self::Exponential(time) => bad(time),
            Self::Bimodal {
                short,
                long,
                long_share,
            } => bad(short).or_else(|| bad(long)).or_else(|| {
                if short > long {
                    Some(format!("`short` ({short}) is above `long` ({long})"))
                } else if long_share > Share::WHOLE {
                    Some(format!(
                        "`long_share` ({long_share}): a share is at most 100 %"
                    ))
                } else {
                    None
                }
            }),
        }
    }
}
