//! The numbers of Marian, Lee, Weatherspoon, *NetSlices: Scalable Multi-Core Packet Processing in User-Space*, ANCS 2012,
//! each with where the paper gives it: what figures draw beside ours and claims are held against.
//!
//! All are of two Dell R710 (2 x 4 cores of Xeon X5570 with hyperthreads, 2.93 GHz), Myri-10G NICs with eight queues,
//! Linux 2.6.28: a rate of theirs says nothing of ours, a ratio may. Here is what section 4 writes of throughput, latency and CPU
//! use, with the errors that it gives; what it draws and does not write is not.

use spec::{ProcessorKind, SystemKind};

/// A number of the paper.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Published {
    /// What it is the number of.
    pub what: &'static str,
    /// The number.
    pub value: f64,
    /// What the paper writes behind ±, in the same unit: by section 4.1 the standard error of the mean.
    pub error: Option<f64>,
    /// Its unit.
    pub unit: &'static str,
    /// Section, and figure or table.
    pub at: &'static str,
}

impl Published {
    /// The same with its error.
    const fn give_or_take(self, error: f64) -> Self {
        Self {
            error: Some(error),
            ..self
        }
    }
}

const fn published(
    what: &'static str,
    value: f64,
    unit: &'static str,
    at: &'static str,
) -> Published {
    Published {
        what,
        value,
        error: None,
        unit,
        at,
    }
}

const RATIO: &str = "ratio";

/// A single slice over the best pcap, which is pcap-mmap.
pub const SLICE_OVER_PCAP_MMAP: Published = published(
    "throughput of one NetSlice over that of pcap-mmap, one queue",
    11.0,
    RATIO,
    "4.2, figure 4",
);
/// In-kernel forwarding of what one queue receives.
pub const KERNEL_OF_ONE_QUEUE: Published = published(
    "throughput of in-kernel forwarding, one queue",
    7.59,
    "Gb/s",
    "4.2, figure 4",
);
/// NetSlice over the kernel, on one queue.
pub const SLICE_OVER_KERNEL: Published = published(
    "throughput of one NetSlice over that of the kernel, one queue",
    0.74,
    RATIO,
    "4.2, figure 4",
);
/// pcap with a receive ring over pcap without, on one queue.
pub const PCAP_MMAP_OVER_PCAP: Published = published(
    "throughput of pcap-mmap over that of pcap, one queue",
    7.6,
    RATIO,
    "4.2, figure 4",
);
/// Nominal line rate, at which kernel, RouteBricks and NetSlice forward with all queues.
pub const LINE_RATE: Published = published(
    "throughput of kernel, RouteBricks and NetSlice, all queues",
    9.7,
    "Gb/s",
    "4.2, figure 4",
);
/// The best pcap with all queues; there is no difference between pcap and pcap-mmap.
pub const PCAP_OF_ALL_QUEUES: Published = published(
    "throughput of the best pcap, all queues",
    2.25,
    "Gb/s",
    "4.2, figure 4",
);
/// The shortest frames, kernel and NetSlice alike.
pub const SHORTEST_FRAMES: Published = published(
    "rate of 64-byte packets, kernel and NetSlice alike",
    1215.0,
    "kpps",
    "4.1",
);
/// The largest frames, kernel and NetSlice alike: 9.68 Gb/s.
pub const LARGEST_FRAMES: Published = published(
    "rate of 1500-byte packets, kernel and NetSlice alike",
    822.0,
    "kpps",
    "4.1",
);
/// From single calls to 256 I/O vectors a call, with the default placement.
pub const BATCHING: Published = published(
    "throughput with 256 I/O vectors over that with one, default placement",
    1.462,
    RATIO,
    "4.2, figure 5",
);
/// Placement of the u-peer, with batches; the paper does not say over which other placement.
pub const PLACEMENT_WITH_BATCHES: Published = published(
    "throughput gained by placement of the u-peer, with batching",
    1.783,
    RATIO,
    "4.2, figure 5",
);
/// The same without batches.
pub const PLACEMENT_WITHOUT_BATCHES: Published = published(
    "throughput gained by placement of the u-peer, without batching",
    1.666,
    RATIO,
    "4.2, figure 5",
);
/// The path alone, without batches and placement.
pub const STREAMLINED_PATH: Published = published(
    "throughput of the streamlined path, without batching and placement, over that of pcap-mmap",
    4.5,
    RATIO,
    "4.2",
);
/// Round trip that a forwarding slice adds, on average.
pub const ADDED_ROUND_TRIP: Published = published(
    "round trip added by NetSlice, on average",
    19.0,
    "us",
    "4.2, table 1",
);
/// The same at most.
pub const ADDED_ROUND_TRIP_AT_MOST: Published = published(
    "round trip added by NetSlice, at most",
    28.0,
    "us",
    "4.2, table 1",
);
/// In-kernel IPsec with all queues.
pub const IPSEC_IN_KERNEL: Published = published(
    "IPsec throughput of RouteBricks",
    9.157,
    "Gb/s",
    "4.3, figures 6 and 7",
);
/// NetSlice's IPsec with all queues.
pub const IPSEC_OF_SLICES: Published = published(
    "IPsec throughput of NetSlice",
    8.513,
    "Gb/s",
    "4.3, figures 6 and 7",
);
/// How far NetSlice's IPsec is below the kernel's, in the paper's words; the two rates give 7%.
pub const IPSEC_SHORTFALL: Published = published(
    "IPsec throughput of NetSlice below that of RouteBricks",
    8.0,
    "%",
    "4.3, figure 6",
);
/// The best pcap's IPsec with all queues.
pub const IPSEC_OF_PCAP: Published = published(
    "IPsec throughput of the best pcap",
    2.258,
    "Gb/s",
    "4.3, figure 7",
);
/// Maelstrom's goodput.
pub const MAELSTROM_GOODPUT: Published =
    published("Maelstrom's goodput", 6.993_69, "Gb/s", "4.4").give_or_take(0.035_7);
