//! Items in size classes behind an exact index.

use sys::mem::Pages;

use super::index::{ENTRY, Index, Position};
use super::item::{HEADER, Header, Item, LIVE, Slot, footprint};
use super::items::{Items, Making, NewItem};
use super::key::Key;
use super::prefetch::prefetch;
use super::region::Region;
use super::shard::{ShardConfig, ShardError};
use super::slab::{ClassId, PAGE, PageId, SMALLEST, Slab};
use super::stats::Usage;

/// Where a shard's first page starts is a multiple of this, for whole cache lines.
const LINE: usize = 64;

/// Items in size classes behind an exact index.
#[derive(Debug)]
pub struct SlabItems {
    region: Region,
    index: Index,
    slab: Slab,
    items: u64,
    bytes: u64,
}

/// An entry of the index and the slot that it names.
#[derive(Debug, Clone, Copy)]
pub struct SlabPlace {
    position: Position,
    slot: Slot,
}

impl SlabItems {
    /// Largest usable memory in bytes: slots are numbered by 32 bits in units of 8 bytes.
    const LIMIT: usize = 8 << 32;

    /// Allocates the memory on the calling thread and writes all of it once.
    ///
    /// # Errors
    /// When the size is unusable or the memory cannot be had.
    pub(super) fn new(config: ShardConfig) -> Result<Self, ShardError> {
        let bytes = config.bytes;
        if bytes > Self::LIMIT {
            let limit = Self::LIMIT;
            return Err(ShardError::TooLarge { bytes, limit });
        }
        let pages = bytes / (PAGE + index_bytes(1));
        if pages < 2 {
            let needed = 2 * (PAGE + index_bytes(1));
            return Err(ShardError::TooSmall { bytes, needed });
        }
        let base = index_bytes(pages);
        let index = Index::new(base);
        debug_assert!(pages * (PAGE / SMALLEST) <= index.limit());
        Ok(Self {
            region: Region::new(base + pages * PAGE)?,
            index,
            slab: Slab::new(base, pages),
            items: 0,
            bytes: 0,
        })
    }

    pub(super) fn pages(&self) -> Pages {
        self.region.pages()
    }

    fn handle_of(&self, slot: Slot) -> Option<SlabPlace> {
        let tag = Header::read(&self.region, slot).tag;
        let (position, slot) = self.index.find(&self.region, tag, |other| other == slot)?;
        Some(SlabPlace { position, slot })
    }

    /// A free slot for `len` bytes; makes room by eviction. `spared` is not evicted.
    fn allocate(
        &mut self,
        len: usize,
        spared: Option<Slot>,
        making: &mut Making<'_>,
    ) -> Option<Slot> {
        let class = self.slab.class_for(len)?;
        loop {
            if let Some(slot) = self.slab.take(&mut self.region, class) {
                return Some(slot);
            }
            let dead = making.dead;
            let victim = self
                .slab
                .victim(&mut self.region, class, spared, |header| dead.is(header));
            let wants_page = match victim {
                Some(slot) if making.count(&Header::read(&self.region, slot)) => {
                    self.slab.count_eviction(class)
                }
                Some(_) => false,
                None => true,
            };
            if let Some(place) = victim.and_then(|slot| self.handle_of(slot)) {
                self.remove(place);
            }
            if wants_page {
                match self.slab.donor(class, spared) {
                    Some(page) => self.take_over(page, class, making),
                    None if victim.is_none() => return None,
                    None => {}
                }
            }
        }
    }

    /// Evicts a page's items and gives the page to another class.
    fn take_over(&mut self, page: PageId, class: ClassId, making: &mut Making<'_>) {
        for slot in self.slab.slots_of(page) {
            if Header::read(&self.region, slot).has(LIVE)
                && let Some(place) = self.handle_of(slot)
            {
                making.counters.evictions += 1;
                self.remove(place);
            }
        }
        making.counters.slabs_moved += 1;
        self.slab.move_page(&mut self.region, page, class);
    }

    /// A slot under `key` in the index, without the bytes of the old item on the books.
    fn slot_for(
        &mut self,
        new: &NewItem<'_>,
        old: Option<SlabPlace>,
        making: &mut Making<'_>,
    ) -> Option<Slot> {
        let len = new.header.footprint();
        if let Some(old) = old {
            if self.slab.class_for(len) == Some(self.slab.class_of(old.slot)) {
                self.bytes -= Header::read(&self.region, old.slot).footprint() as u64;
                return Some(old.slot);
            }
            self.remove(old);
        }
        let slot = self.allocate(len, None, making)?;
        self.index.insert(&mut self.region, new.key.tag(), slot);
        self.items += 1;
        Some(slot)
    }

    /// The old item's own slot if it is large enough, or another that is not linked yet.
    fn room_to_join(
        &mut self,
        len: usize,
        old: SlabPlace,
        making: &mut Making<'_>,
    ) -> Option<Slot> {
        if self.slab.class_for(len) == Some(self.slab.class_of(old.slot)) {
            Some(old.slot)
        } else {
            self.allocate(len, Some(old.slot), making)
        }
    }

