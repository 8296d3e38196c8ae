//! The host agent: it lives in a namespace of its own, which is a host of the topology, and applies
//! that host's part of the plan. The namespace and all in it end with this process.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use kv::server::ThreadInfo;
use serde::{Deserialize, Serialize};
use sys::account::{CpuSnapshot, Usage};
use sys::cpu::{CpuId, Pinned};
use sys::device::send_by;
use sys::link::{MacAddress, Peer, VethSpec, XdpMode};
use sys::tables::{self, NextHop, Route, RouteKind, Table};
use sys::{ethtool, link, napi, sockets, sysctl};

use super::Role;
use super::napi_watch::NapiWatch;
use super::window::Window;
use crate::environment::AttachedDevice;
use crate::plan::action::Action;

/// Within this long the kernel notices that both ends of a pair are up.
const CARRIER: Duration = Duration::from_secs(5);

/// A request to a host agent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// Apply these steps in order; the other host is the process `peer`.
    Apply {
        /// The steps.
        actions: Vec<Action>,
        /// Process in whose namespace the far end of a veth pair appears.
        peer: Option<u32>,
    },
    /// Count these kernel threads with those of the device's queues: a server's program made them to run
    /// the network stack.
    Stack {
        /// The threads.
        threads: Vec<ThreadInfo>,
    },
    /// Describe the device as it is now, attached programs included.
    Describe {
        /// The device.
        device: String,
    },
    /// Read every counter of the host's network.
    Counters {
        /// The devices.
        devices: Vec<String>,
    },
    /// Tell what the kernel threads used since the last mark.
    Mark {
        /// The devices whose NAPI threads count.
        devices: Vec<String>,
    },
    /// Wait through the window and tell what the kernel threads used in its measure phase.
    Measure {
        /// The window.
        window: Window,
        /// The devices whose NAPI threads count.
        devices: Vec<String>,
    },
}

/// The answer of a host agent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// It was done.
    Done,
    /// It was done; the NAPI threads by queue, where the steps pinned any.
    Applied {
        /// CPU of the NAPI thread of queue `i`.
        napi_cpus: Vec<u32>,
        /// Its thread id.
        napi_threads: Vec<u32>,
    },
    /// The device.
    Described(Box<AttachedDevice>),
    /// Counters by name.
    Counters(Vec<(String, u64)>),
    /// The measure phase, or the time between two marks.
    Measured(Measured),
}

/// What kernel threads used in a measure phase.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// What the device's NAPI threads used, and others that run the network stack here.
    pub(crate) napi: Usage,
    /// CPU time of all ksoftirqd threads of the machine, ns.
    pub(crate) ksoftirqd_ns: u64,
    /// Where the NAPI threads were allowed to run at its end.
    pub(crate) pinned: Vec<Pinned>,
    /// How XDP ran on the first of the devices at its end; `None` without a program.
    pub(crate) xdp: Option<XdpMode>,
}

impl Measured {
    /// Two times together; threads and devices are as after this one.
    pub(crate) fn plus(self, other: &Self) -> Self {
        Self {
            napi: self.napi + other.napi,
            ksoftirqd_ns: self.ksoftirqd_ns + other.ksoftirqd_ns,
            ..self
        }
    }
}

/// A NAPI thread that was pinned.
#[derive(Debug, Clone)]
struct PinnedNapi {
    device: String,
    queue: usize,
    thread: u32,
    cpu: u32,
}

/// The role's state: the NAPI threads that were pinned, and to which CPUs.
#[derive(Debug, Default)]
pub(crate) struct HostRole {
    pinned: Vec<PinnedNapi>,
    /// Threads that run the stack beside them.
    stack: Vec<ThreadInfo>,
    marked: Option<KernelThreads>,
}

impl Role for HostRole {
    type Request = Request;
    type Answer = Answer;

    fn handle(&mut self, request: Request) -> Result<Answer> {
        match request {
            Request::Apply { actions, peer } => {
                for action in &actions {
                    self.apply(action, peer)
                        .with_context(|| action.to_string())?;
                }
                Ok(Answer::Applied {
                    napi_cpus: self.pinned.iter().map(|napi| napi.cpu).collect(),
                    napi_threads: self.pinned.iter().map(|napi| napi.thread).collect(),
                })
            }
            Request::Stack { threads } => {
                self.stack = threads;
                Ok(Answer::Done)
            }
            Request::Describe { device } => Ok(Answer::Described(Box::new(
                AttachedDevice::describe(&device)?,
            ))),
            Request::Counters { devices } => Ok(Answer::Counters(counters(&devices)?)),
            Request::Mark { devices } => Ok(Answer::Measured(self.mark(&devices)?)),
            Request::Measure { window, devices } => {
                Ok(Answer::Measured(self.measure(window, &devices)?))
            }
        }
    }
}

