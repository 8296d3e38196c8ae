//! Gets of several keys as a client sends them that knows the partitions: a datagram for each owner.
//!
//! Each datagram is a request of its own to the server, with a request id of its own, and its reply is
//! an ordinary one; that they belong together only the client knows, and the request is answered when
//! all of them are. So the client gathers, as MICA's and Redis Cluster's libraries do, and neither the
//! protocol nor a server that is asked for its own keys alone has to know.
//!
//! Each datagram begins with a key of the owner that it is meant for, so that whatever steers by the
//! first key brings it there.

use std::sync::Arc;

use model::{KeySpace, Op, Planned, Schedule};
use steering::{PartitionTable, hash_bytes};

use crate::{Addressing, Calls, ClientConfig, ClientError, Holds, Mode, Protocol, Scatter};

/// Owners that a set of them has room for.
const MOST_OWNERS: u16 = u64::BITS as u16;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Scattering {
    holds: Holds,
    owner_by_key: Box<[u16]>,
}

/// One datagram of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// Its number, in the order in which owners first occur among the keys.
    pub(crate) number: u8,
    /// The key that it begins with.
    pub(crate) first: u32,
    owner: u16,
}

/// The keys of a get in their order.
pub(crate) fn keys<'a>(
    schedule: &'a Schedule,
    planned: &Planned,
) -> impl Iterator<Item = u32> + Clone + use<'a> {
    let further = schedule.further_keys(planned).iter().copied();
    std::iter::once(planned.key).chain(further)
}

impl Scattering {
    /// What `scatter` says, for the keys of a trial.
    ///
    /// # Errors
    /// When there are no owners, or more than 64.
    pub(crate) fn new(scatter: Scatter, keyspace: &KeySpace) -> Result<Self, ClientError> {
        let Scatter { owners, holds } = scatter;
        if owners == 0 || owners > MOST_OWNERS {
            return Err(ClientError::Config(format!(
                "scatter: there must be 1 to {MOST_OWNERS} owners, not {owners}"
            )));
        }
        let table = PartitionTable::even(owners);
        let mut key = Vec::new();
        let owner = |id| table.owner_of(hash_bytes(keyspace.key_bytes(id, &mut key)));
        Ok(Self {
            holds,
            owner_by_key: (0..keyspace.len()).map(owner).collect(),
        })
    }

    fn owner(&self, key: u32) -> u16 {
        self.owner_by_key[key as usize]
    }

    /// The parts of a request; none where it is one datagram.
    pub(crate) fn parts(
        &self,
        schedule: &Schedule,
        planned: &Planned,
    ) -> impl Iterator<Item = Part> {
        let single = match planned.op {
            Op::Get => schedule.further_keys(planned).is_empty(),
            Op::Set => true,
        };
        let keys = (!single).then(|| keys(schedule, planned));
        let mut seen = 0_u64;
        let firsts = keys.into_iter().flatten().filter(move |key| {
            let bit = 1 << self.owner(*key);
            let is_first = seen & bit == 0;
            seen |= bit;
            is_first
        });
        (0..).zip(firsts).map(|(number, first)| Part {
            number,
            first,
            owner: self.owner(first),
        })
    }

    /// Keeps of `keys` those that the answer to `part` is to hold.
    pub(crate) fn keep_own(
        &self,
        schedule: &Schedule,
        planned: &Planned,
        part: u8,
        keys: &mut Vec<u32>,
    ) {
        if let Some(part) = self.parts(schedule, planned).nth(usize::from(part)) {
            keys.retain(|key| self.owner(*key) == part.owner);
        }
    }

    /// The keys that the datagram of `part` asks for.
    pub(crate) fn asked<'a>(
        &'a self,
        schedule: &'a Schedule,
        planned: &Planned,
        part: Part,
    ) -> impl Iterator<Item = u32> + use<'a> {
        let all = keys(schedule, planned);
        let before = all.clone().take_while(move |key| *key != part.first);
        let behind = all.skip_while(move |key| *key != part.first);
        let wanted = move |key: &u32| match self.holds {
            Holds::OwnKeys => self.owner(*key) == part.owner,
            Holds::AllKeys => true,
        };
        behind.chain(before).filter(wanted)
    }
}

/// How `config` has gets of several keys sent, where they are scattered.
///
/// # Errors
/// When that cannot be done under everything else that is asked for.
pub(crate) fn of(
    config: &ClientConfig,
    keyspace: &KeySpace,
) -> Result<Option<Arc<Scattering>>, ClientError> {
    let Some(scatter) = config.scatter else {
        return Ok(None);
    };
    check(config, scatter)?;
    Ok(Some(Arc::new(Scattering::new(scatter, keyspace)?)))
}

