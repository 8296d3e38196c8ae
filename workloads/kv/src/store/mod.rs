//! The bounded-memory key-value store.
//!
//! A [`Shard`] is one thread's store: it owns one region of memory of fixed size and nothing
//! else, so that a partitioned (EREW) system runs without any lock. What it does is the same over
//! each of two engines ([`Items`]): size classes ([`SlabItems`]), or MICA's log
//! ([`LogItems`]). [`Striped`] puts locks over
//! several shards for the systems in which any thread serves any key. Semantics (flags,
//! expiration, cas, flush, arithmetic on text) are memcached 1.6.18's, read from its
//! documentation and checked against the program itself by the differential tests.
//!
//! Layout of a region in size classes: the index first, then pages of 1 MiB. A page belongs to one size
//! class and is cut into equal slots; a slot holds one item: header, key, value.

mod clock;
mod delta;
mod engine;
mod expiry;
mod index;
mod item;
mod items;
mod key;
pub mod log;
mod prefetch;
mod region;
mod shard;
mod slab;
mod slab_items;
mod stats;
mod striped;

pub(crate) use delta::is_space;
pub use delta::{Delta, DeltaError, parse_number};
pub use engine::Store;
pub use expiry::{Exptime, deadline};
pub use item::{ITEM_LIMIT, Item, ItemFacts, fits_limit};
pub use items::Items;
pub use key::{KEY_LIMIT, Key};
pub use log::{LogConfig, LogItems, LogMode};
pub use shard::{
    Annotation, Prefetch, Shard, ShardConfig, ShardError, StoreMode, StoreRequest, Stored, pipeline,
};
pub use slab_items::SlabItems;
pub use stats::{ClassUsage, Counters, Usage};
pub use striped::Striped;
