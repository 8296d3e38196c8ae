//! Rules of the version of the Internet protocol.

use super::Finding;
use crate::ip_version::IpVersion;
use crate::spec::Spec;
use crate::traffic::{ProcessorKind, TrafficSpec};

/// Bytes of the longest packet that every link of IPv6 takes (RFC 8200, section 5).
const LEAST_MTU: u16 = 1280;

/// IPv6 needs hosts that know ways to its addresses, and links that take its packets.
pub(super) fn version(spec: &Spec, traffic: &TrafficSpec, findings: &mut Vec<Finding>) {
    match traffic.ip.unwrap_or_default() {
        IpVersion::V4 => {}
        IpVersion::V6 => v6(spec, traffic.processor.kind(), findings),
    }
}

fn v6(spec: &Spec, processor: ProcessorKind, findings: &mut Vec<Finding>) {
    match processor {
        ProcessorKind::Router | ProcessorKind::Inspect => {}
        ProcessorKind::Ipsec | ProcessorKind::Maelstrom => {
            let message = format!(
                "`{}` goes between the two hosts of a `pair`, which have IPv4 addresses and ways alone: use `ip: 4`; \
                 allowed with `ip: 6`: router, inspect",
                processor.name()
            );
            findings.push(("traffic.ip".to_owned(), message));
        }
    }
    let mtu = spec.topology.resolve().mtu;
    if mtu < LEAST_MTU {
        let message = format!(
            "a link of IPv6 takes packets of {LEAST_MTU} B, and these take {mtu} B: use at least {LEAST_MTU}, or `ip: 4`"
        );
        findings.push(("topology.mtu".to_owned(), message));
    }
}
