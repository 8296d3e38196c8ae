//! Memcached over TCP, for the field's clients.
//!
//! Experiments measure UDP; TCP is here so that `memccapable` and ordinary clients can talk to
//! the same store with the same semantics. One thread serves all connections of a server: it
//! owns no partition, so in a partitioned system each request goes to its key's owner by handoff
//! and comes back, which keeps the order within a connection (one request at a time). The owners'
//! loops stay as they are without TCP.

mod connection;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use crate::handoff::mesh::Notify;
use crate::server::desk::{Desk, Job};
use crate::server::engine::Engine;
use crate::server::message::Message;
use crate::server::time::UnixClock;
use connection::{Connection, Outcome};

/// Names a connection; a place is used again, its generation is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnectionId {
    place: usize,
    generation: u64,
}

/// Epoll's numbers: the doorbell, then the listeners, then the connections.
const DOORBELL: u64 = 0;
const FIRST_LISTENER: u64 = 1;

/// Messages taken from each ring in one round.
const INBOX_BATCH: usize = 256;

/// Opens a listener per address.
///
/// # Errors
/// When an address cannot be bound.
pub(crate) fn listen(addresses: &[SocketAddr]) -> io::Result<Vec<TcpListener>> {
    addresses
        .iter()
        .map(|address| {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        })
        .collect()
}

/// The thread that serves TCP.
pub(crate) struct TcpThread<F, E> {
    desk: Desk<F, ConnectionId, E>,
    epoll: std::os::fd::OwnedFd,
    listeners: Vec<TcpListener>,
    connections: Vec<Option<Connection>>,
    generation: u64,
    clock: UnixClock,
    inbound: Vec<Message<F>>,
    work: u64,
}

