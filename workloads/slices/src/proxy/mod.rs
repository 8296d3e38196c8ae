//! Maelstrom's proxy: a router whose link to another proxy is protected by forward error correction (NetSlices,
//! section 4.4).
//!
//! It is built of a [`Router`] and the ends of the code ([`maelstrom`](crate::maelstrom)), and rules by port: **whatever leaves by
//! the link between the proxies is encoded, with its repairs beside it, and what comes by it is decoded**, in both directions. So a
//! packet of the hosts loses a hop, gets the link addresses that the tables have for the other proxy, and a header; there the header
//! is taken off and the packet, or one that was recovered, loses a hop and leaves to the hosts. What comes by that link without a
//! header is discarded and counted; what the kernel is to have of it, address resolution above all, a back end must have
//! left to it. The EtherType between the proxies is neither IPv4's nor IPv6's, so a back end that lets in only these
//! does not serve.
//!
//! - **Size**: the hosts' MTU is the link's for them, so that header and repairs fit; what is longer is answered by an ICMP error.
//! - **The end of a stream**: repairs of groups that are not full are sent when nothing was encoded for [`PAUSE_NS`], looked at in
//!   each round of the worker's loop: a worker that sleeps sees it at its timeout. Until then the last packets of a stream
//!   are less protected than others.
//! - **Latency** of recovery counts from the frame that showed a packet to be missing, be it the next packet or a repair
//!   ([`Decoder::delays`]).
//! - **Workers**: each numbers its own packets, so that what worker i encodes is to arrive at worker i, as it does over AF_XDP, where
//!   a socket transmits on its own queue. A back end that gives frames to another worker mixes two streams of
//!   numbers: it serves with one worker only.

mod config;
mod counters;

use std::os::fd::RawFd;

use pktio::FrameIo;
use pktio::frame::Port;
use pktio::worker::{Handler, Woken};

pub use config::ProxyConfig;
pub use counters::ProxyCounters;

use crate::maelstrom::{Arrival, BadCode, Decoder, Delays, Encoder};
use crate::router::{Narrowed, Outcome, Router};

/// So long after the last packet its groups are closed, in ns.
pub const PAUSE_NS: u64 = 10_000_000;

/// One worker's proxy.
#[derive(Debug)]
pub struct Proxy {
    between: Port,
    router: Router,
    encoder: Encoder,
    decoder: Decoder,
    counters: ProxyCounters,
    now_ns: u64,
    /// When the last packet was encoded, while it is in a group that is not full.
    open_since_ns: Option<u64>,
}

impl Proxy {
    /// A worker's proxy with its router.
    ///
    /// # Errors
    /// When there is no such code, with the remedy.
    pub fn new(config: &ProxyConfig, router: Router) -> Result<Self, BadCode> {
        let between = config.side.between();
        let router = router.narrowed(Narrowed {
            port: between,
            mtu: config.mtu.into(),
        });
        Ok(Self {
            between,
            encoder: Encoder::new(config.code())?,
            decoder: Decoder::new(config.code())?,
            counters: ProxyCounters::new(between, router.counters()),
            router,
            now_ns: 0,
            open_since_ns: None,
        })
    }

    /// What was done so far.
    #[must_use]
    pub fn counters(&self) -> ProxyCounters {
        let (encoder, decoder) = (self.encoder.counters(), self.decoder.counters());
        let missing = self.decoder.missing();
        self.counters
            .with(self.router.counters(), encoder, decoder, missing)
    }

    /// For how long packets that were recovered had been missing.
    #[must_use]
    pub const fn delays(&self) -> &Delays {
        self.decoder.delays()
    }

    /// Whether repairs of groups that are not full are still to be sent.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open_since_ns.is_some()
    }

    /// Sends a frame that came by `ingress`, or was decoded there, where the tables say.
    fn route<I: FrameIo>(&mut self, io: &mut I, ingress: Port, mut frame: I::Frame) {
        let outcome = self.router.process(ingress, &mut io.view(&mut frame));
        match outcome {
            Outcome::Forwarded(port) if port == self.between => self.encode(io, frame, false),
            Outcome::Reported(_, port) if port == self.between => self.encode(io, frame, true),
            Outcome::Forwarded(port) | Outcome::Reported(_, port) => io.send(frame, port),
            Outcome::Fragmented { port, mtu } => {
                for piece in self.router.cut(io, frame, port, mtu) {
                    if port == self.between {
                        self.encode(io, piece, false);
                    } else {
                        io.send(piece, port);
                    }
                }
            }
            Outcome::Host(_) | Outcome::Dropped(_) => io.release(frame),
        }
    }

    /// Sends a frame under the code, an error of our `own` or the traffic's, and the repairs that it completes.
    fn encode<I: FrameIo>(&mut self, io: &mut I, mut frame: I::Frame, own: bool) {
        match self.encoder.encode(&mut io.view(&mut frame)) {
            Ok(()) => {
                self.counters.encoded += u64::from(!own);
                self.open_since_ns = Some(self.now_ns);
                io.send(frame, self.between);
                self.send_repairs(io);
            }
            Err(refused) => {
                if own {
                    self.counters.errors_lost += 1;
                } else {
                    self.counters.not_encoded[refused.index()] += 1;
                }
                io.release(frame);
            }
        }
    }

    fn send_repairs<I: FrameIo>(&mut self, io: &mut I) {
        while self.encoder.pending() > 0 {
            let Some(mut frame) = io.allocate(self.between) else {
                self.encoder.skip_repair();
                continue;
            };
            if let Ok(true) = self.encoder.write_repair(&mut io.view(&mut frame)) {
                io.send(frame, self.between);
            } else {
                self.encoder.skip_repair();
                io.release(frame);
            }
        }
    }

    /// Takes a frame of the other proxy's, and sends on what it is or gives.
    fn decode<I: FrameIo>(&mut self, io: &mut I, mut frame: I::Frame) {
        match self.decoder.decode(&mut io.view(&mut frame)) {
            Ok(Arrival::Data) => self.route(io, self.between, frame),
            Ok(Arrival::Repair) | Err(_) => io.release(frame),
        }
        while self.decoder.pending() > 0 {
            let Some(mut frame) = io.allocate(self.between) else {
                return self.decoder.give_up();
            };
            if let Ok(true) = self.decoder.write_recovered(&mut io.view(&mut frame)) {
                self.counters.recovered += 1;
                self.route(io, self.between, frame);
            } else {
                io.release(frame);
                return self.decoder.give_up();
            }
        }
    }
}

impl<I: FrameIo> Handler<I> for Proxy {
    fn frame(&mut self, io: &mut I, frame: I::Frame) {
        self.counters.received += 1;
        let ingress = io.port(&frame);
        if ingress == self.between {
            self.decode(io, frame);
        } else {
            self.route(io, ingress, frame);
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

    fn tick(&mut self, io: &mut I, now_ns: u64) {
        self.router.advance(now_ns);
        self.now_ns = now_ns;
        if let Some(since_ns) = self.open_since_ns
            && now_ns.saturating_sub(since_ns) > PAUSE_NS
        {
            self.encoder.flush();
            self.send_repairs(io);
            self.open_since_ns = None;
        }
    }
}

#[cfg(test)]
mod tests;
