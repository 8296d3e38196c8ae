//! The egress: numbers packets and makes repairs of them.

use std::collections::VecDeque;

use pktio::frame::{FrameMut, NoRoom};

use super::header::{DATA_LEN, Group, Header, REPAIR_LEN};
use super::{ADDRESSES_LEN, BadCode, Code, xor};

/// Why a frame was not encoded. It is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotEncoded {
    /// It ends before its EtherType does.
    Truncated,
    /// It is longer than [`Code::longest`].
    TooLong,
    /// Its memory has no room for the header.
    NoRoom,
}

impl NotEncoded {
    /// Names in results, in the order of the counters.
    pub const NAMES: [&'static str; 3] = ["truncated", "too_long", "no_room"];

    /// The counter's place.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// What was sent so far. Bytes of frames, link addresses included. Goodput over throughput, by bytes, is
/// `plain_bytes / (data_bytes + repair_bytes)`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct EncoderCounters {
    /// Frames encoded.
    pub data: u64,
    /// Their bytes before.
    pub plain_bytes: u64,
    /// Their bytes with headers.
    pub data_bytes: u64,
    /// Repairs written.
    pub repairs: u64,
    /// Their bytes.
    pub repair_bytes: u64,
    /// Repairs made and not written: there was no frame for them.
    pub repairs_skipped: u64,
    /// Frames refused, by [`NotEncoded::index`].
    pub refused: [u64; NotEncoded::NAMES.len()],
}

/// An open group and the XOR of its packets so far.
#[derive(Debug, Clone, Default)]
struct Bin {
    first: u32,
    count: u8,
    /// XOR of the packets' lengths.
    lengths: u16,
    /// Length of the longest packet.
    longest: usize,
    /// Zeros behind the longest packet.
    text: Box<[u8]>,
    /// Link addresses of the latest packet.
    addresses: [u8; ADDRESSES_LEN],
}

impl Bin {
    fn add(&mut self, sequence: u32, addresses: [u8; ADDRESSES_LEN], text: &[u8]) {
        if self.count == 0 {
            self.first = sequence;
        }
        self.count += 1;
        self.lengths ^= text.len() as u16;
        self.longest = self.longest.max(text.len());
        self.addresses = addresses;
        xor(&mut self.text, text);
    }

    fn clear(&mut self) {
        self.text[..self.longest].fill(0);
        (self.count, self.lengths, self.longest) = (0, 0, 0);
    }
}

/// One layer: as many open groups as its interleave, which take packets in turn.
#[derive(Debug)]
struct Layer {
    bins: Vec<Bin>,
    next: usize,
}

/// The encoding end.
#[derive(Debug)]
pub struct Encoder {
    code: Code,
    sequence: u32,
    layers: Vec<Layer>,
    /// Closed groups whose repairs are to be written: layer and bin, the oldest first.
    ready: VecDeque<(usize, usize)>,
    counters: EncoderCounters,
}

impl Encoder {
    /// An encoder whose first packet has the number 0.
    ///
    /// # Errors
    /// When the code cannot be.
    pub fn new(code: Code) -> Result<Self, BadCode> {
        code.check()?;
        let bin = Bin {
            text: vec![0; code.longest].into(),
            ..Bin::default()
        };
        let layer = |interleave: &u16| Layer {
            bins: vec![bin.clone(); usize::from(*interleave)],
            next: 0,
        };
        Ok(Self {
            sequence: 0,
            layers: code.interleaves.iter().map(layer).collect(),
            ready: VecDeque::new(),
            counters: EncoderCounters::default(),
            code,
        })
    }

    /// The same encoder, whose first packet has this number.
    #[cfg(test)]
    pub(crate) fn beginning_at(self, sequence: u32) -> Self {
        Self { sequence, ..self }
    }

    /// Puts the header into the frame, which already has the addresses of its way to the other proxy. Then
    /// [`pending`](Self::pending) repairs wait, to be written before the next frame.
    ///
    /// # Errors
    /// The one reason why not, which is counted.
    pub fn encode(&mut self, frame: &mut FrameMut<'_>) -> Result<(), NotEncoded> {
        let verdict = self.number(frame);
        if let Err(refused) = verdict {
            self.counters.refused[refused.index()] += 1;
        }
        verdict
    }

