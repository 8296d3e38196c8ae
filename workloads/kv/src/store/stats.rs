//! What a shard counts; everything adds up over shards.

/// Operations since the shard was made or its counters reset. Names are memcached's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Keys found by a get.
    pub get_hits: u64,
    /// Keys not found by a get.
    pub get_misses: u64,
    /// Of the misses: the item had expired.
    pub get_expired: u64,
    /// Of the misses: the item had been flushed.
    pub get_flushed: u64,
    /// Storage commands that brought a whole value.
    pub cmd_set: u64,
    /// flush_all commands.
    pub cmd_flush: u64,
    /// Keys found by touch or get-and-touch.
    pub touch_hits: u64,
    /// Keys not found by touch or get-and-touch.
    pub touch_misses: u64,
    /// Items deleted.
    pub delete_hits: u64,
    /// Deletions of nothing.
    pub delete_misses: u64,
    /// Increments of an item.
    pub incr_hits: u64,
    /// Increments of nothing.
    pub incr_misses: u64,
    /// Decrements of an item.
    pub decr_hits: u64,
    /// Decrements of nothing.
    pub decr_misses: u64,
    /// cas stores whose number matched.
    pub cas_hits: u64,
    /// cas stores of a missing key.
    pub cas_misses: u64,
    /// cas stores whose number did not match.
    pub cas_badval: u64,
    /// Meta debug and meta noop commands.
    pub cmd_meta: u64,
    /// Live items discarded to make room.
    pub evictions: u64,
    /// Expired or flushed items whose slot was used again.
    pub reclaimed: u64,
    /// Items stored, in total.
    pub total_items: u64,
    /// Values refused because they are above the item limit.
    pub store_too_large: u64,
    /// Values refused because no slot could be freed.
    pub store_no_memory: u64,
    /// Pages moved from one size class to another.
    pub slabs_moved: u64,
}

impl Counters {
    /// Adds another shard's counters.
    pub fn add(&mut self, other: &Self) {
        let Self {
            get_hits,
            get_misses,
            get_expired,
            get_flushed,
            cmd_set,
            cmd_flush,
            touch_hits,
            touch_misses,
            delete_hits,
            delete_misses,
            incr_hits,
            incr_misses,
            decr_hits,
            decr_misses,
            cas_hits,
            cas_misses,
            cas_badval,
            cmd_meta,
            evictions,
            reclaimed,
            total_items,
            store_too_large,
            store_no_memory,
            slabs_moved,
        } = other;
        self.get_hits += get_hits;
        self.get_misses += get_misses;
        self.get_expired += get_expired;
        self.get_flushed += get_flushed;
        self.cmd_set += cmd_set;
        self.cmd_flush += cmd_flush;
        self.touch_hits += touch_hits;
        self.touch_misses += touch_misses;
        self.delete_hits += delete_hits;
        self.delete_misses += delete_misses;
        self.incr_hits += incr_hits;
        self.incr_misses += incr_misses;
        self.decr_hits += decr_hits;
        self.decr_misses += decr_misses;
        self.cas_hits += cas_hits;
        self.cas_misses += cas_misses;
        self.cas_badval += cas_badval;
        self.cmd_meta += cmd_meta;
        self.evictions += evictions;
        self.reclaimed += reclaimed;
        self.total_items += total_items;
        self.store_too_large += store_too_large;
        self.store_no_memory += store_no_memory;
        self.slabs_moved += slabs_moved;
    }
}

/// What a shard holds now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Items, expired ones included until they are noticed.
    pub curr_items: u64,
    /// Bytes of those items: header, key and value.
    pub bytes: u64,
    /// Bytes of the shard's memory.
    pub limit_maxbytes: u64,
    /// Size classes that have pages, by number.
    pub classes: Vec<ClassUsage>,
}

impl Usage {
    /// Adds what another shard holds.
    pub fn add(&mut self, other: &Self) {
        self.curr_items += other.curr_items;
        self.bytes += other.bytes;
        self.limit_maxbytes += other.limit_maxbytes;
        for theirs in &other.classes {
            match self
                .classes
                .binary_search_by_key(&theirs.class, |ours| ours.class)
            {
                Ok(at) => {
                    let ours = &mut self.classes[at];
                    ours.pages += theirs.pages;
                    ours.free_slots += theirs.free_slots;
                }
                Err(at) => self.classes.insert(at, *theirs),
            }
        }
    }
}

/// One size class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassUsage {
    /// Its number, from 1.
    pub class: usize,
    /// Bytes of a slot.
    pub slot_bytes: usize,
    /// Slots in a page.
    pub slots_per_page: usize,
    /// Pages it has.
    pub pages: usize,
    /// Slots without an item.
    pub free_slots: usize,
}

impl ClassUsage {
    /// Items in the class.
    #[must_use]
    pub fn used_slots(&self) -> usize {
        self.pages * self.slots_per_page - self.free_slots
    }
}
