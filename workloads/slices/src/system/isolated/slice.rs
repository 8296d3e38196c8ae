//! A slice alone in its process.

use std::io::Read as _;
use std::os::unix::net::UnixStream;

use pktio::af_xdp::{PortDevice, Ports, PortsConfig, XskProbe};
use pktio::frame::Port;
use sys::link;

use super::words::{self, Answer, Order, Question};
use super::{Discards, sockets};
use crate::system::counters::Counters;
use crate::system::hands::{Hands, Takes};
use crate::system::{
    Error, ProcessorConfig, Routing, SystemConfig, ThreadInfo, netslice, port_numbers,
};

/// What the only thread of a process is called in it.
const ALONE: &str = "slice-0";

/// Runs the slice that the keeper at the other end orders, until that closes its end or dies.
///
/// # Errors
/// As [`serve`]; when what comes is no order.
pub fn serve_ordered(keeper: &mut UnixStream) -> Result<(), Error> {
    let order = words::hear(&mut *keeper).map_err(Error::io("hear which slice to run"))?;
    match order {
        // The keeper has ended before.
        None => Ok(()),
        Some(Order { number, config }) => serve(&config, number, keeper).map(drop),
    }
}

/// Runs slice `number` of a system in this process and answers the keeper's questions, until that closes its end; returns what it
/// counted. What the programs count is the keeper's.
///
/// # Errors
/// When the sockets cannot be had, the keeper does not take them, or the thread fails.
pub fn serve(
    config: &SystemConfig,
    number: u16,
    keeper: &mut UnixStream,
) -> Result<Counters, Error> {
    config.check()?;
    if number >= config.workers {
        let what = format!("slice {number} of {}, counted from 0", config.workers);
        return Err(Error::Config(what));
    }
    let config = alone(config, number);
    let mut hands = Hands::prepare(&config, port_numbers(&config)?)?;
    let io = open(&config, number)?;
    let probe = io.probe();
    let sockets = [Port(0), Port(1)].map(|port| io.socket(port));
    sockets::send(keeper, number, &sockets).map_err(Error::io("send the sockets to the keeper"))?;
    let shared = Discards::create().and_then(|discards| {
        words::tell(&mut *keeper, &discards.path())?;
        Ok(discards)
    });
    let discards = shared.map_err(Error::io("share memory with the keeper"))?;
    hands.crew.show_discards(discards);
    let mut answer = [0];
    let told = keeper.read_exact(&mut answer);
    told.map_err(Error::io("wait for the keeper"))?;
    hands.man(vec![io], "slice", &config)?;
    let mut slice = Slice {
        config,
        number,
        hands,
        probe,
    };
    slice.converse(keeper)?;
    let counters = slice.counters()?;
    slice.hands.crew.dismiss()?;
    Ok(counters)
}

/// The configuration of one of several workers, as the only one of its process.
fn alone(config: &SystemConfig, number: u16) -> SystemConfig {
    let of = |cpus: &[u32]| cpus.get(usize::from(number)).copied().into_iter().collect();
    let mut alone = SystemConfig {
        workers: 1,
        k_peers: of(&config.k_peers),
        u_peers: of(&config.u_peers),
        ..config.clone()
    };
    if let ProcessorConfig::Ipsec(gateway) = &mut alone.processor {
        gateway.spi = gateway.spi.wrapping_add(number.into());
    }
    alone
}

fn open(config: &SystemConfig, number: u16) -> Result<Ports, Error> {
    let mut devices = Vec::new();
    for device in &config.devices {
        let link = link::get(device).map_err(Error::io(format!("find the device {device}")))?;
        devices.push(PortDevice {
            ifindex: link.index,
            mtu: u16::try_from(link.mtu).unwrap_or(u16::MAX),
        });
    }
    let config = PortsConfig {
        batch: config.batch as usize,
        next_links: config.routing == Routing::Kernel,
        ..PortsConfig::new(devices, number)
    };
    Ports::open(&config).map_err(Error::io("open the slice's sockets"))
}

/// A slice at work.
struct Slice {
    config: SystemConfig,
    number: u16,
    hands: Hands,
    probe: XskProbe,
}

impl Slice {
    /// Answers questions until the keeper closes its end, or its life does.
    fn converse(&self, keeper: &mut UnixStream) -> Result<(), Error> {
        while let Some(question) =
            words::hear(&mut *keeper).map_err(Error::io("wait for the keeper"))?
        {
            let answer = self.answer(question);
            let answer = answer.unwrap_or_else(|error| Answer::Failed(error.to_string()));
            words::tell(&mut *keeper, &answer).map_err(Error::io("answer the keeper"))?;
        }
        Ok(())
    }

    fn answer(&self, question: Question) -> Result<Answer, Error> {
        Ok(match question {
            Question::Threads => Answer::Threads(self.threads()),
            Question::Counters => Answer::Counters(self.counters()?),
            Question::Quiet => Answer::Quiet(self.hands.is_quiet()?),
        })
    }

    fn threads(&self) -> Vec<ThreadInfo> {
        let threads = self.hands.threads().into_iter();
        let named = threads.map(|thread| ThreadInfo {
            name: self.name(thread.name),
            ..thread
        });
        named.collect()
    }

    fn counters(&self) -> Result<Counters, Error> {
        let mut counters = Counters::default();
        for (port, device) in self.config.devices.iter().enumerate() {
            let scope = format!("{device} queue {}", self.number);
            netslice::of_socket(&mut counters, &scope, &self.probe, port)?;
        }
        self.hands.count(&mut counters, |_| Takes::Arrivals)?;
        for one in &mut counters.all {
            one.scope = self.name(std::mem::take(&mut one.scope));
        }
        Ok(counters)
    }

    /// A thread's name among those of all slices.
    fn name(&self, here: String) -> String {
        match here.as_str() {
            ALONE => format!("slice-{}", self.number),
            _ => here,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::Design;

    #[test]
    fn a_worker_alone_keeps_its_cpus() {
        let config = SystemConfig {
            design: Design::Netslice,
            processor: ProcessorConfig::Router,
            devices: ["left".to_owned(), "right".to_owned()],
            workers: 3,
            k_peers: vec![0, 2, 4],
            u_peers: vec![1, 3, 5],
            batch: 1,
            routing: Routing::Mirror,
            qdisc_bypass: false,
        };
        let second = alone(&config, 1);
        assert_eq!(
            (second.k_peers.clone(), second.u_peers.clone()),
            (vec![2], vec![3])
        );
        second.check().unwrap();
    }
}
