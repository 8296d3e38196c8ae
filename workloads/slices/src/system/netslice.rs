//! `netslice`: slices of both devices (NetSlices, section 3), a thread on each one's u-peer.
//!
//! Slice i is queue i of both devices. Its CPUs are given, and its devices are told to bring the packets there
//! ([`Slices::attach_at`]), which is what the paper's kernel module does. A batch of 1 is the paper's interface without
//! batching: a frame is received, processed and pushed out by a call of its own before the next is looked at.
//! A router's kernel keeps what is its own ([`Kept::ALL`]); where frames cross as they are, the two sides resolve each other and
//! it keeps nothing. With [`Routing::Kernel`] its programs ask the kernel's tables about each frame, and the slice's router does as
//! it is told; what gets no answer is the mirror's.

use loader::ReceiveCounters;
use pktio::af_xdp::{Ports, XskProbe};
use pktio::drops::Drop;
use sys::cpu::{self, CpuId, Topology};

use crate::placement::apply::{Applied, Outcome};
use crate::placement::{Placement, Plan, SliceCpus};
use crate::slice::{Chosen, Kept, Slices, SlicesConfig, own_addresses};

use super::counters::Counters;
use super::forwarding::Forwarding;
use super::hands::{Hands, Takes};
use super::machine::Machine;
use super::{Error, ProcessorConfig, Routing, SystemConfig, port_numbers};

/// Slices and their threads.
pub(super) struct Netslice {
    config: SystemConfig,
    hands: Hands,
    /// Behind the threads, which hold their sockets.
    slices: Option<Slices<'static>>,
    ios: Vec<Ports>,
    probes: Vec<XskProbe>,
    obtained: Vec<(String, String)>,
}

impl Netslice {
    pub(super) fn load(config: &SystemConfig) -> Result<Self, Error> {
        Ok(Self {
            hands: Hands::prepare(config, port_numbers(config)?)?,
            config: config.clone(),
            slices: None,
            ios: Vec::new(),
            probes: Vec::new(),
            obtained: Vec::new(),
        })
    }

    fn open(&mut self) -> Result<Slices<'static>, Error> {
        let mut slices = attach(&self.config, self.hands.forwarding())?;
        for number in 0..self.config.workers {
            let mut slice = slices.open(number, Chosen)?;
            self.probes.push(slice.io().probe());
            self.ios.push(slice.into_io());
        }
        Ok(slices)
    }
}

impl Machine for Netslice {
    fn attach(&mut self) -> Result<(), Error> {
        let slices = self.open()?;
        let mode = self.ios.first().map(|io| io.obtained().name());
        self.obtained = told(&self.config, &slices, mode)?;
        self.slices = Some(slices);
        Ok(())
    }

    fn start(&mut self) -> Result<(), Error> {
        let ios = std::mem::take(&mut self.ios);
        self.hands.man(ios, "slice", &self.config)
    }

    fn hands(&self) -> Option<&Hands> {
        Some(&self.hands)
    }

    fn hands_mut(&mut self) -> Option<&mut Hands> {
        Some(&mut self.hands)
    }

    fn obtained(&self) -> Vec<(String, String)> {
        self.obtained.clone()
    }

    fn count(&self, into: &mut Counters) -> Result<(), Error> {
        if let Some(slices) = &self.slices {
            of_programs(into, &self.config, slices)?;
        }
        for (slice, probe) in self.probes.iter().enumerate() {
            for (port, device) in self.config.devices.iter().enumerate() {
                let scope = format!("{device} queue {slice}");
                of_socket(into, &scope, probe, port)?;
            }
        }
        self.hands.count(into, |_| Takes::Arrivals).map(drop)
    }
}

/// What was had. `mode` is how the sockets are bound.
pub(super) fn told(
    config: &SystemConfig,
    slices: &Slices<'_>,
    mode: Option<&str>,
) -> Result<Vec<(String, String)>, Error> {
    let sizes = slices.ports(0);
    let mut told = vec![
        line("io", format!("af_xdp {}", mode.unwrap_or_default())),
        line("xdp", "native".to_owned()),
        line(
            "rings",
            format!("receive {}, transmit {}", sizes.rx_ring, sizes.tx_ring),
        ),
        line("batch", sizes.batch.to_string()),
    ];
    if let ProcessorConfig::Router = config.processor {
        told.push(line("routing", config.routing.name().to_owned()));
    }
    let topology = Topology::read().map_err(Error::io("read the CPUs' topology"))?;
    let plan = slices.plan();
    for (number, cpus) in plan.slices.iter().enumerate() {
        told.push(line(
            &format!("slice-{number}"),
            placed(&plan, cpus, &topology),
        ));
    }
    let held = slices.applied().iter().filter(|one| one.holds_k_peer());
    let queues = config.devices.len() * usize::from(config.workers);
    told.push(line(
        "k_peers",
        format!("{} of {queues} queues are held there", held.count()),
    ));
    told.extend(refused(slices.applied()));
    Ok(told)
}

