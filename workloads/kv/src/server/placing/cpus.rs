//! XDP that moves requests to their owners' CPUs, and the program of the sockets' groups there.

use loader::{Attached, CpuRedirect, Provenance};
use pktio::udp::UdpGroup;

use super::groups::Groups;
use super::{interface, relate};
use crate::server::config::ServerConfig;
use crate::server::snapshot::{DropLine, ServerCounters};
use crate::server::{ServerError, ThreadInfo};

/// Frames that wait for a CPU: what the sender's NAPI may deliver while the thread there is not
/// scheduled, as RX rings of AF_XDP hold.
const QUEUE: u32 = 4096;

/// See the [module](self).
pub(crate) struct Cpus {
    ifindex: u32,
    // The link goes before the program and its maps.
    attached: Option<Attached>,
    redirect: CpuRedirect,
    groups: Groups,
}

impl Cpus {
    /// Loads the programs and starts the kernel's threads.
    ///
    /// # Errors
    /// When there is no interface, or a program is refused.
    pub(super) fn open(config: &ServerConfig, group: &UdpGroup) -> Result<Self, ServerError> {
        let (_, ifindex) = interface(config)?;
        Ok(Self {
            ifindex,
            attached: None,
            redirect: CpuRedirect::load(&config.cores, config.port, QUEUE)?,
            groups: Groups::open(config, group)?,
        })
    }

    pub(super) fn attach(&mut self) -> Result<(), ServerError> {
        if self.attached.is_none() {
            self.attached = Some(self.redirect.attach(self.ifindex)?);
        }
        Ok(())
    }

    pub(super) fn detach(&mut self) {
        self.attached = None;
    }

    /// The socket first: a request that comes to its owner's CPU is to find its owner's socket.
    pub(super) fn set_slot(&mut self, slot: u16, entry: u64) -> Result<(), ServerError> {
        self.groups.set_slot(slot, entry)?;
        Ok(self.redirect.set_slot(slot, entry)?)
    }

    pub(super) fn add_counters(&self, counters: &mut ServerCounters) -> Result<(), ServerError> {
        let placed = self.redirect.counters()?;
        relate(counters, "xdp", &placed);
        let lost = self.redirect.losses()?;
        for (name, requests, source) in [
            ("xdp_no_cpu", placed.refused, "xdp: redirect failed"),
            (
                "cpumap_queue_full",
                lost.queue_full,
                "tracepoint xdp_cpumap_enqueue: drops",
            ),
            (
                "cpumap_no_packet",
                lost.no_packet,
                "tracepoint xdp_cpumap_kthread: drops",
            ),
        ] {
            counters.drops.push(DropLine {
                name: name.to_owned(),
                requests,
                source: source.to_owned(),
            });
        }
        self.groups.add_counters(counters)
    }

    pub(super) fn provenance(&self) -> Result<Provenance, ServerError> {
        Ok(self.redirect.provenance()?)
    }

    /// They are named `cpumap/CPU/map:ID` (kernel/bpf/cpumap.c), and no other map has this number.
    pub(super) fn threads(&self) -> Result<Vec<ThreadInfo>, ServerError> {
        let map = self.redirect.map_id();
        let threads = sys::tasks::kernel_threads(|name| {
            let cpu = cpu_of(name, map)?;
            Some((name.to_owned(), cpu))
        })
        .map_err(ServerError::io("the threads of the CPUMAP"))?;
        let info = |(tid, (name, cpu))| ThreadInfo {
            name,
            tid,
            cpu: Some(cpu),
        };
        Ok(threads.into_iter().map(info).collect())
    }
}

/// The CPU of a thread of this map, by its name.
fn cpu_of(name: &str, map: u32) -> Option<u32> {
    let (cpu, id) = name.strip_prefix("cpumap/")?.split_once("/map:")?;
    (id.parse() == Ok(map)).then(|| cpu.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_threads_of_this_map_are_ours() {
        assert_eq!(cpu_of("cpumap/3/map:17", 17), Some(3));
        assert_eq!(cpu_of("cpumap/3/map:171", 17), None);
        assert_eq!(cpu_of("napi/server0-17", 17), None);
    }
}