fn check(config: &ClientConfig, scatter: Scatter) -> Result<(), ClientError> {
    let refuse = |reason: &str| Err(ClientError::Config(format!("scatter: {reason}")));
    match (config.protocol, scatter.holds) {
        (Protocol::Ascii, _) | (Protocol::Rpc(Calls::Scan), Holds::AllKeys) => {}
        (Protocol::Rpc(Calls::Scan), Holds::OwnKeys) => {
            return refuse("a scan does not name its keys, so that none can ask for some of them");
        }
        (Protocol::Meta | Protocol::Binary | Protocol::Rpc(_) | Protocol::Plain, _) => {
            return refuse(
                "only the ASCII protocol has gets of several keys, and only calls scans",
            );
        }
    }
    match config.mode {
        Mode::Open | Mode::Closed { .. } => {}
        Mode::Held { .. } => return refuse("requests that are held wait as one datagram each"),
        Mode::Saturate => return refuse("a generator that saturates matches no replies"),
    }
    if config.trace {
        return refuse("a request of several datagrams has no one send and no one reply to trace");
    }
    if config.echo {
        return refuse("a reflector sends back an echo of each datagram, and gathers nothing");
    }
    match &config.addressing {
        Addressing::Server { .. } => Ok(()),
        Addressing::Partition {
            table: None,
            learns: None,
            ..
        } => Ok(()),
        Addressing::Partition { .. } => refuse("it knows the table that nobody has changed"),
        Addressing::WritesByOwner { .. } | Addressing::Turns { .. } => {
            refuse("gets that go to all ports by turns have no owners")
        }
    }
}

#[cfg(test)]
mod tests {
    use model::WorkloadSpec;

    use super::*;

    fn schedule() -> Schedule {
        let spec = WorkloadSpec {
            keys_per_get: 9,
            ..crate::tests::workload(1.0, 4)
        };
        Schedule::sequence(&spec, 400).unwrap()
    }

    fn scattering(owners: u16, holds: Holds, schedule: &Schedule) -> Scattering {
        Scattering::new(Scatter { owners, holds }, schedule.keyspace()).unwrap()
    }

    #[test]
    fn own_keys_are_dealt_out_completely_and_all_keys_are_repeated() {
        let schedule = schedule();
        for owners in [1, 2, 4] {
            let own = scattering(owners, Holds::OwnKeys, &schedule);
            let all = scattering(owners, Holds::AllKeys, &schedule);
            for planned in schedule.requests.iter().filter(|one| one.op == Op::Get) {
                let mut whole: Vec<u32> = keys(&schedule, planned).collect();
                let mut dealt = Vec::new();
                let mut met = Vec::new();
                for part in own.parts(&schedule, planned) {
                    let asked: Vec<u32> = own.asked(&schedule, planned, part).collect();
                    assert_eq!(asked[0], part.first);
                    assert!(asked.iter().all(|key| own.owner(*key) == part.owner));
                    let mut answered = whole.clone();
                    own.keep_own(&schedule, planned, part.number, &mut answered);
                    assert_eq!(answered, asked);
                    dealt.extend(asked);
                    let mut copy: Vec<u32> = all.asked(&schedule, planned, part).collect();
                    assert_eq!(all.owner(copy[0]), part.owner);
                    copy.sort_unstable();
                    whole.sort_unstable();
                    assert_eq!(copy, whole);
                    whole = keys(&schedule, planned).collect();
                    assert!(!met.contains(&part.owner) && part.owner < owners);
                    met.push(part.owner);
                }
                dealt.sort_unstable();
                whole.sort_unstable();
                assert_eq!(dealt, whole);
            }
        }
    }

    #[test]
    fn sets_are_one_datagram() {
        let schedule = schedule();
        let scattering = scattering(2, Holds::OwnKeys, &schedule);
        let mut sets = schedule.requests.iter().filter(|one| one.op == Op::Set);
        assert!(sets.all(|planned| scattering.parts(&schedule, planned).next().is_none()));
    }

    #[test]
    fn impossible_numbers_of_owners_are_refused() {
        for owners in [0, 65] {
            let scatter = Scatter {
                owners,
                holds: Holds::OwnKeys,
            };
            assert!(Scattering::new(scatter, schedule().keyspace()).is_err());
        }
    }
}
