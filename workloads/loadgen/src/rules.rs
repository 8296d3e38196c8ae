//! What a client's threads are told.

use std::sync::Arc;

use crate::scatter::Scattering;
use crate::sealing::Sealing;
use crate::{ClientConfig, Mode, Protocol};

/// A timeout that does not come, and that sums with times and other timeouts do not exceed.
const NEVER_NS: u64 = u64::MAX / 8;

/// What an engine needs to know beyond the schedule.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// This thread's share of the load.
    pub(crate) mode: Mode,
    pub(crate) protocol: Protocol,
    pub(crate) timeout_ns: u64,
    pub(crate) quiet_ns: u64,
    pub(crate) linger_ns: u64,
    pub(crate) interval_ns: u64,
    pub(crate) echo: bool,
    pub(crate) scatter: Option<Arc<Scattering>>,
    pub(crate) sealing: Option<Sealing>,
}

impl Rules {
    /// The rules of thread `thread` of `config`, whose gets are scattered by `scatter`.
    pub(crate) fn new(
        config: &ClientConfig,
        thread: u16,
        scatter: Option<Arc<Scattering>>,
    ) -> Self {
        Self {
            mode: config.mode.share(thread, config.threads),
            protocol: config.protocol,
            timeout_ns: match config.mode {
                Mode::Open | Mode::Closed { .. } | Mode::Saturate => config.timeout_ns,
                Mode::Held { .. } => NEVER_NS,
            },
            quiet_ns: config.quiet_ns,
            linger_ns: config.linger_ns,
            interval_ns: config.interval_ns,
            echo: config.echo,
            scatter,
            sealing: config.secret.as_ref().map(Sealing::new),
        }
    }
}
