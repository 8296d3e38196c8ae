//! From a frame to its owner.

use packet::{Datagram, Packet, Refusal, datagram};

use crate::hash::Hashed;
use crate::request::{KeyHash, hash_first_key};
use crate::rss::Tuple;
use crate::table::{Table, owner_in, slot_of};
use crate::{Drop, KeyNote, Order, flow, plain, rpc, sealed};

/// How an owner is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// By receive queue: whatever the NIC's RSS did. The request is not looked at.
    Rss,
    /// By the request's first key. Where some keys are hot, gets of one of them alone go to every owner in
    /// turn: the policy `hot_spread` (ENCP'19, section 3.2). Only the plain shape of a get is spread:
    /// untagged IPv4 without options, and ASCII.
    Key,
    /// By UDP destination port: the client has computed the partition (MICA, NSDI 2014, s. 4.1).
    Port,
    /// By the request's first key to a cluster of owners, and by receive queue to one of them
    /// (ENCP'19, section 4, "shared-something").
    Cluster,
    /// By the flow, as RSS does, but decided here: the Toeplitz hash names the slot of the table.
    FlowToeplitz,
    /// The same with the hash of keys ([`crate::hash`]) over the flow, a few multiplications in place of
    /// a step for each bit.
    FlowMix,
    /// By the token in the clear part of a sealed request ([`sealed`]): the key is not read.
    Token,
    /// By the name of the function that is called ([`rpc`]).
    Function,
    /// By the argument of this number, from 0 on, of the function that is called.
    Argument(u8),
    /// By the place of a call's key in an order of keys, of which each owner has a range.
    Range(Order),
    /// As `Argument` of the key, but scans ([`rpc::SCAN`]) go to every owner in turn: "the packet processor
    /// can load balance the requests between multiple cores" (ENCP'19, section 4).
    ScansInTurn,
}

impl Policy {
    /// Its number, by which the kernel's program is told.
    #[inline(always)]
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Rss => 0,
            Self::Key => 1,
            Self::Port => 2,
            Self::Cluster => 3,
            Self::FlowToeplitz => 4,
            Self::FlowMix => 5,
            Self::Token => 6,
            Self::Function => 7,
            Self::Argument(number) => 8 + number as u32,
            Self::Range(_) => 12,
            Self::ScansInTurn => 13,
        }
    }

    /// What the program is told of the order of keys whose policy is one about scans: that one is a program
    /// of its own, of which [`of`](Self::of) does not know.
    #[must_use]
    pub const fn about_scans(self) -> Option<Order> {
        match self {
            Self::Range(order) => Some(order),
            Self::ScansInTurn => Some(Order::of(1)),
            Self::Rss
            | Self::Key
            | Self::Port
            | Self::Cluster
            | Self::FlowToeplitz
            | Self::FlowMix
            | Self::Token
            | Self::Function
            | Self::Argument(_) => None,
        }
    }

    /// The policy of a number; `None` if the steering program has no such.
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
            7 => Self::Function,
            8..12 => Self::Argument((number - 8) as u8),
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
    /// Whether the request's first key is hot, for [`Policy::Key`]; whether scans are spread, for
    /// [`Policy::ScansInTurn`]. No other policy looks at it.
    pub hot: bool,
    /// How many requests were spread before this frame.
    pub tick: u32,
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
    /// Whose turn it is to answer a get of the key of this hash, if that is hot, or a scan from that key on.
    /// Where programs do not spread, it is nobody's.
    #[inline(always)]
    fn turn(&self, _hash: u64) -> Option<u32> {
        None
    }
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

    fn turn(&self, _hash: u64) -> Option<u32> {
        self.hot.then_some(self.tick)
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
    steer_noting(view, table, inputs, |_| ())
}

