//! What the kernel counts of the packets that it forwards: the IP statistics of a network namespace (RFC 1213 and RFC 4293 by
//! their names in /proc/net/snmp, netstat and snmp6).
//!
//! Each packet that a device handed to IP is forwarded or in exactly one of the losses listed here. What the kernel counts of
//! the same packet a second time is left out: `InCsumErrors` are among `InHdrErrors`, IPv6's `FragFails` among
//! `InTooBigErrors`; a packet without a hop left is in `InHdrErrors`.
//!
//! At the end of a tunnel IPsec's own count is added (/proc/net/xfrm_stat). There what is delivered to the host is no
//! loss: it is what comes out of the tunnel again and is counted once more.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::sync::{Mutex, PoisonError};

use super::Error;
use super::counters::Counters;

/// Packets for the host itself.
const FOR_HOST: &str = "ip_for_host";

/// Losses of packets that were to be forwarded: the reason, and the counter.
const LOSSES: [(&str, &str); 17] = [
    ("ip_header", "Ip.InHdrErrors"),
    ("ip_address", "Ip.InAddrErrors"),
    ("ip_no_route", "IpExt.InNoRoutes"),
    ("ip_truncated", "IpExt.InTruncatedPkts"),
    ("ip_reverse_path", "TcpExt.IPReversePathFilter"),
    ("ip_too_big", "Ip.FragFails"),
    ("ip_discarded", "Ip.InDiscards"),
    ("ip_discarded", "Ip.OutDiscards"),
    (FOR_HOST, "Ip.InDelivers"),
    ("ip_header", "Ip6InHdrErrors"),
    ("ip_address", "Ip6InAddrErrors"),
    ("ip_no_route", "Ip6InNoRoutes"),
    ("ip_truncated", "Ip6InTruncatedPkts"),
    ("ip_too_big", "Ip6InTooBigErrors"),
    ("ip_discarded", "Ip6InDiscards"),
    ("ip_discarded", "Ip6OutDiscards"),
    (FOR_HOST, "Ip6InDelivers"),
];

/// Packets that were forwarded.
const FORWARDED: [&str; 2] = ["Ip.ForwDatagrams", "Ip6OutForwDatagrams"];

/// Of those, the ones that were discarded behind it, which are losses.
const DISCARDED: [&str; 2] = ["Ip.OutDiscards", "Ip6OutDiscards"];

/// ICMP errors that the kernel sent in place of packets.
const MADE: [&str; 7] = [
    "Icmp.OutDestUnreachs",
    "Icmp.OutTimeExcds",
    "Icmp.OutParmProbs",
    "Icmp6OutDestUnreachs",
    "Icmp6OutTimeExcds",
    "Icmp6OutPktTooBigs",
    "Icmp6OutParmProblems",
];

/// What becomes of packets for the host itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ForHost {
    /// They end here.
    Lost,
    /// They are those of a tunnel that ends here, and what they carry goes on.
    Decapsulated,
}

/// The files of one namespace, which show it for as long as they are open, whoever reads them.
#[derive(Debug)]
pub(super) struct IpStatistics {
    files: Vec<Mutex<File>>,
    for_host: ForHost,
}

