//! What passes a device: a tap in another process's network namespace.

use std::fs::File;
use std::num::NonZeroU32;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow};
use packet::datagram;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SocketFlags, SocketType, recv, socket_with, sockopt,
};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// ETH_P_ALL, in network byte order as the kernel wants it.
const EVERY_PROTOCOL: u32 = 0x0003_u16.to_be() as u32;
/// How often the tap looks whether it is to end.
const GLANCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};
const BUFFER: usize = 16 << 20;

/// A UDP datagram that passed.
#[derive(Debug, Clone)]
pub(crate) struct Datagram {
    /// Its destination port.
    pub(crate) to: u16,
    /// Its payload.
    pub(crate) payload: Vec<u8>,
}

/// A tap at work.
pub(crate) struct Capture {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<Datagram>>>,
}

impl Capture {
    /// Begins to look at what passes the devices of a process's namespace from or to this UDP port.
    pub(crate) fn begin(process: u32, port: u16) -> Result<Self> {
        let space = File::open(format!("/proc/{process}/ns/net")).context("its namespace")?;
        // A thread of its own, for the namespace is the thread's.
        let opened = thread::spawn(move || -> Result<OwnedFd> {
            move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network))?;
            let all = NonZeroU32::new(EVERY_PROTOCOL).map(Protocol::from_raw);
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let tap = socket_with(AddressFamily::PACKET, SocketType::RAW, flags, all)?;
            sockopt::set_socket_recv_buffer_size_force(&tap, BUFFER)?;
            Ok(tap)
        });
        let tap = opened.join().map_err(|_| anyhow!("the tap panicked"))??;
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        Ok(Self {
            over,
            thread: thread::spawn(move || look(&tap, port, &told)),
        })
    }

    /// Ends; what has passed.
    pub(crate) fn finish(self) -> Result<Vec<Datagram>> {
        self.over.store(true, Ordering::Release);
        self.thread
            .join()
            .map_err(|_| anyhow!("the tap panicked"))?
    }
}

fn look(tap: &OwnedFd, port: u16, over: &AtomicBool) -> Result<Vec<Datagram>> {
    let mut seen = Vec::new();
    let mut frame = [0; 2048];
    loop {
        match recv(tap, &mut frame[..], RecvFlags::empty()) {
            Ok((_, len)) => seen.extend(frame.get(..len).and_then(|it| of_port(it, port))),
            Err(rustix::io::Errno::AGAIN) if over.load(Ordering::Acquire) => return Ok(seen),
            Err(rustix::io::Errno::AGAIN) => {
                let mut waiting = [PollFd::new(tap, PollFlags::IN)];
                poll(&mut waiting, Some(&GLANCE))?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn of_port(frame: &[u8], port: u16) -> Option<Datagram> {
    let found = datagram(frame).ok()?;
    (found.dst_port == port || found.src_port == port).then(|| Datagram {
        to: found.dst_port,
        payload: frame[found.payload_at..found.payload_end()].to_vec(),
    })
}
