//! Destination ports, computed before the trial so that no key is hashed while it runs.

use model::{KeySpace, Op, Planned};
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
    /// Sets by key id, gets by turns.
    SetsByKey {
        /// The ports of the keys.
        ports: Box<[u16]>,
        /// All ports.
        turns: Turns,
    },
    /// By turns.
    ByTurns(Turns),
}

/// Ports that requests go to one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turns {
    base_port: u16,
    ports: u16,
}

impl Turns {
    /// The port whose turn it is.
    fn port(self, request: u32) -> u16 {
        self.base_port + (request % u32::from(self.ports)) as u16
    }
}

impl Destinations {
    /// The ports that `addressing` gives to the keys.
    ///
    /// # Errors
    /// When a table has the wrong length, or names a port beyond 65535.
    pub(crate) fn new(addressing: &Addressing, keys: &KeySpace) -> Result<Self, ClientError> {
        let (base_port, owners) = match addressing {
            Addressing::Server { port } => return Ok(Self::One(*port)),
            Addressing::Partition {
                base_port, owners, ..
            }
            | Addressing::WritesByOwner { base_port, owners }
            | Addressing::Turns { base_port, owners } => (*base_port, *owners),
        };
        if owners == 0 {
            return Err(ClientError::Config(
                "addressing: there must be an owner".into(),
            ));
        }
        if base_port.checked_add(owners - 1).is_none() {
            return Err(ClientError::Config("addressing: ports beyond 65535".into()));
        }
        let turns = Turns {
            base_port,
            ports: owners,
        };
        let ports = |table: &[u16]| ports(table, base_port, owners, keys);
        let by_owner = || ports(&even(owners));
        Ok(match addressing {
            Addressing::Server { port } => Self::One(*port),
            Addressing::Turns { .. } => Self::ByTurns(turns),
            Addressing::WritesByOwner { .. } => Self::SetsByKey {
                ports: by_owner()?,
                turns,
            },
            Addressing::Partition { table, learns, .. } => {
                let before = match table {
                    Some(table) => ports(table)?,
                    None => by_owner()?,
                };
                match learns {
                    None => Self::ByKey(before),
                    Some(learns) => Self::Learning {
                        before,
                        at_ns: learns.at_ns,
                        after: ports(&learns.table)?,
                    },
                }
            }
        })
    }

    /// The port for the request of this number.
    pub(crate) fn port_of(&self, planned: &Planned, request: u32) -> u16 {
        let key = planned.key as usize;
        match self {
            Self::One(port) => *port,
            Self::ByKey(ports) => ports[key],
            Self::Learning {
                before,
                at_ns,
                after,
            } => {
                let ports = if planned.at_ns < *at_ns {
                    before
                } else {
                    after
                };
                ports[key]
            }
            Self::SetsByKey { ports, turns } => match planned.op {
                Op::Set => ports[key],
                Op::Get => turns.port(request),
            },
            Self::ByTurns(turns) => turns.port(request),
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

    /// A request for key `id`.
    fn request(op: Op, id: u32) -> Planned {
        let schedule = model::Schedule::sequence(&crate::tests::workload(1.0, 1), 2000).unwrap();
        let mut planned = *schedule.requests.iter().find(|one| one.op == op).unwrap();
        planned.key = id;
        planned
    }

    #[test]
    fn what_anyone_may_serve_goes_round_and_writes_go_to_the_owner() {
        let (base_port, owners) = (11211, 3);
        let by_owner = Destinations::new(&partition(owners, None), &keys()).unwrap();
        let crew = Addressing::WritesByOwner { base_port, owners };
        let crew = Destinations::new(&crew, &keys()).unwrap();
        let crcw = Addressing::Turns { base_port, owners };
        let crcw = Destinations::new(&crcw, &keys()).unwrap();
        let (get, set) = (request(Op::Get, 7), request(Op::Set, 7));
        for index in 0..9 {
            let turn = base_port + (index % 3) as u16;
            assert_eq!(crew.port_of(&get, index), turn);
            assert_eq!(crew.port_of(&set, index), by_owner.port_of(&set, 0));
            assert_eq!(crcw.port_of(&get, index), turn);
            assert_eq!(crcw.port_of(&set, index), turn);
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
        let mut planned = request(Op::Get, 0);
        for id in 0..keys.len() {
            planned.key = id;
            let differs = even.port_of(&planned, 0) != moved.port_of(&planned, 0);
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
        let mut planned = request(Op::Get, 0);
        for id in 0..keys.len() {
            planned.key = id;
            planned.at_ns = 999;
            assert_eq!(learning.port_of(&planned, 0), even.port_of(&planned, 0));
            planned.at_ns = 1000;
            assert_ne!(learning.port_of(&planned, 0), even.port_of(&planned, 0));
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
