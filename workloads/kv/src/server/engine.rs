//! The store as one thread of a server reaches it.
//!
//! An owner reaches its own shard and no other; any thread of a shared store reaches all of it;
//! the TCP thread of a partitioned server reaches nothing and asks the owners. The worker is
//! generic over which, so that a partitioned system has no lock in it.

use std::ops::DerefMut;
use std::sync::{Arc, MutexGuard};

use steering::table::slot_of;

use super::shared::Shared;
use crate::store::{Items, Shard, SlabItems, Store, Striped};

/// See the [module](self).
pub(crate) trait Engine: Send {
    /// What holds keys here.
    type Store: Store;

    /// Access to the shard of one key.
    type Access<'a>: DerefMut<Target = Self::Store>
    where
        Self: 'a;

    /// The shard that holds keys of this hash, or the owner to ask.
    ///
    /// # Errors
    /// The owner, where it is another thread.
    fn shard(&mut self, hash: u64) -> Result<Self::Access<'_>, usize>;

    /// Whether this thread serves keys of this hash.
    fn serves(&self, hash: u64) -> bool;

    /// Runs `each` over every shard that this thread answers for in commands about all keys.
    fn own_shards(&mut self, each: impl FnMut(&mut Self::Store));

    /// Runs `each` over every shard that this thread stores keys in.
    fn reached_shards(&mut self, each: impl FnMut(&mut Shard)) {
        self.own_shards(each);
    }

    /// Whether the other owners have shards of their own, which commands about all keys must reach.
    const OTHERS_TAKE_PART: bool;
}

/// One partition.
#[derive(Debug)]
pub(crate) struct Owned<M = SlabItems> {
    shard: Shard<M>,
    me: usize,
    shared: Arc<Shared>,
    given: Vec<(u16, usize)>,
}

impl<M: Items> Owned<M> {
    /// The shard of owner `me`.
    pub(crate) fn new(shard: Shard<M>, me: usize, shared: Arc<Shared>) -> Self {
        Self {
            shard,
            me,
            shared,
            given: Vec::new(),
        }
    }

    /// The shard, whoever owns its keys now.
    pub(super) fn shard_mut(&mut self) -> &mut Shard<M> {
        &mut self.shard
    }

    /// From now on the slot is served by `to`, although the table does not say so yet.
    pub(super) fn give(&mut self, slot: u16, to: usize) {
        let shared = &self.shared;
        // What the table says by now need not be remembered.
        self.given
            .retain(|(slot, to)| shared.owner_of_slot(*slot) != *to);
        self.given.push((slot, to));
    }

    /// The slot is this thread's again.
    pub(super) fn take_back(&mut self, slot: u16) {
        self.given.retain(|(given, _)| *given != slot);
    }

    #[inline]
    fn owner(&self, hash: u64) -> usize {
        let owner = usize::from(self.shared.table.owner_of(hash));
        if self.given.is_empty() || owner != self.me {
            return owner;
        }
        let slot = slot_of(hash);
        self.given
            .iter()
            .find(|(given, _)| *given == slot)
            .map_or(owner, |(_, to)| *to)
    }
}

impl<M: Items + Send + 'static> Engine for Owned<M> {
    type Store = Shard<M>;
    type Access<'a> = &'a mut Shard<M>;
    const OTHERS_TAKE_PART: bool = true;

    #[inline]
    fn shard(&mut self, hash: u64) -> Result<&mut Shard<M>, usize> {
        let owner = self.owner(hash);
        if owner == self.me {
            Ok(&mut self.shard)
        } else {
            Err(owner)
        }
    }

    #[inline]
    fn serves(&self, hash: u64) -> bool {
        self.owner(hash) == self.me
    }

    fn own_shards(&mut self, mut each: impl FnMut(&mut Shard<M>)) {
        each(&mut self.shard);
    }
}

/// One store for all threads.
#[derive(Debug, Clone)]
pub(crate) struct Common(pub(crate) Arc<Striped>);

impl Engine for Common {
    type Store = Shard;
    type Access<'a> = MutexGuard<'a, Shard>;
    const OTHERS_TAKE_PART: bool = false;

    #[inline]
    fn shard(&mut self, hash: u64) -> Result<MutexGuard<'_, Shard>, usize> {
        Ok(self.0.lock(hash))
    }

    #[inline]
    fn serves(&self, _hash: u64) -> bool {
        true
    }

    fn own_shards(&mut self, each: impl FnMut(&mut Shard)) {
        self.0.for_each(each);
    }
}

/// The store of one cluster of owners, which share it.
#[derive(Debug)]
pub(crate) struct Clustered {
    store: Arc<Striped>,
    me: usize,
    shared: Arc<Shared>,
}

impl Clustered {
    /// The store of owner `me`'s cluster, as that owner reaches it.
    pub(crate) const fn new(store: Arc<Striped>, me: usize, shared: Arc<Shared>) -> Self {
        Self { store, me, shared }
    }
}

impl Engine for Clustered {
    type Access<'a> = MutexGuard<'a, Shard>;
    const OTHERS_TAKE_PART: bool = true;

    #[inline]
    fn shard(&mut self, hash: u64) -> Result<MutexGuard<'_, Shard>, usize> {
        if self.serves(hash) {
            Ok(self.store.lock(hash))
        } else {
            Err(self.shared.owner_for(self.me, hash))
        }
    }

    #[inline]
    fn serves(&self, hash: u64) -> bool {
        self.shared.is_member(self.me, hash)
    }

    /// The first member answers for its cluster, so that no shard is counted twice.
    fn own_shards(&mut self, each: impl FnMut(&mut Shard)) {
        if self.me.is_multiple_of(self.shared.members) {
            self.store.for_each(each);
        }
    }

    fn reached_shards(&mut self, each: impl FnMut(&mut Shard)) {
        self.store.for_each(each);
    }
}

/// No store: every key is somebody else's.
#[derive(Debug)]
pub(crate) struct Elsewhere(pub(crate) Arc<Shared>);

impl Engine for Elsewhere {
    type Store = Shard;
    type Access<'a> = &'a mut Shard;
    const OTHERS_TAKE_PART: bool = true;

    fn shard(&mut self, hash: u64) -> Result<&mut Shard, usize> {
        Err(self.0.owner_for(0, hash))
    }

    fn serves(&self, _hash: u64) -> bool {
        false
    }

    fn own_shards(&mut self, _each: impl FnMut(&mut Shard)) {}
}
