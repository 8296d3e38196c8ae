//! String sets, and the driver's own counters (`ethtool -S`).
//!
//! veth counts per receive queue, among others, `rx_queue_N_drops`, `rx_queue_N_xdp_packets`,
//! `rx_queue_N_xdp_drops` and `rx_queue_N_xdp_redirect_errors`; the drop counters belong in the ledger.

use std::collections::BTreeMap;
use std::io;

use super::ioctl::{Words, command, exchange};
use crate::netlink::text;

const STRING_LEN: usize = 32;

/// A set of strings that a driver names things with (`enum ethtool_stringset`).
#[derive(Debug, Clone, Copy)]
pub(super) enum StringSet {
    Statistics = 1,
    Features = 4,
}

/// The names of a set, in the order in which the driver numbers them.
pub(super) fn strings(device: &str, set: StringSet) -> io::Result<Vec<String>> {
    let count = count(device, set)?;
    // struct ethtool_gstrings: command, set, number, then the texts.
    let mut words = Words::new(command::GSTRINGS, 3 + count * STRING_LEN / 4);
    words.set(1, set as u32);
    words.set(2, count as u32);
    let answer = exchange(device, "ask for names of", &mut words)?;
    Ok(answer[12..].chunks_exact(STRING_LEN).map(text).collect())
}

fn count(device: &str, set: StringSet) -> io::Result<usize> {
    // struct ethtool_sset_info: command, reserved, a 64-bit mask, one number per set in the mask.
    let mut words = Words::new(command::GSSET_INFO, 5);
    words.set(2, 1 << set as u32);
    exchange(device, "ask for sets of names of", &mut words)?;
    // A set that the device does not have is cleared from the mask.
    Ok(if words.get(2) == 0 {
        0
    } else {
        words.get(4) as usize
    })
}

/// The driver's own counters by name; empty for a device that has none.
///
/// # Errors
/// `NotFound` when there is no such device.
pub fn statistics(device: &str) -> io::Result<BTreeMap<String, u64>> {
    let names = strings(device, StringSet::Statistics)?;
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    // struct ethtool_stats: command, number, then 64-bit values.
    let mut words = Words::new(command::GSTATS, 2 + 2 * names.len());
    words.set(1, names.len() as u32);
    let answer = exchange(device, "read the statistics of", &mut words)?;
    let value = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().expect("chunks of eight"));
    let values = answer[8..].chunks_exact(8).map(value);
    Ok(names.into_iter().zip(values).collect())
}

/// The sum of a per-queue counter over all queues: names that begin and end with these.
#[must_use]
pub fn sum_matching(statistics: &BTreeMap<String, u64>, prefix: &str, suffix: &str) -> u64 {
    let matches = |name: &str| {
        let middle = name
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_suffix(suffix));
        middle.is_some_and(|queue| !queue.is_empty() && queue.bytes().all(|b| b.is_ascii_digit()))
    };
    statistics
        .iter()
        .filter(|(name, _)| matches(name))
        .map(|(_, value)| value)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_take_whole_names_only() {
        let named = [
            ("rx_queue_0_drops", 1),
            ("rx_queue_11_drops", 2),
            ("rx_queue_0_xdp_drops", 4),
            ("tx_queue_0_drops", 8),
            ("rx_queue__drops", 16),
        ];
        let statistics = named.map(|(name, value)| (name.to_owned(), value)).into();
        assert_eq!(sum_matching(&statistics, "rx_queue_", "_drops"), 3);
        assert_eq!(sum_matching(&statistics, "rx_queue_", "_xdp_drops"), 4);
    }
}
