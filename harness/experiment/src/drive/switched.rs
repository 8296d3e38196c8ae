//! A cache on a switch: where the switch is, what it lost. Pure.

use std::borrow::Cow;

use kv::server::{CacheConfig, ServerConfig};
use record::{CounterRow, DropCount};

use crate::agents::serving::Deployment;
use crate::lab::SWITCH_SCOPE;
use crate::plan::topology::PORTS;
use crate::plan::{Plan, switch};

/// Tells the server's cache that it is on the switch whose host is process `host`.
pub(super) fn placed(plan: Cow<'_, Plan>, host: Option<u32>) -> Cow<'_, Plan> {
    let (Some(host), Deployment::Ours(server)) = (host, &plan.server) else {
        return plan;
    };
    let cache = server.cache.as_ref().map(|cache| CacheConfig {
        switch: Some(switch::ports(host)),
        ..cache.clone()
    });
    let server = ServerConfig {
        cache,
        ..server.as_ref().clone()
    };
    Cow::Owned(Plan {
        server: Deployment::Ours(Box::new(server)),
        ..plan.into_owned()
    })
}

/// Frames that the switch's devices lost, by what was to become of them. (veth counts a redirected frame that finds no
/// room at the device it was to leave by, and one that XDP sent back or could not redirect at the device it came in
/// by.)
pub(super) fn drops(lab: &[CounterRow]) -> Vec<DropCount> {
    let [to_clients, to_server] = PORTS.map(|port| port.device);
    let lines = [
        (
            to_server,
            "tx_queue_",
            "_xdp_xmit_errors",
            "switch_to_server",
        ),
        (
            to_clients,
            "tx_queue_",
            "_xdp_xmit_errors",
            "switch_to_clients",
        ),
        (
            to_clients,
            "rx_queue_",
            "_xdp_tx_errors",
            "switch_reflection",
        ),
        (to_clients, "rx_queue_", "_drops", "switch_request"),
        (to_server, "rx_queue_", "_drops", "switch_reply"),
    ];
    if !lab.iter().any(|row| row.scope == SWITCH_SCOPE) {
        return Vec::new();
    }
    let line = |(device, direction, counter, reason): (&str, &str, &str, &str)| {
        let begin = format!("{device} ethtool {direction}");
        let counted = lab.iter().filter(|row| {
            let queue = row.name.strip_prefix(&begin);
            let queue = queue.and_then(|rest| rest.strip_suffix(counter));
            row.scope == SWITCH_SCOPE && queue.is_some_and(|queue| queue.parse::<u16>().is_ok())
        });
        DropCount {
            reason: reason.to_owned(),
            counter: format!("{direction}N{counter} of {device}"),
            requests: counted.map(|row| row.value).sum(),
        }
    };
    lines.map(line).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_of_losing_a_frame_has_a_line_of_its_own() {
        let row = |scope: &str, name: &str, value| CounterRow {
            scope: scope.to_owned(),
            name: name.to_owned(),
            value,
        };
        let lab = [
            row(SWITCH_SCOPE, "switch0 ethtool rx_queue_0_xdp_tx_errors", 1),
            row(SWITCH_SCOPE, "switch0 ethtool rx_queue_1_xdp_tx_errors", 2),
            row(SWITCH_SCOPE, "switch0 ethtool rx_queue_1_xdp_drops", 99),
            row(SWITCH_SCOPE, "switch0 ethtool rx_queue_1_drops", 4),
            row(
                SWITCH_SCOPE,
                "switch0 ethtool tx_queue_0_xdp_xmit_errors",
                8,
            ),
            row(
                SWITCH_SCOPE,
                "switch1 ethtool tx_queue_1_xdp_xmit_errors",
                16,
            ),
            row(SWITCH_SCOPE, "switch1 ethtool rx_queue_0_drops", 32),
            row("server host", "server0 ethtool rx_queue_0_drops", 64),
        ];
        let drops: Vec<(String, u64)> = drops(&lab)
            .into_iter()
            .map(|drop| (drop.reason, drop.requests))
            .collect();
        let expected = [
            ("switch_to_server", 16),
            ("switch_to_clients", 8),
            ("switch_reflection", 3),
            ("switch_request", 4),
            ("switch_reply", 32),
        ];
        assert_eq!(
            drops,
            expected.map(|(name, count)| (name.to_owned(), count))
        );
        assert_eq!(super::drops(&lab[7..]), []);
    }
}
