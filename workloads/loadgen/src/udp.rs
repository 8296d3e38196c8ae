//! Kernel UDP: one socket per flow, so that each flow has its own source port and the kernel's
//! flow hash sees as many flows as an AF_XDP client would send.
//!
//! Sockets are not connected: a MICA client addresses another port for each partition, and a
//! connected socket would report a dead server as a failed send instead of as a lost request.

use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::sockopt;
use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::time::Timespec;

use crate::transport::{Destination, Transport, headers_len};
use crate::{Losses, NamedCount};

/// Datagrams read after one look at which sockets are readable.
const EVENTS: usize = 256;
/// Requests fit a frame of this MTU on every device, loopback too, so that they are comparable.
const MTU: usize = 1500;
/// Descriptors that a process needs beside the flows' sockets.
const OTHER_DESCRIPTORS: u64 = 128;

/// The sockets of one client thread.
pub(crate) struct UdpTransport {
    /// By flow; flows of other threads have none.
    sockets: Vec<Option<UdpSocket>>,
    epoll: OwnedFd,
    /// Flows whose sockets were readable at the last look.
    ready: Vec<u16>,
    buffer: Box<[u8]>,
    server: IpAddr,
    server_ports: RangeInclusive<u16>,
    foreign: u64,
    refused: u64,
}

/// Which sockets to open.
#[derive(Debug, Clone)]
pub(crate) struct UdpPlan {
    pub(crate) client: IpAddr,
    pub(crate) server: IpAddr,
    /// Ports that requests go to and replies come from.
    pub(crate) server_ports: RangeInclusive<u16>,
    /// Source port of flow 0.
    pub(crate) source_port: u16,
    /// Number of flows of all threads.
    pub(crate) flows: u16,
    /// Receive buffer of each socket, bytes.
    pub(crate) receive_buffer: u32,
}

impl UdpTransport {
    /// Opens the sockets of the flows that `mine` accepts, in the calling thread's namespace.
    ///
    /// # Errors
    /// When a port is taken, or the process may not open so many sockets.
    pub(crate) fn open(plan: &UdpPlan, mine: impl Fn(u16) -> bool) -> io::Result<Self> {
        allow_descriptors(u64::from(plan.flows) + OTHER_DESCRIPTORS)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut sockets = Vec::with_capacity(usize::from(plan.flows));
        for flow in 0..plan.flows {
            if !mine(flow) {
                sockets.push(None);
                continue;
            }
            let local = SocketAddr::new(plan.client, plan.source_port + flow);
            let socket = UdpSocket::bind(local)
                .map_err(|e| io::Error::new(e.kind(), format!("bind {local}: {e}")))?;
            socket.set_nonblocking(true)?;
            let bytes = plan.receive_buffer as usize;
            if sockopt::set_socket_recv_buffer_size_force(&socket, bytes).is_err() {
                sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
            }
            epoll::add(
                &epoll,
                &socket,
                EventData::new_u64(u64::from(flow)),
                EventFlags::IN,
            )?;
            sockets.push(Some(socket));
        }
        Ok(Self {
            sockets,
            epoll,
            ready: Vec::with_capacity(EVENTS),
            buffer: vec![0; 1 << 16].into_boxed_slice(),
            server: plan.server,
            server_ports: plan.server_ports.clone(),
            foreign: 0,
            refused: 0,
        })
    }

    fn poll(&mut self, timeout_ns: u64) -> io::Result<()> {
        let timeout = Timespec {
            tv_sec: (timeout_ns / 1_000_000_000) as i64,
            tv_nsec: (timeout_ns % 1_000_000_000) as _,
        };
        let mut events = [MaybeUninit::<Event>::uninit(); EVENTS];
        // rustix calls epoll_pwait2 (by its feature linux_5_11), so that the timeout keeps its nanoseconds.
        match epoll::wait(&self.epoll, &mut events, Some(&timeout)) {
            Ok((events, _)) => self
                .ready
                .extend(events.iter().map(|e| e.data.u64() as u16)),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// Raises the soft limit on descriptors towards the hard one where `needed` asks for it.
fn allow_descriptors(needed: u64) -> io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|soft| soft < needed) {
        limit.current = limit
            .maximum
            .map_or(Some(needed), |hard| Some(hard.min(needed)));
        setrlimit(Resource::Nofile, limit)?;
    }
    Ok(())
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

impl Transport for UdpTransport {
    fn max_payload(&self) -> usize {
        MTU - headers_len(self.server.is_ipv4())
    }

    fn send(&mut self, to: Destination, payload: &[u8]) -> io::Result<bool> {
        let socket = self.sockets[usize::from(to.flow)].as_ref();
        let socket = socket.expect("a thread sends only over its own flows");
        match socket.send_to(payload, SocketAddr::new(self.server, to.port)) {
            Ok(_) => Ok(true),
            Err(error) if is_temporary(&error) => Ok(false),
            Err(error) if error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => {
                self.refused += 1;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn is_flushed(&self) -> bool {
        true
    }

    fn is_under_way(&mut self) -> bool {
        false
    }

    fn receive(&mut self, budget: usize, take: &mut impl FnMut(u16, &[u8])) -> io::Result<usize> {
        if self.ready.is_empty() {
            self.poll(0)?;
        }
        let mut received = 0;
        // One datagram per readable socket; epoll names a socket again while it has more, after
        // the others.
        let ready = self.ready.len();
        for flow in self.ready.drain(ready.saturating_sub(budget)..) {
            let Some(socket) = &self.sockets[usize::from(flow)] else {
                continue;
            };
            match socket.recv_from(&mut self.buffer) {
                Ok((length, from))
                    if from.ip() == self.server && self.server_ports.contains(&from.port()) =>
                {
                    take(flow, &self.buffer[..length]);
                    received += 1;
                }
                Ok(_) => self.foreign += 1,
                Err(error) if is_temporary(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(received)
    }

    fn wait(&mut self, timeout_ns: u64) -> io::Result<()> {
        if self.ready.is_empty() {
            self.poll(timeout_ns)
        } else {
            Ok(())
        }
    }

    fn losses(&self) -> io::Result<Losses> {
        let mut dropped = 0;
        for socket in self.sockets.iter().flatten() {
            dropped += u64::from(sys::sockets::drops(socket.as_fd())?);
        }
        Ok(Losses {
            drops: vec![NamedCount::new(
                "udp_socket",
                "SK_MEMINFO_DROPS of the client's sockets",
                dropped,
            )],
            evidence: vec![
                NamedCount::new(
                    "foreign_datagrams",
                    "senders given by recvfrom",
                    self.foreign,
                ),
                NamedCount::new("send_refused_retried", "ENOBUFS from sendto", self.refused),
            ],
        })
    }

    fn describe(&self) -> String {
        "udp".into()
    }
}
