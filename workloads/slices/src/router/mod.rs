//! An IPv4 and IPv6 router in user space, over any back end of [`FrameIo`].
//!
//! It forwards in place: a frame that came by one port leaves by another, with a hop less to live, its checksum
//! changed by the difference, and the link addresses of the next hop. The decision is pure ([`decide`]) and
//! ends in one [`Verdict`]; [`Router`] carries it out, sends ICMP errors in place of the frames that they are
//! about, and counts every frame in exactly one [`Outcome`].
//!
//! The tables are the kernel's: [`Mirror`] copies routes, neighbours, addresses and links by netlink and
//! follows their changes into a [`Model`], which makes one [`Fib`] after another; forwarding threads take the
//! latest between two batches ([`Published`]). So `ip route` rules this router as it rules the kernel's own,
//! and the router serves frames that an application originates (NetSlices, section 3: routing is done in user
//! space where the application asks for it, `NETSLICE_NOROUTE_SET`).
//!
//! A frame may come with its next link: where the kernel's own tables sent it when it arrived ([`FrameIo::next_link`]). That is
//! believed, for the mirror only follows them; one such frame in 64 is looked up here all the same, and a difference is counted.
//!
//! IPv4 that is too long for the next link and may be fragmented is ([`Router::cut`]); IPv4 options are passed on as they are.
//!
//! What is not here: multicast routing and what else is the kernel's ([`Host`]); rules beside the tables `main` and
//! `local`; source routing (discarded and counted), the execution of other IPv4 options; redirects.

mod asker;
mod fib;
mod forward;
mod fragment;
mod hashing;
mod icmp;
mod limit;
pub mod lpm;
mod mirror;
mod model;
mod outcome;
mod published;

use std::net::IpAddr;
use std::os::fd::RawFd;

use pktio::FrameIo;
use pktio::frame::{FrameMut, Port};
use pktio::worker::{Handler, Woken};
use steering::forward::NextLink;

use asker::Asked;
pub use asker::{Asker, Question};
pub use fib::{Deadend, Fib, Hop, PortState, Resolution, Way};
pub use forward::{Exit, Narrowed, decide};
use limit::Bucket;
pub use limit::ErrorLimit;
pub use mirror::Mirror;
pub use model::{Model, TableLimits};
pub use outcome::{Drop, Host, NoWay, Outcome, Report, RouterCounters, Verdict};
pub use published::{Published, Reader};

/// Of so many next links that the kernel has told, one is compared with the tables here.
const CHECK_ONE_IN: u32 = 64;

/// One thread's router.
#[derive(Debug)]
pub struct Router {
    tables: Reader,
    narrowed: Option<Narrowed>,
    /// Next links that are believed before one is compared.
    until_check: u32,
    errors: Bucket,
    asker: Asker,
    now_ns: u64,
    counters: RouterCounters,
}

impl Router {
    /// A router by these tables. What it cannot resolve it asks `asker` for; `now_ns` is the time of the clock
    /// that [`advance`](Self::advance) tells.
    #[must_use]
    pub fn new(tables: Reader, asker: Asker, errors: ErrorLimit, now_ns: u64) -> Self {
        let ports = tables.fib().ports();
        Self {
            tables,
            narrowed: None,
            until_check: 0,
            errors: Bucket::new(errors, now_ns),
            asker,
            now_ns,
            counters: RouterCounters::new(ports),
        }
    }

    /// The same router, by one port of which shorter packets leave than its device takes.
    #[must_use]
    pub fn narrowed(self, narrowed: Narrowed) -> Self {
        Self {
            narrowed: Some(narrowed),
            ..self
        }
    }

    /// From now on packets of at most `mtu` bytes leave by the port that is [narrowed](Self::narrowed), if one is.
    pub const fn narrow(&mut self, mtu: u32) {
        if let Some(narrowed) = &mut self.narrowed {
            narrowed.mtu = mtu;
        }
    }

    /// Tells the time (CLOCK_MONOTONIC, ns), and takes the latest tables. Once a batch.
    pub fn advance(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
        self.tables.refresh();
    }

    /// Routes one frame that came by `ingress`. What leaves afterwards stands in `frame`.
    #[inline]
    pub fn process(&mut self, ingress: Port, frame: &mut FrameMut<'_>) -> Outcome {
        self.process_told(ingress, None, frame)
    }

    /// The same of a frame that may have come with its next link. One that leads to no port is as none.
    #[inline]
    pub fn process_told(
        &mut self,
        ingress: Port,
        next: Option<NextLink>,
        frame: &mut FrameMut<'_>,
    ) -> Outcome {
        let told = next.and_then(|next| Exit::onto(self.tables.fib(), &next));
        if let Some(exit) = &told {
            self.compare(exit, frame.bytes());
        }
        let fib = self.tables.fib();
        let outcome = match decide(fib, self.narrowed, told, ingress, frame.bytes_mut()) {
            Verdict::Forward { port, cut, stale } => {
                if let Some(address) = stale {
                    self.resolve(port, address);
                }
                match cut {
                    None => Outcome::Forwarded(port),
                    Some(mtu) => Outcome::Fragmented { port, mtu },
                }
            }
            Verdict::Host(host) => Outcome::Host(host),
            Verdict::Drop(drop) => Outcome::Dropped(drop),
            Verdict::Report { report, mtu } => self.report(ingress, frame, report, mtu),
            Verdict::Unresolved(port, address) => {
                self.resolve(port, address);
                Outcome::Dropped(Drop::Unresolved)
            }
            Verdict::Unanswered(port, address) => {
                self.resolve(port, address);
                self.report(ingress, frame, Report::NoNeighbour, 0)
            }
        };
        self.counters.count(outcome, told.is_some());
        outcome
    }

