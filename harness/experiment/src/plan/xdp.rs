//! What the server's XDP program does beside steering, in the server's words. Pure.

use std::num::NonZeroU32;

use kv::server::{HashReuse, XdpOptions};
use spec::{Trial, Xdp, XdpMode};

/// What the trial asks of the program.
pub(super) fn options(trial: &Trial) -> XdpOptions {
    let xdp = trial.system.xdp.unwrap_or_default();
    XdpOptions {
        hash_reuse: hash_reuse(xdp, trial),
        large_chunks: xdp.chunk == Some(Xdp::LARGE_CHUNK),
        multi_buffer: xdp.multi_buffer,
        offload: xdp.mode == XdpMode::Offload,
        cost_ns: cost_ns(xdp),
    }
}

fn hash_reuse(xdp: Xdp, trial: &Trial) -> Option<HashReuse> {
    let check_one_in = NonZeroU32::new(xdp.check_one_in?)?;
    xdp.hash_reuse.then_some(HashReuse {
        check_one_in,
        corrupt_slot: trial.disturb.and_then(|disturb| disturb.corrupt_slot),
    })
}

fn cost_ns(xdp: Xdp) -> u32 {
    let cost = xdp.cost.map_or(0, spec::Duration::as_nanos);
    u32::try_from(cost).unwrap_or(u32::MAX)
}
