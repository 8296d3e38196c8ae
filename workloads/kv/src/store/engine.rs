//! A store as the protocols see it, whatever it consists of.

use super::delta::{Delta, DeltaError};
use super::item::Item;
use super::items::Items;
use super::key::Key;
use super::shard::{Annotation, Shard, StoreRequest, Stored};
use super::stats::{Counters, Usage};

/// What commands are executed on. The methods' meanings are those of [`Shard`]'s.
pub trait Store {
    /// An item that was found; valid until the store is next changed through another one.
    type Handle: Copy;

    /// The item, marked as used. Counts a get.
    fn get(&mut self, key: Key<'_>, now: u32) -> Option<Item<'_>>;
    /// The length of the item's value, in bytes. Counts nothing.
    fn value_len(&mut self, key: Key<'_>, now: u32) -> Option<u32>;
    /// The item with a new deadline, marked as used. Counts a touch.
    fn touch(&mut self, key: Key<'_>, deadline: u32, now: u32) -> Option<Item<'_>>;
    /// Removes the item, if `cas` is 0 or its own.
    fn delete(&mut self, key: Key<'_>, cas: u64, now: u32) -> Option<bool>;
    /// Stores a value if the request's condition holds.
    fn store(&mut self, request: &StoreRequest<'_>, now: u32) -> Stored;
    /// Counts a value above the limit; with `unlink` no older value is left behind.
    fn refuse_too_large(&mut self, key: Key<'_>, unlink: bool, now: u32) -> Stored;
    /// Adds to or subtracts from the number in the value.
    ///
    /// # Errors
    /// When there is no such number.
    fn delta(
        &mut self,
        key: Key<'_>,
        up: bool,
        by: u64,
        cas: u64,
        now: u32,
    ) -> Result<Delta, DeltaError>;
    /// Finds the valid item.
    fn locate(&mut self, key: Key<'_>, now: u32) -> Option<Self::Handle>;
    /// The item as it stands.
    fn item(&self, handle: Self::Handle) -> Item<'_>;
    /// Marks the item as used.
    fn bump(&mut self, handle: Self::Handle, now: u32);
    /// Changes what meta commands may change without storing.
    fn annotate(&mut self, handle: Self::Handle, annotation: Annotation);
    /// Gives the item a new cas number.
    fn renew_cas(&mut self, handle: Self::Handle) -> u64;
    /// Forgets the item.
    fn unlink(&mut self, handle: Self::Handle);
    /// Invalidates everything stored until `due`.
    fn flush_all(&mut self, due: Option<u32>, now: u32);
    /// Whether a flush is still to come, as far as is known here.
    fn awaits_flush(&self) -> bool;
    /// What was counted.
    fn counters(&self) -> &Counters;
    /// What was counted, to count more.
    fn counters_mut(&mut self) -> &mut Counters;
    /// What the store holds.
    fn usage(&self) -> Usage;
}

impl<M: Items> Store for Shard<M> {
    type Handle = M::Place;

    #[inline]
    fn get(&mut self, key: Key<'_>, now: u32) -> Option<Item<'_>> {
        Self::get(self, key, now)
    }

    #[inline]
    fn value_len(&mut self, key: Key<'_>, now: u32) -> Option<u32> {
        Self::value_len(self, key, now)
    }

    fn touch(&mut self, key: Key<'_>, deadline: u32, now: u32) -> Option<Item<'_>> {
        Self::touch(self, key, deadline, now)
    }

    fn delete(&mut self, key: Key<'_>, cas: u64, now: u32) -> Option<bool> {
        Self::delete(self, key, cas, now)
    }

    #[inline]
    fn store(&mut self, request: &StoreRequest<'_>, now: u32) -> Stored {
        Self::store(self, request, now)
    }

    fn refuse_too_large(&mut self, key: Key<'_>, unlink: bool, now: u32) -> Stored {
        Self::refuse_too_large(self, key, unlink, now)
    }

    fn delta(
        &mut self,
        key: Key<'_>,
        up: bool,
        by: u64,
        cas: u64,
        now: u32,
    ) -> Result<Delta, DeltaError> {
        Self::delta(self, key, up, by, cas, now)
    }

    #[inline]
    fn locate(&mut self, key: Key<'_>, now: u32) -> Option<M::Place> {
        Self::locate(self, key, now)
    }

    #[inline]
    fn item(&self, handle: M::Place) -> Item<'_> {
        self.item_at(handle)
    }

    #[inline]
    fn bump(&mut self, handle: M::Place, now: u32) {
        Self::bump(self, handle, now);
    }

    fn annotate(&mut self, handle: M::Place, annotation: Annotation) {
        Self::annotate(self, handle, annotation);
    }

    fn renew_cas(&mut self, handle: M::Place) -> u64 {
        Self::renew_cas(self, handle)
    }

    fn unlink(&mut self, handle: M::Place) {
        self.items.remove(handle);
    }

    fn flush_all(&mut self, due: Option<u32>, now: u32) {
        Self::flush_all(self, due, now);
    }

    fn awaits_flush(&self) -> bool {
        self.flush_due.is_some()
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn counters_mut(&mut self) -> &mut Counters {
        &mut self.counters
    }

    fn usage(&self) -> Usage {
        Self::usage(self)
    }
}
