//! Moving a slot's items from one owner's shard to another's.
//!
//! The protocol is described at [`super::Server::move_slots`]; here is what each side does to its
//! shard. Items travel with value, flags and deadline. Their cas numbers are given anew by the
//! receiving shard, as if each item had just been stored, so that a client's older number is
//! stale. (Shards count on their own, so it could match by chance, as after a restart.)

use steering::slot_of;

use super::engine::{Clustered, Common, Owned};
use super::message::{Moved, MovedItem};
use super::readable::{CommonLog, Crew};
use super::rebalance::SlotMove;
use crate::store::{Items, Key, StoreRequest};

/// See the [module](self).
pub(crate) trait Migrate {
    /// Takes slots' items out; each slot is served by its new owner from now on.
    fn give_away(&mut self, moves: &[SlotMove], now: u32) -> Vec<Moved>;

    /// Takes a slot's items in; the slot is served here from now on.
    fn adopt(&mut self, moved: &Moved, now: u32);
}

impl<M: Items> Migrate for Owned<M> {
    fn give_away(&mut self, moves: &[SlotMove], now: u32) -> Vec<Moved> {
        let mut moved: Vec<Moved> = moves.iter().map(without_items).collect();
        let slots: Vec<u16> = moves.iter().map(|(slot, _)| *slot).collect();
        let shared = self.shared();
        let slot_of = |key: Key<'_>| slot_of(shared.route(key.bytes(), key.hash()));
        self.shard_mut()
            .take_slots(&slots, slot_of, now, |slot, item| {
                if let Some(moved) = moved.iter_mut().find(|moved| moved.slot == slot) {
                    moved.items.push(MovedItem {
                        key: item.key.to_vec(),
                        value: item.value.to_vec(),
                        flags: item.facts.flags,
                        deadline: item.facts.deadline,
                    });
                }
            });
        for (slot, to) in moves {
            self.give(*slot, usize::from(*to));
        }
        moved
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

fn without_items((slot, to): &SlotMove) -> Moved {
    Moved {
        slot: *slot,
        to: *to,
        items: Vec::new(),
    }
}

/// Where several threads serve a key there is no one owner to move it from, and where several read
/// it, their reads would miss what is on its way; [`super::Server::move_slots`] refuses before.
macro_rules! unmoved {
    ($($engine:ty),+) => {
        $(impl Migrate for $engine {
            fn give_away(&mut self, moves: &[SlotMove], _now: u32) -> Vec<Moved> {
                moves.iter().map(without_items).collect()
            }

            fn adopt(&mut self, _moved: &Moved, _now: u32) {}
        })+
    };
}

unmoved!(Common, Clustered, CommonLog, Crew);
