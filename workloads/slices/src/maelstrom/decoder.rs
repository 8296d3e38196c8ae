//! The ingress: forwards packets and recovers those that were lost.

use std::collections::VecDeque;

use pktio::frame::{FrameMut, NoRoom};

use super::delays::Delays;
use super::header::{DATA_LEN, Group, Header};
use super::repairs::{Repair, Repairs};
use super::window::{self, Place, State, Waiting, Window};
use super::{ADDRESSES_LEN, BadCode, Code, xor};

/// Numbers passed over that are taken for losses, a second's packets or so: what goes on further ahead is an encoder that
/// began anew elsewhere, and nobody knows of losses.
const MOST_LOST: u32 = 1 << 20;

/// What a frame between the proxies was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// A packet: the frame is now what was encoded, to be forwarded.
    Data,
    /// A repair: the frame is done with.
    Repair,
}

/// Why a frame is not forwarded. It is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotDecoded {
    /// Not from the other proxy.
    NotOurs,
    /// It ends before its header says.
    Truncated,
    /// Another version, or an unknown kind.
    BadVersion,
    /// Damaged on its way: as good as lost.
    BadChecksum,
    /// Longer than [`Code::longest`], or too short for an EtherType.
    BadLength,
    /// A repair of another code.
    BadGroup,
    /// A packet from before the window.
    Late,
    /// A packet that arrived before, or was recovered before it arrived; or another one of its number.
    Duplicate,
    /// A packet so far ahead of all others that it may be forged.
    FarAhead,
}

impl NotDecoded {
    /// Names in results, in the order of the counters.
    pub const NAMES: [&'static str; 9] = [
        "not_ours",
        "truncated",
        "bad_version",
        "bad_checksum",
        "bad_length",
        "bad_group",
        "late",
        "duplicate",
        "far_ahead",
    ];

    /// The counter's place.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// What became of the frames so far. Bytes of frames, link addresses included.
///
/// Frames are `data + repairs +` the refused; repairs are those that gave a packet (`recovered`) `+ repairs_unneeded +
/// repairs_expired + repairs_duplicate + repairs_inconsistent + repairs_no_room +` those that [wait](Decoder::waiting).
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct DecoderCounters {
    /// Packets that arrived, to be forwarded.
    pub data: u64,
    /// Their bytes, without headers.
    pub data_bytes: u64,
    /// Packets that were recovered.
    pub recovered: u64,
    /// Their bytes.
    pub recovered_bytes: u64,
    /// Of them, those for which there was no frame.
    pub undelivered: u64,
    /// Packets that left the window without having arrived or been recovered, from the first one seen on. Numbers are no
    /// packets where an encoder began anew.
    pub unrecovered: u64,
    /// Times that two packets in sequence, out of the sequence of those before, moved the window to where they are.
    pub resynchronised: u64,
    /// Repairs that arrived.
    pub repairs: u64,
    /// All of whose packets were there.
    pub repairs_unneeded: u64,
    /// Which lacked two packets or more when one of these left the window, or came after that, or are of packets far
    /// ahead, or from before the window began anew.
    pub repairs_expired: u64,
    /// Which came twice.
    pub repairs_duplicate: u64,
    /// Whose text does not fit the packets that it tells.
    pub repairs_inconsistent: u64,
    /// For which there was no place.
    pub repairs_no_room: u64,
    /// Frames refused, by [`NotDecoded::index`].
    pub refused: [u64; NotDecoded::NAMES.len()],
}

/// The decoding end.
#[derive(Debug)]
pub struct Decoder {
    code: Code,
    window: Window,
    repairs: Repairs,
    /// The latest packet but duplicates, if it was out of sequence and refused.
    stray: Option<u32>,
    /// Packets that are here now and were not when repairs last looked.
    found: Vec<u32>,
    /// Packets recovered and not yet written.
    recovered: VecDeque<u32>,
    /// Link addresses of the latest frame.
    addresses: [u8; ADDRESSES_LEN],
    /// The time (CLOCK_MONOTONIC, ns). Asked when packets are missing and when one is recovered, and never in between.
    clock: fn() -> u64,
    delays: Delays,
    counters: DecoderCounters,
}

impl Decoder {
    /// A decoder of what an [`Encoder`](super::Encoder) of the same code sends.
    ///
    /// # Errors
    /// When the code cannot be.
    pub fn new(code: Code) -> Result<Self, BadCode> {
        code.check()?;
        let layers = code.interleaves.len();
        let open: usize = code.interleaves.iter().map(|i| usize::from(*i)).sum();
        // As many as full groups have room in the window, and all that a flush can close.
        let places = layers * code.window() / usize::from(code.group) + open;
        Ok(Self {
            window: Window::new(code.window(), code.longest),
            repairs: Repairs::new(places, code.longest),
            stray: None,
            found: Vec::new(),
            recovered: VecDeque::new(),
            addresses: [0; ADDRESSES_LEN],
            clock: sys::clock::now_ns,
            delays: Delays::new(),
            counters: DecoderCounters::default(),
            code,
        })
    }

