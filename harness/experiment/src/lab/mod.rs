//! The plan's hosts, alive: agents that hold namespaces and undo everything by ending.

mod agent;
mod chain;
mod host;
mod stuck;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, bail};
use kv::server::ThreadInfo;
use record::{CounterRow, DeviceState};

pub(crate) use agent::Agent;
pub(crate) use chain::Chain;

use crate::agents::host::{Answer, Measured, Request};
use crate::agents::window::Window;
use crate::environment::AttachedDevice;
use crate::plan::Plan;
use crate::plan::topology::{CLIENT, HostPlan, PORTS, SERVER};
use host::{Host, state};

/// The name of the switch's host in results.
pub(crate) const SWITCH_SCOPE: &str = "switch host";
/// Longest time for a few netlink requests on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// The hosts of one trial. On loopback there are none: server and client live on this host.
pub(crate) struct Lab {
    hosts: Option<[Host; 2]>,
    /// What stands between them, if anything does.
    switch: Option<Host>,
}

impl Lab {
    /// No hosts: server and client live on this one.
    pub(crate) fn none() -> Self {
        Self {
            hosts: None,
            switch: None,
        }
    }

    /// The plan's hosts.
    pub(crate) fn build(plan: &Plan) -> Result<Self> {
        match &plan.hosts {
            None => Ok(Self::none()),
            Some(hosts) => Self::of(hosts, plan.switch.as_ref()),
        }
    }

    /// Makes the server's and the client's host, a switch between them if one is given, and everything that can
    /// exist before programs are attached.
    pub(crate) fn of([server, client]: &[HostPlan; 2], switch: Option<&HostPlan>) -> Result<Self> {
        let mut server = Host::start("server host", "the server host", &[SERVER.device], server)?;
        let mut client = Host::start("client host", "the client host", &[CLIENT.device], client)?;
        let ports = PORTS.map(|port| port.device);
        let mut switch = switch
            .map(|plan| Host::start(SWITCH_SCOPE, "the switch host", &ports, plan))
            .transpose()?;
        // Who makes a pair of devices puts the far one into the next host on the way to the client.
        match &mut switch {
            None => server.prepare(client.agent.pid())?,
            Some(switch) => {
                server.prepare(switch.agent.pid())?;
                switch.prepare(client.agent.pid())?;
            }
        }
        client.prepare(server.agent.pid())?;
        Ok(Self {
            hosts: Some([server, client]),
            switch,
        })
    }

    /// All hosts, server and client first.
    fn all(&mut self) -> impl Iterator<Item = &mut Host> {
        self.hosts.iter_mut().flatten().chain(&mut self.switch)
    }

    /// The process in whose namespace the server lives.
    pub(crate) fn server_host(&self) -> Option<u32> {
        self.hosts.as_ref().map(|[server, _]| server.agent.pid())
    }

    /// The process in whose namespace the client lives.
    pub(crate) fn client_host(&self) -> Option<u32> {
        self.hosts.as_ref().map(|[_, client]| client.agent.pid())
    }

    /// The process in whose namespace the switch is, where there is one.
    pub(crate) fn switch_host(&self) -> Option<u32> {
        self.switch.as_ref().map(|switch| switch.agent.pid())
    }

    /// The steps that need attached programs, at all ends; returns the CPUs of the server's NAPI
    /// threads.
    pub(crate) fn pin(&mut self) -> Result<Option<Vec<u32>>> {
        let Some([server, client]) = &mut self.hosts else {
            return Ok(None);
        };
        client.pin()?;
        if let Some(switch) = &mut self.switch {
            switch.pin()?;
        }
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
        if self.hosts.is_none() {
            let loopback = AttachedDevice::describe("lo")?;
            return Ok(vec![state("this host", &loopback)?]);
        }
        let mut states = Vec::new();
        for host in self.all() {
            states.extend(host.describe()?);
        }
        Ok(states)
    }

    /// Thread ids of all NAPI threads, and of others that run the stack for the server: kernel threads
    /// that work for the run alone.
    pub(crate) fn napi_threads(&self) -> BTreeSet<u32> {
        let hosts = self.hosts.iter().flatten().chain(&self.switch);
        hosts
            .flat_map(|host| host.napi_threads.iter().copied())
            .collect()
    }

    /// Every counter of the hosts' networks.
    pub(crate) fn counters(&mut self) -> Result<Vec<CounterRow>> {
        let mut rows = Vec::new();
        for host in self.all() {
            rows.extend(host.counters()?);
        }
        Ok(rows)
    }

    /// What the server's and the client's kernel threads used since the last mark.
    pub(crate) fn mark(&mut self) -> Result<Option<[Measured; 2]>> {
        for host in self.hosts.iter_mut().flatten() {
            let devices = host.devices();
            host.agent.begin(&Request::Mark { devices })?;
        }
        self.finish(PATIENCE)
    }

    /// Lets the hosts account for the window's measure phase; [`finish`](Self::finish) and
    /// [`finish_switch`](Self::finish_switch) collect.
    pub(crate) fn begin(&mut self, window: Window) -> Result<()> {
        for host in self.all() {
            let devices = host.devices();
            host.agent.begin(&Request::Measure { window, devices })?;
        }
        Ok(())
    }

    /// What the server's and the client's kernel threads used.
    pub(crate) fn finish(&mut self, within: Duration) -> Result<Option<[Measured; 2]>> {
        let Some([server, client]) = &mut self.hosts else {
            return Ok(None);
        };
        Ok(Some([server.measured(within)?, client.measured(within)?]))
    }

    /// What the switch's kernel threads used, where there is one.
    pub(crate) fn finish_switch(&mut self, within: Duration) -> Result<Option<Measured>> {
        let switch = self.switch.as_mut();
        switch.map(|switch| switch.measured(within)).transpose()
    }
}
