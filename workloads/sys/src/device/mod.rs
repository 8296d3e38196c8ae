//! A network device as its own namespace sees it: everything that decides how packets reach a CPU.
//!
//! As for the machine, nothing fails but the device's absence: what a driver refuses to tell is
//! recorded with its reason.

mod interrupts;
mod queues;

use std::io;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment::Reading;
use crate::error::read_text;
use crate::ethtool::{self, Channels, Coalescing, DriverInfo, Rings, Rss};
use crate::link::{self, XdpMode};
use crate::netns;

pub use interrupts::Interrupt;
pub use queues::{Queue, send_by};

/// A network device and its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Device {
    /// Its name in its namespace.
    pub name: String,
    /// Driver and firmware.
    pub driver: Reading<DriverInfo>,
    /// Largest packet in bytes, without the Ethernet header.
    pub mtu: u32,
    /// Speed of the link, Mbit/s.
    pub speed_mbit: Reading<u64>,
    /// NUMA node that the device is attached to.
    pub numa_node: Reading<u32>,
    /// Queue counts.
    pub channels: Reading<Channels>,
    /// Descriptor rings.
    pub rings: Reading<Rings>,
    /// Interrupt coalescing: receiving, then sending.
    pub coalescing: Reading<[Coalescing; 2]>,
    /// Offloads in effect and not, by the kernel's names.
    pub offloads: Reading<Offloads>,
    /// Hash key and indirection table of receive-side scaling.
    pub rss: Reading<Rss>,
    /// Interrupts, and the CPUs that take them.
    pub interrupts: Reading<Vec<Interrupt>>,
    /// CPUs by queue, where the kernel steers packets itself (RPS, XPS).
    pub queues: Reading<Vec<Queue>>,
    /// Polling by the kernel.
    pub napi: Napi,
    /// How an attached XDP program runs; none where none is attached.
    pub xdp_mode: Option<XdpMode>,
}

/// Offloads by the kernel's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Offloads {
    /// In effect.
    pub on: Vec<String>,
    /// Not in effect, and could be.
    pub off: Vec<String>,
}

/// How the kernel polls a device (Documentation/networking/napi.rst).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Napi {
    /// Whether each queue has a kernel thread of its own.
    pub threaded: Reading<bool>,
    /// Empty polls before interrupts are enabled again.
    pub defer_hard_irqs: Reading<u64>,
    /// How long polling goes on without interrupts, ns.
    pub gro_flush_timeout_ns: Reading<u64>,
}

impl Device {
    /// Describes a device of the calling thread's namespace.
    ///
    /// # Errors
    /// `NotFound` when there is no such device.
    pub fn describe(name: &str) -> io::Result<Self> {
        let link = link::get(name)?;
        let rings = ethtool::rings(name).and_then(|rings| {
            rings.ok_or_else(|| {
                io::Error::new(io::ErrorKind::Unsupported, "the device has no rings")
            })
        });
        Ok(Self {
            name: name.to_owned(),
            driver: ethtool::driver_info(name).into(),
            mtu: link.mtu,
            speed_mbit: attribute(name, "speed"),
            numa_node: attribute(name, "device/numa_node"),
            channels: ethtool::channels(name).into(),
            rings: rings.into(),
            coalescing: ethtool::coalescing(name).into(),
            offloads: offloads(name).into(),
            rss: ethtool::rss(name).into(),
            interrupts: folder(name)
                .and_then(|folder| interrupts::of(&folder))
                .into(),
            queues: folder(name).and_then(|folder| queues::of(&folder)).into(),
            napi: Napi {
                threaded: attribute::<u64>(name, "threaded").map(|mode| mode != 0),
                defer_hard_irqs: attribute(name, "napi_defer_hard_irqs"),
                gro_flush_timeout_ns: attribute(name, "gro_flush_timeout"),
            },
            xdp_mode: link.xdp.map(|attached| attached.mode),
        })
    }
}

fn offloads(name: &str) -> io::Result<Offloads> {
    let features = ethtool::features(name)?;
    let named = |wanted: fn(&ethtool::Feature) -> bool| {
        let chosen = features.iter().filter(|(_, state)| wanted(state));
        chosen.map(|(name, _)| name.clone()).collect()
    };
    Ok(Offloads {
        on: named(|state| state.active),
        off: named(|state| !state.active && state.changeable),
    })
}

/// The device's folder in sysfs, if that shows the calling thread's namespace.
fn folder(name: &str) -> io::Result<PathBuf> {
    netns::sysfs_is_ours()?;
    Ok(PathBuf::from("/sys/class/net").join(name))
}

/// A number in the device's folder of sysfs.
fn attribute<T: std::str::FromStr>(name: &str, file: &str) -> Reading<T> {
    let text = folder(name).and_then(|folder| read_text(folder.join(file)));
    let number = text.and_then(|text| {
        let unknown = || io::Error::new(io::ErrorKind::InvalidData, format!("{file} is {text}"));
        text.parse().map_err(|_| unknown())
    });
    number.into()
}
