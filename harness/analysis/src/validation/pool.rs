//! The accounts of one label at one rate, over its blocks, as one.

use std::collections::BTreeMap;

use crate::truth::Account;

/// All blocks of a label at one rate.
pub(super) struct Cell<T> {
    /// As [`Account::load`].
    pub(super) load: f64,
    /// Valid trials.
    pub(super) blocks: u32,
    /// What they say together.
    pub(super) of: T,
}

/// Cells by label and rate in requests per second.
pub(super) type Cells<T> = BTreeMap<(String, u64), Cell<T>>;

/// Merges what valid trials say, and counts the invalid ones; `None` when there is no trial at all.
pub(super) fn pool<T>(
    accounts: Vec<Account<T>>,
    merge: impl Fn(&mut T, T),
) -> Option<(Cells<T>, usize)> {
    let mut cells = Cells::new();
    let mut invalid = 0;
    for account in accounts {
        if !account.valid {
            invalid += 1;
            continue;
        }
        let key = (account.label, account.offered_rps as u64);
        if let Some(cell) = cells.get_mut(&key) {
            cell.blocks += 1;
            merge(&mut cell.of, account.of);
        } else {
            let (load, blocks, of) = (account.load, 1, account.of);
            cells.insert(key, Cell { load, blocks, of });
        }
    }
    (!cells.is_empty() || invalid > 0).then_some((cells, invalid))
}
