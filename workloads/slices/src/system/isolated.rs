//! Slices in processes of their own: the fault isolation that NetSlices claims for packet processors in user space (section 1).
//!
//! A **keeper** holds the programs, the settings and the namespace's switches; each slice is opened and run by a process that
//! may end in any way. A process opens its sockets itself and sends their descriptors to the keeper over a Unix socket, which puts
//! them into the programs' maps and closes its copies: so a process needs no right to the maps, and a socket ends with its process, which
//! takes it out of the map by itself. Then the programs drop the packets of its queue and count them, the other slices go on, and
//! another process can take the queue.

use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use pktio::af_xdp::{PortDevice, Ports, PortsConfig};
use pktio::frame::Port;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use sys::link;

use crate::slice::Slices;

use super::counters::Counters;
use super::forwarding::Forwarding;
use super::hands::{Hands, Takes};
use super::{Error, ProcessorConfig, Routing, SystemConfig, netslice, port_numbers};

/// What the keeper says when a slice's sockets are in the maps.
const REGISTERED: u8 = 1;
/// Devices of a system.
const DEVICES: usize = 2;

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

    /// Waits for the sockets of a slice from the process at the other end, and gives it its queue's packets.
    ///
    /// # Errors
    /// When the process ends before, or sends something else.
    pub fn take_in(&mut self, process: &mut UnixStream) -> Result<(), Error> {
        let received = receive(process).map_err(Error::io("receive a slice's sockets"))?;
        let (number, sockets) = received;
        self.slices.register(number, &sockets)?;
        // The process alone holds them from now on.
        drop(sockets);
        let told = process.write_all(&[REGISTERED]);
        told.map_err(Error::io("tell a slice that it has its queue"))
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
}

/// Runs slice `number` of a system in this process until the keeper closes its end, and returns what it counted; what the
/// programs count is the keeper's.
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
    send(keeper, number, &sockets).map_err(Error::io("send the sockets to the keeper"))?;
    let mut answer = [0];
    let told = keeper.read_exact(&mut answer);
    told.map_err(Error::io("wait for the keeper"))?;
    hands.man(vec![io], "slice", &config)?;
    // Nothing more comes: the end of the keeper's life, or of its patience.
    let ended = keeper.read(&mut answer);
    ended.map_err(Error::io("wait for the keeper"))?;
    let mut counters = Counters::default();
    for (port, device) in config.devices.iter().enumerate() {
        let scope = format!("{device} queue {number}");
        netslice::of_socket(&mut counters, &scope, &probe, port)?;
    }
    hands.count(&mut counters, |_| Takes::Arrivals)?;
    hands.crew.dismiss()?;
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

/// Sends a slice's number with its sockets, in the order of the ports.
fn send(to: &UnixStream, number: u16, sockets: &[BorrowedFd<'_>; DEVICES]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DEVICES))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(sockets)) {
        return Err(io::Error::other("no room for the descriptors"));
    }
    let number = number.to_ne_bytes();
    let sent = sendmsg(
        to,
        &[IoSlice::new(&number)],
        &mut control,
        SendFlags::empty(),
    )?;
    if sent == number.len() {
        Ok(())
    } else {
        Err(io::ErrorKind::WriteZero.into())
    }
}

fn receive(from: &UnixStream) -> io::Result<(u16, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DEVICES))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut number = [0; 2];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let message = recvmsg(
        from,
        &mut [IoSliceMut::new(&mut number)],
        &mut control,
        flags,
    )?;
    let mut sockets = Vec::new();
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = part {
            sockets.extend(descriptors);
        }
    }
    if message.bytes != number.len() || sockets.len() != DEVICES {
        let (bytes, sockets) = (message.bytes, sockets.len());
        let what = format!("{bytes} bytes and {sockets} sockets are no slice's");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok((u16::from_ne_bytes(number), sockets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::Design;
    use std::os::fd::AsFd as _;

    #[test]
    fn descriptors_travel_with_their_slices_number_and_nothing_else_is_taken() {
        let (one, mut other) = UnixStream::pair().unwrap();
        let files = [(), ()].map(|()| std::fs::File::open("/dev/null").unwrap());
        send(&one, 7, &[files[0].as_fd(), files[1].as_fd()]).unwrap();
        let (number, sockets) = receive(&other).unwrap();
        assert_eq!((number, sockets.len()), (7, 2));
        (&one).write_all(&[1, 2]).unwrap();
        let refused = receive(&other).unwrap_err().to_string();
        assert_eq!(refused, "2 bytes and 0 sockets are no slice's");
        drop(one);
        assert!(receive(&other).is_err(), "the process is gone");
        assert_eq!(other.read(&mut [0]).unwrap(), 0);
    }

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
        };
        let second = alone(&config, 1);
        assert_eq!(
            (second.k_peers.clone(), second.u_peers.clone()),
            (vec![2], vec![3])
        );
        second.check().unwrap();
    }
}
