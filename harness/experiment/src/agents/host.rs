//! The host agent: it lives in a namespace of its own, which is a host of the topology, and applies
//! that host's part of the plan. The namespace and all in it end with this process.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use kv::server::ThreadInfo;
use serde::{Deserialize, Serialize};
use sys::account::{CpuSnapshot, Usage};
use sys::cpu::{CpuId, Pinned};
use sys::link::{MacAddress, Peer, VethSpec, XdpMode};
use sys::{ethtool, link, napi, sockets};

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
        /// The device.
        device: String,
    },
    /// Tell what the kernel threads used since the last mark.
    Mark {
        /// The device whose NAPI threads count.
        device: String,
    },
    /// Wait through the window and tell what the kernel threads used in its measure phase.
    Measure {
        /// The window.
        window: Window,
        /// The device whose NAPI threads count.
        device: String,
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
    /// How XDP ran on the device at its end; `None` without a program.
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

/// The role's state: the NAPI threads that were pinned, and to which CPUs.
#[derive(Debug, Default)]
pub(crate) struct HostRole {
    pinned: Vec<u32>,
    threads: Vec<u32>,
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
                    napi_cpus: self.pinned.clone(),
                    napi_threads: self.threads.clone(),
                })
            }
            Request::Stack { threads } => {
                self.stack = threads;
                Ok(Answer::Done)
            }
            Request::Describe { device } => Ok(Answer::Described(Box::new(
                AttachedDevice::describe(&device)?,
            ))),
            Request::Counters { device } => Ok(Answer::Counters(counters(&device)?)),
            Request::Mark { device } => Ok(Answer::Measured(self.mark(&device)?)),
            Request::Measure { window, device } => {
                Ok(Answer::Measured(self.measure(window, &device)?))
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
            Action::Up { device } => link::set_up(device)?,
            Action::AwaitCarrier { device } => link::await_running(device, CARRIER)?,
            Action::PinNapi { device, cpus } => {
                napi::set_threaded(device, true)?;
                let threads = napi::threads(device)?;
                if threads.len() != cpus.len() {
                    bail!("{} NAPI threads for {} queues", threads.len(), cpus.len());
                }
                for (thread, cpu) in threads.iter().zip(cpus) {
                    napi::pin(thread, CpuId(*cpu))?;
                }
                self.pinned.clone_from(cpus);
                self.threads = threads.iter().map(|thread| thread.pid).collect();
            }
        }
        Ok(())
    }

    fn measure(&self, window: Window, device: &str) -> Result<Measured> {
        let threads = napi::threads(device)?;
        let mut watch = NapiWatch::new(device, &threads);
        watch.sleep_until_ns(window.measure_from_ns())?;
        let before = self.kernel_threads(device)?;
        watch.sleep_until_ns(window.measure_until_ns())?;
        self.since(&before, &self.kernel_threads(device)?, device)
    }

    fn mark(&mut self, device: &str) -> Result<Measured> {
        let now = self.kernel_threads(device)?;
        let before = self.marked.take().unwrap_or_else(|| now.clone());
        let measured = self.since(&before, &now, device)?;
        self.marked = Some(now);
        Ok(measured)
    }

    fn since(
        &self,
        before: &KernelThreads,
        after: &KernelThreads,
        device: &str,
    ) -> Result<Measured> {
        let threads = self.threads.iter().zip(&self.pinned).enumerate();
        let pinned = threads.map(|(queue, (thread, cpu))| {
            let name = format!("NAPI thread of queue {queue} of {device}");
            Pinned::look(&name, Some(*thread), CpuId(*cpu))
        });
        let stack = self.stack.iter().filter_map(|thread| {
            let cpu = CpuId(thread.cpu?);
            Some(Pinned::look(&thread.name, Some(thread.tid), cpu))
        });
        Ok(Measured {
            napi: after.napi.since(&before.napi).total,
            ksoftirqd_ns: after.ksoftirqd.since(&before.ksoftirqd).total.sched.run_ns,
            pinned: pinned.chain(stack).collect::<Result<_, _>>()?,
            xdp: link::get(device)?.xdp.map(|attached| attached.mode),
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
    fn kernel_threads(&self, device: &str) -> Result<KernelThreads> {
        let napi = napi::threads(device)?;
        let stack = self.stack.iter().map(|thread| thread.tid);
        let ksoftirqd = sys::account::ksoftirqd()?;
        Ok(KernelThreads {
            napi: CpuSnapshot::of_threads(napi.iter().map(|thread| thread.pid).chain(stack))?,
            ksoftirqd: CpuSnapshot::of_threads(ksoftirqd.into_values())?,
        })
    }
}

/// Link, driver and protocol counters of the namespace.
fn counters(device: &str) -> Result<Vec<(String, u64)>> {
    let statistics = link::statistics(device)?;
    let mut all = vec![
        (format!("{device} rx_packets"), statistics.rx_packets),
        (format!("{device} tx_packets"), statistics.tx_packets),
        (format!("{device} rx_dropped"), statistics.rx_dropped),
        (format!("{device} tx_dropped"), statistics.tx_dropped),
        (format!("{device} rx_errors"), statistics.rx_errors),
        (format!("{device} tx_errors"), statistics.tx_errors),
    ];
    for (name, value) in ethtool::statistics(device)? {
        all.push((format!("{device} ethtool {name}"), value));
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
        let accounted = |role: &HostRole| {
            let threads = role.kernel_threads("lo").unwrap();
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
        let now = role.kernel_threads("lo").unwrap();
        let pinned = role.since(&now, &now, "lo").unwrap().pinned;
        assert_eq!(pinned.len(), 1, "and so does where they run");
    }
}
