//! The sockets of all threads of one back end: what they were granted, and what they lost.

use std::io;
use std::sync::Arc;

use super::socket::PacketSocket;
use crate::drops::Drops;
use crate::udp::ReceiveBuffer;

/// What the kernel granted one socket, read back from it where it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Obtained {
    /// Memory for what waits to be received; none where a ring is in its place.
    pub receive_buffer: Option<ReceiveBuffer>,
    /// Whether what it sends goes to the driver without a queueing discipline.
    pub qdisc_bypass: bool,
    /// Whether what the host itself sends stays hidden from it.
    pub ignores_outgoing: bool,
    /// Steps of its filter; 0 when everything is let in.
    pub filter_steps: u32,
    /// Its rings, where it has any.
    pub rings: Option<Rings>,
    /// The number of its fanout mode (`PACKET_FANOUT_*`), where it is in a group.
    pub fanout: Option<u8>,
}

/// Memory that a socket shares with the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rings {
    /// 2 or 3, of TPACKET.
    pub version: u8,
    /// Bytes of the receive ring.
    pub receive_bytes: usize,
    /// Bytes of the transmit ring; 0 without one.
    pub transmit_bytes: usize,
}

impl Obtained {
    fn of(opened: &Opened) -> io::Result<Self> {
        let socket = &opened.socket;
        let fanout = socket.get(libc::PACKET_FANOUT)?;
        let version = socket.get(libc::PACKET_VERSION)?;
        let rings = opened.rings.map(|(receive_bytes, transmit_bytes)| Rings {
            // The kernel counts from 0.
            version: version as u8 + 1,
            receive_bytes,
            transmit_bytes,
        });
        Ok(Self {
            receive_buffer: opened.receive_buffer,
            qdisc_bypass: socket.get(libc::PACKET_QDISC_BYPASS)? != 0,
            ignores_outgoing: socket.get(libc::PACKET_IGNORE_OUTGOING)? != 0,
            filter_steps: socket.filter_steps()?,
            rings,
            // Number of the group, mode and flags, from the lowest bits up; hash is mode 0 of group 0 or more.
            fanout: opened.fanout.then_some((fanout >> 16) as u8),
        })
    }
}

/// A socket on its way into a group: bound, and still shut.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) socket: Arc<PacketSocket>,
    pub(super) receive_buffer: Option<ReceiveBuffer>,
    /// Bytes of the receive and of the transmit ring.
    pub(super) rings: Option<(usize, usize)>,
    pub(super) fanout: bool,
    /// What it is to let in; everything without one.
    pub(super) filter: Option<Vec<libc::sock_filter>>,
}

/// The I/O of all threads, and their sockets.
#[derive(Debug)]
pub struct Group<I> {
    ios: Vec<I>,
    sockets: Vec<Arc<PacketSocket>>,
    obtained: Vec<Obtained>,
}

impl<I> Group<I> {
    /// Lets frames in, now that every socket is in its place.
    pub(super) fn let_in(ios: Vec<I>, opened: Vec<Opened>) -> io::Result<Self> {
        for one in &opened {
            match &one.filter {
                Some(program) => one.socket.filter(program)?,
                None => one.socket.unfilter()?,
            }
        }
        let obtained = opened.iter().map(Obtained::of).collect::<io::Result<_>>()?;
        Ok(Self {
            ios,
            sockets: opened.into_iter().map(|one| one.socket).collect(),
            obtained,
        })
    }

    /// Hands out the threads' I/O, index = thread. Empty the second time.
    pub fn take_ios(&mut self) -> Vec<I> {
        std::mem::take(&mut self.ios)
    }

    /// What each socket was granted: those of the first thread in the order of its ports, and so on.
    #[must_use]
    pub fn obtained(&self) -> &[Obtained] {
        &self.obtained
    }

    /// A reader of the loss counters that outlives this value. It keeps the sockets open.
    #[must_use]
    pub fn probe(&self) -> PacketProbe {
        PacketProbe {
            sockets: self.sockets.clone(),
        }
    }
}

/// Reads what a group of packet sockets lost, from any thread.
#[derive(Debug, Clone)]
pub struct PacketProbe {
    sockets: Vec<Arc<PacketSocket>>,
}

impl PacketProbe {
    /// What all sockets lost so far.
    ///
    /// # Errors
    /// When the option cannot be read.
    pub fn drops(&self) -> io::Result<Drops> {
        let mut drops = Drops::default();
        for socket in 0..self.sockets.len() {
            drops.merge(&self.socket_drops(socket)?);
        }
        Ok(drops)
    }

    /// How many sockets there are.
    #[must_use]
    pub const fn sockets(&self) -> usize {
        self.sockets.len()
    }

    /// What one socket lost so far, in the order of [`Group::obtained`].
    ///
    /// # Errors
    /// As [`drops`](Self::drops).
    pub fn socket_drops(&self, socket: usize) -> io::Result<Drops> {
        self.sockets[socket].drops()
    }
}

/// An error about a configuration that cannot be.
pub(super) fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