    fn number(&mut self, frame: &mut FrameMut<'_>) -> Result<(), NotEncoded> {
        let plain = frame.bytes().len();
        if plain < ADDRESSES_LEN + 2 {
            return Err(NotEncoded::Truncated);
        }
        if plain - ADDRESSES_LEN > self.code.longest {
            return Err(NotEncoded::TooLong);
        }
        frame.grow_front(DATA_LEN).map_err(|_| NotEncoded::NoRoom)?;
        let bytes = frame.bytes_mut();
        bytes.copy_within(DATA_LEN..DATA_LEN + ADDRESSES_LEN, 0);
        let (addresses, shielded) = bytes.split_at_mut(ADDRESSES_LEN);
        let sequence = self.sequence;
        Header::Data { sequence }.write(shielded);
        let mut to = [0; ADDRESSES_LEN];
        to.copy_from_slice(addresses);
        self.counters.data += 1;
        self.counters.plain_bytes += plain as u64;
        self.counters.data_bytes += (plain + DATA_LEN) as u64;
        self.sequence = sequence.wrapping_add(1);
        for layer in 0..self.layers.len() {
            self.add(layer, sequence, to, &shielded[DATA_LEN..]);
        }
        Ok(())
    }

    fn add(&mut self, at: usize, sequence: u32, to: [u8; ADDRESSES_LEN], text: &[u8]) {
        let layer = &mut self.layers[at];
        let bin = layer.next;
        layer.next = (bin + 1) % layer.bins.len();
        if self.ready.contains(&(at, bin)) {
            // Nobody wrote its repair when it was time.
            self.ready.retain(|ready| *ready != (at, bin));
            self.counters.repairs_skipped += 1;
            layer.bins[bin].clear();
        }
        layer.bins[bin].add(sequence, to, text);
        if layer.bins[bin].count == self.code.group {
            self.ready.push_back((at, bin));
        }
    }

    /// Closes all open groups, however few packets they have: for when traffic pauses, so that its last packets are
    /// protected too.
    pub fn flush(&mut self) {
        for (at, layer) in self.layers.iter().enumerate() {
            for (bin, group) in layer.bins.iter().enumerate() {
                if (1..self.code.group).contains(&group.count) && !self.ready.contains(&(at, bin)) {
                    self.ready.push_back((at, bin));
                }
            }
        }
    }

    /// Repairs that wait to be written.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.ready.len()
    }

    /// Writes the oldest repair that waits into a frame of its own, whatever that held; false when none waits.
    ///
    /// # Errors
    /// When the frame's memory is too small: the repair still waits.
    pub fn write_repair(&mut self, frame: &mut FrameMut<'_>) -> Result<bool, NoRoom> {
        let Some(&(layer, at)) = self.ready.front() else {
            return Ok(false);
        };
        let bin = &mut self.layers[layer].bins[at];
        let len = ADDRESSES_LEN + REPAIR_LEN + bin.longest;
        frame.shrink_back(frame.bytes().len())?;
        frame.grow_back(len)?;
        let (addresses, shielded) = frame.bytes_mut().split_at_mut(ADDRESSES_LEN);
        addresses.copy_from_slice(&bin.addresses);
        shielded[REPAIR_LEN..].copy_from_slice(&bin.text[..bin.longest]);
        let group = Group {
            layer: layer as u8,
            first: bin.first,
            interleave: self.code.interleaves[layer],
            count: bin.count,
        };
        let lengths = bin.lengths;
        Header::Repair { group, lengths }.write(shielded);
        bin.clear();
        self.ready.pop_front();
        self.counters.repairs += 1;
        self.counters.repair_bytes += len as u64;
        Ok(true)
    }

    /// Gives up the oldest repair that waits: there is no frame for it.
    pub fn skip_repair(&mut self) {
        if let Some((layer, bin)) = self.ready.pop_front() {
            self.layers[layer].bins[bin].clear();
            self.counters.repairs_skipped += 1;
        }
    }

    /// What was sent so far.
    #[must_use]
    pub const fn counters(&self) -> &EncoderCounters {
        &self.counters
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Arrival, Decoder};
    use super::*;
    use crate::chunk::Chunk;

    #[test]
    fn numbers_wrap_and_groups_go_on() {
        let code = Code {
            group: 4,
            interleaves: vec![1, 10],
            ..Code::default()
        };
        let encoder = Encoder::new(code.clone()).unwrap();
        let mut encoder = encoder.beginning_at(u32::MAX - 33);
        let mut decoder = Decoder::new(code).unwrap();
        let mut recovered = 0;
        let mut arrive = |decoder: &mut Decoder, mut chunk: Chunk| {
            let arrival = decoder.decode(&mut chunk.frame());
            recovered += decoder.pending();
            arrival
        };
        for number in 0..80_u8 {
            let mut chunk = Chunk::new(&[number; 60]);
            encoder.encode(&mut chunk.frame()).unwrap();
            // A burst right at the wrap.
            if !(30..40).contains(&number) {
                assert_eq!(arrive(&mut decoder, chunk), Ok(Arrival::Data));
            }
            let mut chunk = Chunk::new(&[]);
            while encoder.write_repair(&mut chunk.frame()).unwrap() {
                let arrival = arrive(&mut decoder, chunk.clone());
                assert_eq!(arrival, Ok(Arrival::Repair));
            }
        }
        assert_eq!(recovered, 10);
    }
}
