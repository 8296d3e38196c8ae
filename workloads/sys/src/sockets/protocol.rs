//! Counters of the protocols (snmp) and of the softirq backlog (softnet_stat).

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use crate::cpu::CpuId;
use crate::error::{malformed, read_text};

/// Counters by protocol and name, as `Udp` / `RcvbufErrors`. IPv6's are under `Udp6`, `Ip6`.
///
/// Per network namespace; those that are drops of UDP: `InErrors` (which includes `RcvbufErrors` and
/// `InCsumErrors`), `NoPorts`, `SndbufErrors`; of IP: `InDiscards`, `OutDiscards`, `InHdrErrors`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProtocolCounters(pub BTreeMap<String, BTreeMap<String, i64>>);

impl ProtocolCounters {
    /// One counter; 0 when this kernel does not have it.
    #[must_use]
    pub fn get(&self, protocol: &str, name: &str) -> i64 {
        self.0
            .get(protocol)
            .and_then(|counters| counters.get(name))
            .copied()
            .unwrap_or(0)
    }
}

/// The counters of the network namespace in which a process lives.
///
/// # Errors
/// `NotFound` when the process is gone.
pub fn protocol_counters(pid: u32) -> io::Result<ProtocolCounters> {
    let mut counters = parse_snmp(&read_text(format!("/proc/{pid}/net/snmp"))?)?;
    match read_text(format!("/proc/{pid}/net/snmp6")) {
        Ok(text) => parse_snmp6(&text, &mut counters),
        // A kernel without IPv6 has none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(counters)
}

/// Pairs of lines: `Udp: InDatagrams NoPorts`, `Udp: 17 0`.
fn parse_snmp(text: &str) -> io::Result<ProtocolCounters> {
    let mut counters = ProtocolCounters::default();
    let mut lines = text.lines();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        let wrong = || malformed(format!("snmp: '{names}' over '{values}'"));
        let (protocol, names) = names.split_once(':').ok_or_else(wrong)?;
        let (same, values) = values.split_once(':').ok_or_else(wrong)?;
        let names: Vec<&str> = names.split_whitespace().collect();
        let values: Vec<&str> = values.split_whitespace().collect();
        if protocol != same || names.len() != values.len() {
            return Err(wrong());
        }
        let of_protocol = counters.0.entry(protocol.to_owned()).or_default();
        for (name, value) in names.into_iter().zip(values) {
            of_protocol.insert(name.to_owned(), value.parse().map_err(|_| wrong())?);
        }
    }
    Ok(counters)
}

/// Lines `Udp6InDatagrams 17`; the protocol ends with its 6.
fn parse_snmp6(text: &str, counters: &mut ProtocolCounters) {
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some(name), Some(value)) = (words.next(), words.next()) else {
            continue;
        };
        let Some(end) = name.find('6') else { continue };
        let (protocol, name) = name.split_at(end + 1);
        if let Ok(value) = value.parse() {
            counters
                .0
                .entry(protocol.to_owned())
                .or_default()
                .insert(name.to_owned(), value);
        }
    }
}

/// What one CPU's softirq backlog has seen since boot, over all namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftnetCpu {
    /// The CPU.
    pub cpu: CpuId,
    /// Frames processed.
    pub processed: u32,
    /// Frames dropped because the backlog was full (`net.core.netdev_max_backlog`).
    pub dropped: u32,
    /// Times that the softirq ran out of budget with work left.
    pub squeezed: u32,
}

/// The softirq backlog of every online CPU.
///
/// # Errors
/// When /proc is not mounted.
pub fn softnet() -> io::Result<Vec<SoftnetCpu>> {
    let text = read_text("/proc/net/softnet_stat")?;
    let parse = |line| parse_softnet(line).ok_or_else(|| malformed(format!("softnet: '{line}'")));
    text.lines().map(parse).collect()
}

/// Hexadecimal columns; the 13th, since Linux 5.10, is the CPU.
fn parse_softnet(line: &str) -> Option<SoftnetCpu> {
    let hex = |field: &str| u32::from_str_radix(field, 16).ok();
    let fields: Vec<u32> = line.split_whitespace().map(hex).collect::<Option<_>>()?;
    let [processed, dropped, squeezed, ..] = fields[..] else {
        return None;
    };
    Some(SoftnetCpu {
        cpu: CpuId(*fields.get(12)?),
        processed,
        dropped,
        squeezed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snmp_is_read_by_name() {
        let text = "Ip: Forwarding InDiscards\nIp: 1 3\nUdp: InErrors RcvbufErrors\nUdp: -1 20\n";
        let mut counters = parse_snmp(text).unwrap();
        parse_snmp6(
            "Ip6InDiscards  \t7\nUdp6InErrors 8\nbroken\n",
            &mut counters,
        );
        assert_eq!(counters.get("Ip", "InDiscards"), 3);
        assert_eq!(counters.get("Udp", "InErrors"), -1);
        assert_eq!(counters.get("Udp6", "InErrors"), 8);
        assert_eq!(counters.get("Ip6", "InDiscards"), 7);
        assert_eq!(counters.get("Udp", "NoSuch"), 0);
    }

    #[test]
    fn snmp_lines_that_do_not_match_are_refused() {
        for text in [
            "Ip: A B\nIp: 1\n",
            "Ip: A\nUdp: 1\n",
            "Ip: A\nIp: x\n",
            "Ip\nIp: 1\n",
        ] {
            assert!(parse_snmp(text).is_err(), "{text}");
        }
    }

    #[test]
    fn this_machine_counts_udp() {
        let counters = protocol_counters(std::process::id()).unwrap();
        assert!(counters.0["Udp"].contains_key("RcvbufErrors"));
        assert!(!softnet().unwrap().is_empty());
    }

    #[test]
    fn softnet_lines_carry_their_cpu() {
        let line = "0000000a 00000002 00000001 0 0 0 0 0 0 0 0 0 00000007 0 0";
        let expected = SoftnetCpu {
            cpu: CpuId(7),
            processed: 10,
            dropped: 2,
            squeezed: 1,
        };
        assert_eq!(parse_softnet(line), Some(expected));
        assert_eq!(parse_softnet("1 2"), None);
    }
}
