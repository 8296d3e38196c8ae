//! Slots for items: pages of 1 MiB, cut into equal slots by size class.
//!
//! Size classes keep the memory bound exact and make freeing cheap; their price, memory stuck
//! in the wrong class, is paid back by moving whole pages. Within a class the victim is found by
//! CLOCK, which approximates LRU and needs one bit that a hit usually finds set already, where a
//! list would be rewritten by every read. A scan looks at no more than [`SCAN`] slots, so that no
//! single request pays for a full turn of the hand.

use super::clock::Hand;
use super::item::{HEADER, Header, ITEM_LIMIT, LIVE, Slot};
use super::region::Region;
use super::stats::ClassUsage;

/// Bytes of a page.
pub(super) const PAGE: usize = ITEM_LIMIT;
/// Bytes of the smallest slot.
pub(super) const SMALLEST: usize = 64;
/// Most slots that one eviction looks at.
const SCAN: usize = 64;

/// A size class's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClassId(pub(super) u8);

/// A page's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageId(u32);

#[derive(Debug)]
struct Class {
    slot_bytes: usize,
    /// First free slot; slot 0 is no slot.
    free: Slot,
    free_slots: usize,
    pages: Vec<PageId>,
    hand: Hand,
    /// Live items evicted since pages were last compared.
    evictions: u64,
}

impl Class {
    fn slots_per_page(&self) -> usize {
        PAGE / self.slot_bytes
    }

    fn slots(&self) -> u64 {
        (self.slots_per_page() * self.pages.len()) as u64
    }
}

/// The allocator of one region. Whoever frees or evicts an item also unlinks it from the index.
#[derive(Debug)]
pub(super) struct Slab {
    classes: Vec<Class>,
    /// Where page 0 starts in the region.
    base: usize,
    owner: Vec<ClassId>,
    unused_pages: usize,
}

impl Slab {
    pub(super) fn new(base: usize, pages: usize) -> Self {
        let classes = class_sizes()
            .map(|slot_bytes| Class {
                slot_bytes,
                free: Slot(0),
                free_slots: 0,
                pages: Vec::new(),
                hand: Hand::default(),
                evictions: 0,
            })
            .collect();
        Self {
            classes,
            base,
            owner: vec![ClassId(0); pages],
            unused_pages: pages,
        }
    }

    fn class(&self, id: ClassId) -> &Class {
        &self.classes[usize::from(id.0)]
    }

    fn class_mut(&mut self, id: ClassId) -> &mut Class {
        &mut self.classes[usize::from(id.0)]
    }

    /// The smallest class whose slots hold `len` bytes.
    #[inline]
    pub(super) fn class_for(&self, len: usize) -> Option<ClassId> {
        let at = self.classes.partition_point(|class| class.slot_bytes < len);
        (at < self.classes.len()).then_some(ClassId(at as u8))
    }

    fn page_of(&self, slot: Slot) -> PageId {
        PageId(((slot.at() - self.base) / PAGE) as u32)
    }

    #[inline]
    pub(super) fn class_of(&self, slot: Slot) -> ClassId {
        self.owner[self.page_of(slot).0 as usize]
    }

    /// A free slot, from a fresh page if need be. The caller writes an item into it.
    #[inline]
    pub(super) fn take(&mut self, region: &mut Region, id: ClassId) -> Option<Slot> {
        if self.class(id).free.0 == 0 {
            self.unused_pages.checked_sub(1)?;
            let page = PageId((self.owner.len() - self.unused_pages) as u32);
            self.unused_pages -= 1;
            self.add_page(region, id, page);
        }
        let class = self.class_mut(id);
        let slot = class.free;
        class.free = Slot(Header::read(region, slot).tag);
        class.free_slots -= 1;
        Some(slot)
    }

    /// Takes an unlinked item's slot back.
    #[inline]
    pub(super) fn give(&mut self, region: &mut Region, slot: Slot) {
        let id = self.class_of(slot);
        let class = self.class_mut(id);
        link_free(region, slot, class.free);
        class.free = slot;
        class.free_slots += 1;
    }

    fn add_page(&mut self, region: &mut Region, id: ClassId, page: PageId) {
        self.owner[page.0 as usize] = id;
        self.class_mut(id).pages.push(page);
        let slots: Vec<Slot> = self.slots_of(page).collect();
        for slot in slots.into_iter().rev() {
            self.give(region, slot);
        }
    }

    /// The pages that belong to a class.
    pub(super) fn used_pages(&self) -> impl Iterator<Item = PageId> + use<> {
        (0..(self.owner.len() - self.unused_pages) as u32).map(PageId)
    }

    /// The slots of a page, in address order.
    pub(super) fn slots_of(&self, page: PageId) -> impl Iterator<Item = Slot> + use<> {
        let class = self.class(self.owner[page.0 as usize]);
        let start = self.base + page.0 as usize * PAGE;
        let slot_bytes = class.slot_bytes;
        (0..class.slots_per_page()).map(move |i| Slot::from_at(start + i * slot_bytes))
    }

