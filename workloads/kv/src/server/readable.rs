//! Stores that threads read while another one writes: MICA's CREW and CRCW modes.
//!
//! A command that only reads is executed on a verified copy of the item, by the thread that received it;
//! see [`store::log`](crate::store::log). All others go to the writer: the key's owner (CREW), or
//! whoever takes the stripe's lock (CRCW).

use std::sync::{Arc, OnceLock};

use super::engine::{Access, Engine, Use, lasting};
use super::shared::Shared;
use crate::protocol::{self, Single, Sink};
use crate::store::log::{Crcw, Fetched, Reader, SharedMemory, Tally, View, Writing};
use crate::store::{Key, LogItems, Shard, Store, StoreRequest, Stored};

/// A log that others read.
type SharedShard = Shard<LogItems<SharedMemory>>;

/// How a thread came to execute a command. `W` is its right to write.
pub(crate) enum Reached<'a, W> {
    /// On a copy.
    Read(&'a mut Reader),
    /// On the store itself.
    Write(W),
}

impl<W: Access> Access for Reached<'_, W> {
    #[inline]
    fn execute(&mut self, request: &[u8], single: &Single, now: u32, sink: &mut impl Sink) {
        match self {
            Self::Read(reader) => {
                protocol::execute(&mut **reader, request, single, now, sink);
                reader.publish();
            }
            Self::Write(writer) => writer.execute(request, single, now, sink),
        }
    }

    #[inline]
    fn value_len(&mut self, key: Key<'_>, now: u32) -> Option<u32> {
        match self {
            Self::Read(reader) => Store::value_len(&mut **reader, key, now),
            Self::Write(writer) => writer.value_len(key, now),
        }
    }

    fn store(&mut self, request: &StoreRequest<'_>, now: u32) -> Stored {
        match self {
            Self::Read(reader) => Store::store(&mut **reader, request, now),
            Self::Write(writer) => writer.store(request, now),
        }
    }

    fn lasting(&mut self, key: Key<'_>, now: u32) -> Option<(u32, Vec<u8>)> {
        match self {
            Self::Read(reader) => lasting(&mut **reader, key, now),
            Self::Write(writer) => writer.lasting(key, now),
        }
    }
}

/// Copies the item of a command that only reads; false where the writer must execute it.
#[inline]
fn copied(reader: &mut Reader, view: &View, usage: Use<'_>) -> bool {
    match usage {
        Use::Write => false,
        Use::Read { key, wins, now } => match reader.fetch(view, key, now) {
            Fetched::Settled => true,
            Fetched::Stale => !wins,
        },
    }
}

/// One partition, which its owner alone writes and every owner reads (CREW).
#[derive(Debug)]
pub(crate) struct Crew {
    shard: SharedShard,
    reader: Reader,
    tally: Tally,
    views: Arc<[OnceLock<View>]>,
    me: usize,
    shared: Arc<Shared>,
}

impl Crew {
    /// Places for the partitions' views, which their owners fill.
    pub(crate) fn views(owners: usize) -> Arc<[OnceLock<View>]> {
        (0..owners).map(|_| OnceLock::new()).collect()
    }

    /// Owner `me`'s partition, and the others to read.
    pub(crate) fn new(
        shard: SharedShard,
        views: Arc<[OnceLock<View>]>,
        me: usize,
        shared: Arc<Shared>,
    ) -> Self {
        // An owner is made once.
        let _ = views[me].set(shard.view());
        let (reader, tally) = Reader::new();
        Self {
            shard,
            reader,
            tally,
            views,
            me,
            shared,
        }
    }
}

impl Engine for Crew {
    type Store = SharedShard;
    type Access<'a> = Reached<'a, &'a mut SharedShard>;
    const READS_APART: bool = true;
    const OTHERS_TAKE_PART: bool = true;

    #[inline]
    fn shard(&mut self, hash: u64, usage: Use<'_>) -> Result<Self::Access<'_>, usize> {
        let owner = usize::from(self.shared.table.owner_of(hash));
        // Owners' own reads note in the item that it was used, which only they can do.
        if owner == self.me {
            return Ok(Reached::Write(&mut self.shard));
        }
        let view = self.views.get(owner).and_then(OnceLock::get);
        match view {
            Some(view) if copied(&mut self.reader, view, usage) => {
                Ok(Reached::Read(&mut self.reader))
            }
            Some(_) | None => Err(owner),
        }
    }

    #[inline]
    fn serves(&self, hash: u64, reads: bool) -> bool {
        reads || usize::from(self.shared.table.owner_of(hash)) == self.me
    }

    fn own_shards(&mut self, mut each: impl FnMut(&mut SharedShard)) {
        self.tally.settle(Store::counters_mut(&mut self.shard));
        each(&mut self.shard);
    }
}

/// One store that every thread reads and writes (CRCW).
#[derive(Debug)]
pub(crate) struct CommonLog {
    store: Arc<Crcw>,
    reader: Reader,
}

impl CommonLog {
    /// One thread's access.
    pub(crate) fn new(store: Arc<Crcw>) -> Self {
        let reader = store.reader();
        Self { store, reader }
    }
}

impl Engine for CommonLog {
    type Store = SharedShard;
    type Access<'a> = Reached<'a, Writing<'a>>;
    const READS_APART: bool = true;
    const OTHERS_TAKE_PART: bool = false;

    #[inline]
    fn shard(&mut self, hash: u64, usage: Use<'_>) -> Result<Self::Access<'_>, usize> {
        if copied(&mut self.reader, self.store.view(hash), usage) {
            Ok(Reached::Read(&mut self.reader))
        } else {
            Ok(Reached::Write(self.store.lock(hash)))
        }
    }

    #[inline]
    fn serves(&self, _hash: u64, _reads: bool) -> bool {
        true
    }

    fn own_shards(&mut self, each: impl FnMut(&mut SharedShard)) {
        self.store.for_each(each);
    }
}
