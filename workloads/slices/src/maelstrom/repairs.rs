//! Repairs that wait for packets, in memory of a fixed size.

use super::header::Group;
use super::window::Waiting;

/// A repair that lacks packets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Repair {
    pub(crate) group: Group,
    /// XOR of its packets' lengths.
    pub(crate) lengths: u16,
    /// Length of its own text.
    pub(crate) len: usize,
}

/// Places for repairs.
#[derive(Debug)]
pub(crate) struct Repairs {
    places: Vec<Option<Repair>>,
    free: Vec<Waiting>,
    texts: Vec<u8>,
    longest: usize,
}

impl Repairs {
    /// So many places, for texts of so many bytes.
    pub(crate) fn new(places: usize, longest: usize) -> Self {
        Self {
            places: vec![None; places],
            free: (0..places as Waiting).rev().collect(),
            texts: vec![0; places * longest],
            longest,
        }
    }

    /// How many wait.
    pub(crate) const fn waiting(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Keeps a repair; nothing when no place is free.
    pub(crate) fn insert(&mut self, group: Group, lengths: u16, text: &[u8]) -> Option<Waiting> {
        let at = self.free.pop()?;
        let len = text.len();
        self.texts[at as usize * self.longest..][..len].copy_from_slice(text);
        self.places[at as usize] = Some(Repair {
            group,
            lengths,
            len,
        });
        Some(at)
    }

    /// A repair that waits.
    pub(crate) fn get(&self, at: Waiting) -> Option<Repair> {
        self.places[at as usize]
    }

    /// Its text.
    pub(crate) fn text(&mut self, at: Waiting, len: usize) -> &mut [u8] {
        &mut self.texts[at as usize * self.longest..][..len]
    }

    /// Frees the place of a repair that waits.
    pub(crate) fn remove(&mut self, at: Waiting) {
        if self.places[at as usize].take().is_some() {
            self.free.push(at);
        }
    }

    /// Frees all places; returns how many repairs waited.
    pub(crate) fn clear(&mut self) -> usize {
        let waited = self.waiting();
        for at in 0..self.places.len() as Waiting {
            self.remove(at);
        }
        waited
    }
}
