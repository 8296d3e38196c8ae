//! The store as one thread of a server reaches it.
//!
//! An owner reaches its own shard and no other; any thread of a shared store reaches all of it;
//! the TCP thread of a partitioned server reaches nothing and asks the owners. Where threads read what
//! others write, see [`readable`](super::readable). The worker is
//! generic over which, so that a partitioned system has no lock in it.

use std::ops::DerefMut;
use std::sync::{Arc, MutexGuard};

use steering::table::slot_of;

use super::shared::Shared;
use crate::protocol::{self, Single, Sink};
use crate::store::{Items, Key, Shard, SlabItems, Store, StoreRequest, Stored, Striped};

/// What one command does with the store.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Use<'a> {
    /// It may change the item.
    Write,
    /// It leaves the item as it is.
    Read {
        /// The key.
        key: Key<'a>,
        /// It wins the right to recache a stale item.
        wins: bool,
        /// Unix time in seconds.
        now: u32,
    },
}

impl<'a> Use<'a> {
    /// What a request for one key does.
    #[inline]
    pub(crate) fn of(request: &'a [u8], single: &Single, now: u32) -> Self {
        let wins = single.is_meta();
        single
            .key_to_read(request)
            .map_or(Self::Write, |key| Self::Read { key, wins, now })
    }
}

/// The right to execute one command on a store.
pub(crate) trait Access {
    /// Executes the command and writes its reply.
    fn execute(&mut self, request: &[u8], single: &Single, now: u32, sink: &mut impl Sink);

    /// The length of the item's value, in bytes.
    fn value_len(&mut self, key: Key<'_>, now: u32) -> Option<u32>;

    /// Stores a value.
    fn store(&mut self, request: &StoreRequest<'_>, now: u32) -> Stored;

    /// Flags and value of the item, if it never expires and no flush is to come. Counts nothing.
    fn lasting(&mut self, key: Key<'_>, now: u32) -> Option<(u32, Vec<u8>)>;
}

/// [`Access::lasting`] of a store.
pub(super) fn lasting(store: &mut impl Store, key: Key<'_>, now: u32) -> Option<(u32, Vec<u8>)> {
    let handle = store.locate(key, now)?;
    let item = store.item(handle);
    let lasts = item.facts.deadline == 0 && !store.awaits_flush();
    lasts.then(|| (item.facts.flags, item.value.to_vec()))
}

impl<S: Store, T: DerefMut<Target = S>> Access for T {
    #[inline]
    fn execute(&mut self, request: &[u8], single: &Single, now: u32, sink: &mut impl Sink) {
        protocol::execute(&mut **self, request, single, now, sink);
    }

    #[inline]
    fn value_len(&mut self, key: Key<'_>, now: u32) -> Option<u32> {
        (**self).value_len(key, now)
    }

    fn store(&mut self, request: &StoreRequest<'_>, now: u32) -> Stored {
        (**self).store(request, now)
    }

    fn lasting(&mut self, key: Key<'_>, now: u32) -> Option<(u32, Vec<u8>)> {
        lasting(&mut **self, key, now)
    }
}

/// See the [module](self).
pub(crate) trait Engine: Send {
    /// What holds keys here.
    type Store: Store;

    /// Access to the shard of one key.
    type Access<'a>: Access
    where
        Self: 'a;

    /// Whether a thread may read what it does not write, so that [`shard`](Self::shard) must know what
    /// a command does.
    const READS_APART: bool = false;

    /// The shard that holds keys of this hash, for this use of it, or the owner to ask. Here and below
    /// the hash is what the partition table is asked with ([`Shared::route`]).
    ///
    /// # Errors
    /// The owner, where it is another thread.
    fn shard(&mut self, hash: u64, usage: Use<'_>) -> Result<Self::Access<'_>, usize>;

    /// [`shard`](Self::shard) for a request for one key.
    ///
    /// # Errors
    /// The owner, where it is another thread.
    #[inline]
    fn shard_for(
        &mut self,
        hash: u64,
        request: &[u8],
        single: &Single,
        now: u32,
    ) -> Result<Self::Access<'_>, usize> {
        let usage = if Self::READS_APART {
            Use::of(request, single, now)
        } else {
            Use::Write
        };
        self.shard(hash, usage)
    }

    /// Whether this thread serves keys of this hash; `reads` where the command only reads.
    fn serves(&self, hash: u64, reads: bool) -> bool;

    /// Runs `each` over every shard that this thread answers for in commands about all keys.
    fn own_shards(&mut self, each: impl FnMut(&mut Self::Store));

    /// Runs `each` over every shard that this thread stores keys in.
    fn reached_shards(&mut self, each: impl FnMut(&mut Self::Store)) {
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

    /// What all threads share.
    pub(super) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
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
    fn shard(&mut self, hash: u64, _usage: Use<'_>) -> Result<&mut Shard<M>, usize> {
        let owner = self.owner(hash);
        if owner == self.me {
            Ok(&mut self.shard)
        } else {
            Err(owner)
        }
    }

    #[inline]
    fn serves(&self, hash: u64, _reads: bool) -> bool {
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
    fn shard(&mut self, hash: u64, _usage: Use<'_>) -> Result<MutexGuard<'_, Shard>, usize> {
        Ok(self.0.lock(hash))
    }

    #[inline]
    fn serves(&self, _hash: u64, _reads: bool) -> bool {
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
    type Store = Shard;
    type Access<'a> = MutexGuard<'a, Shard>;
    const OTHERS_TAKE_PART: bool = true;

    #[inline]
    fn shard(&mut self, hash: u64, _usage: Use<'_>) -> Result<MutexGuard<'_, Shard>, usize> {
        if self.serves(hash, false) {
            Ok(self.store.lock(hash))
        } else {
            Err(self.shared.owner_for(self.me, hash))
        }
    }

    #[inline]
    fn serves(&self, hash: u64, _reads: bool) -> bool {
        self.shared.is_member(self.me, hash)
    }

    /// The first member answers for its cluster, so that no shard is counted twice.
    fn own_shards(&mut self, each: impl FnMut(&mut Shard)) {
        if self.me.is_multiple_of(self.shared.members) {
            self.store.for_each(each);
        }
    }

    fn reached_shards(&mut self, each: impl FnMut(&mut Self::Store)) {
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

    fn shard(&mut self, hash: u64, _usage: Use<'_>) -> Result<&mut Shard, usize> {
        Err(self.0.owner_for(0, hash))
    }

    fn serves(&self, _hash: u64, _reads: bool) -> bool {
        false
    }

    fn own_shards(&mut self, _each: impl FnMut(&mut Shard)) {}
}