impl IpStatistics {
    /// Those of the calling thread's namespace.
    pub(super) fn open(for_host: ForHost) -> Result<Self, Error> {
        let mut files = Vec::new();
        for (name, needed) in [
            ("snmp", true),
            ("netstat", true),
            // A kernel without IPv6 forwards none.
            ("snmp6", false),
            ("xfrm_stat", for_host == ForHost::Decapsulated),
        ] {
            match File::open(format!("/proc/thread-self/net/{name}")) {
                Ok(file) => files.push(Mutex::new(file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound && !needed => {}
                Err(error) => return Err(Error::io(format!("open /proc/net/{name}"))(error)),
            }
        }
        Ok(Self { files, for_host })
    }

    /// Adds what became of the packets that the kernel was to forward.
    pub(super) fn count(&self, into: &mut Counters) -> Result<(), Error> {
        let values = self.read().map_err(Error::io("read the IP statistics"))?;
        account(&values, self.for_host, into);
        Ok(())
    }

    fn read(&self) -> io::Result<BTreeMap<String, u64>> {
        let mut values = BTreeMap::new();
        for file in &self.files {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            let mut text = String::new();
            file.rewind()?;
            file.read_to_string(&mut text)?;
            parse(&text, &mut values);
        }
        Ok(values)
    }
}

/// Takes values by name out of a file: `Ip.InReceives` where a line of names stands above one of values, `Ip6InReceives`
/// where each stands beside its value.
fn parse(text: &str, values: &mut BTreeMap<String, u64>) {
    let mut names: Option<(&str, &str)> = None;
    for line in text.lines() {
        let Some((group, rest)) = line.split_once(": ") else {
            let mut words = line.split_whitespace();
            if let (Some(name), Some(Ok(value))) = (words.next(), words.next().map(str::parse)) {
                values.insert(name.to_owned(), value);
            }
            continue;
        };
        match names.take() {
            Some((above, named)) if above == group => {
                for (name, value) in named.split_whitespace().zip(rest.split_whitespace()) {
                    // Some are settings, and less than nothing.
                    if let Ok(value) = value.parse() {
                        values.insert(format!("{group}.{name}"), value);
                    }
                }
            }
            Some(_) | None => names = Some((group, rest)),
        }
    }
}

fn account(values: &BTreeMap<String, u64>, for_host: ForHost, into: &mut Counters) {
    let value = |name: &str| values.get(name).copied().unwrap_or_default();
    for (reason, counter) in LOSSES {
        into.note("ip", counter, value(counter));
        if reason != FOR_HOST || for_host == ForHost::Lost {
            into.lose(reason, counter, value(counter));
        }
    }
    if for_host == ForHost::Decapsulated {
        for (counter, value) in values.iter().filter(|(name, _)| name.starts_with("Xfrm")) {
            into.note("ip", counter, *value);
            into.lose("ipsec", counter, *value);
        }
    }
    let forwarded: u64 = FORWARDED.map(value).iter().sum();
    let discarded: u64 = DISCARDED.map(value).iter().sum();
    into.sent += forwarded.saturating_sub(discarded);
    into.made += MADE.map(value).iter().sum::<u64>();
    for counter in FORWARDED.iter().chain(&MADE) {
        into.note("ip", counter, value(counter));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNMP: &str = "\
Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InDiscards InDelivers OutDiscards FragFails
Ip: 1 64 18 3 0 10 0 4 2 1
Icmp: InMsgs OutDestUnreachs OutTimeExcds
Icmp: 0 1 3
Tcp: RtoAlgorithm MaxConn
Tcp: 1 -1
";
    const SNMP6: &str = "\
Ip6InReceives                   \t7
Ip6InHdrErrors                  \t2
Ip6OutForwDatagrams             \t5
Icmp6OutTimeExcds               \t2
";

    #[test]
    fn each_packet_is_forwarded_or_in_one_loss() {
        let mut values = BTreeMap::new();
        parse(SNMP, &mut values);
        parse(SNMP6, &mut values);
        assert!(!values.contains_key("Tcp.MaxConn"));
        let mut counters = Counters::default();
        account(&values, ForHost::Lost, &mut counters);
        assert_eq!(counters.sent, 10 - 2 + 5);
        assert_eq!(counters.lost(), 3 + 4 + 2 + 1 + 2);
        let received = values["Ip.InReceives"] + values["Ip6InReceives"];
        assert_eq!(counters.sent + counters.lost(), received);
        assert_eq!(counters.lost_by("ip_header"), 3 + 2);
        assert_eq!(counters.made, 1 + 3 + 2);
        assert_eq!(counters.received, 0);
        assert_eq!(counters.value("Ip.ForwDatagrams"), 10);
    }

    #[test]
    fn at_the_end_of_a_tunnel_what_is_delivered_goes_on_and_what_ipsec_refuses_is_lost() {
        let mut values = BTreeMap::new();
        parse(SNMP, &mut values);
        parse(
            "XfrmInNoStates          \t6\nXfrmOutError            \t1\n",
            &mut values,
        );
        let mut counters = Counters::default();
        account(&values, ForHost::Decapsulated, &mut counters);
        assert_eq!(counters.lost_by("ip_for_host"), 0);
        assert_eq!(counters.lost_by("ipsec"), 7);
        assert_eq!(counters.lost(), 3 + 2 + 1 + 7);
    }

    #[test]
    fn the_kernel_has_every_counter() {
        let statistics = IpStatistics::open(ForHost::Lost).unwrap();
        let values = statistics.read().unwrap();
        let named = LOSSES.map(|(_, counter)| counter);
        for counter in named
            .iter()
            .chain(&FORWARDED)
            .chain(&DISCARDED)
            .chain(&MADE)
        {
            assert!(values.contains_key(*counter), "{counter}");
        }
    }
}
