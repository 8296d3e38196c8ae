//! The systems by name, and what a spec may ask of each.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::limits::Limits;
use super::traits::Traits;
use super::{Engine, Io, MultiKey, Wakeup};
use super::{
    dispatch_threads, herd, kernel_forward, kernel_ipsec, kv_direct, memcached, mica_crcw,
    mica_crew, mica_erew, minos, netcache, netslice, packet_mmap_v3, pcap, pcap_mmap,
    programmable_rss, raw_parallel, raw_socket, reflector, reuseport_ebpf, rss_shared, seastar,
    shared_something, shenango, sphinx, synthetic, xdp_cpumap, xdp_forward, xdp_posix, xdp_steered,
};
use crate::traffic::ProcessorKind;
use crate::units::Counted;

/// The systems by name.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SystemKind {
    /// Any core serves any key; the kernel or the NIC's hash spreads the packets (memcached's way).
    RssShared,
    /// The arrival core parses, hands off to the owner and wakes it (Enberg et al., ANCS 2019).
    Sphinx,
    /// Software steering between polling threads by batched messages (Seastar).
    Seastar,
    /// The client computes the partition and addresses it by UDP port (MICA, EREW).
    MicaErew,
    /// Clients send writes to the owner's UDP port and reads to any (MICA, CREW).
    MicaCrew,
    /// Clients send to any UDP port, and any core reads and writes any key (MICA, CRCW).
    MicaCrcw,
    /// Clients write requests into memory that the key's owner polls (HERD, SIGCOMM 2014).
    Herd,
    /// Small and large requests are served by different cores (Minos).
    Minos,
    /// A dedicated core steers, and grants owners cores by queueing delay (Shenango).
    Shenango,
    /// An XDP program steers each request to the owner's AF_XDP socket (Enberg et al., ENCP 2019).
    XdpSteered,
    /// XDP steers to clusters of cores, which share (ENCP 2019, section 4).
    SharedSomething,
    /// An eBPF program chooses the owner's kernel socket by key.
    ReuseportEbpf,
    /// XDP writes the port of the owner's kernel socket (ENCP 2019, figure 2a).
    XdpPosix,
    /// XDP moves packets to the owner's CPU, where the kernel's stack runs (ENCP 2019, figure 2a).
    XdpCpumap,
    /// XDP hashes the flow and chooses an owner's AF_XDP socket; any core serves any key.
    ProgrammableRss,
    /// The whole store is an XDP program (KV-Direct, SOSP 2017).
    KvDirect,
    /// A cache in XDP in front of another system (NetCache, SOSP 2017).
    #[serde(rename = "netcache")]
    NetCache,
    /// Debian's memcached as an external process.
    Memcached,
    /// No store: each reply is held until a seeded virtual departure time. The ground truth.
    Synthetic,
    /// An XDP program sends each request straight back: the instrument's own floor.
    Reflector,
    /// Spatial partitions of queues and CPUs, in user space (Marian et al., ANCS 2012).
    Netslice,
    /// The kernel's own forwarding.
    KernelForward,
    /// Look-up and redirection in an XDP program: forwarding inside the driver.
    XdpForward,
    /// The kernel's own IPsec (XFRM).
    KernelIpsec,
    /// A packet socket, a system call a frame.
    RawSocket,
    /// Several packet sockets on each device.
    RawParallel,
    /// A packet socket as libpcap drives it without a ring.
    Pcap,
    /// A packet socket with a receive ring (TPACKET_V2).
    PcapMmap,
    /// Packet sockets with rings in both directions (TPACKET_V3) and fanout.
    PacketMmapV3,
    /// A thread that reads, and others that process and send.
    DispatchThreads,
}

impl SystemKind {
    /// All systems, in the order in which they are listed.
    pub const ALL: [Self; 30] = [
        Self::RssShared,
        Self::Sphinx,
        Self::Seastar,
        Self::MicaErew,
        Self::MicaCrew,
        Self::MicaCrcw,
        Self::Herd,
        Self::Minos,
        Self::Shenango,
        Self::XdpSteered,
        Self::SharedSomething,
        Self::ReuseportEbpf,
        Self::XdpPosix,
        Self::XdpCpumap,
        Self::ProgrammableRss,
        Self::KvDirect,
        Self::NetCache,
        Self::Memcached,
        Self::Synthetic,
        Self::Reflector,
        Self::Netslice,
        Self::KernelForward,
        Self::XdpForward,
        Self::KernelIpsec,
        Self::RawSocket,
        Self::RawParallel,
        Self::Pcap,
        Self::PcapMmap,
        Self::PacketMmapV3,
        Self::DispatchThreads,
    ];

