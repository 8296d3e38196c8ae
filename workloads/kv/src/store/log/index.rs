//! The set-associative index: which buckets there are, and how entries come and go.
//!
//! Root buckets come first in the region, spare ones follow. A key's root is found by its hash. A
//! lossy index has no spare: an entry for which its bucket has no way left takes that of the oldest
//! item. A lossless one chains spare buckets to the root.

use super::bucket::{BUCKET, Bucket, Mark, Way, position};
use super::memory::Memory;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Index {
    shape: Shape,
    /// Spare buckets that were never used start here.
    fresh: u32,
    /// First spare bucket that was used and is empty again; 0 is none.
    free: u32,
}

/// How many buckets there are: all that a reader needs to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    roots: u32,
    spares: u32,
}

/// Where an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    /// Number of the chain's first bucket.
    pub(super) root: u32,
    /// Number of the bucket.
    pub(super) bucket: u32,
    /// Which entry.
    pub(super) way: Way,
}

/// Byte offset of a bucket in the region.
#[inline]
pub(super) fn at(bucket: u32) -> usize {
    bucket as usize * BUCKET
}

impl Spot {
    #[inline]
    fn at(self) -> usize {
        at(self.bucket) + usize::from(self.way.0) * 8
    }

    /// Replaces the entry; its owner has begun the change.
    #[inline]
    pub(super) fn set(self, memory: &mut impl Memory, entry: u64) {
        memory.set_word(self.at(), entry);
    }
}

impl Shape {
    pub(super) const fn new(roots: u32, spares: u32) -> Self {
        Self { roots, spares }
    }

    /// Bytes of the index.
    pub(super) const fn bytes(self) -> usize {
        (self.roots as usize + self.spares as usize) * BUCKET
    }

    /// The root bucket for the mixed hash ([`Key::tag`](super::super::key::Key::tag)).
    #[inline]
    pub(super) fn root(self, tag: u32) -> u32 {
        ((u64::from(tag) * u64::from(self.roots)) >> 32) as u32
    }
}

impl Index {
    pub(super) fn new(shape: Shape) -> Self {
        Self {
            shape,
            fresh: shape.roots,
            free: 0,
        }
    }

    #[inline]
    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// The first entry of the chain for which `is_it` holds, among those of the mark.
    #[inline]
    pub(super) fn find(
        &self,
        memory: &impl Memory,
        root: u32,
        mark: Mark,
        is_it: impl Fn(usize) -> bool,
    ) -> Option<(Spot, usize)> {
        let mut number = root;
        loop {
            let bucket = Bucket::at(memory.bytes(), at(number));
            for way in bucket.ways(mark) {
                let position = position(bucket.entry(way));
                if is_it(position) {
                    let bucket = number;
                    return Some((Spot { root, bucket, way }, position));
                }
            }
            number = bucket.next();
            if number == 0 {
                return None;
            }
        }
    }

    /// All entries of the chain.
    pub(super) fn chain<'a>(
        &self,
        bytes: &'a [u8],
        root: u32,
    ) -> impl Iterator<Item = (Spot, u64)> + use<'a> {
        chain_of(bytes, root)
    }

    /// The entry that names the item at `wanted`.
    pub(super) fn spot_of(
        &self,
        memory: &impl Memory,
        root: u32,
        wanted: usize,
    ) -> Option<(Spot, u64)> {
        self.chain(memory.bytes(), root)
            .find(|(_, entry)| position(*entry) == wanted)
    }

    /// A free way in the chain, which is lengthened if there is a spare bucket.
    pub(super) fn vacancy(&mut self, memory: &mut impl Memory, root: u32) -> Option<Spot> {
        let mut number = root;
        loop {
            let bucket = Bucket::at(memory.bytes(), at(number));
            if let Some(way) = bucket.vacant() {
                let bucket = number;
                return Some(Spot { root, bucket, way });
            }
            if bucket.next() == 0 {
                let spare = self.take_spare(memory)?;
                memory.begin(at(root));
                // The root's first word holds the version that has just changed.
                let last = Bucket::at(memory.bytes(), at(number)).with_next(spare);
                memory.set_word(at(number), last);
                memory.end(at(root));
            }
            number = Bucket::at(memory.bytes(), at(number)).next();
        }
    }

    fn take_spare(&mut self, memory: &mut impl Memory) -> Option<u32> {
        if self.free != 0 {
            let spare = self.free;
            let bucket = Bucket::at(memory.bytes(), at(spare));
            let unchained = bucket.with_next(0);
            self.free = bucket.next();
            memory.set_word(at(spare), unchained);
            return Some(spare);
        }
        let spare = self.fresh;
        (spare < self.shape.roots + self.shape.spares).then(|| {
            self.fresh += 1;
            spare
        })
    }

    /// Empties an entry. A spare bucket that is left empty leaves the chain. The owner has begun the
    /// change of the root.
    pub(super) fn clear(&mut self, memory: &mut impl Memory, spot: Spot) {
        spot.set(memory, 0);
        if spot.bucket == spot.root {
            return;
        }
        let emptied = Bucket::at(memory.bytes(), at(spot.bucket));
        if emptied.occupied().next().is_some() {
            return;
        }
        let (behind, freed) = (emptied.next(), emptied.with_next(self.free));
        let mut before = spot.root;
        loop {
            let bucket = Bucket::at(memory.bytes(), at(before));
            if bucket.next() == spot.bucket {
                let shortened = bucket.with_next(behind);
                memory.set_word(at(before), shortened);
                break;
            }
            before = bucket.next();
        }
        memory.set_word(at(spot.bucket), freed);
        self.free = spot.bucket;
    }
}

fn chain_of(bytes: &[u8], root: u32) -> impl Iterator<Item = (Spot, u64)> {
    let buckets = std::iter::successors(Some(root), move |number| {
        let next = Bucket::at(bytes, at(*number)).next();
        (next != 0).then_some(next)
    });
    buckets.flat_map(move |bucket| {
        Bucket::at(bytes, at(bucket))
            .occupied()
            .map(move |(way, entry)| (Spot { root, bucket, way }, entry))
    })
}
