//! One port's share of a slice's chunks.
//!
//! A slice has one stock of free chunks for all its ports, since a frame that came by one port leaves by
//! another: its chunk goes from the FILL ring of the first to the COMPLETION ring of the second. Each port keeps a
//! fixed number of chunks to receive into, so that no port can take another's; what comes back from transmission goes
//! to the stock, from which whichever port received is topped up. The stock is last in, first out: the chunk that was
//! used last is the one that caches still know.

use super::ring::{Consumer, Producer, RingMemory};

/// The FILL and COMPLETION rings of one (device, queue), used by one thread.
#[derive(Debug)]
pub(super) struct Supply<F, C> {
    fill: Producer<F>,
    completion: Consumer<C>,
    chunk_mask: u64,
    /// Chunks that are to be posted, or received and not yet taken.
    target: u32,
    /// Chunks that are.
    receiving: u32,
    /// Chunks that were queued for transmission and are not back.
    sending: u32,
}

impl<F: RingMemory<Slot = u64>, C: RingMemory<Slot = u64>> Supply<F, C> {
    /// Rings that hold every chunk of the slice, each of `chunk` bytes; `target` of them are to be posted.
    pub(super) const fn new(
        fill: Producer<F>,
        completion: Consumer<C>,
        chunk: usize,
        target: u32,
    ) -> Self {
        Self {
            fill,
            completion,
            chunk_mask: !(chunk as u64 - 1),
            target,
            receiving: 0,
            sending: 0,
        }
    }

    /// Posts chunks out of the stock until there are as many as there are to be, or the stock is empty. Returns
    /// how many.
    pub(super) fn post(&mut self, stock: &mut Vec<u64>) -> u32 {
        let wanted = (self.target - self.receiving) as usize;
        let from = stock.len().saturating_sub(wanted);
        let posted = (stock.len() - from) as u32;
        for chunk in stock.drain(from..) {
            assert!(
                self.fill.push(chunk),
                "the FILL ring holds every chunk of its slice"
            );
        }
        if posted > 0 {
            self.fill.publish();
            self.receiving += posted;
        }
        posted
    }

    /// Puts the chunks of sent frames back into the stock.
    pub(super) fn reclaim(&mut self, stock: &mut Vec<u64>) {
        if self.sending == 0 {
            return;
        }
        while let Some(addr) = self.completion.pop() {
            stock.push(addr & self.chunk_mask);
            self.sending -= 1;
        }
        self.completion.release();
    }

    /// So many frames were taken out of the RX ring.
    pub(super) const fn took(&mut self, count: u32) {
        self.receiving -= count;
    }

    /// A frame was queued for transmission.
    pub(super) const fn queued(&mut self) {
        self.sending += 1;
    }

    /// Whether nothing can be received for want of chunks.
    pub(super) const fn is_dry(&self) -> bool {
        self.receiving == 0
    }

    /// Whether the kernel wants to hear of posted chunks.
    pub(super) fn needs_wakeup(&self) -> bool {
        self.fill.needs_wakeup()
    }

    /// Chunks in the FILL ring and in the COMPLETION ring, by their indices.
    pub(super) fn in_rings(&mut self) -> (u32, u32) {
        (self.fill.outstanding(), self.completion.waiting())
    }
}

#[cfg(test)]
#[path = "supply_tests.rs"]
mod tests;
