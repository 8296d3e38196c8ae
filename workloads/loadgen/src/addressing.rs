//! Destination ports, computed before the trial so that no key is hashed while it runs.

use model::KeySpace;
use steering::table::owner_in;
use steering::{PartitionTable, SLOTS, hash_bytes, slot_of};

use crate::{Addressing, ClientError};

/// The destination port of every key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destinations {
    /// One port for all.
    One(u16),
    /// By key id.
    ByKey(Box<[u16]>),
    /// By key id, and from some time on by another table.
    Learning {
        /// Ports of requests that are due before.
        before: Box<[u16]>,
        /// Ns since the start of the trial.
        at_ns: u64,
        /// Ports of requests that are due from then on.
        after: Box<[u16]>,
    },
}

impl Destinations {
    /// The ports that `addressing` gives to the keys.
    ///
    /// # Errors
    /// When a table has the wrong length, or names a port beyond 65535.
    pub(crate) fn new(addressing: &Addressing, keys: &KeySpace) -> Result<Self, ClientError> {
        let (base_port, owners, table, learns) = match addressing {
            Addressing::Server { port } => return Ok(Self::One(*port)),
            Addressing::Partition {
                base_port,
                owners,
                table,
                learns,
            } => (*base_port, *owners, table, learns),
        };
        if owners == 0 {
            return Err(ClientError::Config(
                "addressing: there must be an owner".into(),
            ));
        }
        if base_port.checked_add(owners - 1).is_none() {
            return Err(ClientError::Config("addressing: ports beyond 65535".into()));
        }
        let ports = |table: &[u16]| ports(table, base_port, owners, keys);
        let before = match table {
            Some(table) => ports(table)?,
            None => ports(&even(owners))?,
        };
        Ok(match learns {
            None => Self::ByKey(before),
            Some(learns) => Self::Learning {
                before,
                at_ns: learns.at_ns,
                after: ports(&learns.table)?,
            },
        })
    }

    /// The port for key `id` of a request that is due at `at_ns`, ns since the start of the trial.
    pub(crate) fn port_of(&self, id: u32, at_ns: u64) -> u16 {
        match self {
            Self::One(port) => *port,
            Self::ByKey(ports) => ports[id as usize],
            Self::Learning {
                before,
                at_ns: known_ns,
                after,
            } => {
                let ports = if at_ns < *known_ns { before } else { after };
                ports[id as usize]
            }
        }
    }
}

/// The owners of the slots of an untouched table.
fn even(owners: u16) -> Vec<u16> {
    let table = PartitionTable::even(owners).snapshot();
    table.iter().map(|entry| owner_in(*entry) as u16).collect()
}

/// The port of each key by its slot's owner.
fn ports(
    owner_by_slot: &[u16],
    base_port: u16,
    owners: u16,
    keys: &KeySpace,
) -> Result<Box<[u16]>, ClientError> {
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
    let mut key = Vec::new();
    let ports = (0..keys.len()).map(|id| {
        let hash = hash_bytes(keys.key_bytes(id, &mut key));
        base_port + owner_by_slot[usize::from(slot_of(hash))]
    });
    Ok(ports.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Learns;

    fn keys() -> KeySpace {
        KeySpace::new(&crate::tests::workload(1.0, 1)).unwrap()
    }

    fn partition(owners: u16, table: Option<Vec<u16>>) -> Addressing {
        Addressing::Partition {
            base_port: 11211,
            owners,
            table,
            learns: None,
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
            let differs = even.port_of(id, 0) != moved.port_of(id, 0);
            assert_eq!(differs, usize::from(slot_by_key[id as usize]) == stale);
        }
    }

    #[test]
    fn what_is_learnt_holds_from_its_time_on() {
        let keys = keys();
        let learns = Learns {
            at_ns: 1000,
            table: (0..SLOTS).map(|slot| ((slot + 1) % 2) as u16).collect(),
        };
        let addressing = Addressing::Partition {
            base_port: 11211,
            owners: 2,
            table: None,
            learns: Some(learns),
        };
        let learning = Destinations::new(&addressing, &keys).unwrap();
        let even = Destinations::new(&partition(2, None), &keys).unwrap();
        for id in 0..keys.len() {
            assert_eq!(learning.port_of(id, 999), even.port_of(id, 0));
            assert_ne!(learning.port_of(id, 1000), even.port_of(id, 0));
        }
    }

    #[test]
    fn impossible_partitions_are_refused() {
        let beyond = Addressing::Partition {
            base_port: 65_535,
            owners: 2,
            table: None,
            learns: None,
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
