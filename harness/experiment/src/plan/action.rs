//! What is done to a host, as data: planned without privilege, printed by `check`, applied by the
//! host's agent.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// One step on one host. All of them end with the host's namespace, so none needs an undo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub(crate) enum Action {
    /// Joins this host with another by a veth pair.
    CreateVeth {
        /// The near end.
        device: String,
        /// The far end.
        peer: String,
        /// Receive and transmit queues of either end.
        queues: u16,
        /// Largest packet in bytes, without the Ethernet header.
        mtu: u16,
        /// Hardware addresses of the near and the far end.
        macs: [[u8; 6]; 2],
    },
    /// No packet that nobody asked for: no IPv6 autoconfiguration, no address resolution.
    Quiet {
        /// The device.
        device: String,
    },
    /// Offloads, by the names that ethtool has for them.
    Offloads {
        /// The device.
        device: String,
        /// To be off: they would merge, split or leave packets unfinished on the way to XDP.
        off: Vec<String>,
        /// To be on.
        on: Vec<String>,
    },
    /// An address of the host.
    Address {
        /// The device.
        device: String,
        /// The address.
        address: IpAddr,
        /// Length of its network's prefix in bits.
        prefix: u8,
    },
    /// A neighbour that is known beforehand, so that nothing is ever asked for.
    Neighbour {
        /// The device.
        device: String,
        /// The neighbour's address.
        address: IpAddr,
        /// Its hardware address.
        mac: [u8; 6],
    },
    /// No ICMP errors of the kernel's: packet sockets take copies, and it would complain of packets that are not its to
    /// deliver.
    NoErrors,
    /// No IPv6 on any device: a kernel that begins to forward it reports groups, and its reports would be counted among
    /// the frames.
    OnlyV4,
    /// No groups on a device: a kernel that begins to forward IPv6 would join one, and its report be counted among the frames.
    NoGroups {
        /// The device.
        device: String,
    },
    /// The way to a network that is not on any of the host's links.
    Route {
        /// The device.
        device: String,
        /// The network's address, the bits behind the prefix 0.
        network: IpAddr,
        /// Length of its prefix in bits.
        prefix: u8,
        /// The next router.
        gateway: IpAddr,
    },
    /// Brings a device up.
    Up {
        /// The device.
        device: String,
    },
    /// Waits until the device can send: its peer is up and the kernel has noticed.
    AwaitCarrier {
        /// The device.
        device: String,
    },
    /// Gives each queue's NAPI a kernel thread of its own and pins it: the stand-in for interrupt
    /// affinity. NAPI exists on veth once XDP is attached, or with GRO.
    PinNapi {
        /// The device.
        device: String,
        /// CPU of the thread of queue `i`.
        cpus: Vec<u32>,
    },
    /// Lets what a CPU sends by sockets leave by a queue of its own (XPS). Else the flow's hash decides, and frames that came by one
    /// queue leave by another's, to be received on another CPU.
    SendBy {
        /// The device.
        device: String,
        /// CPUs that send by queue `i`.
        cpus: Vec<Vec<u32>>,
    },
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateVeth {
                device,
                peer,
                queues,
                mtu,
                ..
            } => {
                write!(
                    f,
                    "create veth {device} - {peer}, {queues} queues, mtu {mtu}"
                )
            }
            Self::Quiet { device } => write!(f, "no packets of the kernel's own on {device}"),
            Self::Offloads { device, off, on } => {
                write!(f, "offloads of {device}: off {}", off.join(", "))?;
                if on.is_empty() {
                    Ok(())
                } else {
                    write!(f, "; on {}", on.join(", "))
                }
            }
            Self::Address {
                device,
                address,
                prefix,
            } => {
                write!(f, "address {address}/{prefix} on {device}")
            }
            Self::Neighbour {
                device, address, ..
            } => {
                write!(f, "static neighbour {address} on {device}")
            }
            Self::NoErrors => f.write_str("no ICMP errors of the kernel's own"),
            Self::OnlyV4 => f.write_str("no IPv6"),
            Self::NoGroups { device } => write!(f, "no groups on {device}"),
            Self::Route {
                device,
                network,
                prefix,
                gateway,
            } => write!(f, "route to {network}/{prefix} by {gateway} on {device}"),
            Self::Up { device } => write!(f, "bring {device} up"),
            Self::AwaitCarrier { device } => write!(f, "wait for {device}'s carrier"),
            Self::PinNapi { device, cpus } => {
                write!(
                    f,
                    "one NAPI thread a queue on {device}, pinned to CPUs {cpus:?}"
                )
            }
            Self::SendBy { device, cpus } => {
                write!(
                    f,
                    "what is sent on {device} leaves by the queue of its CPU: {cpus:?}"
                )
            }
        }
    }
}
