//! Slices in processes of their own: the fault isolation that NetSlices claims for packet processors in user space (section 1).
//!
//! A **keeper** holds the programs, the settings and the namespace's switches; each slice is opened and run by a process that
//! may end in any way. A process opens its sockets itself and sends their descriptors to the keeper over a Unix socket, which puts
//! them into the programs' maps: so a process needs no right to the maps. What the keeper then has of them is a [`Watch`]. Without
//! it a socket ends with its process, which takes it out of the map by itself; with it the keeper takes it out, and counts
//! what the process has left behind ([`Remains`]). From then on the programs drop the packets of its queue and count them, the
//! other slices go on, and another process can take the queue.
//!
//! [`System::isolated`](super::System::isolated) leads keeper and processes through the phases of a system; [`Keeper`]
//! and [`serve`] are the two ends by themselves.

mod discards;
mod processes;
mod remains;
mod slice;
mod sockets;
mod words;

use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use pktio::af_xdp::Witness;

use crate::slice::Slices;

use super::counters::Counters;
use super::forwarding::Forwarding;
use super::{Error, SystemConfig, netslice};

pub(super) use discards::Discards;
pub(super) use processes::Processes;
pub use processes::{Killed, Launch};
pub use remains::Remains;
pub use slice::{serve, serve_ordered};

/// What the keeper says when a slice's sockets are in the maps.
const REGISTERED: u8 = 1;
/// Devices of a system.
const DEVICES: usize = 2;

/// What a keeper sees of a slice in another process, also after that has ended. It keeps the slice's sockets open.
#[derive(Debug)]
pub struct Watch {
    witness: Witness,
    discards: Discards,
}

/// The process that holds what all slices stand on, and runs none.
pub struct Keeper {
    config: SystemConfig,
    slices: Slices<'static>,
    _forwarding: Forwarding,
}

impl Keeper {
    /// Attaches the programs, tells the devices where to bring packets, and takes the namespace's own forwarding over. Packets are
    /// dropped and counted until a slice [is taken in](Self::take_in).
    ///
    /// # Errors
    /// As [`System::load`](super::System::load) and [`attach`](super::System::attach) of `netslice`.
    pub fn attach(config: &SystemConfig) -> Result<Self, Error> {
        config.check()?;
        let mut forwarding = Forwarding::here()?;
        Ok(Self {
            slices: netslice::attach(config, &mut forwarding)?,
            config: config.clone(),
            _forwarding: forwarding,
        })
    }

    /// Waits for the sockets of a slice from the process at the other end, and gives it its queue's packets. Once the watch is
    /// dropped, the process alone holds its sockets.
    ///
    /// # Errors
    /// When the process ends before, or sends something else.
    pub fn take_in(&mut self, process: &mut UnixStream) -> Result<Watch, Error> {
        let received = sockets::receive(process).map_err(Error::io("receive a slice's sockets"))?;
        let (number, sockets) = received;
        let discards = discards_of(process).map_err(Error::io("share memory with a slice"))?;
        self.slices.register(number, &sockets)?;
        let witness = Witness::of(sockets, &self.slices.ports(number));
        let witness = witness.map_err(Error::io("map the rings of a slice"))?;
        let told = process.write_all(&[REGISTERED]);
        told.map_err(Error::io("tell a slice that it has its queue"))?;
        Ok(Watch { witness, discards })
    }

    /// Takes the packets of a slice's queue away from its sockets: none is on its way to them when this returns.
    ///
    /// # Errors
    /// When there is no such slice, or the kernel refuses.
    fn shut_out(&mut self, number: u16) -> Result<(), Error> {
        Ok(self.slices.unregister(number)?)
    }

    /// What the programs counted: packets by queue, those that the kernel keeps, and those of queues without a slice.
    ///
    /// # Errors
    /// When the maps cannot be read.
    pub fn counters(&self) -> Result<Counters, Error> {
        let mut counters = Counters::default();
        netslice::of_programs(&mut counters, &self.config, &self.slices)?;
        Ok(counters)
    }

    /// Packets that the programs gave to each slice so far.
    fn arrived(&self) -> Result<Vec<u64>, Error> {
        let counters = self.counters()?;
        let slices = 0..self.config.workers;
        let of = |slice: u16| counters.value(&netslice::redirected(slice.into()));
        Ok(slices.map(of).collect())
    }
}

/// Waits until a process says where its slice's discards are.
fn discards_of(process: &mut UnixStream) -> io::Result<Discards> {
    let place: Option<PathBuf> = words::hear(process)?;
    let ended = || io::Error::from(io::ErrorKind::UnexpectedEof);
    Discards::open(&place.ok_or_else(ended)?)
}