    /// The same decoder by another clock.
    #[cfg(test)]
    pub(crate) fn by_clock(self, clock: fn() -> u64) -> Self {
        Self { clock, ..self }
    }

    /// Takes a frame in. Afterwards [`pending`](Self::pending) recovered packets wait, to be written before the next
    /// frame: what is not written by then is given up.
    ///
    /// # Errors
    /// The one reason why it is not forwarded, which is counted.
    pub fn decode(&mut self, frame: &mut FrameMut<'_>) -> Result<Arrival, NotDecoded> {
        self.give_up();
        let verdict = self.take(frame);
        match verdict {
            Ok(Arrival::Data) => self.counters.data += 1,
            Ok(Arrival::Repair) => self.counters.repairs += 1,
            Err(refused) => self.counters.refused[refused.index()] += 1,
        }
        verdict
    }

    fn take(&mut self, frame: &mut FrameMut<'_>) -> Result<Arrival, NotDecoded> {
        let bytes = frame.bytes();
        let (header, text) = Header::read(bytes)?;
        if !(2..=self.code.longest).contains(&text.len()) {
            return Err(NotDecoded::BadLength);
        }
        match header {
            Header::Data { sequence } => {
                self.enter(sequence, &bytes[text.clone()])?;
                self.addresses.copy_from_slice(&bytes[..ADDRESSES_LEN]);
                self.window.keep(sequence, &bytes[text.clone()]);
                self.settle(sequence);
                let excess = bytes.len() - text.end;
                frame.bytes_mut().copy_within(..ADDRESSES_LEN, DATA_LEN);
                // Both are less than the frame's length.
                frame
                    .shrink_front(DATA_LEN)
                    .map_err(|_| NotDecoded::BadLength)?;
                frame
                    .shrink_back(excess)
                    .map_err(|_| NotDecoded::BadLength)?;
                self.counters.data_bytes += frame.bytes().len() as u64;
                Ok(Arrival::Data)
            }
            Header::Repair { group, lengths } => {
                self.check(group)?;
                self.addresses.copy_from_slice(&bytes[..ADDRESSES_LEN]);
                self.repair(group, lengths, &bytes[text]);
                Ok(Arrival::Repair)
            }
        }
    }

    /// Packets recovered that wait to be written.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.recovered.len()
    }

    /// Gives up the recovered packets that wait: there is no frame for them.
    pub fn give_up(&mut self) {
        self.counters.undelivered += self.recovered.len() as u64;
        self.recovered.clear();
    }

