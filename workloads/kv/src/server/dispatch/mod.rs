//! Where a request is executed that several threads could execute.
//!
//! The engine knows which threads serve a key. Some designs choose among them by more than the key:
//! they give the request to another one that serves it as well.

mod by_size;
mod sizes;
mod to_dispatcher;

pub(crate) use by_size::BySize;
pub(crate) use to_dispatcher::ToDispatcher;

use super::config::ServerConfig;
use super::engine::Access;
use crate::protocol::Single;

/// See the [module](self).
pub(crate) trait Dispatch: Sized + Send + 'static {
    /// Whether requests change threads by it.
    const HANDS_OVER: bool;

    /// One for each owner, in their order.
    fn for_owners(config: &ServerConfig) -> Vec<Self>;

    /// Owners, the first ones, that receive queues are dealt to.
    fn receivers(config: &ServerConfig) -> u32 {
        config.owners()
    }

    /// The owner that is to execute a request in this one's place, if another is. `shard` is the
    /// key's, `now` in Unix seconds.
    fn elsewhere(
        &mut self,
        shard: &mut impl Access,
        request: &[u8],
        single: &Single,
        now: u32,
    ) -> Option<usize>;

    /// The thread that gathers what takes several threads in this one's place, if another does.
    #[inline]
    fn gatherer(&self) -> Option<usize> {
        None
    }

    /// Called once a round with CLOCK_MONOTONIC in ns.
    fn tick(&mut self, now_ns: u64);
}

/// Every thread executes what it serves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Here;

impl Dispatch for Here {
    const HANDS_OVER: bool = false;

    fn for_owners(config: &ServerConfig) -> Vec<Self> {
        vec![Self; config.cores.len()]
    }

    #[inline]
    fn elsewhere(
        &mut self,
        _shard: &mut impl Access,
        _request: &[u8],
        _single: &Single,
        _now: u32,
    ) -> Option<usize> {
        None
    }

    #[inline]
    fn tick(&mut self, _now_ns: u64) {}
}