/// [`steer`] that tells `note` of the key that it hashed, if it hashed one.
#[inline(always)]
pub fn steer_noting<P, T, S>(view: &P, table: &T, inputs: &S, note: impl FnOnce(KeyNote)) -> Verdict
where
    P: Packet + ?Sized,
    T: Table + ?Sized,
    S: Situation,
{
    if by_key(inputs.policy())
        && let Some(key) = plain::key_of_get(view, |port| is_ours(inputs, port))
    {
        note(KeyNote::new(key.hash, plain::HEADERS_LEN, key.len));
        return match spread(inputs, &key) {
            Some(turn) => by_turn(inputs, turn),
            None => by_hash(table, inputs, key.hash),
        };
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
        Policy::Key | Policy::Cluster => {
            let (at, end) = (datagram.payload_at, datagram.payload_end());
            steer_command(view, at, end, table, inputs, note)
        }
        Policy::FlowToeplitz => by_flow(view, &datagram, table, inputs, flow::toeplitz_hash),
        Policy::FlowMix => by_flow(view, &datagram, table, inputs, flow::mix_hash),
        Policy::Token => {
            let token = sealed::token(view, datagram.payload_at, datagram.payload_end());
            by_found(table, inputs, token.map(Some))
        }
        Policy::Function => {
            let found = rpc::hash_function(view, datagram.payload_at, datagram.payload_end());
            by_found(table, inputs, found)
        }
        Policy::Argument(number) => {
            let (at, end) = (datagram.payload_at, datagram.payload_end());
            by_found(table, inputs, rpc::hash_argument(view, at, end, number))
        }
        Policy::Range(order) => {
            let (at, end) = (datagram.payload_at, datagram.payload_end());
            by_found(table, inputs, rpc::place_of_key(view, at, end, order))
        }
        Policy::ScansInTurn => {
            let (at, end) = (datagram.payload_at, datagram.payload_end());
            let found = rpc::hash_argument(view, at, end, rpc::KEY);
            match found {
                Ok(Some(hash)) if rpc::is_scan(view, at) => match inputs.turn(hash) {
                    Some(turn) => by_turn(inputs, turn),
                    None => by_hash(table, inputs, hash),
                },
                found => by_found(table, inputs, found),
            }
        }
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
    steer_command(view, payload_at, payload_end, table, inputs, |_| ())
}

#[inline(always)]
fn steer_command<P, T, S>(
    view: &P,
    payload_at: usize,
    payload_end: usize,
    table: &T,
    inputs: &S,
    note: impl FnOnce(KeyNote),
) -> Verdict
where
    P: Packet + ?Sized,
    T: Table + ?Sized,
    S: Situation,
{
    let found = hash_first_key(view, payload_at, payload_end);
    let hash = found.map(|found| match found {
        KeyHash::Key(key) => {
            note(key);
            Some(key.hash)
        }
        KeyHash::Keyless => None,
    });
    by_found(table, inputs, hash)
}

/// Decides by the hash that was found, if the request has what is hashed.
#[inline(always)]
fn by_found<T: Table + ?Sized>(
    table: &T,
    inputs: &impl Situation,
    found: Result<Option<u64>, Drop>,
) -> Verdict {
    match found {
        Ok(Some(hash)) => by_hash(table, inputs, hash),
        Ok(None) => by_queue(inputs, 0),
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
            | Policy::Token
            | Policy::Function
            | Policy::Argument(_)
            | Policy::Range(_)
            | Policy::ScansInTurn => existing(inputs, owner_in(entry)),
        },
        None => Verdict::Drop(Drop::NoOwner),
    }
}

#[inline(always)]
const fn by_key(policy: Policy) -> bool {
    matches!(policy, Policy::Key | Policy::Cluster)
}

/// The turn of a get of one key, where it is to be spread.
#[inline(always)]
fn spread(inputs: &impl Situation, key: &Hashed) -> Option<u32> {
    // Last the policy, for then a program that spreads nothing need not ask for it.
    let turn = key.ends_line.then(|| inputs.turn(key.hash)).flatten()?;
    matches!(inputs.policy(), Policy::Key).then_some(turn)
}

/// All owners in turn.
#[inline(always)]
fn by_turn(inputs: &impl Situation, turn: u32) -> Verdict {
    match turn.checked_rem(inputs.owners()) {
        Some(owner) => Verdict::Owner(owner as u16),
        None => Verdict::Drop(Drop::NoOwner),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_of_one_policy() {
        let mut known = 0;
        while let Some(policy) = Policy::of(known) {
            assert_eq!(policy.number(), known);
            known += 1;
        }
        assert_eq!(known, 12);
    }
}
