//! Which slots are to change owners, by the load that was observed. Pure.
//!
//! ENCP'19 (section 4) leaves skew open: with exclusive partitions the hottest keys' owner limits
//! all. Slots that are hot together can be separated, which this does; a single hot key cannot be,
//! so that the most loaded of K owners never gets below K times the hottest key's share of the mean.

use steering::SLOTS;

/// Imbalances below this, as a share of the mean load, are not worth a move.
const TOLERANCE: f64 = 0.05;

/// Slots moved at a time: each move interrupts two owners.
const MOST_MOVES: usize = 32;

/// A slot and its new owner.
pub type SlotMove = (u16, u16);

/// The moves that bring owners' loads together. `loads` are requests by slot since the last look,
/// `owners` who had each slot, each below `count`.
///
/// Each move takes from the most loaded owner the slot that brings it nearest to the least loaded one,
/// and only one smaller than what separates them, so that every move lowers the larger of the two loads.
/// A slot moves once: its items are on their way to one owner.
#[must_use]
pub fn moves(loads: &[u64; SLOTS], owners: &[u16; SLOTS], count: u16) -> Vec<SlotMove> {
    let (mut owners, mut moves) = (*owners, Vec::new());
    let mut moved = [false; SLOTS];
    let mut by_owner = vec![0_u64; usize::from(count)];
    for (load, owner) in loads.iter().zip(&owners) {
        by_owner[usize::from(*owner)] += load;
    }
    let mean = loads.iter().sum::<u64>() as f64 / f64::from(count.max(1));
    while moves.len() < MOST_MOVES {
        let (Some(most), Some(least)) = (extreme(&by_owner, u64::gt), extreme(&by_owner, u64::lt))
        else {
            break;
        };
        let apart = by_owner[most] - by_owner[least];
        if apart as f64 <= TOLERANCE * mean {
            break;
        }
        let candidates = (0..SLOTS).filter(|slot| {
            usize::from(owners[*slot]) == most
                && loads[*slot] > 0
                && loads[*slot] < apart
                && !moved[*slot]
        });
        let Some(slot) = candidates.min_by_key(|slot| apart.abs_diff(2 * loads[*slot])) else {
            break;
        };
        owners[slot] = least as u16;
        moved[slot] = true;
        by_owner[most] -= loads[slot];
        by_owner[least] += loads[slot];
        moves.push((slot as u16, least as u16));
    }
    moves
}

/// Whether each slot is to move once, for its items are on their way to one owner.
///
/// # Errors
/// A slot that is named twice.
pub(super) fn once_each(moves: &[SlotMove]) -> Result<(), String> {
    let mut slots: Vec<u16> = moves.iter().map(|(slot, _)| *slot).collect();
    slots.sort_unstable();
    match slots.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(pair) => Err(format!(
            "slot {} is to move twice at a time; name its last owner alone",
            pair[0]
        )),
    }
}

/// The first owner whose load no other's passes in the sense of `beyond`.
fn extreme(by_owner: &[u64], beyond: impl Fn(&u64, &u64) -> bool) -> Option<usize> {
    (0..by_owner.len()).reduce(|best, next| {
        if beyond(&by_owner[next], &by_owner[best]) {
            next
        } else {
            best
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn even(count: u16) -> [u16; SLOTS] {
        std::array::from_fn(|slot| slot as u16 % count)
    }

    fn loads_of(loads: &[u64; SLOTS], owners: &[u16; SLOTS], count: u16) -> Vec<u64> {
        let mut by_owner = vec![0; usize::from(count)];
        for (load, owner) in loads.iter().zip(owners) {
            by_owner[usize::from(*owner)] += load;
        }
        by_owner
    }

    #[test]
    fn what_is_even_stays() {
        assert_eq!(moves(&[10; SLOTS], &even(4), 4), []);
        assert_eq!(moves(&[0; SLOTS], &even(4), 4), []);
        assert_eq!(moves(&[7; SLOTS], &[0; SLOTS], 1), []);
    }

    #[test]
    fn two_hot_slots_of_one_owner_are_separated() {
        let mut loads = [1; SLOTS];
        (loads[0], loads[2]) = (10_000, 10_000);
        let moved = moves(&loads, &even(2), 2);
        assert_eq!(moved, [(0, 1)]);
    }

    #[test]
    fn a_single_hot_slot_is_left_alone_with_its_load() {
        let mut loads = [0; SLOTS];
        (loads[0], loads[2], loads[4]) = (10_000, 300, 200);
        let moved = moves(&loads, &even(2), 2);
        assert_eq!(moved, [(0, 1)]);
        let mut owners = even(2);
        owners[0] = 1;
        assert_eq!(moves(&loads, &owners, 2), [], "it can be helped no further");
    }

    proptest! {
        #[test]
        fn moves_never_raise_the_largest_load(
            hot in prop::collection::vec((0_usize..SLOTS, 0_u64..100_000), 0..40),
            owners in prop::collection::vec(0_u16..5, SLOTS),
        ) {
            let mut loads = [3; SLOTS];
            for (slot, load) in hot {
                loads[slot] = load;
            }
            let mut owners: [u16; SLOTS] = owners.try_into().unwrap();
            let before = loads_of(&loads, &owners, 5);
            let moved = moves(&loads, &owners, 5);
            prop_assert!(moved.len() <= MOST_MOVES);
            prop_assert_eq!(once_each(&moved), Ok(()));
            for (slot, to) in moved {
                prop_assert_ne!(owners[usize::from(slot)], to);
                owners[usize::from(slot)] = to;
            }
            let after = loads_of(&loads, &owners, 5);
            prop_assert!(after.iter().max() <= before.iter().max());
            prop_assert_eq!(after.iter().sum::<u64>(), before.iter().sum::<u64>());
        }
    }
}