/// Takes the devices' packets, for slices at the CPUs that are told, and has the namespace forward of itself or not, as they
/// need it.
pub(super) fn attach(
    config: &SystemConfig,
    forwarding: &mut Forwarding,
) -> Result<Slices<'static>, Error> {
    let (wanted, plan) = (wanted(config)?, plan(config)?);
    match config.routing {
        Routing::Mirror => {
            forwarding.switch(false)?;
            Ok(Slices::attach_at(&wanted, plan, None)?)
        }
        Routing::Kernel => {
            let slices = Slices::attach_at(&wanted, plan, None)?;
            // Or its tables tell of no way. It gets nothing to forward, for the programs have all of it.
            forwarding.switch(true)?;
            Ok(slices)
        }
    }
}

/// Adds what the programs counted.
pub(super) fn of_programs(
    into: &mut Counters,
    config: &SystemConfig,
    slices: &Slices<'_>,
) -> Result<(), Error> {
    for (device, counters) in config.devices.iter().zip(slices.counters()?) {
        of_program(into, device, &counters);
    }
    Ok(())
}

/// The counter of the frames that a program gave to a queue's slice.
pub(super) fn redirected(queue: usize) -> String {
    format!("redirected_{queue}")
}

fn of_program(into: &mut Counters, device: &str, counters: &ReceiveCounters) {
    for (queue, frames) in counters.redirected.iter().enumerate() {
        into.note(device, &redirected(queue), *frames);
    }
    into.note(device, "passed", counters.passed);
    into.note(device, "redirect_failed", counters.redirect_failed);
    into.lose("kept_by_kernel", "divert: passed", counters.passed);
    into.lose(
        "no_slice",
        "divert: redirect_failed",
        counters.redirect_failed,
    );
}

/// Adds what the socket of a slice's port lost.
pub(super) fn of_socket(
    into: &mut Counters,
    scope: &str,
    probe: &XskProbe,
    port: usize,
) -> Result<(), Error> {
    let drops = probe
        .socket_drops(port)
        .map_err(Error::io(format!("read the statistics of {scope}")))?;
    for (drop, counter) in [
        (Drop::XskRxRingFull, "rx_ring_full"),
        (Drop::XskNoFrame, "rx_dropped"),
    ] {
        into.note(scope, drop.name(), drops.get(drop));
        into.lose(
            drop.name(),
            &format!("XDP_STATISTICS: {counter}"),
            drops.get(drop),
        );
    }
    into.note(scope, "fill_ring_empty", drops.related.fill_ring_empty);
    into.note(scope, "tx_invalid", drops.related.tx_invalid);
    Ok(())
}

fn line(name: &str, value: String) -> (String, String) {
    (name.to_owned(), value)
}

/// The slices at the CPUs that are told.
fn plan(config: &SystemConfig) -> Result<Plan, Error> {
    let scheduled = config.u_peers.is_empty();
    let allowed = cpu::affinity(None).map_err(Error::io("ask which CPUs may be used"))?;
    let slice = |(number, k_peer): (usize, &u32)| SliceCpus {
        k_peer: CpuId(*k_peer),
        u_peers: match config.cpu(number) {
            Some(u_peer) => vec![CpuId(u_peer)],
            None => allowed.clone(),
        },
    };
    Ok(Plan {
        placement: if scheduled {
            Placement::OsDefault
        } else {
            Placement::Nearest
        },
        slices: config.k_peers.iter().enumerate().map(slice).collect(),
    })
}

fn wanted(config: &SystemConfig) -> Result<SlicesConfig, Error> {
    let (kept, own) = match &config.processor {
        ProcessorConfig::Router | ProcessorConfig::Maelstrom(_) => (Kept::ALL, None),
        ProcessorConfig::Inspect { .. } => (Kept::NOTHING, Some(Vec::new())),
        ProcessorConfig::Ipsec(gateway) => {
            // What the other gateway sends to this address is the slice's.
            let mut own = own_addresses().map_err(Error::io("read the addresses of this host"))?;
            own.retain(|address| *address != gateway.local);
            (Kept::ALL, Some(own))
        }
    };
    Ok(SlicesConfig {
        kept,
        own,
        batch: config.batch as usize,
        next_links: config.routing == Routing::Kernel,
        ..SlicesConfig::new(config.devices.to_vec(), config.workers)
    })
}

/// Where a slice runs, and what Figure 5 of the paper calls that.
fn placed(plan: &Plan, cpus: &SliceCpus, topology: &Topology) -> String {
    let k_peer = cpus.k_peer;
    match cpus.u_peers.first() {
        Some(&u_peer) if plan.placement != Placement::OsDefault => {
            let class = topology.class(k_peer, u_peer);
            let class = class.map_or("unknown CPUs", |class| class.name());
            format!("k-peer {k_peer}, u-peer {u_peer}: {class}")
        }
        Some(_) | None => format!("k-peer {k_peer}, u-peer wherever the scheduler puts it"),
    }
}

/// What the devices could not be told.
fn refused(applied: &[Applied]) -> impl Iterator<Item = (String, String)> {
    let refused = applied.iter().filter(|one| match one.outcome {
        Outcome::Refused { .. } => true,
        Outcome::Made(_) | Outcome::Skipped { .. } => false,
    });
    refused.map(|one| line("setting", one.to_string()))
}