    /// Compares an exit that the kernel has told with the tables, when it is one's turn.
    #[inline(always)]
    fn compare(&mut self, exit: &Exit, frame: &[u8]) {
        match self.until_check.checked_sub(1) {
            Some(left) => self.until_check = left,
            None => {
                self.until_check = CHECK_ONE_IN - 1;
                self.check(exit, frame);
            }
        }
    }

    #[cold]
    fn check(&mut self, exit: &Exit, frame: &[u8]) {
        if let Some(confirmed) = forward::confirms(self.tables.fib(), exit, frame) {
            self.counters.links_checked += 1;
            self.counters.links_disagreed += u64::from(!confirmed.same);
            if let Some(address) = confirmed.stale {
                self.resolve(exit.port, address);
            }
        }
    }

    #[cold]
    fn report(
        &mut self,
        ingress: Port,
        frame: &mut FrameMut<'_>,
        report: Report,
        mtu: u32,
    ) -> Outcome {
        match self.error(ingress, frame, report, mtu) {
            Ok(()) => Outcome::Reported(report, ingress),
            Err(drop) => Outcome::Dropped(drop),
        }
    }

    fn error(
        &mut self,
        ingress: Port,
        frame: &mut FrameMut<'_>,
        report: Report,
        mtu: u32,
    ) -> Result<(), Drop> {
        let fib = self.tables.fib();
        let port = fib.port(ingress).ok_or(Drop::NoPort)?;
        if !icmp::may_report(fib, frame.bytes()) {
            return Err(Drop::NoErrorTo);
        }
        if !self.errors.take(self.now_ns) {
            return Err(Drop::ErrorsLimited);
        }
        icmp::error(port, frame, report, mtu)
    }

    #[cold]
    fn resolve(&mut self, port: Port, address: IpAddr) {
        let Some(state) = self.tables.fib().port(port) else {
            return;
        };
        let device = state.device;
        match self.asker.ask(Question { device, address }, self.now_ns) {
            Asked::Now => self.counters.resolutions += 1,
            Asked::Already => {}
            Asked::Refused => self.counters.resolutions_refused += 1,
        }
    }

    /// Where a packet of this host's own leaves. A neighbour that is not known, did not answer, or was not confirmed lately is
    /// asked for.
    ///
    /// # Errors
    /// When there is no way now.
    pub fn originate(&mut self, from: IpAddr, to: IpAddr) -> Result<Exit, NoWay> {
        match forward::originate(self.tables.fib(), from, to) {
            Ok(exit) => {
                if let Some(address) = exit.stale {
                    self.resolve(exit.port, address);
                }
                Ok(exit)
            }
            Err(Verdict::Unresolved(port, address) | Verdict::Unanswered(port, address)) => {
                self.resolve(port, address);
                Err(NoWay::Unresolved)
            }
            Err(
                Verdict::Forward { .. }
                | Verdict::Host(_)
                | Verdict::Report { .. }
                | Verdict::Drop(_),
            ) => Err(NoWay::NoRoute),
        }
    }

    /// Gives the packet in a frame, one of this host's own, the link addresses of its way. The port that it leaves by.
    ///
    /// # Errors
    /// As [`originate`](Self::originate), and when it is no sound packet.
    pub fn address(&mut self, frame: &mut [u8]) -> Result<Port, NoWay> {
        let (from, to) = forward::ends(frame).ok_or(NoWay::NoRoute)?;
        let exit = self.originate(from, to)?;
        exit.address(frame);
        Ok(exit.port)
    }

    /// The fragments of a frame that is to leave in such ([`Outcome::Fragmented`]), in frames of their own, ready to leave by `port`;
    /// the frame itself is given back. Where there is no memory for all of them there are none, and the frame is lost.
    #[cold]
    pub fn cut<I: FrameIo>(
        &mut self,
        io: &mut I,
        frame: I::Frame,
        port: Port,
        mtu: u32,
    ) -> Vec<I::Frame> {
        let pieces = fragment::cut(io, frame, mtu);
        match pieces.len() as u64 {
            0 => self.not_cut(),
            count => self.counters.count_fragments(port, count),
        }
        pieces
    }

    /// A frame that was to leave in fragments is lost instead.
    pub(crate) fn not_cut(&mut self) {
        self.counters.count_not_cut();
    }

    /// What was counted so far.
    #[must_use]
    pub const fn counters(&self) -> &RouterCounters {
        &self.counters
    }
}

impl<I: FrameIo> Handler<I> for Router {
    fn frame(&mut self, io: &mut I, mut frame: I::Frame) {
        let (ingress, next) = (io.port(&frame), io.next_link(&frame));
        let outcome = self.process_told(ingress, next, &mut io.view(&mut frame));
        match outcome {
            Outcome::Forwarded(port) | Outcome::Reported(_, port) => io.send(frame, port),
            Outcome::Fragmented { port, mtu } => {
                for piece in self.cut(io, frame, port, mtu) {
                    io.send(piece, port);
                }
            }
            Outcome::Host(_) | Outcome::Dropped(_) => io.release(frame),
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
        self.advance(now_ns);
    }
}

#[cfg(test)]
mod cut_tests;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod neighbour_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod told_tests;
