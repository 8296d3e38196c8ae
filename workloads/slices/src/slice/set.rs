//! All slices of a set of devices: what loading NetSlice's kernel module is in the paper.

use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use loader::{Attached, Divert, ReceiveCounters};
use pktio::af_xdp::{PortDevice, Ports, PortsConfig};
use pktio::frame::Port;
use steering::divert::Kept;
use sys::cpu::{self, CpuId, Topology};
use sys::journal::Journal;
use sys::link;
use sys::tables::{self, Change};

use super::{Route, Slice};
use crate::placement::apply::{Applied, Linux, apply};
use crate::placement::{Placement, PlacementError, Plan, Request, SliceCpus, place};

/// Which devices are sliced, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlicesConfig {
    /// The devices, of the calling thread's network namespace; index = port number.
    pub devices: Vec<String>,
    /// Slices: as many queues of each device are used. The kernel gives packets of further queues to nobody, and they are
    /// counted.
    pub slices: u16,
    /// Where a slice's application runs, seen from its k-peer.
    pub placement: Placement,
    /// CPUs of the application in each slice.
    pub u_peers: u16,
    /// Packets that the kernel keeps.
    pub kept: Kept,
    /// The machine's addresses, for [`Kept::OWN`]; none stands for those that the calling thread's network namespace has when
    /// the devices are attached. They are not followed: who adds an address later, or wants packets to one of them, names
    /// them ([`own_addresses`]).
    pub own: Option<Vec<IpAddr>>,
    /// Most frames that a slice's [`io`](Slice::io) hands out at once: the I/O vectors of NetSlices' Figure 5.
    pub batch: usize,
    /// Whether the kernel's tables are asked about each packet on its k-peer, so that it comes with its next link
    /// ([`FrameIo::next_link`](pktio::FrameIo::next_link)). They tell none where the kernel does not forward.
    pub next_links: bool,
}

impl SlicesConfig {
    /// So many slices of these devices, placed as near as can be, with one u-peer each; the kernel keeps its own packets, and
    /// is asked about no others.
    #[must_use]
    pub const fn new(devices: Vec<String>, slices: u16) -> Self {
        Self {
            devices,
            slices,
            placement: Placement::Nearest,
            u_peers: 1,
            kept: Kept::ALL,
            own: None,
            batch: 64,
            next_links: false,
        }
    }
}

/// The addresses of the calling thread's network namespace, as they are now.
///
/// # Errors
/// When the kernel's answer cannot be had or understood.
pub fn own_addresses() -> io::Result<Vec<IpAddr>> {
    let address = |change| match change {
        Change::Address(address) => Some(address.address),
        Change::Route(..)
        | Change::NoRoute(_)
        | Change::Neighbour(_)
        | Change::NoNeighbour { .. }
        | Change::Link(_)
        | Change::NoLink(_)
        | Change::NoAddress(_) => None,
    };
    Ok(tables::read()?.into_iter().filter_map(address).collect())
}

/// Why devices cannot be sliced.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine's CPUs do not allow it.
    #[error(transparent)]
    Placement(#[from] PlacementError),
    /// The program that takes the packets could not be loaded or attached.
    #[error(transparent)]
    Program(#[from] loader::Error),
    /// A device has too few queues.
    #[error(
        "{device} has {queues} queues, {slices} slices need as many: ask for fewer slices, or give the device more \
         (`ethtool -L`; a veth gets them when it is made)"
    )]
    TooFewQueues {
        /// The device.
        device: String,
        /// Queues that it has in both directions.
        queues: u32,
        /// Slices asked for.
        slices: u16,
    },
    /// There is no such slice.
    #[error("slice {number} of {slices}, counted from 0")]
    NoSuchSlice {
        /// Asked for.
        number: u16,
        /// Slices that there are.
        slices: u16,
    },
    /// A CPU belongs to another slice.
    #[error("CPU {cpu} belongs to slice {slice}: a CPU is in one slice only")]
    Taken {
        /// The CPU.
        cpu: CpuId,
        /// Whose it is.
        slice: usize,
    },
    /// The machine refused something else.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Sliced devices. With this value ends all that was done to them: the network stack has their packets again.
