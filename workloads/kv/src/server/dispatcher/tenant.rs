//! An owner that runs only while it has a core.

use std::os::fd::RawFd;
use std::sync::Arc;

use pktio::DatagramIo;
use pktio::worker::{Handler, Woken};
use sys::clock::now_ns;

use super::cores::Cores;
use crate::handoff::mesh::Notify;
use crate::server::engine::Engine;
use crate::server::migrate::Migrate;
use crate::server::shared::Shared;
use crate::server::worker::Owner;
use crate::systems::Design;

/// How long an owner without work looks on before it gives its core back, ns: as long as a request
/// would have to wait for the core otherwise.
const LOOK_ON_NS: u64 = super::allocator::PATIENCE_NS;

/// See the [module](self).
pub(super) struct Tenant<D: Design, N, I: DatagramIo, E> {
    owner: Owner<D, N, I, E>,
    me: usize,
    shared: Arc<Shared>,
    cores: Arc<Cores>,
    idle_since_ns: Option<u64>,
}

impl<D: Design, N: Notify, I: DatagramIo, E: Engine + Migrate> Tenant<D, N, I, E> {
    /// Owner `me`, without a core so far.
    pub(super) fn new(
        owner: Owner<D, N, I, E>,
        me: usize,
        shared: &Arc<Shared>,
        cores: &Arc<Cores>,
    ) -> Self {
        shared.doorbells[me].announce_sleep();
        Self {
            owner,
            me,
            shared: Arc::clone(shared),
            cores: Arc::clone(cores),
            idle_since_ns: None,
        }
    }

    fn park(&mut self) {
        self.shared.doorbells[self.me].announce_sleep();
        self.cores.park(self.me);
    }
}

impl<D: Design, N: Notify, I: DatagramIo, E: Engine + Migrate> Handler<I> for Tenant<D, N, I, E> {
    fn frame(&mut self, io: &mut I, frame: I::Frame) {
        self.idle_since_ns = None;
        self.owner.frame(io, frame);
    }

    fn inbox(&mut self, io: &mut I) -> usize {
        let taken = self.owner.inbox(io);
        if taken > 0 {
            self.idle_since_ns = None;
        }
        taken
    }

    fn parked(&mut self) -> bool {
        if self.cores.may_run(self.me) {
            return false;
        }
        if !self.cores.is_parked(self.me) {
            // What is to go to other threads goes first.
            if self.owner.congested() {
                return false;
            }
            self.park();
        }
        true
    }

    fn before_sleep(&mut self) -> bool {
        if !self.cores.is_parked(self.me) {
            let now_ns = now_ns();
            let idle_ns = now_ns - *self.idle_since_ns.get_or_insert(now_ns);
            if idle_ns < LOOK_ON_NS || self.owner.congested() {
                return false;
            }
            self.park();
        }
        // What waits for this owner is the dispatcher's to answer for: it alone can end the wait.
        self.shared.states[self.me].quiet.round(0, true);
        true
    }

    fn after_sleep(&mut self, _why: Woken) {
        self.idle_since_ns = None;
        if self.cores.may_run(self.me) {
            self.shared.doorbells[self.me].awake();
        }
    }

    fn notification(&self) -> Option<RawFd> {
        Some(self.shared.doorbells[self.me].raw_fd())
    }

    fn tick(&mut self, io: &mut I, now_ns: u64) {
        self.owner.tick(io, now_ns);
    }
}