/// Maelstrom's throughput.
pub const MAELSTROM_THROUGHPUT: Published =
    published("Maelstrom's throughput", 8.952_04, "Gb/s", "4.4").give_or_take(0.037_25);

/// All of the above.
pub const NUMBERS: [Published; 20] = [
    SLICE_OVER_PCAP_MMAP,
    KERNEL_OF_ONE_QUEUE,
    SLICE_OVER_KERNEL,
    PCAP_MMAP_OVER_PCAP,
    LINE_RATE,
    PCAP_OF_ALL_QUEUES,
    SHORTEST_FRAMES,
    LARGEST_FRAMES,
    BATCHING,
    PLACEMENT_WITH_BATCHES,
    PLACEMENT_WITHOUT_BATCHES,
    STREAMLINED_PATH,
    ADDED_ROUND_TRIP,
    ADDED_ROUND_TRIP_AT_MOST,
    IPSEC_IN_KERNEL,
    IPSEC_OF_SLICES,
    IPSEC_SHORTFALL,
    IPSEC_OF_PCAP,
    MAELSTROM_GOODPUT,
    MAELSTROM_THROUGHPUT,
];

/// Which queues of each NIC received the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queues {
    /// One.
    Single,
    /// All eight.
    All,
}

/// Throughput of full-size frames in Figures 4 and 7, UDP payload in Gb/s.
struct Throughput {
    processor: ProcessorKind,
    queues: Queues,
    /// Ours that plays the part.
    system: SystemKind,
    gbps: f64,
}

const fn throughput(
    processor: ProcessorKind,
    queues: Queues,
    system: SystemKind,
    gbps: f64,
) -> Throughput {
    Throughput {
        processor,
        queues,
        system,
        gbps,
    }
}

const SLICE_OF_ONE_QUEUE: f64 = SLICE_OVER_KERNEL.value * KERNEL_OF_ONE_QUEUE.value;
const PCAP_MMAP_OF_ONE_QUEUE: f64 = SLICE_OF_ONE_QUEUE / SLICE_OVER_PCAP_MMAP.value;

