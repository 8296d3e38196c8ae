//! An IPsec gateway: a router whose link to another gateway is a tunnel (NetSlices, section 4.3).
//!
//! It is built of a [`Router`] and the ends of the tunnel ([`ipsec`]), and rules by port: **whatever leaves by the
//! link between the gateways is encapsulated, and of what comes by it only what was encapsulated for this end is looked at**.
//! So a packet of the hosts loses a hop, is encapsulated, and leaves with the link addresses of the way to the other gateway, which
//! the same tables give; one of the tunnel is opened, loses a hop and leaves to the hosts. An ICMP error about a packet
//! of the tunnel goes back through it. What else comes by that link is discarded and counted (RFC 4301, section 5.2); what the
//! kernel is to have of it, address resolution above all, a back end must have left to it.
//!
//! - **Batches**: frames wait for the end of the batch that they were received in, and are encrypted side by side
//!   ([`Outbound::encapsulate`]); with batches of one, one by one. Order is kept, for all that leaves by that link waits.
//! - **Size**: the tunnel is a link with the MTU [`Tunnel::inner_mtu`](crate::ipsec::Tunnel::inner_mtu). What is longer and
//!   must not be fragmented is answered by an ICMP error; IPv4 that may be is fragmented first. Where a router between the
//!   gateways says that it takes less, the tunnel is narrower for all workers from their next batches on, for ten minutes.
//! - **Workers**: each has an association of its own in either direction, so that sequence numbers are nobody
//!   else's. Over AF_XDP what worker i seals arrives at worker i, for a socket transmits on its own queue and over a veth, or by a
//!   rule of the NIC's, that is the far queue. Where it arrives elsewhere, because a NIC or fanout hashes the outer
//!   header, which is the same for all packets of the tunnel, any worker opens any association's packets. They share the
//!   anti-replay windows then ([`Inbound::another`]), and without integrity nothing at all.
//!
//! An XDP program that leaves the host's own packets to the kernel takes the tunnel's with them: the address of
//! [`GatewayConfig::local`] is not to be among those that it keeps.

mod config;
mod counters;

use std::ops::Range;
use std::os::fd::RawFd;
use std::sync::Arc;

use pktio::FrameIo;
use pktio::frame::Port;
use pktio::worker::{Handler, Woken};

pub use config::{Authentication, GatewayConfig, Secret};
pub use counters::GatewayCounters;

use crate::ipsec::{self, BadTunnel, Inbound, NoOutbound, NotReceived, NotSent, Outbound, Path};
use crate::router::{Narrowed, NoWay, Outcome, Router};

