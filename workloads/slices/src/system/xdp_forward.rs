//! `xdp_forward`: a program in the driver of each device that forwards by the kernel's tables, past the network stack.
//!
//! What needs more than that (a neighbour to be resolved, an ICMP error) it leaves to the kernel, which forwards too; so
//! the ledger is the programs' and, of what they passed on, that of the namespace's IP statistics.

use loader::{Attached, Forward, ForwardCounters};
use steering::forward::{Action, Fate};

use super::counters::Counters;
use super::forwarding::Forwarding;
use super::hands::Hands;
use super::ip_statistics::{ForHost, IpStatistics};
use super::machine::Machine;
use super::{Error, SystemConfig, port_numbers};

/// A program on each device.
pub(super) struct XdpForward {
    devices: [String; 2],
    ports: [u32; 2],
    /// Before the programs go that it attaches.
    attached: Vec<Attached>,
    programs: Vec<Forward>,
    statistics: IpStatistics,
    forwarding: Forwarding,
}

impl XdpForward {
    pub(super) fn load(config: &SystemConfig) -> Result<Self, Error> {
        let ports = port_numbers(config)?;
        let programs = ports.iter().map(|_| Forward::load(&ports));
        Ok(Self {
            devices: config.devices.clone(),
            ports,
            attached: Vec::new(),
            programs: programs.collect::<loader::Result<_>>()?,
            statistics: IpStatistics::open(ForHost::Lost)?,
            forwarding: Forwarding::here()?,
        })
    }
}

impl Machine for XdpForward {
    fn attach(&mut self) -> Result<(), Error> {
        // The programs ask the kernel's tables, which tell of no way where nothing is forwarded.
        self.forwarding.switch(true)?;
        for (program, port) in self.programs.iter_mut().zip(self.ports) {
            self.attached.push(program.attach(port)?);
        }
        Ok(())
    }

    fn start(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn hands(&self) -> Option<&Hands> {
        None
    }

    fn hands_mut(&mut self) -> Option<&mut Hands> {
        None
    }

    fn obtained(&self) -> Vec<(String, String)> {
        let line = |name: &str, what: &str| (name.to_owned(), what.to_owned());
        vec![line("io", "xdp"), line("xdp", "native")]
    }

    fn count(&self, into: &mut Counters) -> Result<(), Error> {
        for (device, program) in self.devices.iter().zip(&self.programs) {
            account(into, device, &program.counters()?);
        }
        self.statistics.count(into)
    }
}

fn account(into: &mut Counters, device: &str, counters: &ForwardCounters) {
    into.sent += counters.of(Fate::Forwarded);
    for (fate, frames) in &counters.fates {
        let name = fate.name();
        into.note(device, name, *frames);
        match fate.action() {
            // What was passed on is the kernel's.
            Action::Redirect | Action::Pass => {}
            Action::Drop => into.lose(name, &format!("forward: {name}"), *frames),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_dropped_is_lost_and_what_it_passed_on_is_not_its_to_account_for() {
        let mut counters = Counters::default();
        let fates = Fate::ALL.map(|fate| (fate, 1)).to_vec();
        account(&mut counters, "router0", &ForwardCounters { fates });
        assert_eq!(counters.sent, 1);
        let lost: Vec<&str> = counters
            .losses
            .iter()
            .map(|loss| loss.reason.as_str())
            .collect();
        assert_eq!(lost, ["blackhole", "unreachable", "prohibited"]);
        assert_eq!(counters.all.len(), Fate::ALL.len());
    }
}
