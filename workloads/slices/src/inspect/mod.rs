//! A naive deep packet inspector: NetSlices' example of a packet processor (section 3.1, figure 2).
//!
//! It looks for a set of byte patterns in each packet, counts what it finds, and forwards the packet. All patterns are
//! looked for in one pass (Aho and Corasick, 1975). Naive, for it takes every packet by itself: what is spread
//! over two packets, or encrypted, it does not see.

mod crossing;

use aho_corasick::AhoCorasick;
use packet::ethernet::{self, Link};
use packet::ipv4::Ipv4;
use packet::ipv6::{self, Ipv6};
use pktio::frame::FrameMut;

/// Why there is no such inspector.
#[derive(Debug, thiserror::Error)]
pub enum BadPatterns {
    /// Nothing to look for.
    #[error("no patterns: give at least one")]
    None,
    /// It would be found everywhere.
    #[error("pattern {0} is empty")]
    Empty(usize),
    /// Too many, or too long.
    #[error("these patterns cannot be searched for: {0}")]
    Build(#[from] aho_corasick::BuildError),
}

/// What was seen so far. Every frame is in `inspected` or in `not_ip`, and goes on.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct InspectorCounters {
    /// Frames whose packet was searched.
    pub inspected: u64,
    /// Bytes searched.
    pub bytes: u64,
    /// Frames without an IP packet that could be read: not searched.
    pub not_ip: u64,
    /// Frames in which some pattern was found.
    pub frames_with_match: u64,
    /// Frames, of either kind, that could not go on: their port has no other.
    pub no_other_port: u64,
    /// How often each pattern was found, in their order; overlapping places count.
    pub matches: Vec<u64>,
}

/// Looks for patterns.
#[derive(Debug)]
pub struct Inspector {
    patterns: AhoCorasick,
    counters: InspectorCounters,
}

impl Inspector {
    /// Looks for these.
    ///
    /// # Errors
    /// When there are none, one is empty, or they are too many.
    pub fn new<P: AsRef<[u8]>>(patterns: &[P]) -> Result<Self, BadPatterns> {
        if patterns.is_empty() {
            return Err(BadPatterns::None);
        }
        if let Some(empty) = patterns
            .iter()
            .position(|pattern| pattern.as_ref().is_empty())
        {
            return Err(BadPatterns::Empty(empty));
        }
        Ok(Self {
            patterns: AhoCorasick::new(patterns)?,
            counters: InspectorCounters {
                matches: vec![0; patterns.len()],
                ..InspectorCounters::default()
            },
        })
    }

    /// Searches what the frame's IP packet carries, its transport header included. The frame is left alone, and goes on.
    pub fn inspect(&mut self, frame: &FrameMut<'_>) {
        let counters = &mut self.counters;
        let Some(payload) = payload(frame.bytes()) else {
            counters.not_ip += 1;
            return;
        };
        counters.inspected += 1;
        counters.bytes += payload.len() as u64;
        let mut found = false;
        for place in self.patterns.find_overlapping_iter(payload) {
            found = true;
            counters.matches[place.pattern().as_usize()] += 1;
        }
        counters.frames_with_match += u64::from(found);
    }

    /// What was seen so far.
    #[must_use]
    pub const fn counters(&self) -> &InspectorCounters {
        &self.counters
    }
}

/// What stands behind the IP header, without what the link padded; as much of it as there is.
fn payload(frame: &[u8]) -> Option<&[u8]> {
    let link = Link::read(frame).ok()?;
    let packet = frame.get(link.l3_at..)?;
    let (header, end) = match link.ethertype {
        ethernet::IPV4 => {
            let ip = Ipv4::read(packet, 0).ok()?;
            (ip.header_len, ip.total_len)
        }
        ethernet::IPV6 => {
            let ip = Ipv6::read(packet, 0).ok()?;
            (ipv6::HEADER_LEN, ipv6::HEADER_LEN + ip.payload_len)
        }
        _ => return None,
    };
    packet.get(header..end.min(packet.len()))
}

#[cfg(test)]
mod tests;
