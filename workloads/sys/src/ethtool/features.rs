//! Offloads by the kernel's names (`ethtool -k` shows some under older names).

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use super::ioctl::{Words, command, exchange};
use super::statistics::{StringSet, strings};

/// Words in front of the blocks: command and number of blocks.
const HEAD: usize = 2;

/// State of one offload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// Whether it is in effect.
    pub active: bool,
    /// Whether it can be changed.
    pub changeable: bool,
}

/// The offloads of a device by the kernel's name: `rx-gro`, `tx-generic-segmentation`,
/// `tx-tcp-segmentation`, `tx-checksum-ip-generic`, `rx-checksum`, `tx-udp-segmentation` ...
///
/// # Errors
/// `NotFound` when there is no such device.
pub fn features(device: &str) -> io::Result<BTreeMap<String, Feature>> {
    let names = strings(device, StringSet::Features)?;
    let blocks = names.len().div_ceil(32);
    // Per block: available, requested, active, never changed.
    let mut words = Words::new(command::GFEATURES, HEAD + 4 * blocks);
    words.set(1, blocks as u32);
    exchange(device, "ask the offloads of", &mut words)?;
    let state = |(at, name): (usize, String)| {
        let bit = |field: usize| words.get(HEAD + 4 * (at / 32) + field) >> (at % 32) & 1 == 1;
        (
            name,
            Feature {
                active: bit(2),
                changeable: bit(0) && !bit(3),
            },
        )
    };
    Ok(names
        .into_iter()
        .enumerate()
        .filter(|(_, name)| !name.is_empty())
        .map(state)
        .collect())
}

/// Switches offloads by the kernel's names, and returns the state before of each that changed, in the
/// form that this function takes: applying it undoes the change.
///
/// # Errors
/// `InvalidInput` when the device knows no offload of a name; `Unsupported`, naming them, when some
/// did not take the wanted state (what could be changed has been).
pub fn set_features(device: &str, wanted: &[(&str, bool)]) -> io::Result<Vec<(String, bool)>> {
    let names = strings(device, StringSet::Features)?;
    let before = features(device)?;
    let blocks = names.len().div_ceil(32);
    // Per block: valid, requested.
    let mut words = Words::new(command::SFEATURES, HEAD + 2 * blocks);
    words.set(1, blocks as u32);
    for (name, on) in wanted {
        let Some(at) = names.iter().position(|known| known == name) else {
            let reason = format!("{device} knows no offload '{name}'");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        };
        let valid = HEAD + 2 * (at / 32);
        let bit = 1 << (at % 32);
        // A bit that is fixed already where it is wanted must not be asked for: the call would fail.
        if before
            .get(*name)
            .is_some_and(|state| state.active == *on && !state.changeable)
        {
            continue;
        }
        words.set(valid, words.get(valid) | bit);
        if *on {
            words.set(valid + 1, words.get(valid + 1) | bit);
        }
    }
    exchange(device, "change the offloads of", &mut words)?;
    let after = features(device)?;
    let refused: Vec<&str> = wanted
        .iter()
        .filter(|(name, on)| after.get(*name).is_none_or(|state| state.active != *on))
        .map(|(name, _)| *name)
        .collect();
    if !refused.is_empty() {
        let reason = format!(
            "{device} keeps the offloads {} as they are",
            refused.join(", ")
        );
        return Err(io::Error::new(io::ErrorKind::Unsupported, reason));
    }
    let changed = |(name, state): &(&String, &Feature)| {
        after
            .get(*name)
            .is_some_and(|now| now.active != state.active)
    };
    Ok(before
        .iter()
        .filter(changed)
        .map(|(name, state)| (name.clone(), state.active))
        .collect())
}

/// Switches off every changeable offload that joins frames or leaves large ones to be split by the
/// device, so that what XDP sees on a veth is what a NIC would have received. Returns what
/// [`set_features`] takes to undo it.
///
/// Checksums are left alone: XDP sees unfinished ones from kernel senders, unless
/// `tx-checksum-ip-generic` is switched off at the sender, which has its price there.
///
/// # Errors
/// As [`set_features`].
pub fn single_frames(device: &str) -> io::Result<Vec<(String, bool)>> {
    let features = features(device)?;
    let off: Vec<(&str, bool)> = features
        .iter()
        .filter(|(name, state)| joins_or_splits(name) && state.active && state.changeable)
        .map(|(name, _)| (name.as_str(), false))
        .collect();
    set_features(device, &off)
}

fn joins_or_splits(name: &str) -> bool {
    name == "rx-lro"
        || name.starts_with("rx-gro")
        || name.starts_with("rx-udp-gro")
        || name.starts_with("tx-gso")
        || (name.starts_with("tx-") && name.ends_with("-segmentation"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offloads_that_change_the_number_of_frames_are_known() {
        for name in [
            "rx-gro",
            "rx-gro-list",
            "rx-lro",
            "rx-udp-gro-forwarding",
            "tx-tcp-mangleid-segmentation",
            "tx-udp-segmentation",
            "tx-generic-segmentation",
            "tx-gso-partial",
        ] {
            assert!(joins_or_splits(name), "{name}");
        }
        for name in [
            "rx-checksum",
            "tx-checksum-ip-generic",
            "rx-vlan-hw-parse",
            "tx-lockless",
        ] {
            assert!(!joins_or_splits(name), "{name}");
        }
    }
}
