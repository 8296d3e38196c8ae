//! Scans: once their keys are spelt out, those are asked for as of any request for several keys.

use std::sync::Arc;

use super::{Closing, Desk, Job};
use crate::handoff::mesh::Notify;
use crate::protocol::scan::{self, Scanned};
use crate::server::engine::Engine;

impl<F, O, E: Engine> Desk<F, O, E> {
    /// Whether all of these keys are served here.
    pub(crate) fn serves_all(&self, scanned: &Scanned) -> bool {
        scanned.keys.iter().all(|single| {
            let hash = self.shared.route_of(&scanned.bytes, single);
            self.engine.serves(hash, single.is_read())
        })
    }

    /// Writes the reply to a scan from those of its keys that are served here.
    pub(crate) fn scan_here(&mut self, scanned: &Scanned, reply: &mut Vec<u8>) {
        reply.clear();
        scan::begin(reply);
        let mut read = 0;
        for single in &scanned.keys {
            read += u64::from(self.execute(&scanned.bytes, single, reply).is_ok());
        }
        scan::finish(reply);
        let counts = &self.shared.states[self.me].counts;
        counts.executed_scan.one();
        counts.executed_scan_key.add(read);
    }

    /// Starts on a scan that takes others' keys; returns the finished job, or nothing while answers are
    /// outstanding.
    pub(crate) fn begin_scan<N: Notify>(&mut self, origin: O, scanned: &Scanned) -> Option<Job<O>> {
        let request: Arc<[u8]> = Arc::from(scanned.bytes.as_slice());
        let mut output = Vec::new();
        scan::begin(&mut output);
        let number = self.jobs.put(Job {
            origin,
            output,
            close: false,
            incomplete: false,
            request: Arc::clone(&request),
            // Nothing in it is left to be parsed.
            at: request.len(),
            gather: None,
        });
        let shared = Arc::clone(&self.shared);
        let counts = &shared.states[self.me].counts;
        counts.executed_scan.one();
        let handed = counts.handoffs.get();
        let keys = scanned.keys.iter().copied();
        let complete = self.keys::<N>(number, &request, 0, keys, Closing::Scan);
        counts.scan_handoffs.add(counts.handoffs.get() - handed);
        complete.then(|| self.jobs.take(number)).flatten()
    }
}
