//! Destination ports, computed before the trial so that no key is hashed while it runs.

use model::KeySpace;
use steering::{PartitionTable, SLOTS, hash_bytes, slot_of};

use crate::{Addressing, ClientError};

/// The destination port of every key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destinations {
    /// One port for all.
    One(u16),
    /// By key id.
    ByKey(Box<[u16]>),
}

impl Destinations {
    /// The ports that `addressing` gives to the keys.
    ///
    /// # Errors
    /// When a table has the wrong length, or names a port beyond 65535.
    pub(crate) fn new(addressing: &Addressing, keys: &KeySpace) -> Result<Self, ClientError> {
        let (base_port, owners, table) = match addressing {
            Addressing::Server { port } => return Ok(Self::One(*port)),
            Addressing::Partition {
                base_port,
                owners,
                table,
            } => (*base_port, *owners, table),
        };
        if owners == 0 {
            return Err(ClientError::Config(
                "addressing: there must be an owner".into(),
            ));
        }
        let even = PartitionTable::even(owners);
        if let Some(owner_by_slot) = table {
            if owner_by_slot.len() != SLOTS {
                return Err(ClientError::Config(format!(
                    "addressing: a table has {SLOTS} slots, not {}",
                    owner_by_slot.len()
                )));
            }
            if let Some(owner) = owner_by_slot.iter().find(|owner| **owner >= owners) {
                return Err(ClientError::Config(format!(
                    "addressing: owner {owner} is not one of the {owners}"
                )));
            }
        }
        if base_port.checked_add(owners - 1).is_none() {
            return Err(ClientError::Config("addressing: ports beyond 65535".into()));
        }
        let mut key = Vec::new();
        let ports = (0..keys.len()).map(|id| {
            let hash = hash_bytes(keys.key_bytes(id, &mut key));
            let owner = match table {
                Some(owner_by_slot) => owner_by_slot[usize::from(slot_of(hash))],
                None => even.owner_of(hash),
            };
            base_port + owner
        });
        Ok(Self::ByKey(ports.collect()))
    }

    /// The port for key `id`.
    pub(crate) fn port_of(&self, id: u32) -> u16 {
        match self {
            Self::One(port) => *port,
            Self::ByKey(ports) => ports[id as usize],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> KeySpace {
        KeySpace::new(&crate::tests::workload(1.0, 1)).unwrap()
    }

    fn partition(owners: u16, table: Option<Vec<u16>>) -> Addressing {
        Addressing::Partition {
            base_port: 11211,
            owners,
            table,
        }
    }

    #[test]
    fn a_stale_slot_misdirects_exactly_its_keys() {
        let keys = keys();
        let even = Destinations::new(&partition(2, None), &keys).unwrap();
        let slot_by_key: Vec<u16> = (0..keys.len())
            .map(|id| slot_of(hash_bytes(keys.key_bytes(id, &mut Vec::new()))))
            .collect();
        let stale = usize::from(slot_by_key[7]);
        let mut table: Vec<u16> = (0..SLOTS).map(|slot| (slot % 2) as u16).collect();
        table[stale] ^= 1;
        let moved = Destinations::new(&partition(2, Some(table)), &keys).unwrap();
        for id in 0..keys.len() {
            let differs = even.port_of(id) != moved.port_of(id);
            assert_eq!(differs, usize::from(slot_by_key[id as usize]) == stale);
        }
    }

    #[test]
    fn impossible_partitions_are_refused() {
        let beyond = Addressing::Partition {
            base_port: 65_535,
            owners: 2,
            table: None,
        };
        let unknown = partition(2, Some(vec![2; SLOTS]));
        let short = partition(2, Some(vec![0; 10]));
        for addressing in [beyond, unknown, short, partition(0, None)] {
            assert!(
                Destinations::new(&addressing, &keys()).is_err(),
                "{addressing:?}"
            );
        }
    }
}
