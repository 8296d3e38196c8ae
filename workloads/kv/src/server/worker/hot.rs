//! What an owner does with gets of hot keys that others own.

use std::sync::Arc;

use pktio::DatagramIo;

use super::{Owner, finished};
use crate::handoff::mesh::Notify;
use crate::protocol::Single;
use crate::protocol::frame::HEADER_LEN;
use crate::reply::{Envelope, deliver_bytes};
use crate::server::desk::HotGet;
use crate::server::engine::Engine;
use crate::server::message::Arrival;
use crate::server::migrate::Migrate;
use crate::systems::Design;

impl<D: Design, N: Notify, I: DatagramIo, E: Engine + Migrate> Owner<D, N, I, E> {
    /// A request, addressed by its key, that arrived at another thread than its owner: counted as
    /// misrouted, if nobody meant to spread it, and returned where the owner has to execute it.
    pub(super) fn arrived_elsewhere(
        &mut self,
        io: &mut I,
        frame: I::Frame,
        from: Arrival,
        hash: u64,
        single: &Single,
    ) -> Option<I::Frame> {
        let body = &io.payload(&frame)[HEADER_LEN..];
        match self.desk.hot_get(hash, body, single) {
            Some(HotGet::Copied(reply)) => {
                self.answer_by_copy(io, frame, from, (hash, single), &reply);
                return None;
            }
            Some(HotGet::NotHere) => self.counts().hot_forwarded.one(),
            None => self.counts().misroutes.one(),
        }
        Some(frame)
    }

    fn answer_by_copy(
        &mut self,
        io: &mut I,
        frame: I::Frame,
        from: Arrival,
        (hash, single): (u64, &Single),
        reply: &Arc<[u8]>,
    ) {
        let body = &io.payload(&frame)[HEADER_LEN..];
        let desk = &mut self.desk;
        if let Some(hot) = &mut desk.hot {
            hot.executed(hash, body, single);
        }
        desk.burn_for(hash);
        let counts = &desk.shared.states[desk.me].counts;
        counts.executed(single);
        counts.hot_spread.one();
        finished(&desk.shared, counts, from, self.cpu);
        let envelope = Envelope::new(from, self.sealing.as_mut());
        deliver_bytes(io, frame, envelope, reply, &mut self.spill, counts);
    }
}