    /// Links `slot` in the place of the old item and writes its header.
    fn settle(&mut self, old: SlabPlace, slot: Slot, before: &Header, after: &Header) {
        self.bytes -= before.footprint() as u64;
        self.bytes += after.footprint() as u64;
        after.write(&mut self.region, slot);
        if slot != old.slot {
            // Making room may have moved index entries; the item itself was spared.
            if let Some(found) = self.handle_of(old.slot) {
                self.index
                    .replace(&mut self.region, found.position, after.tag, slot);
            }
            self.slab.give(&mut self.region, old.slot);
        }
    }
}

impl Items for SlabItems {
    type Place = SlabPlace;

    #[inline]
    fn find(&self, key: Key<'_>) -> Option<SlabPlace> {
        let region = &self.region;
        let (position, slot) = self.index.find(region, key.tag(), |slot| {
            Header::read(region, slot).key(region, slot) == key.bytes()
        })?;
        Some(SlabPlace { position, slot })
    }

    #[inline]
    fn header(&self, place: SlabPlace) -> Header {
        Header::read(&self.region, place.slot)
    }

    #[inline]
    fn item(&self, place: SlabPlace, header: &Header) -> Item<'_> {
        header.item(self.region.bytes(), place.slot.at())
    }

    #[inline]
    fn set_header(&mut self, place: SlabPlace, header: &Header) {
        header.write(&mut self.region, place.slot);
    }

    fn overwrite_padded(&mut self, place: SlabPlace, text: &[u8]) {
        let header = self.header(place);
        let at = header.value_at(place.slot);
        let value = &mut self.region.bytes_mut()[at..at + header.value_len as usize];
        let (digits, rest) = value.split_at_mut(text.len());
        digits.copy_from_slice(text);
        rest.fill(b' ');
    }

    /// Takes an item out of the index and frees its slot.
    fn remove(&mut self, place: SlabPlace) {
        let header = self.header(place);
        self.index.remove(&mut self.region, place.position);
        self.items -= 1;
        self.bytes -= header.footprint() as u64;
        self.slab.give(&mut self.region, place.slot);
    }

    /// Writes a whole new item, into the old one's slot where the size class is the same.
    fn put(&mut self, new: &NewItem<'_>, old: Option<SlabPlace>, mut making: Making<'_>) -> bool {
        let Some(slot) = self.slot_for(new, old, &mut making) else {
            return false;
        };
        new.header.write(&mut self.region, slot);
        self.region.write(slot.at() + HEADER, new.key.bytes());
        self.region.write(new.header.value_at(slot), new.value);
        self.bytes += new.header.footprint() as u64;
        true
    }

    fn join(
        &mut self,
        old: SlabPlace,
        key: Key<'_>,
        header: &Header,
        text: &[u8],
        at_front: bool,
        mut making: Making<'_>,
    ) -> bool {
        let before = self.header(old);
        let (key_len, old_len) = (usize::from(header.key_len), before.value_len as usize);
        let len = footprint(key_len, header.value_len as usize);
        let Some(slot) = self.room_to_join(len, old, &mut making) else {
            return false;
        };
        let (from, to) = (before.value_at(old.slot), header.value_at(slot));
        let (old_to, new_to) = if at_front {
            (to + text.len(), to)
        } else {
            (to, to + old_len)
        };
        let bytes = self.region.bytes_mut();
        bytes.copy_within(from..from + old_len, old_to);
        if slot != old.slot {
            self.region.write(slot.at() + HEADER, key.bytes());
        }
        self.region.write(new_to, text);
        self.settle(old, slot, &before, header);
        true
    }

    fn keys(&self, wanted: impl Fn(&[u8]) -> bool) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        for page in self.slab.used_pages() {
            for slot in self.slab.slots_of(page) {
                let header = Header::read(&self.region, slot);
                let key = header.key(&self.region, slot);
                if header.has(LIVE) && wanted(key) {
                    keys.push(key.to_vec());
                }
            }
        }
        keys
    }

    fn usage(&self) -> Usage {
        Usage {
            curr_items: self.items,
            bytes: self.bytes,
            limit_maxbytes: self.region.bytes().len() as u64,
            classes: self.slab.usage().collect(),
        }
    }

    #[inline]
    fn prefetch_index(&self, key: Key<'_>) {
        prefetch(self.region.bytes(), self.index.home_at(key.tag()));
    }

    #[inline]
    fn prefetch_item(&self, key: Key<'_>) {
        if let Some((_, slot)) = self.index.find(&self.region, key.tag(), |_| true) {
            prefetch(self.region.bytes(), slot.at());
            prefetch(self.region.bytes(), slot.at() + LINE);
        }
    }
}

/// Bytes of an index that never fills before the slots of `pages` do.
fn index_bytes(pages: usize) -> usize {
    let slots = pages * (PAGE / SMALLEST);
    // One entry in eight stays empty; see Index::limit.
    let entries = slots.div_ceil(7) * 8 + 8;
    (entries * ENTRY).next_multiple_of(LINE)
}