    /// Packets in the window that have neither arrived nor been recovered.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.window.missing()
    }

    /// Repairs that lack two packets or more and may still give one.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.repairs.waiting()
    }

    /// Writes the next recovered packet into a frame of its own, whatever that held, with the link addresses of the
    /// frame that brought what it lacked; false when none waits.
    ///
    /// # Errors
    /// When the frame's memory is too small: the packet still waits.
    pub fn write_recovered(&mut self, frame: &mut FrameMut<'_>) -> Result<bool, NoRoom> {
        let Some(&number) = self.recovered.front() else {
            return Ok(false);
        };
        let text = self.window.text(number);
        frame.shrink_back(frame.bytes().len())?;
        frame.grow_back(ADDRESSES_LEN + text.len())?;
        let (addresses, rest) = frame.bytes_mut().split_at_mut(ADDRESSES_LEN);
        addresses.copy_from_slice(&self.addresses);
        rest.copy_from_slice(text);
        self.recovered.pop_front();
        Ok(true)
    }

    /// What became of the frames so far.
    #[must_use]
    pub const fn counters(&self) -> &DecoderCounters {
        &self.counters
    }

    /// For how long recovered packets were missing: from when a frame showed it until they were recovered. Those from before
    /// the first frame that was seen are not among them, for nobody saw them missing.
    #[must_use]
    pub const fn delays(&self) -> &Delays {
        &self.delays
    }

    /// Makes the packet's slot its own, unless the packet is out of sequence and the one before it was not.
    fn enter(&mut self, number: u32, text: &[u8]) -> Result<(), NotDecoded> {
        let astray = match self.window.place(number) {
            Place::Ahead(by) => {
                self.advance(number, by, true);
                None
            }
            Place::FarAhead(_) => Some(NotDecoded::FarAhead),
            Place::Behind => Some(NotDecoded::Late),
            Place::Inside => match self.window.state(number) {
                State::Before | State::Missing => None,
                State::Unknown => Some(NotDecoded::Late),
                State::Here if self.window.text(number) == text => {
                    return Err(NotDecoded::Duplicate);
                }
                State::Here => Some(NotDecoded::Duplicate),
            },
        };
        match astray {
            Some(refused) if !self.resynchronise(number) => Err(refused),
            Some(_) | None => {
                self.stray = None;
                Ok(())
            }
        }
    }

    /// Goes to a number out of sequence if the packet before was out of sequence too, and this one follows it; else waits
    /// for the next (RFC 3550, appendix A.1).
    fn resynchronise(&mut self, number: u32) -> bool {
        let Some(first) = self.stray.replace(number) else {
            return false;
        };
        let beyond = number.wrapping_sub(first);
        if !(1..self.window.size()).contains(&beyond) {
            return false;
        }
        self.counters.resynchronised += 1;
        if let Place::FarAhead(by) = self.window.place(number)
            && by <= MOST_LOST
        {
            self.advance(number, by, true);
        } else {
            self.counters.unrecovered += self.window.restart(first);
            self.counters.repairs_expired += self.repairs.clear() as u64;
            // The first one was refused, so that it is missing.
            self.advance(number, beyond + 1, true);
        }
        true
    }

    /// Goes on to a number, which has `arrived` or is only told by a repair.
    fn advance(&mut self, number: u32, by: u32, arrived: bool) {
        // The packet itself is here; those before it are not.
        let since_ns = if by > 1 || !arrived {
            (self.clock)()
        } else {
            0
        };
        if by > self.window.size() {
            self.counters.unrecovered += self.window.jump(number, since_ns);
            self.counters.repairs_expired += self.repairs.clear() as u64;
            return;
        }
        for _ in 0..by {
            let (state, waiting) = self.window.step(since_ns);
            self.counters.unrecovered += u64::from(state == State::Missing);
            for at in window::repairs(waiting) {
                if let Some(repair) = self.repairs.get(at) {
                    self.remove(at, repair.group);
                    self.counters.repairs_expired += 1;
                }
            }
        }
    }

    /// Whether the group is one of this code.
    fn check(&self, group: Group) -> Result<(), NotDecoded> {
        let interleave = self.code.interleaves.get(usize::from(group.layer));
        let ours =
            interleave == Some(&group.interleave) && (1..=self.code.group).contains(&group.count);
        if ours {
            Ok(())
        } else {
            Err(NotDecoded::BadGroup)
        }
    }

    fn repair(&mut self, group: Group, lengths: u16, text: &[u8]) {
        let last = group.first.wrapping_add(group.reach());
        if let Place::Ahead(by) = self.window.place(last) {
            self.advance(last, by, false);
        }
        // A group reaches less far than the window. What may have been forwarded is not to be recovered.
        let inside = self.window.place(group.first) == Place::Inside;
        let unknown = |number| self.window.state(number) == State::Unknown;
        if !inside || group.members().any(unknown) {
            self.counters.repairs_expired += 1;
            return;
        }
        let layer = usize::from(group.layer);
        if group
            .members()
            .any(|number| self.window.waiting(number, layer).is_some())
        {
            self.counters.repairs_duplicate += 1;
            return;
        }
        let Some(at) = self.repairs.insert(group, lengths, text) else {
            self.counters.repairs_no_room += 1;
            return;
        };
        for number in group.members() {
            if self.window.state(number) != State::Here {
                self.window.wait(number, layer, Some(at));
            }
        }
        self.solve(at);
        self.cascade();
    }

    /// Lets the repairs that wait for the packet look again, and those that wait for what they recover.
    fn settle(&mut self, number: u32) {
        self.found.push(number);
        self.cascade();
    }

    fn cascade(&mut self) {
        while let Some(number) = self.found.pop() {
            for layer in 0..self.code.interleaves.len() {
                if let Some(at) = self.window.waiting(number, layer) {
                    self.window.wait(number, layer, None);
                    self.solve(at);
                }
            }
        }
    }

    /// Recovers the one packet that the repair lacks, if it is one.
    fn solve(&mut self, at: Waiting) {
        let Some(repair) = self.repairs.get(at) else {
            return;
        };
        let window = &self.window;
        let mut lacking = repair
            .group
            .members()
            .filter(|number| window.state(*number) != State::Here);
        match (lacking.next(), lacking.next()) {
            (None, _) => {
                self.counters.repairs_unneeded += 1;
                self.remove(at, repair.group);
            }
            (Some(number), None) => {
                match self.difference(at, repair, number) {
                    Some(len) => {
                        self.window.keep(number, self.repairs.text(at, len));
                        self.time(number);
                        self.counters.recovered += 1;
                        self.counters.recovered_bytes += (ADDRESSES_LEN + len) as u64;
                        self.recovered.push_back(number);
                        self.found.push(number);
                    }
                    None => self.counters.repairs_inconsistent += 1,
                }
                self.remove(at, repair.group);
            }
            (Some(_), Some(_)) => {}
        }
    }

    /// Records how long a packet was missing that was recovered just now.
    fn time(&mut self, number: u32) {
        if let Some(since_ns) = self.window.since(number) {
            let now_ns = (self.clock)();
            self.delays.record(now_ns.saturating_sub(since_ns));
        }
    }

    /// Takes all packets but `lacking` out of the repair's text, which is then that packet's; its length, if there can
    /// be such a packet.
    fn difference(&mut self, at: Waiting, repair: Repair, lacking: u32) -> Option<usize> {
        let text = self.repairs.text(at, repair.len);
        let mut length = repair.lengths;
        for number in repair.group.members().filter(|number| *number != lacking) {
            let packet = self.window.text(number);
            length ^= packet.len() as u16;
            if packet.len() > text.len() {
                return None;
            }
            xor(text, packet);
        }
        let length = usize::from(length);
        let fits =
            (2..=text.len()).contains(&length) && text[length..].iter().all(|byte| *byte == 0);
        fits.then_some(length)
    }

    fn remove(&mut self, at: Waiting, group: Group) {
        let layer = usize::from(group.layer);
        for number in group.members() {
            // A slot that is another number's meanwhile does not name this repair.
            if self.window.waiting(number, layer) == Some(at) {
                self.window.wait(number, layer, None);
            }
        }
        self.repairs.remove(at);
    }
}
