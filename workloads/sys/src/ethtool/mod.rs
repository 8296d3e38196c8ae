//! Settings and counters of network drivers: offloads, channels, rings, `-S` statistics.
//!
//! By the SIOCETHTOOL ioctl, because driver statistics and driver names exist nowhere else; one
//! mechanism then does for all (include/uapi/linux/ethtool.h). Acts on the calling thread's namespace.
//!
//! Offloads matter here since a veth hands frames over as the sender's socket made them: with TSO or
//! GRO on, one "frame" may be 64 KB, which no NIC would show to XDP.

mod coalesce;
mod features;
mod ioctl;
mod rss;
mod statistics;

use std::io;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::netlink::text;
use ioctl::{Words, command, exchange};

pub use coalesce::{Coalescing, coalescing};
pub use features::{Feature, features, set_features, single_frames};
pub use rss::{Rss, RssGuard, rss, set_rss_table};
pub use statistics::{statistics, sum_matching};

/// Which driver a device has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DriverInfo {
    /// Name of the driver (`veth`, `ixgbe`).
    pub driver: String,
    /// Version; for in-tree drivers the kernel's.
    pub version: String,
    /// Firmware version; empty where there is none.
    pub firmware: String,
    /// Bus address (PCI); empty for virtual devices.
    pub bus: String,
}

/// Queue counts of a device; `combined` channels carry both directions, and a device has either those
/// or `rx` and `tx` ones (veth: the latter).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Channels {
    /// Receive-only channels in use.
    pub rx: u32,
    /// Transmit-only channels in use.
    pub tx: u32,
    /// Channels of both directions in use.
    pub combined: u32,
    /// The most of each that the device can have, in the same order.
    pub max: [u32; 3],
}

/// Descriptor rings of a device, in descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rings {
    /// Receive ring in use.
    pub rx: u32,
    /// Transmit ring in use.
    pub tx: u32,
    /// Largest receive ring.
    pub rx_max: u32,
    /// Largest transmit ring.
    pub tx_max: u32,
}

/// Asks which driver a device has.
///
/// # Errors
/// `NotFound` when there is no such device; `Unsupported` when it has no driver that answers.
pub fn driver_info(device: &str) -> io::Result<DriverInfo> {
    let answer = exchange(
        device,
        "ask the driver of",
        &mut Words::new(command::GDRVINFO, 49),
    )?;
    // struct ethtool_drvinfo: cmd, then texts of 32 bytes each.
    let field = |at: usize| text(&answer[at..at + 32]);
    Ok(DriverInfo {
        driver: field(4),
        version: field(36),
        firmware: field(68),
        bus: field(100),
    })
}

/// Asks how many queues a device uses.
///
/// # Errors
/// As [`driver_info`].
pub fn channels(device: &str) -> io::Result<Channels> {
    let mut words = Words::new(command::GCHANNELS, 9);
    exchange(device, "ask the channels of", &mut words)?;
    let [
        max_rx,
        max_tx,
        _other_max,
        max_combined,
        rx,
        tx,
        _other,
        combined,
    ] = words.after::<8>();
    Ok(Channels {
        rx,
        tx,
        combined,
        max: [max_rx, max_tx, max_combined],
    })
}

/// Changes how many queues a device uses; the maxima in `wanted` are not looked at.
///
/// # Errors
/// As [`driver_info`]; also when the counts cannot be had, or an AF_XDP socket is bound.
pub fn set_channels(device: &str, wanted: &Channels) -> io::Result<()> {
    let mut words = Words::new(command::GCHANNELS, 9);
    exchange(device, "ask the channels of", &mut words)?;
    words.set(0, command::SCHANNELS);
    words.set(5, wanted.rx);
    words.set(6, wanted.tx);
    words.set(8, wanted.combined);
    exchange(device, "change the channels of", &mut words).map(drop)
}

/// Asks for the descriptor rings; `None` for a device without such (veth).
///
/// # Errors
/// `NotFound` when there is no such device.
pub fn rings(device: &str) -> io::Result<Option<Rings>> {
    let mut words = Words::new(command::GRINGPARAM, 9);
    match exchange(device, "ask the rings of", &mut words) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(None),
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    let [rx_max, _mini_max, _jumbo_max, tx_max, rx, _mini, _jumbo, tx] = words.after::<8>();
    Ok(Some(Rings {
        rx,
        tx,
        rx_max,
        tx_max,
    }))
}
