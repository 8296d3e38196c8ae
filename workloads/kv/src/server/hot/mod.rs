//! Hot keys spread over all owners: the option `hot_keys` of `xdp_steered`.
//!
//! ENCP'19 (section 3.2) sends the few keys that are asked for most to all cores in turn, for no
//! partitioning can part a single hot key. XDP steers gets of hot keys round-robin
//! ([`steering::Policy::Key`]), everything else to the key's owner, its **home** here. The other
//! owners answer from **copies**, which their home gives them by the rings between owners.
//!
//! **Which keys are hot.** Each owner counts a sample of the gets that it executes ([`census`]); every
//! 100 ms the controller, a thread as `netcache` has one, adds the counts up and chooses ([`chosen`]).
//!
//! **Coherence.** Of a hot key's item either there are copies and it does not change, or it changes and
//! there are none. A command that may change it reaches its home, whoever received it. If copies are out,
//! the home calls them back, and holds the command; another owner throws its copy away in the course of
//! its own round and says so. When all have, the home executes what was held, answers, and at the end
//! of its round gives out new copies ([`homes`]). A command that concerns all keys (`flush_all`) waits
//! for the copies of all hot keys of each home before that executes its share.
//!
//! **Why every key is linearizable.** Commands that are executed at home are ordered by it. A get that is
//! answered from a copy is ordered where the other owner executes it. Let a write W be executed at home
//! at time t. At t no copy exists anywhere: the home had none out, or all others had said that theirs were
//! gone, and rings keep their order, so that no copy was on its way either. So each get from a copy of
//! an older value is executed before t, and thus before W is answered or its value can be read anywhere.
//! Copies made after t hold W's value or a later one. Hence each get, at home or from a copy, returns the
//! value of the last write before it in this one order, which agrees with the order in which
//! operations that do not overlap were asked and answered. Random orders of these steps are in the
//! tests of [`homes`], concurrent clients in `tests/system_servers/coherence.rs`.
//!
//! **What it does not do.** Only a get of one key alone is answered from a copy: other reads go to the
//! key's owner, and multi-gets there by handoff. Items that will expire have no copies. An item that its
//! home evicts for want of memory can be read from copies until the controller has the home look again,
//! 100 ms at most. Slots of a server with hot keys do not move.

mod by_hash;
mod census;
mod chosen;
mod controller;
mod copies;
mod homes;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use census::Counted;
pub(crate) use controller::HotKeys;
pub(crate) use copies::Copies;
pub(crate) use homes::Homes;

use crate::protocol::Single;
use census::Census;

/// How long gets are counted before keys are chosen, ns: `netcache`'s interval.
const INTERVAL_NS: u64 = 100_000_000;
/// Keys that each owner reports, for each that can be hot.
const REPORTED: usize = 4;

/// The bytes of a key.
pub(crate) type KeyBytes = Arc<[u8]>;

/// What owners tell one another of copies.
#[derive(Debug)]
pub(crate) enum CopyNews {
    /// To another owner: a copy.
    Give {
        /// The key's hash.
        hash: u64,
        /// The key.
        key: KeyBytes,
        /// The reply to a get of it.
        reply: Arc<[u8]>,
    },
    /// To another owner: its copy is to go.
    Withdraw {
        /// The key's hash.
        hash: u64,
        /// Who wants to know.
        home: usize,
    },
    /// To the home: an owner's copy is gone.
    Gone {
        /// The key's hash.
        hash: u64,
    },
}

/// One owner's part. `W` is what can wait for copies to go.
#[derive(Debug)]
pub(crate) struct Part<W> {
    /// What this owner is the home of.
    pub(crate) homes: Homes<W>,
    /// Copies of others' items.
    pub(crate) copies: Copies,
    census: Census,
}

impl<W> Part<W> {
    /// The part of one of `owners`, at least two, where `most` keys can be hot.
    pub(crate) fn new(owners: usize, most: u32) -> Self {
        Self {
            homes: Homes::new(owners.saturating_sub(1)),
            copies: Copies::default(),
            census: Census::new(REPORTED * most as usize),
        }
    }

    /// A request for one key was executed here.
    #[inline]
    pub(crate) fn executed(&mut self, hash: u64, request: &[u8], single: &Single) {
        if single.is_lone_get() {
            self.census.see(hash, single.key.of(request));
        } else if single.key_to_read(request).is_none() {
            self.homes.changed(hash);
        }
    }

    /// What was counted, whenever an interval has passed.
    pub(crate) fn report(&mut self, now_ns: u64) -> Option<Vec<Counted>> {
        self.census.after(now_ns, INTERVAL_NS)
    }
}

/// The hashes of the keys that are spread, or were until a moment ago: a get of one of them is not
/// misrouted, wherever it arrives. The controller alone changes it.
#[derive(Debug)]
pub(crate) struct Spread(Box<[AtomicU64]>);

impl Spread {
    /// No place is taken. (A key that hashes to it is never spread.)
    const NONE: u64 = 0;

    /// Room for `most` keys that are hot, and as many that were.
    pub(crate) fn new(most: u32) -> Self {
        let places = 0..2 * most;
        Self(places.map(|_| AtomicU64::new(Self::NONE)).collect())
    }

    /// Whether gets of this key are spread.
    pub(crate) fn contains(&self, hash: u64) -> bool {
        hash != Self::NONE && self.0.iter().any(|it| it.load(Ordering::Acquire) == hash)
    }

    /// Adds a hash; false where there is no room, or none is needed.
    fn add(&self, hash: u64) -> bool {
        if hash == Self::NONE || self.contains(hash) {
            return hash != Self::NONE;
        }
        self.replace(Self::NONE, hash)
    }

    fn remove(&self, hash: u64) {
        self.replace(hash, Self::NONE);
    }

    fn replace(&self, old: u64, new: u64) -> bool {
        let place = self.0.iter().find(|it| it.load(Ordering::Acquire) == old);
        place.map(|it| it.store(new, Ordering::Release)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_spread_as_there_is_room_for() {
        let spread = Spread::new(1);
        assert!(spread.add(5) && spread.add(5) && spread.add(6));
        assert!(!spread.add(7) && !spread.add(0));
        assert!(spread.contains(5) && spread.contains(6) && !spread.contains(7));
        spread.remove(5);
        assert!(!spread.contains(5) && spread.add(7) && !spread.contains(0));
    }
}