impl<F, E: Engine> TcpThread<F, E> {
    /// A thread that accepts from `listeners`.
    ///
    /// # Errors
    /// When there is no descriptor left for epoll.
    pub(crate) fn new(
        desk: Desk<F, ConnectionId, E>,
        listeners: Vec<TcpListener>,
    ) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let doorbell = &desk.shared.doorbells[desk.me];
        epoll::add(
            &epoll,
            doorbell,
            EventData::new_u64(DOORBELL),
            EventFlags::IN,
        )?;
        for (number, listener) in (FIRST_LISTENER..).zip(&listeners) {
            epoll::add(&epoll, listener, EventData::new_u64(number), EventFlags::IN)?;
        }
        Ok(Self {
            desk,
            epoll,
            listeners,
            connections: Vec::new(),
            generation: 0,
            clock: UnixClock::new(),
            inbound: Vec::new(),
            work: 0,
        })
    }

    /// Serves until the server stops.
    ///
    /// # Errors
    /// When epoll fails.
    pub(crate) fn run<N: Notify>(&mut self, longest_sleep: Duration) -> io::Result<()> {
        let mut events = Vec::with_capacity(64);
        while !self.desk.shared.control.stopped() {
            self.wait::<N>(&mut events, longest_sleep)?;
            self.desk.now = self.clock.unix(sys::clock::now_ns());
            for event in events.drain(..) {
                self.event::<N>(event);
            }
            self.messages::<N>();
            self.desk.port.publish::<N>();
            let idle = !self.desk.waits() && !self.desk.port.congested();
            let rings = self.desk.port.take_rings_made();
            let state = &self.desk.shared.states[self.desk.me];
            state.counts.wakeups_sent.add(rings);
            state.quiet.round(self.work, idle);
            self.work = 0;
        }
        Ok(())
    }

    fn wait<N: Notify>(
        &mut self,
        events: &mut Vec<epoll::Event>,
        longest_sleep: Duration,
    ) -> io::Result<()> {
        let doorbell = &self.desk.shared.doorbells[self.desk.me];
        doorbell.announce_sleep();
        // Spinning owners ring nobody, so while they work for this thread it polls.
        let polls = N::SPIN && self.desk.waits();
        let busy = polls || self.desk.port.has_inbound() || self.desk.port.congested();
        let limit = if busy { Duration::ZERO } else { longest_sleep };
        let limit = rustix::time::Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        };
        let waited = epoll::wait(
            &self.epoll,
            rustix::buffer::spare_capacity(events),
            Some(&limit),
        );
        doorbell.awake();
        match waited {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn event<N: Notify>(&mut self, event: epoll::Event) {
        let number = event.data.u64();
        let first_connection = FIRST_LISTENER + self.listeners.len() as u64;
        if number == DOORBELL {
            let _ = pktio::wait::drain_eventfd(self.desk.shared.doorbells[self.desk.me].raw_fd());
            return;
        }
        self.work += 1;
        if number < first_connection {
            self.accept((number - FIRST_LISTENER) as usize);
            return;
        }
        let place = (number - first_connection) as usize;
        if let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) {
            connection.ready(event.flags);
            self.proceed::<N>(place);
        }
    }

    fn accept(&mut self, listener: usize) {
        // An error concerns one connection that the peer gave up, or descriptors that ran out;
        // either way the others are served on.
        while let Ok((stream, _)) = self.listeners[listener].accept() {
            if stream
                .set_nonblocking(true)
                .and_then(|()| stream.set_nodelay(true))
                .is_err()
            {
                continue;
            }
            let free = self.connections.iter().position(Option::is_none);
            let place = free.unwrap_or(self.connections.len());
            let number = FIRST_LISTENER + (self.listeners.len() + place) as u64;
            let data = EventData::new_u64(number);
            if epoll::add(&self.epoll, stream.as_fd(), data, EventFlags::IN).is_err() {
                continue;
            }
            self.generation += 1;
            let connection = Connection::new(stream, self.generation, number);
            match free {
                Some(place) => self.connections[place] = Some(connection),
                None => self.connections.push(Some(connection)),
            }
        }
    }

    /// Executes what the connection has received, until it has to wait for something.
    fn proceed<N: Notify>(&mut self, place: usize) {
        loop {
            let Some(connection) = self.connections[place].as_mut() else {
                return;
            };
            match connection.next() {
                Outcome::Request(request) => {
                    self.desk.shared.states[self.desk.me]
                        .counts
                        .tcp_requests
                        .one();
                    let origin = ConnectionId {
                        place,
                        generation: connection.generation(),
                    };
                    if let Some(job) = self.desk.begin::<N>(origin, request) {
                        self.finished(job);
                    }
                }
                Outcome::Wait => {
                    // An epoll that refuses a change would leave the connection stuck.
                    if connection.watch(&self.epoll).is_err() {
                        self.connections[place] = None;
                    }
                    return;
                }
                Outcome::Closed => {
                    self.connections[place] = None;
                    return;
                }
            }
        }
    }

    /// Gives a finished job's reply to its connection, if that is still there.
    fn finished(&mut self, job: Job<ConnectionId>) -> Option<usize> {
        let ConnectionId { place, generation } = job.origin;
        let connection = self.connections[place].as_mut()?;
        if connection.generation() != generation {
            return None;
        }
        connection.answer(&job.output, job.close);
        Some(place)
    }

    fn messages<N: Notify>(&mut self) {
        let mut inbound = std::mem::take(&mut self.inbound);
        self.work += self.desk.port.receive(INBOX_BATCH, &mut inbound) as u64;
        for message in inbound.drain(..) {
            match message {
                Message::Answer(answer) => {
                    if let Some(place) = self
                        .desk
                        .answered::<N>(answer)
                        .and_then(|job| self.finished(job))
                    {
                        self.proceed::<N>(place);
                    }
                }
                Message::Ask(ask) => self.desk.serve::<N>(ask),
                // Frames, items and copies go to owners only.
                Message::Request(_)
                | Message::Whole { .. }
                | Message::Items(_)
                | Message::Copy(_) => {}
            }
        }
        self.inbound = inbound;
    }
}