/// Why there is no such gateway.
#[derive(Debug, thiserror::Error)]
pub enum NoGateway {
    /// The end that encapsulates.
    #[error(transparent)]
    Outbound(#[from] NoOutbound),
    /// The end that decapsulates.
    #[error(transparent)]
    Inbound(#[from] BadTunnel),
    /// Workers have SPIs of their own.
    #[error("there are no {workers} SPIs from {first} on: take a lower first one")]
    Spis {
        /// Worker 0's.
        first: u32,
        /// Workers.
        workers: usize,
    },
}

/// One worker's gateway. It keeps frames of type `F` for the length of a batch.
#[derive(Debug)]
pub struct Gateway<F> {
    config: GatewayConfig,
    between: Port,
    router: Router,
    outbound: Outbound,
    /// What all workers know of the way to the other gateway.
    path: Arc<Path>,
    /// The workers' associations.
    spis: Range<u32>,
    now_ns: u64,
    /// The association of each worker of the other gateway.
    inbound: Vec<Inbound>,
    counters: GatewayCounters,
    /// What is to be encapsulated, and whether it is an error of our own.
    waiting: Vec<F>,
    own: Vec<bool>,
    verdicts: Vec<Result<(), NotSent>>,
}

impl<F> Gateway<F> {
    /// The gateways of all workers, one for each router.
    ///
    /// # Errors
    /// When there is no such tunnel, with the remedy, or the system has no random numbers.
    pub fn of_workers(
        config: &GatewayConfig,
        routers: Vec<Router>,
    ) -> Result<Vec<Self>, NoGateway> {
        let workers = routers.len();
        let first = config.spi;
        let end = u32::try_from(workers)
            .ok()
            .and_then(|n| first.checked_add(n));
        let Some(end) = end.filter(|_| workers <= usize::from(u16::MAX)) else {
            return Err(NoGateway::Spis { first, workers });
        };
        let path = Arc::new(Path::new(&config.outbound(0)));
        let inbound: Result<Vec<_>, _> = (0..workers as u16)
            .map(|worker| Inbound::new(config.inbound(worker)))
            .collect();
        let inbound = inbound?;
        (0..)
            .zip(routers)
            .map(|(worker, router)| {
                let path = Arc::clone(&path);
                Self::new(config, worker, &inbound, path, first..end, router)
            })
            .collect()
    }

    fn new(
        config: &GatewayConfig,
        worker: u16,
        inbound: &[Inbound],
        path: Arc<Path>,
        spis: Range<u32>,
        router: Router,
    ) -> Result<Self, NoGateway> {
        let tunnel = config.outbound(worker);
        let (between, inner_mtu) = (config.side.between(), tunnel.inner_mtu());
        let router = router.narrowed(Narrowed {
            port: between,
            mtu: inner_mtu.into(),
        });
        Ok(Self {
            config: config.clone(),
            between,
            outbound: Outbound::new(tunnel)?,
            path,
            spis,
            now_ns: 0,
            inbound: inbound.iter().map(Inbound::another).collect(),
            counters: GatewayCounters::new(between, router.counters().clone()),
            router,
            waiting: Vec::new(),
            own: Vec::new(),
            verdicts: Vec::new(),
        })
    }

    /// What was done so far.
    #[must_use]
    pub fn counters(&self) -> GatewayCounters {
        self.counters.with_router(self.router.counters())
    }

    /// Sends a frame that came by `ingress`, or was opened there, where the tables say.
    fn route<I: FrameIo<Frame = F>>(&mut self, io: &mut I, ingress: Port, mut frame: F) {
        let outcome = self.router.process(ingress, &mut io.view(&mut frame));
        match outcome {
            Outcome::Forwarded(port) => self.send(io, port, frame, false),
            Outcome::Reported(_, port) => self.send(io, port, frame, true),
            Outcome::Fragmented { port, mtu } => {
                for piece in self.router.cut(io, frame, port, mtu) {
                    self.send(io, port, piece, false);
                }
            }
            Outcome::Host(_) | Outcome::Dropped(_) => io.release(frame),
        }
    }

    /// Sends a frame, an error of our `own` or the traffic's, by a port; into the tunnel at the end of the batch.
    fn send<I: FrameIo<Frame = F>>(&mut self, io: &mut I, port: Port, frame: F, own: bool) {
        if port == self.between {
            self.waiting.push(frame);
            self.own.push(own);
        } else {
            io.send(frame, port);
        }
    }

    /// Opens a frame of the other gateway's; false, and counted, if it is none.
    fn open<I: FrameIo<Frame = F>>(&mut self, io: &mut I, frame: &mut F) -> bool {
        let mut view = io.view(frame);
        let spi = ipsec::spi_of(view.bytes()).unwrap_or(self.config.spi);
        let association = spi.wrapping_sub(self.config.spi) as usize;
        // One that is nobody's is refused by the first, with the reason.
        let at = if association < self.inbound.len() {
            association
        } else {
            0
        };
        match self.inbound[at].decapsulate(&mut view) {
            Ok(()) => true,
            Err(refused) => {
                self.refuse(view.bytes(), refused);
                false
            }
        }
    }

    /// Counts a frame that was not opened. It may be one that tells how narrow the path is.
    #[cold]
    fn refuse(&mut self, frame: &[u8], refused: NotReceived) {
        let told = match refused {
            NotReceived::NotOurs => ipsec::told(frame, self.outbound.tunnel(), &self.spis),
            NotReceived::Truncated
            | NotReceived::BadIpHeader
            | NotReceived::Fragment
            | NotReceived::UnknownSpi
            | NotReceived::BadLength
            | NotReceived::Replayed
            | NotReceived::TooOld
            | NotReceived::BadIcv
            | NotReceived::BadPadding
            | NotReceived::Dummy
            | NotReceived::BadNextHeader
            | NotReceived::BadInner
            | NotReceived::NotCongestionCapable => None,
        };
        if let Some(mtu) = told {
            self.path.tell(mtu, self.now_ns);
            self.counters.path_mtu += 1;
        } else {
            self.counters.not_received[refused.index()] += 1;
        }
    }

    /// Encapsulates what waits, all of it side by side, and sends it to the other gateway.
    fn seal<I: FrameIo<Frame = F>>(&mut self, io: &mut I) {
        let (from, to) = (self.config.local, self.config.remote);
        let exit = match self.router.originate(from.into(), to.into()) {
            Ok(exit) => exit,
            Err(no_way) => return self.no_way(io, no_way),
        };
        let mut views: Vec<_> = io.views(&mut self.waiting).collect();
        self.outbound.encapsulate(&mut views, &mut self.verdicts);
        for (view, verdict) in views.iter_mut().zip(&self.verdicts) {
            if verdict.is_ok() {
                exit.address(view.bytes_mut());
            }
        }
        drop(views);
        let frames = self.waiting.drain(..).zip(self.own.drain(..));
        for ((frame, own), verdict) in frames.zip(&self.verdicts) {
            let counter = match (verdict, own) {
                (Ok(()), true) => None,
                (Ok(()), false) => Some(&mut self.counters.tunnelled),
                (Err(_), true) => Some(&mut self.counters.errors_lost),
                (Err(refused), false) => Some(&mut self.counters.not_sent[refused.index()]),
            };
            if let Some(counter) = counter {
                *counter += 1;
            }
            if verdict.is_ok() {
                io.send(frame, exit.port);
            } else {
                io.release(frame);
            }
        }
    }

    #[cold]
    fn no_way<I: FrameIo<Frame = F>>(&mut self, io: &mut I, no_way: NoWay) {
        for (frame, own) in self.waiting.drain(..).zip(self.own.drain(..)) {
            if own {
                self.counters.errors_lost += 1;
            } else {
                self.counters.no_way[no_way as usize] += 1;
            }
            io.release(frame);
        }
    }
}

impl<I: FrameIo> Handler<I> for Gateway<I::Frame> {
    fn frame(&mut self, io: &mut I, mut frame: I::Frame) {
        self.counters.received += 1;
        let ingress = io.port(&frame);
        if ingress == self.between && !self.open(io, &mut frame) {
            io.release(frame);
        } else {
            self.route(io, ingress, frame);
        }
    }

    fn batch_done(&mut self, io: &mut I) {
        if !self.waiting.is_empty() {
            self.seal(io);
        }
    }

    fn inbox(&mut self, _io: &mut I) -> usize {
        0
    }

    fn before_sleep(&mut self) -> bool {
        true
    }

    fn after_sleep(&mut self, _why: Woken) {}

    fn notification(&self) -> Option<RawFd> {
        None
    }

    fn tick(&mut self, _io: &mut I, now_ns: u64) {
        self.now_ns = now_ns;
        self.router.advance(now_ns);
        // Between batches, so that what the router let pass still fits when it is encapsulated.
        let mtu = self.path.mtu(now_ns);
        if mtu != self.outbound.tunnel().mtu {
            let inner_mtu = self.outbound.set_mtu(mtu);
            self.router.narrow(inner_mtu.into());
        }
    }
}

#[cfg(test)]
mod path_tests;
#[cfg(test)]
mod tests;