impl HostRole {
    fn apply(&mut self, action: &Action, other: Option<u32>) -> Result<()> {
        match action {
            Action::CreateVeth {
                device,
                peer,
                queues,
                mtu,
                macs,
            } => {
                link::set_up("lo")?;
                link::create_veth(&VethSpec {
                    name: device,
                    peer,
                    queues: u32::from(*queues),
                    mtu: u32::from(*mtu),
                    mac: MacAddress(macs[0]),
                    peer_mac: MacAddress(macs[1]),
                    peer_namespace: other.map_or(Peer::Here, Peer::OfPid),
                })?;
            }
            Action::Quiet { device } => link::quiet(device)?,
            Action::Offloads { device, off, on } => {
                let off = off.iter().map(|feature| (feature.as_str(), false));
                let wanted: Vec<(&str, bool)> = off
                    .chain(on.iter().map(|feature| (feature.as_str(), true)))
                    .collect();
                ethtool::set_features(device, &wanted)?;
            }
            Action::Address {
                device,
                address,
                prefix,
            } => {
                link::add_address(device, *address, *prefix)?;
            }
            Action::Neighbour {
                device,
                address,
                mac,
            } => {
                link::add_neighbour(device, *address, MacAddress(*mac))?;
            }
            Action::NoErrors => no_icmp_errors()?,
            Action::OnlyV4 => no_ipv6()?,
            Action::NoGroups { device } => link::without_groups(device)?,
            Action::Route {
                device,
                network,
                prefix,
                gateway,
            } => tables::add_route(&Route {
                table: Table::Main,
                destination: *network,
                prefix_len: *prefix,
                kind: RouteKind::Unicast,
                priority: 0,
                hops: vec![NextHop {
                    device: link::ifindex(device)?,
                    gateway: Some(*gateway),
                    weight: 1,
                }],
            })?,
            Action::Up { device } => link::set_up(device)?,
            Action::AwaitCarrier { device } => link::await_running(device, CARRIER)?,
            Action::SendBy { device, cpus } => {
                for (queue, cpus) in (0..).zip(cpus) {
                    let cpus: Vec<CpuId> = cpus.iter().copied().map(CpuId).collect();
                    send_by(device, queue, &cpus)?;
                }
            }
            Action::PinNapi { device, cpus } => {
                napi::set_threaded(device, true)?;
                let threads = napi::threads(device)?;
                if threads.len() != cpus.len() {
                    bail!("{} NAPI threads for {} queues", threads.len(), cpus.len());
                }
                self.pinned.retain(|napi| napi.device != *device);
                for (queue, (thread, cpu)) in threads.iter().zip(cpus).enumerate() {
                    napi::pin(thread, CpuId(*cpu))?;
                    self.pinned.push(PinnedNapi {
                        device: device.clone(),
                        queue,
                        thread: thread.pid,
                        cpu: *cpu,
                    });
                }
            }
        }
        Ok(())
    }

    fn measure(&self, window: Window, devices: &[String]) -> Result<Measured> {
        let threads = napi_threads(devices)?;
        let names = devices.join(" and ");
        let mut watch = NapiWatch::new(&names, &threads);
        watch.sleep_until_ns(window.measure_from_ns())?;
        let before = self.kernel_threads(devices)?;
        watch.sleep_until_ns(window.measure_until_ns())?;
        self.since(&before, &self.kernel_threads(devices)?, devices)
    }

    fn mark(&mut self, devices: &[String]) -> Result<Measured> {
        let now = self.kernel_threads(devices)?;
        let before = self.marked.take().unwrap_or_else(|| now.clone());
        let measured = self.since(&before, &now, devices)?;
        self.marked = Some(now);
        Ok(measured)
    }

    fn since(
        &self,
        before: &KernelThreads,
        after: &KernelThreads,
        devices: &[String],
    ) -> Result<Measured> {
        let pinned = self.pinned.iter().map(|napi| {
            let name = format!("NAPI thread of queue {} of {}", napi.queue, napi.device);
            Pinned::look(&name, Some(napi.thread), CpuId(napi.cpu))
        });
        let stack = self.stack.iter().filter_map(|thread| {
            let cpu = CpuId(thread.cpu?);
            Some(Pinned::look(&thread.name, Some(thread.tid), cpu))
        });
        Ok(Measured {
            napi: after.napi.since(&before.napi).total,
            ksoftirqd_ns: after.ksoftirqd.since(&before.ksoftirqd).total.sched.run_ns,
            pinned: pinned.chain(stack).collect::<Result<_, _>>()?,
            xdp: match devices.first() {
                None => None,
                Some(device) => link::get(device)?.xdp.map(|attached| attached.mode),
            },
        })
    }
}

