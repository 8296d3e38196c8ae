//! What becomes of a frame: exactly one of these, each counted.

use std::net::IpAddr;

use pktio::frame::Port;

/// Declares a closed set of names with counters: its variants in order, and what results call them.
macro_rules! names {
    ($(#[$doc:meta])* $set:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $set {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $set {
            /// All of them, in order.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// Its name in results.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

names! {
    /// Why a frame is this host's network stack's, and not the router's to send on.
    ///
    /// A back end that gets copies (packet sockets) leaves them to the kernel by doing nothing. One that takes frames away from
    /// it (AF_XDP) must not take these: its XDP program passes on what is for the kernel ([`steering::divert::Kept`]: address
    /// resolution, groups, its own addresses). What it does not know to be of that kind, such as an EtherType that
    /// nobody has told it, ends here.
    Host {
        /// Neither IPv4 nor IPv6: address resolution, VLAN tags, the rest.
        NotIp = "not_ip",
        /// For an address of this host.
        Local = "local",
        /// For a group or a broadcast address. There is no multicast routing here.
        Group = "group",
    }
}

names! {
    /// Why a frame was discarded without a word.
    Drop {
        /// Shorter than the headers that it should have.
        Truncated = "truncated",
        /// For another station on the link.
        OtherStation = "other_station",
        /// Sent to all stations, with the address of one host (RFC 1812, 5.3.4).
        LinkGroup = "link_group",
        /// The version is not what the link header says.
        Version = "version",
        /// The lengths in the header contradict each other or the frame.
        Length = "length",
        /// The IPv4 header's checksum is wrong.
        Checksum = "checksum",
        /// No packet from elsewhere has this source (RFC 1812, 5.3.7; RFC 4291, 2.5 and 2.7).
        MartianSource = "martian_source",
        /// No packet is to be forwarded to this destination.
        MartianDestination = "martian_destination",
        /// It would choose its own way by IPv4 options.
        SourceRoute = "source_route",
        /// Its IPv4 options do not lie within its header.
        Options = "options",
        /// A route says so.
        Blackhole = "blackhole",
        /// Its way leads through a device that is none of the ports.
        Elsewhere = "elsewhere",
        /// The hardware address of the next hop is not known yet; the kernel is asked to find it.
        Unresolved = "unresolved",
        /// It was to leave in fragments, and they were not made: there was no memory for all of them, or who sends it
        /// writes single frames ([`Routed`](crate::slice::Routed)).
        NotCut = "not_cut",
        /// The port has no device any more.
        NoPort = "no_port",
        /// An error would be due, but is not sent in reply to such a packet (RFC 1812, 4.3.2.7; RFC 4443, 2.4).
        NoErrorTo = "no_error_to",
        /// An error would be due, but more were than may be sent.
        ErrorsLimited = "errors_limited",
        /// An error would be due, but the port has no address to send it from.
        NoErrorSource = "no_error_source",
        /// An error would be due, but the frame has no room for its headers.
        NoErrorRoom = "no_error_room",
    }
}

names! {
    /// What a sender is told by an ICMP error.
    Report {
        /// The packet has no hop left.
        TimeExceeded = "time_exceeded",
        /// There is no route to the destination.
        NoRoute = "no_route",
        /// A route says that it cannot be reached.
        Unreachable = "unreachable",
        /// A route says that it may not be reached.
        Prohibited = "prohibited",
        /// The next hop does not answer.
        NoNeighbour = "no_neighbour",
        /// Longer than the next link takes, and must not be fragmented.
        TooBig = "too_big",
        /// The source has no meaning beyond its link (IPv6 alone).
        BeyondScope = "beyond_scope",
    }
}

names! {
    /// Why a packet of this host's own is not sent.
    NoWay {
        /// The hardware address of the next hop is not known yet, or it did not answer lately; the kernel is asked to find it.
        Unresolved = "unresolved",
        /// There is no route, or it leads to no port.
        NoRoute = "no_route",
    }
}

/// What the tables and the headers say about a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was rewritten and leaves.
    Forward {
        /// By this port.
        port: Port,
        /// In fragments of at most so many bytes, without the link header, if it is too long.
        cut: Option<u32>,
        /// The neighbour that it leaves to, if the kernel is to confirm that it is still there.
        stale: Option<IpAddr>,
    },
    /// It is left to the network stack.
    Host(Host),
    /// Its sender is to be told. `mtu` is what the next link takes, where that is the matter, and else 0.
    Report {
        /// What is told.
        report: Report,
        /// Bytes, without the link header.
        mtu: u32,
    },
    /// It is discarded.
    Drop(Drop),
    /// It is discarded, and this neighbour on this port is to be resolved.
    Unresolved(Port, IpAddr),
    /// Its sender is told that this neighbour on this port did not answer ([`Report::NoNeighbour`]), and the neighbour is to be
    /// asked again, for it may be there by now. Linux begins anew with the next packet, too.
    Unanswered(Port, IpAddr),
}

/// What was done with a frame in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It leaves by this port.
    Forwarded(Port),
    /// It leaves by this port, in fragments of at most so many bytes, which are still to be made ([`Router::cut`]).
    ///
    /// [`Router::cut`]: super::Router::cut
    Fragmented {
        /// The port.
        port: Port,
        /// Bytes, without the link header.
        mtu: u32,
    },
    /// An error for its sender stands in its place and leaves by this port.
    Reported(Report, Port),
    /// It is left to the network stack.
    Host(Host),
    /// It is discarded.
    Dropped(Drop),
}

/// What a router did. Counts are frames; each frame that came is in exactly one of `forwarded`, `fragmented`, `reported`, `host`
/// and `dropped`. In place of one that is in `fragmented`, fragments were forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterCounters {
    /// Frames that came.
    pub received: u64,
    /// Frames, of those that came, in whose place fragments went on.
    pub fragmented: u64,
    /// Those fragments. Each is in `forwarded` too.
    pub fragments: u64,
    forwarded: Vec<u64>,
    reported: [u64; Report::ALL.len()],
    host: [u64; Host::ALL.len()],
    dropped: [u64; Drop::ALL.len()],
    /// Neighbours that the kernel was asked to resolve, or to confirm.
    pub resolutions: u64,
    /// Neighbours that it was not asked about, since too many questions waited.
    pub resolutions_refused: u64,
    /// Of the frames that were forwarded whole, those whose next link the kernel had told.
    pub by_kernel: u64,
    /// The others, which were looked up here.
    pub by_mirror: u64,
    /// Next links of the kernel's that were compared with the tables here.
    pub links_checked: u64,
    /// Those of them that the tables do not have.
    pub links_disagreed: u64,
}

