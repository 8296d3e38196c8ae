//! Every owner executes its own keys; what takes several owners goes to the thread behind them: see
//! [`dispatcher`](crate::server::dispatcher).

use super::Dispatch;
use crate::protocol::Single;
use crate::server::config::ServerConfig;
use crate::server::engine::Access;

/// Names the thread that gathers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ToDispatcher(usize);

impl Dispatch for ToDispatcher {
    const HANDS_OVER: bool = true;

    fn for_owners(config: &ServerConfig) -> Vec<Self> {
        let owners = config.cores.len();
        vec![Self(owners); owners]
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
    fn gatherer(&self) -> Option<usize> {
        Some(self.0)
    }

    #[inline]
    fn tick(&mut self, _now_ns: u64) {}
}