/// The accounts of the kernel threads that handle packets, at one moment.
#[derive(Debug, Clone)]
struct KernelThreads {
    napi: CpuSnapshot,
    ksoftirqd: CpuSnapshot,
}

impl HostRole {
    fn kernel_threads(&self, devices: &[String]) -> Result<KernelThreads> {
        let napi = napi_threads(devices)?;
        let stack = self.stack.iter().map(|thread| thread.tid);
        let ksoftirqd = sys::account::ksoftirqd()?;
        Ok(KernelThreads {
            napi: CpuSnapshot::of_threads(napi.iter().map(|thread| thread.pid).chain(stack))?,
            ksoftirqd: CpuSnapshot::of_threads(ksoftirqd.into_values())?,
        })
    }
}

/// Lets the namespace's kernel send no ICMP errors. Before Linux 6.12 that was one setting of the whole machine, which is
/// left alone.
fn no_icmp_errors() -> std::io::Result<()> {
    for setting in ["icmp_msgs_per_sec", "icmp_msgs_burst"] {
        set_if_there(&format!("net.ipv4.{setting}"), "0")?;
    }
    Ok(())
}

/// For the devices that are there, and for those that will be.
fn no_ipv6() -> std::io::Result<()> {
    for devices in ["all", "default"] {
        set_if_there(&format!("net.ipv6.conf.{devices}.disable_ipv6"), "1")?;
    }
    Ok(())
}

/// Sets what not every kernel has.
fn set_if_there(setting: &str, value: &str) -> std::io::Result<()> {
    match sysctl::write(setting, value) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        written => written,
    }
}

/// The NAPI threads of all devices.
fn napi_threads(devices: &[String]) -> Result<Vec<napi::NapiThread>> {
    let mut threads = Vec::new();
    for device in devices {
        threads.extend(napi::threads(device)?);
    }
    Ok(threads)
}

/// Link and driver counters of the devices, and protocol counters of the namespace.
fn counters(devices: &[String]) -> Result<Vec<(String, u64)>> {
    let mut all = Vec::new();
    for device in devices {
        let statistics = link::statistics(device)?;
        all.extend([
            (format!("{device} rx_packets"), statistics.rx_packets),
            (format!("{device} tx_packets"), statistics.tx_packets),
            (format!("{device} tx_bytes"), statistics.tx_bytes),
            (format!("{device} rx_dropped"), statistics.rx_dropped),
            (format!("{device} tx_dropped"), statistics.tx_dropped),
            (format!("{device} rx_errors"), statistics.rx_errors),
            (format!("{device} tx_errors"), statistics.tx_errors),
        ]);
        for (name, value) in ethtool::statistics(device)? {
            all.push((format!("{device} ethtool {name}"), value));
        }
    }
    for (protocol, counters) in sockets::protocol_counters(std::process::id())?.0 {
        for (name, value) in counters {
            // Gauges and limits can be negative; what is counted is not.
            all.extend(
                u64::try_from(value)
                    .ok()
                    .map(|value| (format!("{protocol} {name}"), value)),
            );
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_run_the_stack_count_with_those_of_the_queues() {
        let tid = rustix::thread::gettid().as_raw_pid().unsigned_abs();
        let lo = ["lo".to_owned()];
        let accounted = |role: &HostRole| {
            let threads = role.kernel_threads(&lo).unwrap();
            threads.napi.threads.contains_key(&tid)
        };
        let mut role = HostRole::default();
        assert!(!accounted(&role), "loopback has no threads");
        let cpu = sys::cpu::affinity(None).unwrap()[0].0;
        let thread = ThreadInfo {
            name: "cpumap/0/map:1".to_owned(),
            tid,
            cpu: Some(cpu),
        };
        let answer = role.handle(Request::Stack {
            threads: vec![thread],
        });
        assert!(matches!(answer, Ok(Answer::Done)), "{answer:?}");
        assert!(accounted(&role));
        let now = role.kernel_threads(&lo).unwrap();
        let pinned = role.since(&now, &now, &lo).unwrap().pinned;
        assert_eq!(pinned.len(), 1, "and so does where they run");
    }
}
