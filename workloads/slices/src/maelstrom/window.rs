//! The latest packets, with their texts: what repairs are solved with.

use std::ops::Range;

use super::header::MAX_LAYERS;

/// Place of a repair that waits, in the pool.
pub(crate) type Waiting = u32;
const NONE: Waiting = Waiting::MAX;

/// What is known of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// From before the first packet that was seen: maybe there never was one.
    Before,
    /// From before the window began anew: it may have been forwarded, and its text is not here.
    Unknown,
    /// It has not arrived.
    Missing,
    /// It is here.
    Here,
}

#[derive(Debug, Clone)]
struct Slot {
    state: State,
    len: u16,
    /// When it was seen that the packet is missing, in ns; 0 where it never was.
    since_ns: u64,
    /// Of each layer, the repair that waits for this packet.
    waiting: [Waiting; MAX_LAYERS],
}

const EMPTY: Slot = Slot {
    state: State::Before,
    len: 0,
    since_ns: 0,
    waiting: [NONE; MAX_LAYERS],
};

/// Numbers that a single frame may be ahead of all others where the window is smaller than that: losses in a row are no
/// reason for doubt then.
const LEAST_NEAR: u32 = 1024;

/// Where a number lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Beyond the newest packet, by so many: as after losses.
    Ahead(u32),
    /// So far beyond it that one frame alone is not believed, by so many.
    FarAhead(u32),
    /// In the window.
    Inside,
    /// So old that its slot is another's.
    Behind,
}

/// A ring over the latest numbers, which count modulo 2^32 (RFC 1982).
#[derive(Debug)]
pub(crate) struct Window {
    newest: Option<u32>,
    slots: Vec<Slot>,
    texts: Vec<u8>,
    longest: usize,
}

impl Window {
    /// A window over so many numbers, a power of two, for texts of so many bytes.
    pub(crate) fn new(numbers: usize, longest: usize) -> Self {
        Self {
            newest: None,
            slots: vec![EMPTY; numbers],
            texts: vec![0; numbers * longest],
            longest,
        }
    }

    pub(crate) const fn size(&self) -> u32 {
        self.slots.len() as u32
    }

    /// Where a number lies; the first one to be asked for becomes the newest.
    pub(crate) fn place(&mut self, number: u32) -> Place {
        let newest = *self.newest.get_or_insert(number.wrapping_sub(1));
        let ahead = number.wrapping_sub(newest);
        if (1..1 << 31).contains(&ahead) {
            if ahead <= self.size().max(LEAST_NEAR) {
                Place::Ahead(ahead)
            } else {
                Place::FarAhead(ahead)
            }
        } else if newest.wrapping_sub(number) < self.size() {
            Place::Inside
        } else {
            Place::Behind
        }
    }

    /// Goes on to the next number: its slot becomes its own, and what it was before is given up. Says what that was,
    /// and which repairs waited for it. `since_ns` is the time, if the number is missing.
    pub(crate) fn step(&mut self, since_ns: u64) -> (State, [Waiting; MAX_LAYERS]) {
        let next = self.newest.map_or(0, |newest| newest.wrapping_add(1));
        self.newest = Some(next);
        let at = self.at(next);
        let Slot { state, waiting, .. } = std::mem::replace(
            &mut self.slots[at],
            Slot {
                state: State::Missing,
                since_ns,
                ..EMPTY
            },
        );
        (state, waiting)
    }

    /// Goes on to `newest` at once, further than the window reaches. The repairs that waited are to be given up.
    pub(crate) fn jump(&mut self, newest: u32, since_ns: u64) -> u64 {
        let given_up = self.missing();
        let skipped = self.newest.map_or(0, |before| newest.wrapping_sub(before));
        self.slots.fill(Slot {
            state: State::Missing,
            since_ns,
            ..EMPTY
        });
        self.newest = Some(newest);
        given_up + u64::from(skipped - self.size())
    }

    /// Begins anew with `first` as the next number; of those before it nothing is known. The repairs that waited are to be
    /// given up. Says how many packets were missing.
    pub(crate) fn restart(&mut self, first: u32) -> u64 {
        let given_up = self.missing();
        self.slots.fill(Slot {
            state: State::Unknown,
            ..EMPTY
        });
        self.newest = Some(first.wrapping_sub(1));
        given_up
    }

    /// How many packets are missing.
    pub(crate) fn missing(&self) -> u64 {
        let missing = |slot: &&Slot| slot.state == State::Missing;
        self.slots.iter().filter(missing).count() as u64
    }

    /// When it was seen that the packet is missing, if it ever was, in ns.
    pub(crate) fn since(&self, number: u32) -> Option<u64> {
        let since_ns = self.slots[self.at(number)].since_ns;
        (since_ns != 0).then_some(since_ns)
    }

    pub(crate) fn state(&self, number: u32) -> State {
        self.slots[self.at(number)].state
    }

    pub(crate) fn text(&self, number: u32) -> &[u8] {
        let at = self.at(number);
        &self.texts[self.span(at)][..usize::from(self.slots[at].len)]
    }

    /// Keeps a packet, of at most as many bytes as the window is for.
    pub(crate) fn keep(&mut self, number: u32, text: &[u8]) {
        let at = self.at(number);
        let span = self.span(at);
        self.texts[span][..text.len()].copy_from_slice(text);
        (self.slots[at].state, self.slots[at].len) = (State::Here, text.len() as u16);
    }

    /// The repair of this layer that waits for the packet.
    pub(crate) fn waiting(&self, number: u32, layer: usize) -> Option<Waiting> {
        let repair = self.slots[self.at(number)].waiting[layer];
        (repair != NONE).then_some(repair)
    }

    /// From now on this repair waits for the packet, or none.
    pub(crate) fn wait(&mut self, number: u32, layer: usize, repair: Option<Waiting>) {
        let at = self.at(number);
        self.slots[at].waiting[layer] = repair.unwrap_or(NONE);
    }

    const fn at(&self, number: u32) -> usize {
        number as usize & (self.slots.len() - 1)
    }

    const fn span(&self, at: usize) -> Range<usize> {
        at * self.longest..(at + 1) * self.longest
    }
}

/// The repairs among those that waited for a slot.
pub(crate) fn repairs(waiting: [Waiting; MAX_LAYERS]) -> impl Iterator<Item = Waiting> {
    waiting.into_iter().filter(|repair| *repair != NONE)
}
