//! Which keys are hot, by what all owners counted. Pure.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::KeyBytes;
use super::by_hash::ByHash;
use super::census::Counted;

/// Gets that a rival must have beyond twice a hot key's: chance alone gives few gets to anybody.
const MARGIN: u64 = 4;

/// What an interval changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Keys that are hot from now on.
    pub(super) heat: Vec<(u64, KeyBytes)>,
    /// Hashes of keys that no longer are.
    pub(super) cool: Vec<u64>,
}

#[derive(Debug)]
struct Score {
    key: KeyBytes,
    /// Gets, those of earlier intervals halved with each that passes.
    gets: u64,
    is_hot: bool,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Chosen {
    most: usize,
    scores: ByHash<Score>,
}

impl Chosen {
    /// At most so many keys, none so far.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            scores: HashMap::default(),
        }
    }

    /// The hot keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = (u64, &KeyBytes)> {
        let hot = self.scores.iter().filter(|(_, score)| score.is_hot);
        hot.map(|(hash, score)| (*hash, &score.key))
    }

    /// Ends an interval in which the owners counted this, each for itself. A key takes another one's
    /// place only with more than twice its gets, so that two that are alike do not take turns; where there is
    /// room, a key stays.
    pub(super) fn interval(&mut self, counted: impl IntoIterator<Item = Counted>) -> Changes {
        self.scores.retain(|_, score| {
            score.gets /= 2;
            score.is_hot || score.gets > 0
        });
        for Counted { hash, key, gets } in counted {
            let score = self.scores.entry(hash).or_insert(Score {
                key,
                gets: 0,
                is_hot: false,
            });
            score.gets += u64::from(gets);
        }
        let weight = |score: &Score| match score.is_hot {
            true => 2 * score.gets + MARGIN,
            false => score.gets,
        };
        let mut ranked: Vec<_> = (self.scores.iter())
            .map(|(hash, score)| (weight(score), score.is_hot, *hash))
            .collect();
        ranked.sort_unstable_by_key(|it| Reverse(*it));
        let mut changes = Changes::default();
        for (place, (_, was_hot, hash)) in ranked.into_iter().enumerate() {
            let is_hot = place < self.most;
            if was_hot == is_hot {
                continue;
            }
            let Some(score) = self.scores.get_mut(&hash) else {
                continue;
            };
            score.is_hot = is_hot;
            match is_hot {
                true => changes.heat.push((hash, score.key.clone())),
                false => changes.cool.push(hash),
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(list: &[(u64, u32)]) -> Vec<Counted> {
        let one = |(hash, gets): &(u64, u32)| Counted {
            hash: *hash,
            key: KeyBytes::from(hash.to_le_bytes()),
            gets: *gets,
        };
        list.iter().map(one).collect()
    }

    fn heated(changes: &Changes) -> Vec<u64> {
        changes.heat.iter().map(|(hash, _)| *hash).collect()
    }

    #[test]
    fn the_hottest_by_all_owners_together_are_chosen() {
        let mut chosen = Chosen::new(2);
        // 7 is nowhere the first, and hottest in all.
        let changes = chosen.interval(counted(&[(1, 50), (7, 40), (2, 60), (7, 45), (3, 1)]));
        assert_eq!((heated(&changes), changes.cool), (vec![7, 2], vec![]));
    }

    #[test]
    fn a_rival_needs_twice_as_many() {
        let mut chosen = Chosen::new(1);
        assert_eq!(heated(&chosen.interval(counted(&[(1, 100)]))), [1]);
        let still = chosen.interval(counted(&[(1, 100), (2, 199)]));
        assert_eq!(still, Changes::default());
        // 150 + 0 against (199 / 2) + 350.
        let changes = chosen.interval(counted(&[(2, 350)]));
        assert_eq!((heated(&changes), changes.cool), (vec![2], vec![1]));
        assert_eq!(chosen.keys().map(|(hash, _)| hash).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn nobody_leaves_room_that_nobody_wants() {
        let mut chosen = Chosen::new(2);
        chosen.interval(counted(&[(1, 10)]));
        for _ in 0..20 {
            assert_eq!(chosen.interval(counted(&[])), Changes::default());
        }
        let changes = chosen.interval(counted(&[(2, 5), (3, 5)]));
        assert_eq!((heated(&changes), changes.cool), (vec![3, 2], vec![1]));
    }
}
