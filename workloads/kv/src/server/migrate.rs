//! Moving a slot's items from one owner's shard to another's.
//!
//! The protocol is described at [`super::Server::move_slot`]; here is what each side does to its
//! shard. Items travel with value, flags and deadline. Their cas numbers are given anew by the
//! receiving shard, as if each item had just been stored, so that a client's older number is
//! stale. (Shards count on their own, so it could match by chance, as after a restart.)

use super::engine::{Clustered, Common, Owned};
use super::message::{Moved, MovedItem};
use super::readable::{CommonLog, Crew};
use crate::store::{Items, Key, StoreRequest};

/// See the [module](self).
pub(crate) trait Migrate {
    /// Takes a slot's items out; the slot is served by `to` from now on.
    fn give_away(&mut self, slot: u16, to: u16, now: u32) -> Moved;

    /// Takes a slot's items in; the slot is served here from now on.
    fn adopt(&mut self, moved: &Moved, now: u32);
}

impl<M: Items> Migrate for Owned<M> {
    fn give_away(&mut self, slot: u16, to: u16, now: u32) -> Moved {
        let mut items = Vec::new();
        self.shard_mut().take_slot(slot, now, |item| {
            items.push(MovedItem {
                key: item.key.to_vec(),
                value: item.value.to_vec(),
                flags: item.facts.flags,
                deadline: item.facts.deadline,
            });
        });
        self.give(slot, usize::from(to));
        Moved { slot, to, items }
    }

    fn adopt(&mut self, moved: &Moved, now: u32) {
        for item in &moved.items {
            if let Some(key) = Key::new(&item.key) {
                let request = StoreRequest {
                    flags: item.flags,
                    deadline: item.deadline,
                    ..StoreRequest::set(key, &item.value)
                };
                // A receiver without room evicts, as for any other store.
                let _ = self.shard_mut().store(&request, now);
            }
        }
        self.take_back(moved.slot);
    }
}

/// Where several threads serve a key there is no one owner to move it from, and where several read
/// it, their reads would miss what is on its way; [`super::Server::move_slot`] refuses before.
macro_rules! unmoved {
    ($($engine:ty),+) => {
        $(impl Migrate for $engine {
            fn give_away(&mut self, slot: u16, to: u16, _now: u32) -> Moved {
                Moved {
                    slot,
                    to,
                    items: Vec::new(),
                }
            }

            fn adopt(&mut self, _moved: &Moved, _now: u32) {}
        })+
    };
}

unmoved!(Common, Clustered, CommonLog, Crew);