pub struct Slices<'j> {
    devices: Vec<PortDevice>,
    names: Vec<String>,
    batch: usize,
    next_links: bool,
    programs: Vec<Divert>,
    plan: Arc<Mutex<Plan>>,
    applied: Vec<Applied>,
    // Before the programs go: a veth has NAPI threads only while it has a program.
    linux: Linux<'j>,
    _attached: Vec<Attached>,
}

impl<'j> Slices<'j> {
    /// Takes the devices' packets and tells the devices where to bring them. The CPUs are those that the calling thread may run on,
    /// so call it before [`Slice::run_here`]. A journal is for devices that outlive the
    /// process: what was changed is put back from it after a crash.
    ///
    /// # Errors
    /// When the machine has not the CPUs, a device not the queues, or the program cannot be attached in the driver. What a
    /// device cannot be told is no error ([`applied`](Self::applied)).
    pub fn attach(config: &SlicesConfig, journal: Option<&'j mut Journal>) -> Result<Self, Error> {
        let allowed = cpu::affinity(None)?;
        let request = Request {
            slices: config.slices,
            placement: config.placement,
            u_peers: config.u_peers,
        };
        let plan = place(&Topology::read()?, &allowed, &request)?;
        Self::attach_at(config, plan, journal)
    }

    /// As [`attach`](Self::attach), with the slices at CPUs that somebody else has chosen and answers for. Of `config`, what
    /// the choice would follow from is not looked at.
    ///
    /// # Errors
    /// As [`attach`](Self::attach).
    pub fn attach_at(
        config: &SlicesConfig,
        plan: Plan,
        journal: Option<&'j mut Journal>,
    ) -> Result<Self, Error> {
        let slices = plan.slices.len() as u16;
        let (mut devices, mut programs, mut attached) = (Vec::new(), Vec::new(), Vec::new());
        let own = match &config.own {
            Some(own) => own.clone(),
            None => own_addresses()?,
        };
        for name in &config.devices {
            let link = link::get(name)?;
            let queues = link.rx_queues.min(link.tx_queues);
            if queues < u32::from(slices) {
                return Err(Error::TooFewQueues {
                    device: name.clone(),
                    queues,
                    slices,
                });
            }
            let mtu = u16::try_from(link.mtu).unwrap_or(u16::MAX);
            let (kept, next_links) = (config.kept, config.next_links);
            let mut program = Divert::load_with(link.rx_queues, kept, &own, next_links)?;
            attached.push(program.attach(link.index)?);
            programs.push(program);
            devices.push(PortDevice {
                ifindex: link.index,
                mtu,
            });
        }
        let mut linux = Linux::new(journal);
        let applied = apply(&mut linux, &config.devices, &plan.slices)?;
        Ok(Self {
            devices,
            names: config.devices.clone(),
            batch: config.batch,
            next_links: config.next_links,
            programs,
            plan: Arc::new(Mutex::new(plan)),
            applied,
            linux,
            _attached: attached,
        })
    }

    /// The slices' CPUs.
    #[must_use]
    pub fn plan(&self) -> Plan {
        self.locked(Plan::clone)
    }

    /// What the devices were told, and what they could not be.
    #[must_use]
    pub fn applied(&self) -> &[Applied] {
        &self.applied
    }