    /// What its own file says of it.
    const fn traits(self) -> &'static Traits {
        match self {
            Self::RssShared => &rss_shared::TRAITS,
            Self::Sphinx => &sphinx::TRAITS,
            Self::Seastar => &seastar::TRAITS,
            Self::MicaErew => &mica_erew::TRAITS,
            Self::MicaCrew => &mica_crew::TRAITS,
            Self::MicaCrcw => &mica_crcw::TRAITS,
            Self::Herd => &herd::TRAITS,
            Self::Minos => &minos::TRAITS,
            Self::Shenango => &shenango::TRAITS,
            Self::XdpSteered => &xdp_steered::TRAITS,
            Self::SharedSomething => &shared_something::TRAITS,
            Self::ReuseportEbpf => &reuseport_ebpf::TRAITS,
            Self::XdpPosix => &xdp_posix::TRAITS,
            Self::XdpCpumap => &xdp_cpumap::TRAITS,
            Self::ProgrammableRss => &programmable_rss::TRAITS,
            Self::KvDirect => &kv_direct::TRAITS,
            Self::NetCache => &netcache::TRAITS,
            Self::Memcached => &memcached::TRAITS,
            Self::Synthetic => &synthetic::TRAITS,
            Self::Reflector => &reflector::TRAITS,
            Self::Netslice => &netslice::TRAITS,
            Self::KernelForward => &kernel_forward::TRAITS,
            Self::XdpForward => &xdp_forward::TRAITS,
            Self::KernelIpsec => &kernel_ipsec::TRAITS,
            Self::RawSocket => &raw_socket::TRAITS,
            Self::RawParallel => &raw_parallel::TRAITS,
            Self::Pcap => &pcap::TRAITS,
            Self::PcapMmap => &pcap_mmap::TRAITS,
            Self::PacketMmapV3 => &packet_mmap_v3::TRAITS,
            Self::DispatchThreads => &dispatch_threads::TRAITS,
        }
    }

    /// The name that the spec uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.traits().name
    }

    /// One sentence for `experiment list`.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        self.traits().summary
    }

    /// Where the design is published.
    #[must_use]
    pub const fn paper(self) -> &'static str {
        self.traits().paper
    }

    /// What is as in the paper, what is not, and what stands in for which hardware.
    #[must_use]
    pub const fn fidelity(self) -> &'static str {
        self.traits().fidelity
    }

    /// Packet I/O that it runs on, its default first.
    #[must_use]
    pub const fn ios(self) -> &'static [Io] {
        self.traits().ios
    }

    /// Why it runs on no other I/O.
    #[must_use]
    pub const fn io_reason(self) -> &'static str {
        self.traits().io_reason
    }

    /// What can keep its items, its default first; empty where it keeps none of this project's.
    #[must_use]
    pub const fn engines(self) -> &'static [Engine] {
        self.traits().engines
    }

    /// Why nothing else can keep its items.
    #[must_use]
    pub const fn engine_reason(self) -> &'static str {
        self.traits().engine_reason
    }

    /// Ways of waking that may be asked of it. `spin` where nothing is handed over means that its
    /// threads poll instead of sleeping until a packet arrives.
    #[must_use]
    pub const fn wakeups(self) -> &'static [Wakeup] {
        self.traits().wakeups
    }

    /// The way of waking when the spec names none; none where threads hand nothing to each other
    /// and sleep until a packet arrives.
    #[must_use]
    pub const fn default_wakeup(self) -> Option<Wakeup> {
        self.traits().default_wakeup
    }

    /// Why no service time can be injected into it; none where it can.
    #[must_use]
    pub const fn service_refusal(self) -> Option<&'static str> {
        self.traits().service_refusal
    }

    /// Why its threads cannot be held until requests wait in its sockets; none where they can.
    #[must_use]
    pub const fn drain_refusal(self) -> Option<&'static str> {
        self.traits().drain_refusal
    }

    /// Why it serves no encrypted requests; none where it does.
    #[must_use]
    pub const fn encryption_refusal(self) -> Option<&'static str> {
        self.traits().encryption_refusal
    }

    /// Whether it serves calls of `protocol: rpc`: what reads requests before its threads do can be
    /// exchanged, or there is nothing that does, as for encrypted ones.
    #[must_use]
    pub const fn serves_calls(self) -> bool {
        self.encryption_refusal().is_none()
    }

    /// Whether calls have owners in it.
    #[must_use]
    pub const fn steers_calls(self) -> bool {
        self.serves_calls() && self.moves_slots()
    }

    /// Whether, over AF_XDP, an owner serves the packets of its own queue, so that there must be
    /// a queue for each.
    #[must_use]
    pub const fn queue_per_owner(self) -> bool {
        self.traits().queue_per_owner
    }

    /// The number of its threads, where it is not the spec's to choose.
    #[must_use]
    pub const fn fixed_owners(self) -> Option<u16> {
        self.traits().fixed_owners
    }

    /// The largest requests that it holds; none where only the wire limits them.
    #[must_use]
    pub const fn limits(self) -> Option<&'static Limits> {
        self.traits().limits
    }

    /// Whether it has virtual servers.
    #[must_use]
    pub const fn is_virtual(self) -> bool {
        self.traits().is_virtual
    }

    /// Whether its owners form clusters.
    #[must_use]
    pub const fn has_clusters(self) -> bool {
        self.traits().clusters
    }

    /// Whether a thread on a CPU of its own allocates cores to its owners.
    #[must_use]
    pub const fn has_dispatcher(self) -> bool {
        self.traits().dispatcher
    }

    /// Whether some of its owners serve large requests only.
    #[must_use]
    pub const fn has_large_owners(self) -> bool {
        self.traits().large_owners
    }

    /// Whether it is a cache in front of another system.
    #[must_use]
    pub const fn caches(self) -> bool {
        self.traits().caches
    }

    /// Whether the kernel has a partition table of its own to steer it by.
    #[must_use]
    pub const fn has_kernel_table(self) -> bool {
        self.traits().kernel_table
    }

    /// Whether slots of the partition table, with their items, can change owners while it serves.
    #[must_use]
    pub const fn moves_slots(self) -> bool {
        self.traits().moves_slots
    }

    /// Ways of serving a get of several keys, its default first; empty where no key has one owner, so
    /// that such a get is served where it arrives.
    #[must_use]
    pub const fn multi_key_ways(self) -> &'static [MultiKey] {
        self.traits().multi_key
    }

    /// Whether gets of the hottest keys can be spread over all owners.
    #[must_use]
    pub const fn spreads_hot_keys(self) -> bool {
        self.traits().spreads_hot_keys
    }

    /// Whether a program of its own hashes flows, so that the hash can be chosen.
    #[must_use]
    pub const fn hashes_flows(self) -> bool {
        self.traits().hashes_flows
    }

    /// Whether its XDP program can do more than steer.
    #[must_use]
    pub const fn has_xdp_options(self) -> bool {
        self.traits().xdp_options
    }

    /// Whether it forwards frames, of `traffic`, and serves no requests of a `workload`.
    #[must_use]
    pub const fn forwards(self) -> bool {
        self.traits().forwards
    }

    /// What its rates count.
    #[must_use]
    pub const fn counted(self) -> Counted {
        match self.forwards() {
            true => Counted::Frames,
            false => Counted::Requests,
        }
    }

    /// What it can do to the frames that it forwards; empty where it forwards none.
    #[must_use]
    pub const fn processors(self) -> &'static [ProcessorKind] {
        self.traits().processors
    }

    /// Whether threads of its own divide the frames among themselves, whatever queue these came by.
    #[must_use]
    pub const fn divides_frames(self) -> bool {
        self.traits().divides_frames
    }

    /// Whether its threads take frames in batches of a size that can be chosen.
    #[must_use]
    pub const fn has_batches(self) -> bool {
        self.traits().batches
    }

    /// Whether its threads have CPUs for themselves at a place that can be chosen.
    #[must_use]
    pub const fn has_placement(self) -> bool {
        self.traits().peers
    }

    /// Whether filters can divide frames among its sockets.
    #[must_use]
    pub const fn has_filters(self) -> bool {
        self.traits().filters
    }

    /// Whether its packet sockets pass the queueing discipline by unless a spec says otherwise; none without such sockets.
    #[must_use]
    pub const fn default_qdisc_bypass(self) -> Option<bool> {
        match self.traits().ios {
            [Io::PacketSocket] => Some(self.traits().qdisc_bypass),
            _ => None,
        }
    }

    /// Whether it has slices, each of which can be a process of its own.
    #[must_use]
    pub const fn isolates(self) -> bool {
        self.traits().isolates
    }

    /// Whether it can have the kernel look up where its frames go.
    #[must_use]
    pub const fn has_routing(self) -> bool {
        self.traits().asks_kernel
    }

    /// Whether it loads eBPF programs whatever its packet I/O, which takes privilege.
    #[must_use]
    pub const fn needs_programs(self) -> bool {
        self.traits().needs_programs || self.needs_xdp()
    }

    /// Whether it needs XDP whatever its packet I/O, so that it runs over devices with XDP only.
    #[must_use]
    pub const fn needs_xdp(self) -> bool {
        self.traits().needs_xdp
    }
}

impl fmt::Display for SystemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_traits_of_its_own_under_the_name_that_serde_reads() {
        let mut names: Vec<&str> = SystemKind::ALL.into_iter().map(SystemKind::name).collect();
        for kind in SystemKind::ALL {
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{kind}\""));
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SystemKind::ALL.len());
    }

    #[test]
    fn defaults_are_among_what_is_allowed() {
        for kind in SystemKind::ALL {
            assert!(!kind.ios().is_empty(), "{kind}");
            if let Some(wakeup) = kind.default_wakeup() {
                assert!(kind.wakeups().contains(&wakeup), "{kind}");
            }
        }
    }
}