/// RouteBricks is in the kernel: `xdp_forward` plays its part in routing, `kernel_ipsec` in IPsec.
const THROUGHPUTS: [Throughput; 13] = {
    use ProcessorKind::{Ipsec, Router};
    use Queues::{All, Single};
    use SystemKind::{KernelForward, KernelIpsec, Netslice, Pcap, PcapMmap, XdpForward};
    let pcap_of_one_queue = PCAP_MMAP_OF_ONE_QUEUE / PCAP_MMAP_OVER_PCAP.value;
    [
        throughput(Router, All, KernelForward, LINE_RATE.value),
        throughput(Router, All, XdpForward, LINE_RATE.value),
        throughput(Router, All, Netslice, LINE_RATE.value),
        throughput(Router, All, Pcap, PCAP_OF_ALL_QUEUES.value),
        throughput(Router, All, PcapMmap, PCAP_OF_ALL_QUEUES.value),
        throughput(Router, Single, KernelForward, KERNEL_OF_ONE_QUEUE.value),
        throughput(Router, Single, Netslice, SLICE_OF_ONE_QUEUE),
        throughput(Router, Single, PcapMmap, PCAP_MMAP_OF_ONE_QUEUE),
        throughput(Router, Single, Pcap, pcap_of_one_queue),
        throughput(Ipsec, All, KernelIpsec, IPSEC_IN_KERNEL.value),
        throughput(Ipsec, All, Netslice, IPSEC_OF_SLICES.value),
        throughput(Ipsec, All, Pcap, IPSEC_OF_PCAP.value),
        throughput(Ipsec, All, PcapMmap, IPSEC_OF_PCAP.value),
    ]
};

/// Throughput that the paper gives for full-size frames, UDP payload in Gb/s (Figures 4 and 7): written there, or
/// following from ratios that are.
#[must_use]
pub fn gbps(processor: ProcessorKind, queues: Queues, system: SystemKind) -> Option<f64> {
    let mut all = THROUGHPUTS.iter();
    let found =
        all.find(|it| it.processor == processor && it.queues == queues && it.system == system);
    found.map(|it| it.gbps)
}

/// Every how many microseconds the senders of Table 1 send.
pub const EVERY_US: f64 = 100.0;

/// A row of Table 1: the round trip between the ends, through the system that forwards for one of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundTrip {
    /// What forwards.
    pub system: SystemKind,
    /// Its I/O vectors; none of the kernel.
    pub batch: Option<u16>,
    /// Packets that are sent in rapid succession, every [`EVERY_US`].
    pub packets: u16,
    /// Mean of the round trips, us.
    pub mean_us: f64,
    /// Their standard deviation, us: by section 4.2 it is what the table has behind ±.
    pub deviation_us: f64,
}

impl RoundTrip {
    /// What the row's mean is above the kernel's of as many packets, us; nothing for the kernel itself.
    #[must_use]
    pub fn added_us(&self) -> Option<f64> {
        let mut rows = ROUND_TRIPS.iter();
        let kernel = rows.find(|row| row.batch.is_none() && row.packets == self.packets)?;
        self.batch.map(|_| self.mean_us - kernel.mean_us)
    }
}

const fn round_trip(
    system: SystemKind,
    batch: Option<u16>,
    packets: u16,
    mean_us: f64,
    deviation_us: f64,
) -> RoundTrip {
    RoundTrip {
        system,
        batch,
        packets,
        mean_us,
        deviation_us,
    }
}

/// Table 1 (section 4.2).
pub const ROUND_TRIPS: [RoundTrip; 6] = {
    use SystemKind::{KernelForward, Netslice};
    [
        round_trip(KernelForward, None, 1, 242.24, 42.14),
        round_trip(KernelForward, None, 10, 279.48, 42.74),
        round_trip(Netslice, Some(1), 1, 255.38, 39.98),
        round_trip(Netslice, Some(1), 10, 308.10, 44.51),
        round_trip(Netslice, Some(128), 1, 255.67, 40.18),
        round_trip(Netslice, Some(128), 10, 301.33, 42.16),
    ]
};

/// CPUs kept busy, as Table 2 has them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Busy {
    /// How many.
    pub cpus: f64,
    /// The standard error, where the table gives one.
    pub error: Option<f64>,
}

/// From percent of a CPU, as the paper writes it.
const fn busy(percent: f64, error: f64) -> Busy {
    Busy {
        cpus: percent / 100.0,
        error: Some(error / 100.0),
    }
}

/// A row of Table 2: CPU use of a slice that forwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CpuUse {
    /// What is forwarded, Gb/s.
    pub gbps: f64,
    /// CPUs that k-peer and u-peer keep busy.
    pub total: Busy,
    /// Of them the k-peer.
    pub k_peer: Busy,
    /// Of them the u-peer.
    pub u_peer: Busy,
}

const fn cpu_use(gbps: f64, total: Busy, k_peer: Busy, u_peer: Busy) -> CpuUse {
    CpuUse {
        gbps,
        total,
        k_peer,
        u_peer,
    }
}

