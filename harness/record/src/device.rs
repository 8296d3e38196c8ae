//! Network devices of a run, as they were obtained.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A device of the topology as its host described it when everything was attached and pinned.
/// Each description that differs from the others stands once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceRecord {
    /// The host: `server host` or `client host`; `this host` where the topology makes none.
    pub host: String,
    /// Labels of the systems whose trials had the device in this state.
    pub labels: BTreeSet<String>,
    /// Driver, queues, rings, coalescing, offloads, RSS, interrupts, NAPI, attached programs.
    pub device: Value,
}

/// A host, and its device as described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceState {
    /// As [`DeviceRecord::host`].
    pub host: String,
    /// As [`DeviceRecord::device`].
    pub device: Value,
}

/// Enters what a trial of `label` saw. Whether something was new.
pub(crate) fn enter(known: &mut Vec<DeviceRecord>, label: &str, seen: &[DeviceState]) -> bool {
    let mut news = false;
    for state in seen {
        let same =
            |record: &&mut DeviceRecord| record.host == state.host && record.device == state.device;
        match known.iter_mut().find(same) {
            Some(record) => news |= record.labels.insert(label.to_owned()),
            None => {
                known.push(DeviceRecord {
                    host: state.host.clone(),
                    labels: BTreeSet::from([label.to_owned()]),
                    device: state.device.clone(),
                });
                news = true;
            }
        }
    }
    news
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_state_of_a_device_stands_once_with_its_systems() {
        let state = |host: &str, queues: u32| DeviceState {
            host: host.to_owned(),
            device: json!({ "queues": queues }),
        };
        let both = [state("server host", 2), state("client host", 2)];
        let mut known = Vec::new();
        assert!(enter(&mut known, "sphinx", &both));
        assert!(!enter(&mut known, "sphinx", &both), "nothing is new");
        assert!(enter(&mut known, "seastar", &both));
        assert!(enter(&mut known, "seastar", &[state("server host", 4)]));
        assert_eq!(known.len(), 3);
        assert_eq!(Vec::from_iter(&known[0].labels), ["seastar", "sphinx"]);
    }
}
