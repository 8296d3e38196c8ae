//! Partitions that change owners in mid-run: the `repartition` section.
//!
//! ENCP'19 (section 3.3) steers in the network so that clients need not know the partitions. What
//! that is worth shows when they change: clients that address partitions themselves go on with what
//! they knew until they are told.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::Duration;

/// When slots of the partition table change owners, how many, and when clients learn of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repartition {
    /// From the start of the measure phase to the first move.
    #[garde(skip)]
    pub after: Duration,
    /// Slots that pass to the next owner, with their items, of 1024: the first ones, which belong to
    /// all owners in turn.
    #[garde(range(min = 1, max = 1024))]
    pub slots: u16,
    /// From the first move until a client that addresses partitions itself knows the new table.
    /// Default: it never learns of it.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients_know_after: Option<Duration>,
}
