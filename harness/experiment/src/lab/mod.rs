//! The plan's hosts, alive: agents that hold namespaces and undo everything by ending.

mod agent;
mod stuck;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, bail};
use kv::server::ThreadInfo;
use record::{CounterRow, DeviceState};

pub(crate) use agent::Agent;

use crate::agents::host::{Answer, Measured, Request};
use crate::agents::window::Window;
use crate::environment::AttachedDevice;
use crate::plan::Plan;
use crate::plan::topology::{CLIENT, End, HostPlan, SERVER};

/// The hosts' names in results.
const SCOPES: [&str; 2] = ["server host", "client host"];
/// Longest time for a few netlink requests on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

type HostAgent = Agent<Request, Answer>;

impl Host {
    fn pin(&mut self) -> Result<Vec<u32>> {
        let actions = self.plan.after_attach.clone();
        let request = Request::Apply {
            actions,
            peer: None,
        };
        let Answer::Applied {
            napi_cpus,
            napi_threads,
        } = self.agent.ask(&request, PATIENCE)?
        else {
            bail!("a host answered out of turn");
        };
        self.napi_threads = napi_threads;
        Ok(napi_cpus)
    }
}

/// The hosts of one trial. On loopback there are none: server and client live on this host.
pub(crate) struct Lab {
    hosts: Option<[Host; 2]>,
}

struct Host {
    agent: HostAgent,
    end: End,
    plan: HostPlan,
    /// Thread ids of its NAPI threads, once they are pinned.
    napi_threads: Vec<u32>,
}

impl Lab {
    /// No hosts: server and client live on this one.
    pub(crate) fn none() -> Self {
        Self { hosts: None }
    }

    /// The plan's hosts.
    pub(crate) fn build(plan: &Plan) -> Result<Self> {
        plan.hosts
            .as_ref()
            .map_or_else(|| Ok(Self::none()), Self::of)
    }

    /// Makes the server's and the client's host, and everything that can exist before programs are
    /// attached.
    pub(crate) fn of([server, client]: &[HostPlan; 2]) -> Result<Self> {
        let start = |name, end, plan: &HostPlan| -> Result<Host> {
            Ok(Host {
                agent: Agent::start("host", None)?.on(name),
                end,
                plan: plan.clone(),
                napi_threads: Vec::new(),
            })
        };
        let mut hosts = [
            start("the server host", SERVER, server)?,
            start("the client host", CLIENT, client)?,
        ];
        let peers = [hosts[1].agent.pid(), hosts[0].agent.pid()];
        for (host, peer) in hosts.iter_mut().zip(peers) {
            let actions = host.plan.before.clone();
            host.agent.ask(
                &Request::Apply {
                    actions,
                    peer: Some(peer),
                },
                PATIENCE,
            )?;
        }
        Ok(Self { hosts: Some(hosts) })
    }

    /// The process in whose namespace the server lives.
    pub(crate) fn server_host(&self) -> Option<u32> {
        self.hosts.as_ref().map(|[server, _]| server.agent.pid())
    }

    /// The process in whose namespace the client lives.
    pub(crate) fn client_host(&self) -> Option<u32> {
        self.hosts.as_ref().map(|[_, client]| client.agent.pid())
    }

    /// The steps that need attached programs, at both ends; returns the CPUs of the server's NAPI
    /// threads.
    pub(crate) fn pin(&mut self) -> Result<Option<Vec<u32>>> {
        let Some([server, client]) = &mut self.hosts else {
            return Ok(None);
        };
        client.pin()?;
        server.pin().map(Some)
    }

    /// Counts these kernel threads with the NAPI threads of the server's host.
    pub(crate) fn add_stack(&mut self, threads: Vec<ThreadInfo>) -> Result<()> {
        let Some([server, _]) = &mut self.hosts else {
            return Ok(());
        };
        server
            .napi_threads
            .extend(threads.iter().map(|thread| thread.tid));
        let Answer::Done = server.agent.ask(&Request::Stack { threads }, PATIENCE)? else {
            bail!("a host answered out of turn");
        };
        Ok(())
    }

    /// The topology's devices as their hosts see them now.
    pub(crate) fn describe(&mut self) -> Result<Vec<DeviceState>> {
        let Some(hosts) = &mut self.hosts else {
            let loopback = AttachedDevice::describe("lo")?;
            return Ok(vec![state("this host", &loopback)?]);
        };
        let mut states = Vec::new();
        for (host, scope) in hosts.iter_mut().zip(SCOPES) {
            let device = host.end.device.to_owned();
            let request = Request::Describe { device };
            let Answer::Described(device) = host.agent.ask(&request, PATIENCE)? else {
                bail!("a host answered out of turn");
            };
            states.push(state(scope, &device)?);
        }
        Ok(states)
    }

    /// Thread ids of all NAPI threads, and of others that run the stack for the server: kernel threads
    /// that work for the run alone.
    pub(crate) fn napi_threads(&self) -> BTreeSet<u32> {
        let hosts = self.hosts.iter().flatten();
        hosts
            .flat_map(|host| host.napi_threads.iter().copied())
            .collect()
    }

    /// Every counter of the hosts' networks.
    pub(crate) fn counters(&mut self) -> Result<Vec<CounterRow>> {
        let mut rows = Vec::new();
        for (host, scope) in self.hosts.iter_mut().flatten().zip(SCOPES) {
            let device = host.end.device.to_owned();
            let request = Request::Counters { device };
            let Answer::Counters(counters) = host.agent.ask(&request, PATIENCE)? else {
                bail!("a host answered out of turn");
            };
            let row = |(name, value)| CounterRow {
                scope: scope.to_owned(),
                name,
                value,
            };
            rows.extend(counters.into_iter().map(row));
        }
        Ok(rows)
    }

    /// What the server's and the client's kernel threads used since the last mark.
    pub(crate) fn mark(&mut self) -> Result<Option<[Measured; 2]>> {
        for host in self.hosts.iter_mut().flatten() {
            let device = host.end.device.to_owned();
            host.agent.begin(&Request::Mark { device })?;
        }
        self.finish(PATIENCE)
    }

    /// Lets the hosts account for the window's measure phase; [`finish`](Self::finish) collects.
    pub(crate) fn begin(&mut self, window: Window) -> Result<()> {
        for host in self.hosts.iter_mut().flatten() {
            let device = host.end.device.to_owned();
            host.agent.begin(&Request::Measure { window, device })?;
        }
        Ok(())
    }

    /// What the server's and the client's kernel threads used.
    pub(crate) fn finish(&mut self, within: Duration) -> Result<Option<[Measured; 2]>> {
        let Some(hosts) = &mut self.hosts else {
            return Ok(None);
        };
        let mut measured = Vec::new();
        for host in hosts {
            let Answer::Measured(one) = host.agent.finish(within)? else {
                bail!("a host answered out of turn");
            };
            measured.push(one);
        }
        Ok(measured.try_into().ok())
    }
}

fn state(host: &str, device: &AttachedDevice) -> Result<DeviceState> {
    Ok(DeviceState {
        host: host.to_owned(),
        device: serde_json::to_value(device)?,
    })
}
