//! One host of the lab: its agent, its devices, its part of the plan.

use anyhow::{Result, bail};
use record::{CounterRow, DeviceState};

use super::{Agent, PATIENCE};
use crate::agents::host::{Answer, Measured, Request};
use crate::environment::AttachedDevice;
use crate::plan::topology::HostPlan;

/// See the [module](self).
pub(super) struct Host {
    pub(super) agent: Agent<Request, Answer>,
    /// Its name in results.
    scope: &'static str,
    devices: Vec<&'static str>,
    plan: HostPlan,
    /// Thread ids of its NAPI threads, once they are pinned.
    pub(super) napi_threads: Vec<u32>,
}

impl Host {
    /// Starts the agent; `scope` is the host's name.
    pub(super) fn start(
        scope: &'static str,
        place: &'static str,
        devices: &[&'static str],
        plan: &HostPlan,
    ) -> Result<Self> {
        Ok(Self {
            agent: Agent::start("host", None)?.on(place),
            scope,
            devices: devices.to_vec(),
            plan: plan.clone(),
            napi_threads: Vec::new(),
        })
    }

    /// Applies what can be done before programs are attached; the far end of a pair appears in process `peer`.
    pub(super) fn prepare(&mut self, peer: u32) -> Result<()> {
        let actions = self.plan.before.clone();
        let peer = Some(peer);
        self.agent
            .ask(&Request::Apply { actions, peer }, PATIENCE)
            .map(drop)
    }

    /// Applies what needs attached programs; returns the CPUs of its NAPI threads.
    pub(super) fn pin(&mut self) -> Result<Vec<u32>> {
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

    /// Its devices as they are now.
    pub(super) fn describe(&mut self) -> Result<Vec<DeviceState>> {
        let mut states = Vec::new();
        for device in self.devices.clone() {
            let device = device.to_owned();
            let answer = self.agent.ask(&Request::Describe { device }, PATIENCE)?;
            let Answer::Described(device) = answer else {
                bail!("a host answered out of turn");
            };
            states.push(state(self.scope, &device)?);
        }
        Ok(states)
    }

    /// Every counter of its network.
    pub(super) fn counters(&mut self) -> Result<Vec<CounterRow>> {
        let request = Request::Counters {
            devices: self.devices(),
        };
        let Answer::Counters(counters) = self.agent.ask(&request, PATIENCE)? else {
            bail!("a host answered out of turn");
        };
        let row = |(name, value)| CounterRow {
            scope: self.scope.to_owned(),
            name,
            value,
        };
        Ok(counters.into_iter().map(row).collect())
    }

    /// The names of its devices, as they are asked for.
    pub(super) fn devices(&self) -> Vec<String> {
        self.devices.iter().map(ToString::to_string).collect()
    }

    /// What its kernel threads used.
    pub(super) fn measured(&mut self, within: std::time::Duration) -> Result<Measured> {
        let Answer::Measured(one) = self.agent.finish(within)? else {
            bail!("a host answered out of turn");
        };
        Ok(one)
    }
}

/// A device of a host, for the record.
pub(super) fn state(host: &str, device: &AttachedDevice) -> Result<DeviceState> {
    Ok(DeviceState {
        host: host.to_owned(),
        device: serde_json::to_value(device)?,
    })
}
