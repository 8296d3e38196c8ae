//! From a frame to its owner.

use packet::{Datagram, Packet, Refusal, datagram};

use crate::request::{KeyHash, hash_first_key};
use crate::rss::Tuple;
use crate::table::{Table, owner_in, slot_of};
use crate::{Drop, flow, plain, sealed};

/// How an owner is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Policy {
    /// By receive queue: whatever the NIC's RSS did. The request is not looked at.
    Rss = 0,
    /// By the request's first key.
    Key = 1,
    /// By UDP destination port: the client has computed the partition (MICA, NSDI 2014, s. 4.1).
    Port = 2,
    /// By the request's first key to a cluster of owners, and by receive queue to one of them
    /// (ENCP'19, section 4, "shared-something").
    Cluster = 3,
    /// By the flow, as RSS does, but decided here: the Toeplitz hash names the slot of the table.
    FlowToeplitz = 4,
    /// The same with the hash of keys ([`crate::hash`]) over the flow, a few multiplications in place of
    /// a step for each bit.
    FlowMix = 5,
    /// By the token in the clear part of a sealed request ([`sealed`]): the key is not read.
    Token = 6,
}

impl Policy {
    /// The policy of a number; `None` if there is none.
    #[inline(always)]
    #[must_use]
    pub const fn of(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Rss,
            1 => Self::Key,
            2 => Self::Port,
            3 => Self::Cluster,
            4 => Self::FlowToeplitz,
            5 => Self::FlowMix,
            6 => Self::Token,
            _ => return None,
        })
    }
}

/// Everything but frame and table that a decision depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inputs {
    /// The policy.
    pub policy: Policy,
    /// Number of owners, at least 1.
    pub owners: u32,
    /// Owners among which the receive queue decides, at least 1: those of one cluster
    /// ([`Policy::Cluster`]), or the first so many of all.
    pub members: u32,
    /// First UDP port that is ours, host byte order.
    pub server_port: u16,
    /// Number of consecutive ports that are ours.
    pub ports: u16,
    /// Receive queue on which the frame arrived.
    pub rx_queue: u32,
}

/// Where the inputs come from. [`Inputs`] holds them; the kernel's shell fetches each one when it
/// is asked for, for a value that waits on the stack costs as much as a bounds check.
pub trait Situation {
    /// The policy.
    fn policy(&self) -> Policy;
    /// Number of owners.
    fn owners(&self) -> u32;
    /// Owners among which the receive queue decides.
    fn members(&self) -> u32;
    /// First UDP port that is ours.
    fn server_port(&self) -> u16;
    /// Number of consecutive ports that are ours.
    fn ports(&self) -> u16;
    /// Receive queue on which the frame arrived.
    fn rx_queue(&self) -> u32;
}

impl Situation for Inputs {
    fn policy(&self) -> Policy {
        self.policy
    }

    fn owners(&self) -> u32 {
        self.owners
    }

    fn members(&self) -> u32 {
        self.members
    }

    fn server_port(&self) -> u16 {
        self.server_port
    }

    fn ports(&self) -> u16 {
        self.ports
    }

    fn rx_queue(&self) -> u32 {
        self.rx_queue
    }
}

/// What is to happen to a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// To the socket of this owner on the frame's queue.
    Owner(u16),
    /// Not ours: on to the network stack.
    Pass,
    /// Ours but unusable.
    Drop(Drop),
}

/// Why a frame that holds no datagram is to be dropped; nothing where it is not ours.
#[inline(always)]
pub fn refused(refusal: Refusal, is_ours: impl FnOnce(u16) -> bool) -> Option<Drop> {
    match (refusal.dst_port, Drop::of_refusal(refusal.reason)) {
        (Some(port), Some(reason)) if is_ours(port) => Some(reason),
        _ => None,
    }
}

