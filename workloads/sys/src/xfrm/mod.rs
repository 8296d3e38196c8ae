//! The kernel's IPsec (XFRM) over IPv4: associations and policies of the calling thread's network namespace, by netlink.
//!
//! A policy sends every packet that leaves by a device through a tunnel, or lets only such packets leave that came out
//! of one. What an association's algorithms are called, and that its request identifier is its SPI, is decided here.

mod esp;
mod message;

use std::fmt;
use std::io;
use std::net::Ipv4Addr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_sys::protocols::NETLINK_XFRM;

use crate::error::Doing;
use crate::netlink::Connection;
pub use esp::esp_refusal;
use message::{Message, delete_policy, delete_state, new_policy, new_state};

/// One direction of a tunnel of ESP with AES-CBC: a security association (RFC 4301).
#[derive(Clone, PartialEq, Eq)]
pub struct Association {
    /// The end that encrypts.
    pub source: Ipv4Addr,
    /// The end that decrypts.
    pub destination: Ipv4Addr,
    /// Security parameters index, at least 256.
    pub spi: u32,
    /// The cipher's key: AES-128.
    pub cipher: [u8; 16],
    /// The key of HMAC-SHA-256-128; without one nothing is authenticated.
    pub integrity: Option<[u8; 32]>,
    /// Numbers that the anti-replay window covers: 0 for none, and no more than the kernel's 32.
    pub replay_window: u8,
}

/// Not for logs: no key.
impl fmt::Debug for Association {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Association")
            .field("source", &self.source)
            .field("destination", &self.destination)
            .field("spi", &self.spi)
            .finish_non_exhaustive()
    }
}

/// Which packets a policy is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Those that are about to leave: they go into the tunnel.
    Out,
    /// Those that are forwarded: they must have come out of the tunnel.
    Forward,
}

/// A rule for all packets that leave by a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Which of them.
    pub direction: Direction,
    /// The kernel's number of the device.
    pub device: u32,
    /// The tunnel's end that encrypts.
    pub source: Ipv4Addr,
    /// The tunnel's end that decrypts.
    pub destination: Ipv4Addr,
    /// SPI of the tunnel's association.
    pub spi: u32,
}

/// Adds an association.
///
/// # Errors
/// With the kernel's reason: `AlreadyExists`; a kernel without ESP; `PermissionDenied` without CAP_NET_ADMIN.
pub fn add_association(association: &Association) -> io::Result<()> {
    change(new_state(association), NLM_F_CREATE | NLM_F_EXCL)
        .doing(|| format!("add the IPsec association {:#x}", association.spi))
}

/// Takes an association away.
///
/// # Errors
/// `NotFound` when there is none.
pub fn remove_association(association: &Association) -> io::Result<()> {
    change(delete_state(association), 0)
        .doing(|| format!("remove the IPsec association {:#x}", association.spi))
}

/// Adds a policy.
///
/// # Errors
/// With the kernel's reason: `AlreadyExists`; `PermissionDenied` without CAP_NET_ADMIN.
pub fn add_policy(policy: &Policy) -> io::Result<()> {
    change(new_policy(policy), NLM_F_CREATE | NLM_F_EXCL)
        .doing(|| format!("add an IPsec policy to device {}", policy.device))
}

/// Takes a policy away.
///
/// # Errors
/// `NotFound` when there is none.
pub fn remove_policy(policy: &Policy) -> io::Result<()> {
    change(delete_policy(policy), 0)
        .doing(|| format!("remove an IPsec policy from device {}", policy.device))
}

fn change(message: Message, flags: u16) -> io::Result<()> {
    Connection::open(NETLINK_XFRM)?
        .request(message, flags)
        .map(drop)
}