/// Table 2 (section 4.2). The k-peer at 2 Gb/s is not legible in the text that this was taken from: it is what the two others
/// leave, without an error.
pub const CPU_USE: [CpuUse; 5] = {
    let left = Busy {
        cpus: (63.49 - 51.09) / 100.0,
        error: None,
    };
    [
        cpu_use(
            1.0009,
            busy(31.34, 1.00),
            busy(1.90, 0.30),
            busy(29.44, 0.73),
        ),
        cpu_use(2.0018, busy(63.49, 1.39), left, busy(51.09, 0.68)),
        cpu_use(
            3.0027,
            busy(100.38, 0.88),
            busy(24.56, 1.61),
            busy(75.82, 0.92),
        ),
        cpu_use(
            4.0032,
            busy(102.28, 2.69),
            busy(14.29, 3.41),
            busy(87.99, 0.72),
        ),
        cpu_use(
            5.0031,
            busy(103.40, 2.78),
            busy(17.94, 2.90),
            busy(85.46, 1.36),
        ),
    ]
};

/// What lets expect Maelstrom's goodput as a share of its throughput, for r packets and their c repairs. The
/// paper's three numbers do not agree; ours are counted byte by byte.
pub mod goodput {
    use super::{MAELSTROM_GOODPUT, MAELSTROM_THROUGHPUT};

    /// As the paper measured it: 0.781.
    #[must_use]
    pub const fn measured() -> f64 {
        MAELSTROM_GOODPUT.value / MAELSTROM_THROUGHPUT.value
    }

    /// By the formula that it checks this with, whose overhead is c / (r + c): 0.786 for r = 8 and c = 3.
    #[must_use]
    pub fn by_formula(r: f64, c: f64) -> f64 {
        1.0 / (1.0 + c / (r + c))
    }

    /// Of packets of one length, r of each r + c, which is 1 / (1 + c / r): 0.727 for r = 8 and c = 3.
    #[must_use]
    pub fn by_packets(r: f64, c: f64) -> f64 {
        r / (r + c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 5e-4
    }

    #[test]
    fn ratios_give_the_rates_that_the_paper_leaves_to_the_reader() {
        let single = |system| gbps(ProcessorKind::Router, Queues::Single, system).unwrap();
        assert!(close(single(SystemKind::Netslice), 5.6166));
        assert!(close(single(SystemKind::PcapMmap), 0.5106));
        assert!(close(single(SystemKind::Pcap), 0.0672));
        assert_eq!(
            gbps(ProcessorKind::Ipsec, Queues::Single, SystemKind::Netslice),
            None,
            "drawn in Figure 7, and not written"
        );
    }

    #[test]
    fn the_papers_three_numbers_for_maelstrom_do_not_agree() {
        assert!(close(goodput::measured(), 0.7812));
        assert!(close(goodput::by_formula(8.0, 3.0), 0.7857));
        assert!(close(goodput::by_packets(8.0, 3.0), 0.7273));
    }

    #[test]
    fn every_number_says_where_it_stands() {
        for number in NUMBERS {
            assert!(number.at.starts_with("4."), "{number:?}");
            assert!(number.value.is_finite() && !number.unit.is_empty());
            assert!(number.error.is_none_or(|error| error < number.value));
        }
        let mut what: Vec<_> = NUMBERS.iter().map(|number| number.what).collect();
        what.sort_unstable();
        what.dedup();
        assert_eq!(what.len(), NUMBERS.len(), "two are of the same");
    }

    /// A wrong digit in Table 2 would show in the sum.
    #[test]
    fn both_peers_are_the_total() {
        for row in CPU_USE {
            let sum = row.k_peer.cpus + row.u_peer.cpus;
            assert!((row.total.cpus - sum).abs() < 1.5e-4, "{row:?}");
        }
    }

    /// A wrong digit in Table 1 would show in what section 4.2 says of it: 19 us on average, 28 at most, which is half the
    /// standard deviation.
    #[test]
    fn what_a_slice_adds_is_what_the_text_says() {
        let added: Vec<f64> = ROUND_TRIPS.iter().filter_map(RoundTrip::added_us).collect();
        assert_eq!(added.len(), 4);
        let mean = added.iter().sum::<f64>() / 4.0;
        assert_eq!(mean.floor(), ADDED_ROUND_TRIP.value, "{added:?}");
        let most = added.iter().copied().fold(0.0, f64::max);
        assert_eq!(most.floor(), ADDED_ROUND_TRIP_AT_MOST.value, "{added:?}");
        for row in ROUND_TRIPS {
            let half = row.deviation_us / 2.0;
            assert!((mean - half).abs() < 4.0, "{row:?}");
        }
    }
}