    /// The class's next victim: the first item that `dead` calls useless or that was not used
    /// since the hand last passed; after [`SCAN`] slots, whichever is under the hand. `spared`
    /// is never chosen.
    pub(super) fn victim(
        &mut self,
        region: &mut Region,
        id: ClassId,
        spared: Option<Slot>,
        dead: impl Fn(&Header) -> bool,
    ) -> Option<Slot> {
        let base = self.base;
        let class = self.class_mut(id);
        let (per_page, slot_bytes) = (class.slots_per_page(), class.slot_bytes);
        let mut candidate = None;
        for _ in 0..SCAN {
            let (page, nth) = class.hand.advance(class.pages.len(), per_page)?;
            let page = class.pages[page];
            let slot = Slot::from_at(base + page.0 as usize * PAGE + nth * slot_bytes);
            let mut header = Header::read(region, slot);
            if !header.has(LIVE) || spared == Some(slot) {
                continue;
            }
            candidate = Some(slot);
            if dead(&header) || !Hand::spare(&mut header.bits) {
                break;
            }
            header.write(region, slot);
        }
        candidate
    }

    /// Counts the eviction of a live item; true when the class has evicted a page's worth since
    /// pages were last compared, and may ask for another class's page.
    pub(super) fn count_eviction(&mut self, id: ClassId) -> bool {
        let class = self.class_mut(id);
        class.evictions += 1;
        class.evictions >= class.slots_per_page() as u64
    }

    /// A page that `id` should take over: of the class under the least pressure (evictions per
    /// slot), if that is less than half of its own. A class without pages takes from anyone.
    /// Starts a new comparison.
    pub(super) fn donor(&mut self, id: ClassId, spared: Option<Slot>) -> Option<PageId> {
        let spared = spared.map(|slot| self.page_of(slot));
        let (own_evictions, own_slots) = (self.class(id).evictions, self.class(id).slots());
        let starved = own_slots == 0 || (own_slots == 1 && spared.is_some());
        let keep = if starved { 0 } else { 1 };
        let page = self
            .classes
            .iter()
            .enumerate()
            .filter(|(at, class)| *at != usize::from(id.0) && class.pages.len() > keep)
            .filter_map(|(_, class)| {
                let page = *class.pages.iter().find(|page| Some(**page) != spared)?;
                Some((class.evictions, class.slots(), page))
            })
            .min_by(|a, b| (a.0 * b.1).cmp(&(b.0 * a.1)))
            .filter(|(evictions, slots, _)| {
                starved || 2 * evictions * own_slots < own_evictions * slots
            })
            .map(|(_, _, page)| page);
        for class in &mut self.classes {
            class.evictions = 0;
        }
        page
    }

    /// Gives `page`, whose items were all unlinked and given back, to another class.
    pub(super) fn move_page(&mut self, region: &mut Region, page: PageId, to: ClassId) {
        let from = self.owner[page.0 as usize];
        let (start, end) = (
            self.base + page.0 as usize * PAGE,
            self.base + (page.0 as usize + 1) * PAGE,
        );
        let class = self.class_mut(from);
        class.pages.retain(|other| *other != page);
        class.hand = Hand::default();
        let mut kept = Slot(0);
        let mut at = std::mem::replace(&mut class.free, Slot(0));
        class.free_slots = 0;
        while at.0 != 0 {
            let next = Slot(Header::read(region, at).tag);
            if !(start..end).contains(&at.at()) {
                link_free(region, at, kept);
                kept = at;
                class.free_slots += 1;
            }
            at = next;
        }
        class.free = kept;
        self.add_page(region, to, page);
    }

    /// The classes that have pages.
    pub(super) fn usage(&self) -> impl Iterator<Item = ClassUsage> + '_ {
        self.classes
            .iter()
            .enumerate()
            .filter(|(_, class)| !class.pages.is_empty())
            .map(|(at, class)| ClassUsage {
                class: at + 1,
                slot_bytes: class.slot_bytes,
                slots_per_page: class.slots_per_page(),
                pages: class.pages.len(),
                free_slots: class.free_slots,
            })
    }
}

/// Slot sizes: each a quarter above the last, in units of 8 bytes, up to a whole page.
fn class_sizes() -> impl Iterator<Item = usize> {
    std::iter::successors(Some(SMALLEST), |size| {
        (*size < PAGE).then(|| ((size + size / 4).next_multiple_of(8)).min(PAGE))
    })
}

fn link_free(region: &mut Region, slot: Slot, next: Slot) {
    const { assert!(HEADER <= SMALLEST) };
    let header = Header {
        tag: next.0,
        deadline: 0,
        cas: 0,
        flags: 0,
        value_len: 0,
        accessed: 0,
        key_len: 0,
        bits: 0,
        slack: 0,
    };
    header.write(region, slot);
}
