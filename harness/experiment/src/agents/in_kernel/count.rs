//! The end of a path: an XDP program that counts frames and discards them, in the place of a server.

use anyhow::Result;
use loader::{Attached, Count, Expected, Provenance};

use super::InKernel;
use crate::agents::serving::{Counts, FrameCount};

/// Counter of the bytes of payload that arrived.
pub(crate) const PAYLOAD_BYTES: &str = "payload_bytes";

/// What counters of the frames that arrived by a queue are called, before its number.
const ARRIVED: &str = "arrived_queue_";

/// Frames that arrived by each queue.
pub(crate) fn arrived(counts: &Counts) -> Vec<u64> {
    let by_queue = counts.related.iter();
    let by_queue = by_queue.filter(|(name, _)| name.starts_with(ARRIVED));
    by_queue.map(|(_, frames)| *frames).collect()
}

/// Loads it for the frames of one trial.
pub(super) fn load(config: &FrameCount) -> Result<Count> {
    let expected = Expected {
        mac: config.mac,
        address: config.address,
        hops: config.hops,
        port: config.port,
        first_flow: config.first_flow,
        flows: config.flows,
        payload: config.payload,
    };
    Ok(Count::load(u32::from(config.queues), &expected)?)
}

impl InKernel for Count {
    fn preload(&mut self) -> Result<()> {
        Ok(())
    }

    fn attach(&mut self, ifindex: u32) -> loader::Result<Attached> {
        self.attach(ifindex)
    }

    fn provenance(&self) -> loader::Result<Provenance> {
        self.provenance()
    }

    fn counts(&self) -> Result<Counts> {
        let counters = self.counters()?;
        let arrived: u64 = counters.arrived.iter().sum();
        let by_queue = counters.arrived.iter().enumerate();
        let related = by_queue
            .map(|(queue, frames)| (format!("{ARRIVED}{queue}"), *frames))
            .chain([
                (PAYLOAD_BYTES.to_owned(), counters.payload_bytes),
                ("misfits".to_owned(), counters.misfits),
                ("xdp_passed".to_owned(), counters.passed),
            ]);
        Ok(Counts {
            executed: arrived,
            replies: arrived,
            related: related.collect(),
            ..Counts::default()
        })
    }
}
