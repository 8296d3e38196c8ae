//! The stand-in for a NIC's receive-side scaling: on veth the sender chooses the queue by it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use steering::rss::{DEFAULT_KEY, INDIRECTION_LEN};

use crate::hash::hex;

/// Hash and table of the emulated NIC (Microsoft's RSS specification; the same in every trial).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RssEmulation {
    /// Hash function.
    pub(crate) function: String,
    /// The key, hexadecimal.
    pub(crate) key: String,
    /// Entries of the indirection table.
    pub(crate) entries: u32,
    /// What they hold.
    pub(crate) table: String,
}

impl RssEmulation {
    /// What clients and programs of this binary compute with.
    pub(crate) fn of_this_program() -> Self {
        Self {
            function: "toeplitz over the addresses and ports that are transmitted".to_owned(),
            key: hex(&DEFAULT_KEY),
            entries: INDIRECTION_LEN as u32,
            table: "entry i names queue i modulo the number of queues".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use steering::rss::Indirection;

    use super::*;

    #[test]
    fn the_table_is_as_it_is_told() {
        let emulation = RssEmulation::of_this_program();
        assert_eq!(emulation.key.len(), DEFAULT_KEY.len() * 2);
        for queues in [1, 2, 3] {
            let table = Indirection::even(queues);
            assert_eq!(table.entries().len(), emulation.entries as usize);
            for (at, queue) in table.entries().iter().enumerate() {
                assert_eq!(usize::from(*queue), at % usize::from(queues));
            }
        }
    }
}
