//! Small requests here, large ones at the owner of their range of sizes: see
//! [`minos`](crate::systems::minos).

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Dispatch;
use super::sizes::Sizes;
use crate::protocol::Single;
use crate::server::config::ServerConfig;
use crate::server::engine::Access;
use crate::store::Key;

/// How long sizes are counted before limits are drawn anew, in ns: so short that a trial has its first
/// limits before its measure phase.
const EPOCH_NS: u64 = 50_000_000;

/// One owner's view.
#[derive(Debug)]
pub(crate) struct BySize {
    me: usize,
    common: Arc<Common>,
    /// What this owner was asked for since its last report.
    seen: Sizes,
    report_at_ns: u64,
}

/// What the owners share.
#[derive(Debug)]
struct Common {
    small_owners: usize,
    /// The largest size that each range takes: that of small owners, then of each large one.
    limits: Vec<AtomicU32>,
    /// All sizes, older ones with less weight.
    sizes: Mutex<Sizes>,
}

impl BySize {
    /// The size of what a request is about: that of the item in the store, or of the value it brings.
    fn size(shard: &mut impl Access, request: &[u8], single: &Single, now: u32) -> Option<u32> {
        if let Some(len) = single.value_len() {
            return Some(len);
        }
        let key = Key::with_hash(single.plain_key(request)?, single.hash)?;
        shard.value_len(key, now)
    }

    fn report(&mut self) {
        let mut sizes = self
            .common
            .sizes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        sizes.add(&self.seen);
        self.seen.clear();
        // One of the small owners draws the limits.
        if self.me == 0 {
            let large = self.common.limits.len() - 1;
            for (limit, drawn) in self.common.limits.iter().zip(sizes.limits(large)) {
                limit.store(drawn, Ordering::Relaxed);
            }
            sizes.age();
        }
    }
}

impl Dispatch for BySize {
    const HANDS_OVER: bool = true;

    fn for_owners(config: &ServerConfig) -> Vec<Self> {
        let large = config.large_owners as usize;
        let common = Arc::new(Common {
            small_owners: config.cores.len() - large,
            limits: (0..=large).map(|_| AtomicU32::new(u32::MAX)).collect(),
            sizes: Mutex::new(Sizes::new()),
        });
        let owner = |me| Self {
            me,
            common: Arc::clone(&common),
            seen: Sizes::new(),
            report_at_ns: 0,
        };
        (0..config.cores.len()).map(owner).collect()
    }

    fn receivers(config: &ServerConfig) -> u32 {
        config.owners().saturating_sub(config.large_owners)
    }

    fn elsewhere(
        &mut self,
        shard: &mut impl Access,
        request: &[u8],
        single: &Single,
        now: u32,
    ) -> Option<usize> {
        if self.me >= self.common.small_owners {
            return None;
        }
        let size = Self::size(shard, request, single, now)?;
        self.seen.count(size);
        let limits = &self.common.limits;
        let range = limits
            .iter()
            .position(|limit| size <= limit.load(Ordering::Relaxed))
            .unwrap_or(limits.len() - 1);
        range
            .checked_sub(1)
            .map(|large| self.common.small_owners + large)
    }

    fn tick(&mut self, now_ns: u64) {
        if self.me < self.common.small_owners && now_ns >= self.report_at_ns {
            self.report_at_ns = now_ns + EPOCH_NS;
            self.report();
        }
    }
}
