//! Scans, where all of their keys, or all that are asked for, are served by the thread that they come to.

use pktio::DatagramIo;

use super::{Owner, Waiting, finished};
use crate::handoff::mesh::Notify;
use crate::protocol::Scan;
use crate::protocol::frame::HEADER_LEN;
use crate::reply::{Envelope, deliver_bytes};
use crate::server::engine::Engine;
use crate::server::message::Arrival;
use crate::server::migrate::Migrate;
use crate::systems::Design;

impl<D: Design, N: Notify, I: DatagramIo, E: Engine + Migrate> Owner<D, N, I, E> {
    /// Answers a scan, or asks others for their keys first.
    pub(super) fn scan(&mut self, io: &mut I, frame: I::Frame, from: Arrival, scan: &Scan) {
        let body = &io.payload(&frame)[HEADER_LEN..];
        let desk = &mut self.desk;
        let spelt = (self.scanned).spell(scan, body, desk.shared.keys.as_ref());
        if let Err(status) = spelt {
            self.immediate(io, frame, from, &status.alone());
            return;
        }
        if !scan.own_keys && !desk.serves_all(&self.scanned) {
            let waiting = Waiting { frame, from };
            if let Some(job) = desk.begin_scan::<N>(waiting, &self.scanned) {
                self.finish_job(io, job);
            }
            return;
        }
        desk.scan_here(&self.scanned, &mut self.reply);
        let counts = &desk.shared.states[desk.me].counts;
        finished(&desk.shared, counts, from, self.cpu);
        let envelope = Envelope::new(from, self.sealing.as_mut());
        deliver_bytes(io, frame, envelope, &self.reply, &mut self.spill, counts);
    }
}