    /// What the program of each device did with its packets.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn counters(&self) -> Result<Vec<ReceiveCounters>, Error> {
        let counters = self.programs.iter().map(Divert::counters);
        Ok(counters.collect::<loader::Result<_>>()?)
    }

    /// The sizes of a slice's rings and memory.
    #[must_use]
    pub fn ports(&self, number: u16) -> PortsConfig {
        PortsConfig {
            batch: self.batch,
            next_links: self.next_links,
            ..PortsConfig::new(self.devices.clone(), number)
        }
    }

    /// Opens a slice. Its memory is touched on its first u-peer, so that it lies on the node of the application. Until it is
    /// opened, and after it is dropped, the packets of its queue are dropped and counted.
    ///
    /// # Errors
    /// When there is no such slice, it is open already (`EBUSY`), or the kernel refuses a socket.
    pub fn open<R: Route>(&mut self, number: u16, route: R) -> Result<Slice<R>, Error> {
        let cpus = self.slice(number)?;
        let config = self.ports(number);
        let ports = thread::scope(|scope| {
            let opening = scope.spawn(|| {
                cpu::set_affinity(None, &cpus.u_peers[..1])?;
                Ports::open(&config)
            });
            opening
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        let sockets: Vec<_> = (0..self.devices.len() as u16)
            .map(|port| ports.socket(Port(port)))
            .collect();
        self.register(number, &sockets)?;
        Ok(Slice::new(number, ports, route, Arc::clone(&self.plan)))
    }

    /// Gives the packets of a slice's queue to sockets that somebody opened elsewhere, one of each device in their order. The
    /// programs do not keep them open.
    ///
    /// # Errors
    /// When there is no such slice, or these are no AF_XDP sockets.
    pub fn register(&mut self, number: u16, sockets: &[impl AsFd]) -> Result<(), Error> {
        self.slice(number)?;
        for (program, socket) in self.programs.iter_mut().zip(sockets) {
            program.register(u32::from(number), socket.as_fd())?;
        }
        Ok(())
    }

    /// Takes the packets of a slice's queue away from its sockets: they are dropped and counted. When this returns, none is on its way
    /// to the sockets any more.
    ///
    /// # Errors
    /// When there is no such slice, or the kernel cannot be asked to wait.
    pub fn unregister(&mut self, number: u16) -> Result<(), Error> {
        self.slice(number)?;
        for program in &mut self.programs {
            program.unregister(u32::from(number))?;
        }
        Ok(loader::grace_period()?)
    }

    /// Gives a slice other CPUs: its queues move to the new k-peer at once; its application asks again
    /// ([`Slice::run_here`]). Returns what the devices were told.
    ///
    /// # Errors
    /// When there is no such slice, no u-peer, or a CPU belongs to another slice; nothing is changed then.
    pub fn set_cpus(&mut self, number: u16, cpus: SliceCpus) -> Result<Vec<Applied>, Error> {
        self.slice(number)?;
        if cpus.u_peers.is_empty() {
            let reason = "a slice needs at least one u-peer";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason).into());
        }
        let mut plan = self.plan();
        // Where the scheduler places the applications, they share all CPUs, and k-peers alone are exclusive.
        let shared = plan.placement == Placement::OsDefault;
        let own = |cpus: &SliceCpus| {
            if shared {
                vec![cpus.k_peer]
            } else {
                cpus.all()
            }
        };
        for (slice, other) in plan.slices.iter().enumerate() {
            let taken = own(other).into_iter().find(|cpu| own(&cpus).contains(cpu));
            if let Some(cpu) = taken.filter(|_| slice != usize::from(number)) {
                return Err(Error::Taken { cpu, slice });
            }
        }
        plan.slices[usize::from(number)] = cpus;
        let applied = apply(&mut self.linux, &self.names, &plan.slices)?;
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = plan;
        self.applied.clone_from(&applied);
        Ok(applied)
    }

    fn slice(&self, number: u16) -> Result<SliceCpus, Error> {
        self.locked(|plan| {
            let slices = plan.slices.len() as u16;
            let found = plan.slices.get(usize::from(number)).cloned();
            found.ok_or(Error::NoSuchSlice { number, slices })
        })
    }

    fn locked<T>(&self, look: impl FnOnce(&Plan) -> T) -> T {
        look(&self.plan.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