/// Decides over one frame.
///
/// A frame is ours if its UDP destination port can be read and lies in the range. Later fragments
/// of a datagram show no port, so they pass: the first one, which does, is dropped, and the stack
/// never completes the rest.
#[inline(always)]
pub fn steer<P, T, S>(view: &P, table: &T, inputs: &S) -> Verdict
where
    P: Packet + ?Sized,
    T: Table + ?Sized,
    S: Situation,
{
    if by_key(inputs.policy())
        && let Some(hash) = plain::hash_of_get(view, |port| is_ours(inputs, port))
    {
        return by_hash(table, inputs, hash);
    }
    let datagram = match datagram(view) {
        Ok(datagram) => datagram,
        Err(refusal) => {
            return match refused(refusal, |port| is_ours(inputs, port)) {
                Some(reason) => Verdict::Drop(reason),
                None => Verdict::Pass,
            };
        }
    };
    if !is_ours(inputs, datagram.dst_port) {
        return Verdict::Pass;
    }
    match inputs.policy() {
        Policy::Rss => by_queue(inputs, 0),
        Policy::Port => {
            let offset = datagram.dst_port.wrapping_sub(inputs.server_port());
            existing(inputs, u32::from(offset))
        }
        Policy::Key | Policy::Cluster => steer_payload(
            view,
            datagram.payload_at,
            datagram.payload_end(),
            table,
            inputs,
        ),
        Policy::FlowToeplitz => by_flow(view, &datagram, table, inputs, flow::toeplitz_hash),
        Policy::FlowMix => by_flow(view, &datagram, table, inputs, flow::mix_hash),
        Policy::Token => match sealed::token(view, datagram.payload_at, datagram.payload_end()) {
            Ok(token) => by_hash(table, inputs, token),
            Err(reason) => Verdict::Drop(reason),
        },
    }
}

/// Decides by the first key over a UDP payload that is known to be ours: what is left of [`steer`]
/// where the network stack has read the headers. A command without a key goes to owner
/// `rx_queue % members`, whatever the caller counts as its queues.
#[inline(always)]
pub fn steer_payload<P, T, S>(
    view: &P,
    payload_at: usize,
    payload_end: usize,
    table: &T,
    inputs: &S,
) -> Verdict
where
    P: Packet + ?Sized,
    T: Table + ?Sized,
    S: Situation,
{
    match hash_first_key(view, payload_at, payload_end) {
        Ok(KeyHash::Key(hash)) => by_hash(table, inputs, hash),
        Ok(KeyHash::Keyless) => by_queue(inputs, 0),
        Err(reason) => Verdict::Drop(reason),
    }
}

#[inline(always)]
fn by_flow<P, T>(
    view: &P,
    datagram: &Datagram,
    table: &T,
    inputs: &impl Situation,
    hash: impl FnOnce(&Tuple) -> u64,
) -> Verdict
where
    P: Packet + ?Sized,
    T: Table + ?Sized,
{
    match Tuple::of(view, datagram) {
        Some(tuple) => by_hash(table, inputs, hash(&tuple)),
        None => Verdict::Drop(Drop::Truncated),
    }
}

#[inline(always)]
fn is_ours(inputs: &impl Situation, port: u16) -> bool {
    port.wrapping_sub(inputs.server_port()) < inputs.ports()
}

#[inline(always)]
fn by_hash<T: Table + ?Sized>(table: &T, inputs: &impl Situation, hash: u64) -> Verdict {
    match table.entry(slot_of(hash)) {
        Some(entry) => match inputs.policy() {
            Policy::Cluster => by_queue(inputs, owner_in(entry)),
            Policy::Rss
            | Policy::Key
            | Policy::Port
            | Policy::FlowToeplitz
            | Policy::FlowMix
            | Policy::Token => existing(inputs, owner_in(entry)),
        },
        None => Verdict::Drop(Drop::NoOwner),
    }
}

#[inline(always)]
const fn by_key(policy: Policy) -> bool {
    matches!(policy, Policy::Key | Policy::Cluster)
}

/// One of the members of a cluster, the first of which is number 0.
#[inline(always)]
fn by_queue(inputs: &impl Situation, cluster: u32) -> Verdict {
    let members = inputs.members();
    // Checked, for BPF has no panic to divide by zero with; 64 bits wide, for a corrupted slot may
    // name any cluster.
    match inputs.rx_queue().checked_rem(members) {
        Some(member) => {
            let owner = u64::from(cluster) * u64::from(members) + u64::from(member);
            if owner < u64::from(inputs.owners()) {
                Verdict::Owner(owner as u16)
            } else {
                Verdict::Drop(Drop::NoOwner)
            }
        }
        None => Verdict::Drop(Drop::NoOwner),
    }
}

#[inline(always)]
fn existing(inputs: &impl Situation, owner: u32) -> Verdict {
    if owner < inputs.owners() {
        Verdict::Owner(owner as u16)
    } else {
        Verdict::Drop(Drop::NoOwner)
    }
}
