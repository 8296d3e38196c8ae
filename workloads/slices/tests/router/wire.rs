//! Whole frames on a device, by packet sockets, and the I/O of a router over two of them.

#![expect(unsafe_code, reason = "a packet socket's address and options")]

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};

use pktio::frame::{FrameIo, FrameMut, Port};
use pktio::{BatchIo, IoCounters};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{recv, send, socket_with};

/// Room in front of a received frame, and behind it.
const HEADROOM: usize = 64;
const CHUNK: usize = 2048;

/// A packet socket on one device, which hears only what arrives.
pub(crate) struct Wire(OwnedFd);

impl Wire {
    /// On the device with this number, in the calling thread's namespace.
    pub(crate) fn open(device: u32) -> Self {
        let every = (libc::ETH_P_ALL as u16).to_be();
        let protocol = Protocol::from_raw(std::num::NonZeroU32::new(every.into()).unwrap());
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let family = AddressFamily::PACKET;
        let socket = socket_with(family, SocketType::RAW, flags, Some(protocol)).unwrap();
        let on: libc::c_int = 1;
        // SAFETY: all-zero bytes are a valid address of this family.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = every;
        address.sll_ifindex = device as i32;
        // SAFETY: address and option are alive, with the lengths that are told.
        let done = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_IGNORE_OUTGOING,
                (&raw const on).cast(),
                size_of_val(&on) as u32,
            ) | libc::bind(
                socket.as_raw_fd(),
                (&raw const address).cast(),
                size_of_val(&address) as u32,
            )
        };
        assert_eq!(done, 0, "{}", io::Error::last_os_error());
        Self(socket)
    }

    pub(crate) fn send(&self, frame: &[u8]) {
        assert_eq!(send(&self.0, frame, SendFlags::empty()), Ok(frame.len()));
    }

    /// The next frame that has arrived.
    pub(crate) fn next(&self) -> Option<Vec<u8>> {
        let mut room = [0; CHUNK];
        let (len, _) = recv(&self.0, &mut room, RecvFlags::empty()).ok()?;
        Some(room[..len].to_vec())
    }
}

/// A frame in memory of its own.
pub(crate) struct Chunk {
    bytes: Box<[u8; CHUNK]>,
    at: u32,
    len: u32,
    port: Port,
}

impl Chunk {
    fn view(&mut self) -> FrameMut<'_> {
        FrameMut::new(&mut self.bytes[..], &mut self.at, &mut self.len)
    }
}

/// Each port a wire: every frame is copied twice, and nothing is lost that the kernel does not lose.
pub(crate) struct Wires {
    wires: Vec<Wire>,
    counters: IoCounters,
}

impl Wires {
    pub(crate) fn new(wires: Vec<Wire>) -> Self {
        Self {
            wires,
            counters: IoCounters::default(),
        }
    }
}

impl BatchIo for Wires {
    type Frame = Chunk;

    fn receive(&mut self, out: &mut Vec<Chunk>) -> io::Result<usize> {
        let before = out.len();
        for (port, wire) in (0..).map(Port).zip(&self.wires) {
            let mut bytes = Box::new([0; CHUNK]);
            while let Ok((len, _)) = recv(&wire.0, &mut bytes[HEADROOM..], RecvFlags::empty()) {
                out.push(Chunk {
                    bytes: std::mem::replace(&mut bytes, Box::new([0; CHUNK])),
                    at: HEADROOM as u32,
                    len: len as u32,
                    port,
                });
            }
        }
        self.counters.received += (out.len() - before) as u64;
        Ok(out.len() - before)
    }

    fn release(&mut self, _frame: Chunk) {}

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn settle(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    fn has_backlog(&self) -> bool {
        false
    }

    fn woken_by_packet(&mut self) {
        self.counters.wakeups_kernel += 1;
    }

    fn readable(&self) -> Vec<RawFd> {
        self.wires.iter().map(|wire| wire.0.as_raw_fd()).collect()
    }

    fn counters(&self) -> IoCounters {
        self.counters.clone()
    }
}

impl FrameIo for Wires {
    fn ports(&self) -> u16 {
        self.wires.len() as u16
    }

    fn port(&self, frame: &Chunk) -> Port {
        frame.port
    }

    fn view<'a>(&'a mut self, frame: &'a mut Chunk) -> FrameMut<'a> {
        frame.view()
    }

    fn views<'a>(&'a mut self, frames: &'a mut [Chunk]) -> impl Iterator<Item = FrameMut<'a>> {
        frames.iter_mut().map(Chunk::view)
    }

    fn allocate(&mut self, port: Port) -> Option<Chunk> {
        Some(Chunk {
            bytes: Box::new([0; CHUNK]),
            at: HEADROOM as u32,
            len: 0,
            port,
        })
    }

    fn send(&mut self, mut frame: Chunk, port: Port) {
        let bytes = self.view(&mut frame).bytes().to_vec();
        let sent = send(
            &self.wires[usize::from(port.0)].0,
            &bytes,
            SendFlags::empty(),
        );
        match sent {
            Ok(_) => self.counters.transmitted += 1,
            Err(_) => self.counters.transmit_refused += 1,
        }
    }
}
