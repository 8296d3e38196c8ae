//! Hosts in a row, from a sender to a receiver.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use record::{CounterRow, DeviceState};

use super::host::Host;
use crate::agents::host::{Measured, Request};
use crate::agents::window::Window;
use crate::plan::chain::{ChainHost, Part};

/// The hosts of one packet trial, the sender's first.
pub(crate) struct Chain {
    hosts: Vec<Host>,
    /// What each of them is there for.
    parts: Vec<Part>,
}

impl Chain {
    /// Makes the hosts and everything that can exist before programs are attached.
    pub(crate) fn build(plan: &[ChainHost]) -> Result<Self> {
        let start =
            |host: &ChainHost| Host::start(host.scope, host.scope, &host.devices, &host.steps);
        let mut hosts: Vec<Host> = plan.iter().map(start).collect::<Result<_>>()?;
        for number in 0..hosts.len() {
            // Who makes a pair of devices puts the far one into the next host; the last makes none.
            let next = (number + 1).min(hosts.len() - 1);
            let peer = hosts[next].agent.pid();
            hosts[number].prepare(peer)?;
        }
        Ok(Self {
            hosts,
            parts: plan.iter().map(|host| host.part).collect(),
        })
    }

    /// The processes in whose namespaces the hosts are that are there for `part`, the sender's side first.
    pub(crate) fn processes(&self, part: Part) -> Vec<u32> {
        let hosts = self.parts.iter().zip(&self.hosts);
        let of_part = hosts.filter(|(of, _)| **of == part);
        of_part.map(|(_, host)| host.agent.pid()).collect()
    }

    /// The steps that need attached programs.
    pub(crate) fn pin(&mut self) -> Result<()> {
        for host in &mut self.hosts {
            host.pin()?;
        }
        Ok(())
    }

    /// The devices as their hosts see them now.
    pub(crate) fn describe(&mut self) -> Result<Vec<DeviceState>> {
        let mut states = Vec::new();
        for host in &mut self.hosts {
            states.extend(host.describe()?);
        }
        Ok(states)
    }

    /// Thread ids of all NAPI threads.
    pub(crate) fn napi_threads(&self) -> BTreeSet<u32> {
        let threads = self.hosts.iter().flat_map(|host| &host.napi_threads);
        threads.copied().collect()
    }

    /// Every counter of the hosts' networks.
    pub(crate) fn counters(&mut self) -> Result<Vec<CounterRow>> {
        let mut rows = Vec::new();
        for host in &mut self.hosts {
            rows.extend(host.counters()?);
        }
        Ok(rows)
    }

    /// Lets the hosts account for the window's measure phase; [`finish`](Self::finish) collects.
    pub(crate) fn begin(&mut self, window: Window) -> Result<()> {
        for host in &mut self.hosts {
            let devices = host.devices();
            host.agent.begin(&Request::Measure { window, devices })?;
        }
        Ok(())
    }

    /// What each host's kernel threads used.
    pub(crate) fn finish(&mut self, within: Duration) -> Result<Vec<Measured>> {
        let measured = self.hosts.iter_mut().map(|host| host.measured(within));
        measured
            .collect::<Result<_>>()
            .context("measuring kernel threads")
    }
}
