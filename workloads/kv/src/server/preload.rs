//! Filling the store before the first request.

use model::KeySpace;
use steering::hash::hash_bytes;

use super::PreloadReport;
use super::config::Preload;
use super::engine::{Access as _, Engine, Use};
use crate::store::{Key, Store, StoreRequest, Stored};

/// Stores the keys of the workload that `mine` says belong to this thread, with version 0 of their
/// values. `mine` sees the key's number and what `route` makes of number, key and hash: what the
/// partition table is asked with.
///
/// # Errors
/// When the workload names no keys.
pub(crate) fn preload<E: Engine>(
    engine: &mut E,
    preload: &Preload,
    now: u32,
    route: impl Fn(u32, &[u8], u64) -> u64,
    mine: impl Fn(u32, u64) -> bool,
) -> Result<PreloadReport, String> {
    let space = KeySpace::new(&preload.workload).map_err(|error| error.to_string())?;
    let mut report = PreloadReport::default();
    let mut evictions_before = 0;
    engine.reached_shards(|shard| evictions_before += shard.counters().evictions);
    let (mut key_buffer, mut value_buffer) = (Vec::new(), Vec::new());
    for id in 0..space.len() {
        let bytes = space.key_bytes(id, &mut key_buffer);
        let hash = hash_bytes(bytes);
        let routed = route(id, bytes, hash);
        if !mine(id, routed) {
            continue;
        }
        let value = model::value_bytes(id, 0, space.value_len(id), &mut value_buffer);
        let shard = engine.shard(routed, Use::Write);
        let (Some(key), Ok(mut shard)) = (Key::with_hash(bytes, hash), shard) else {
            report.refused += 1;
            continue;
        };
        match shard.store(&StoreRequest::set(key, value), now) {
            Stored::Stored { .. } => report.stored += 1,
            Stored::NotStored
            | Stored::Exists
            | Stored::NotFound
            | Stored::TooLarge
            | Stored::NoMemory => report.refused += 1,
        }
    }
    let mut evictions = 0;
    engine.reached_shards(|shard| evictions += shard.counters().evictions);
    report.evicted = evictions - evictions_before;
    Ok(report)
}