impl RouterCounters {
    pub(super) fn new(ports: u16) -> Self {
        Self {
            received: 0,
            fragmented: 0,
            fragments: 0,
            forwarded: vec![0; usize::from(ports)],
            reported: Default::default(),
            host: Default::default(),
            dropped: Default::default(),
            resolutions: 0,
            resolutions_refused: 0,
            by_kernel: 0,
            by_mirror: 0,
            links_checked: 0,
            links_disagreed: 0,
        }
    }

    /// Counts a frame. Whether the kernel had told its next link matters only where it is forwarded.
    pub(super) fn count(&mut self, outcome: Outcome, told: bool) {
        self.received += 1;
        let counter = match outcome {
            Outcome::Forwarded(port) => {
                self.by_kernel += u64::from(told);
                self.by_mirror += u64::from(!told);
                &mut self.forwarded[usize::from(port.0)]
            }
            Outcome::Fragmented { .. } => &mut self.fragmented,
            Outcome::Reported(report, _) => &mut self.reported[report as usize],
            Outcome::Host(host) => &mut self.host[host as usize],
            Outcome::Dropped(drop) => &mut self.dropped[drop as usize],
        };
        *counter += 1;
    }

    /// So many fragments were made of a frame that was counted as fragmented, and leave by this port.
    pub(super) fn count_fragments(&mut self, port: Port, fragments: u64) {
        self.fragments += fragments;
        self.forwarded[usize::from(port.0)] += fragments;
    }

    /// None were made, and the frame is lost.
    pub(super) fn count_not_cut(&mut self) {
        self.fragmented -= 1;
        self.dropped[Drop::NotCut as usize] += 1;
    }

    /// Frames that were forwarded, by the port that they left by.
    #[must_use]
    pub fn forwarded(&self) -> &[u64] {
        &self.forwarded
    }

    /// Errors that were sent in place of frames.
    #[must_use]
    pub const fn reported(&self, report: Report) -> u64 {
        self.reported[report as usize]
    }

    /// Frames that were left to the network stack.
    #[must_use]
    pub const fn host(&self, host: Host) -> u64 {
        self.host[host as usize]
    }

    /// Frames that were discarded.
    #[must_use]
    pub const fn dropped(&self, drop: Drop) -> u64 {
        self.dropped[drop as usize]
    }

    /// Every line of the ledger with its name in results: `forwarded_<port>`, `fragmented`, `reported_<what>`, `host_<why>`,
    /// `drop_<why>`. Their sum is [`received`](Self::received) and [`fragments`](Self::fragments).
    pub fn ledger(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        let forwarded = self.forwarded.iter().enumerate();
        let forwarded = forwarded.map(|(port, count)| (format!("forwarded_{port}"), *count));
        let reported = Report::ALL.map(|to| (format!("reported_{}", to.name()), self.reported(to)));
        let host = Host::ALL.map(|why| (format!("host_{}", why.name()), self.host(why)));
        let dropped = Drop::ALL.map(|why| (format!("drop_{}", why.name()), self.dropped(why)));
        forwarded
            .chain([("fragmented".to_owned(), self.fragmented)])
            .chain(reported)
            .chain(host)
            .chain(dropped)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_outcome_is_one_line_of_the_ledger() {
        let mut counters = RouterCounters::new(2);
        let cut = |port| Outcome::Fragmented { port, mtu: 68 };
        let all = [Outcome::Forwarded(Port(0)), Outcome::Forwarded(Port(1))]
            .into_iter()
            .chain([cut(Port(1))])
            .chain(Report::ALL.map(|to| Outcome::Reported(to, Port(0))))
            .chain(Host::ALL.map(Outcome::Host))
            .chain(Drop::ALL.map(Outcome::Dropped));
        for outcome in all {
            counters.count(outcome, outcome == Outcome::Forwarded(Port(1)));
        }
        assert_eq!((counters.by_kernel, counters.by_mirror), (1, 1));
        let lines: Vec<_> = counters.ledger().collect();
        assert!(lines.iter().all(|(_, count)| *count == 1), "{lines:?}");
        assert_eq!(lines.len() as u64, counters.received);
        let names: BTreeSet<_> = lines.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), lines.len());
        // Fragments leave in place of one frame, and nothing in place of another.
        counters.count_fragments(Port(1), 3);
        counters.count(cut(Port(1)), false);
        counters.count_not_cut();
        let sum: u64 = counters.ledger().map(|(_, count)| count).sum();
        assert_eq!(sum, counters.received + counters.fragments);
        assert_eq!(
            (counters.fragmented, counters.forwarded()),
            (1, &[1, 4][..])
        );
        assert_eq!(counters.dropped(Drop::NotCut), 2);
    }
}
