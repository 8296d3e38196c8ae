//! Reading what AF_XDP sockets lost.

use std::io;

use super::socket::Xsk;
use crate::drops::{Drop, Drops};

/// Reads the kernel's statistics of a set of sockets from any thread.
#[derive(Debug, Clone)]
pub struct XskProbe {
    sockets: Vec<Xsk>,
    per_queue: usize,
}

impl XskProbe {
    pub(crate) const fn new(sockets: Vec<Xsk>, per_queue: usize) -> Self {
        Self { sockets, per_queue }
    }

    /// What all sockets lost so far.
    ///
    /// # Errors
    /// When the statistics cannot be read.
    pub fn drops(&self) -> io::Result<Drops> {
        let mut drops = Drops::default();
        for index in 0..self.sockets.len() {
            drops.merge(&self.socket_drops(index)?);
        }
        Ok(drops)
    }

    /// What socket number `index` (`queue * owners + owner`) lost so far. The queue's shared
    /// counters appear with its first socket.
    ///
    /// # Errors
    /// When the statistics cannot be read.
    pub fn socket_drops(&self, index: usize) -> io::Result<Drops> {
        let statistics = self.sockets[index].statistics()?;
        let mut drops = Drops::default();
        drops.add(Drop::XskNoFrame, statistics.rx_dropped);
        drops.add(Drop::XskRxRingFull, statistics.rx_ring_full);
        drops.related.tx_invalid = statistics.tx_invalid_descs;
        if index.is_multiple_of(self.per_queue) {
            drops.related.fill_ring_empty = statistics.rx_fill_ring_empty_descs;
            drops.related.rx_invalid = statistics.rx_invalid_descs;
        }
        Ok(drops)
    }
}
