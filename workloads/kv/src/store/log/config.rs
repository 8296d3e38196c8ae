//! How a log is made, and how its memory is divided.

use super::bucket::BUCKET;
use super::index::Shape;
use crate::store::item::HEADER;
use crate::store::shard::ShardError;

/// What a full log does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogMode {
    /// Overwrites its oldest items; the index is lossy.
    Cache,
    /// Refuses; the index is lossless.
    Store,
}

/// How a log is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogConfig {
    /// Bytes of its memory: index and items.
    pub bytes: usize,
    /// What it does when it is full.
    pub mode: LogMode,
    /// Bytes that an item is expected to take, header and rounding included: sizes the index.
    pub item_bytes: usize,
}

/// Bytes that an item takes whose sizes nobody knows: a small one, as most are (Atikoglu et al.,
/// SIGMETRICS 2012, figure 2).
const USUAL_ITEM: usize = 128;

/// Entries that are expected to be used of each bucket's seven, times two. At three and a half, one
/// bucket in forty gets more than seven.
const TWICE_LOAD: usize = 7;

impl LogConfig {
    /// A cache of `bytes`.
    #[must_use]
    pub const fn cache(bytes: usize) -> Self {
        Self {
            bytes,
            mode: LogMode::Cache,
            item_bytes: USUAL_ITEM,
        }
    }

    /// A store of `bytes`.
    #[must_use]
    pub const fn store(bytes: usize) -> Self {
        Self {
            mode: LogMode::Store,
            ..Self::cache(bytes)
        }
    }

    /// The index's buckets: enough for as many expected items as fit beside it.
    pub(super) fn shape(&self) -> Result<Shape, ShardError> {
        let (bytes, per_bucket) = (self.bytes, TWICE_LOAD * self.item_bytes.max(HEADER));
        let spares_per_2_roots = match self.mode {
            LogMode::Cache => 0,
            LogMode::Store => 1,
        };
        let both = per_bucket + 2 * BUCKET + spares_per_2_roots * BUCKET;
        let roots = (bytes / both).saturating_mul(2);
        let limit = (u32::MAX / 2) as usize * both;
        if bytes > limit {
            return Err(ShardError::TooLarge { bytes, limit });
        }
        if roots == 0 {
            let needed = both;
            return Err(ShardError::TooSmall { bytes, needed });
        }
        let spares = roots / 2 * spares_per_2_roots;
        Ok(Shape::new(roots as u32, spares as u32))
    }
}

/// What a log's memory is used for, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogMemory {
    /// The index.
    pub index: usize,
    /// The log.
    pub log: usize,
    /// Of the log: items in use, with the room that they leave unused.
    pub live: usize,
}
