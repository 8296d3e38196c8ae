//! How a get of several keys is served where each key has one owner.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who takes a get of several owners' keys apart, who puts the answers together, and in how many
/// messages (ENCP'19, section 4, "Other use cases").
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum MultiKey {
    /// The thread at which it arrives: a handoff for each key that is another's.
    Handoff,
    /// The thread at which it arrives: a handoff for each other owner, with all of its keys.
    Split,
    /// The client, which knows the partitions: a request to each owner for its keys.
    ClientSplit,
    /// Nobody: each owner gets the whole request and answers its own keys, the client puts the answers
    /// together. The client makes the copies, for XDP cannot.
    Duplicate,
    /// The thread to which XDP gives it, all owners in turn: a handoff for each other owner. Scans only.
    Balanced,
}

impl MultiKey {
    /// All ways, in the order in which they are listed.
    pub const ALL: [Self; 5] = [
        Self::Handoff,
        Self::Split,
        Self::ClientSplit,
        Self::Duplicate,
        Self::Balanced,
    ];

    /// The name that the spec uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Handoff => "handoff",
            Self::Split => "split",
            Self::ClientSplit => "client_split",
            Self::Duplicate => "duplicate",
            Self::Balanced => "balanced",
        }
    }

    /// What becomes of a get, for people.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Handoff => {
                "one request to the owner of the first key, a handoff for each key of another owner, \
                 one reply"
            }
            Self::Split => {
                "one request to the owner of the first key, a handoff for each other owner, one reply"
            }
            Self::ClientSplit => {
                "a request to each owner for its keys, no handoffs, a reply from each; clients know \
                 the partitions"
            }
            Self::Duplicate => {
                "the whole request to each owner of some of its keys, no handoffs, a reply from each; \
                 the client makes the copies, and knows the partitions, in place of an XDP that \
                 duplicates"
            }
            Self::Balanced => {
                "one request to any owner, in turn, a handoff for each other owner, one reply"
            }
        }
    }

    /// Whether a get is several requests to the server, whose answers the client puts together.
    #[must_use]
    pub const fn client_gathers(self) -> bool {
        match self {
            Self::Handoff | Self::Split | Self::Balanced => false,
            Self::ClientSplit | Self::Duplicate => true,
        }
    }

    /// Where threads share nothing and the first key does not decide where a request arrives.
    pub(super) const WITHIN_THE_SERVER: &'static [Self] = &[Self::Handoff, Self::Split];
    /// Where threads share nothing and the first key decides where a request arrives.
    pub(super) const BY_FIRST_KEY: &'static [Self] = &[
        Self::Handoff,
        Self::Split,
        Self::ClientSplit,
        Self::Duplicate,
    ];
    /// Where besides a program of the system's own tells scans from other requests.
    pub(super) const EVERY_WAY: &'static [Self] = &Self::ALL;
}
