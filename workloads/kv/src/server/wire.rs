//! What a server's datagrams are: memcached's, or calls of its RPC service.

use serde::{Deserialize, Serialize};
use steering::rpc;
use steering::{Order, Policy, hash_bytes};

use crate::protocol::frame::{FrameHeader, HEADER_LEN, decode_request};
use crate::protocol::{self, Incomplete, Request, Single};

/// What of a call names the owner that it is steered to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SteerBy {
    /// The function's name. Items belong to the owners of their keys all the same.
    Function,
    /// The first argument, the tenant, to whose owner all of its items belong.
    Tenant,
    /// The second argument, the key.
    Key,
    /// The range of keys that the second argument lies in. Each owner has one.
    Range {
        /// How many keys there are.
        keys: u32,
    },
}

impl SteerBy {
    /// What XDP is told.
    pub(crate) const fn policy(self) -> Policy {
        match self {
            Self::Function => Policy::Function,
            Self::Tenant => Policy::Argument(0),
            Self::Key => Policy::Argument(rpc::KEY),
            Self::Range { keys } => Policy::Range(Order::of(keys)),
        }
    }

    /// What the partition table is asked with for a call about one key, if it is a call.
    #[inline]
    pub(crate) fn route(self, request: &[u8], single: &Single) -> u64 {
        match (self, single.rpc()) {
            (Self::Tenant, Some(op)) => hash_bytes(op.tenant.of(request)),
            // What touches no item is executed where it arrives.
            (Self::Function, Some(op)) if !op.is_about_an_item() => hash_bytes(op.name.of(request)),
            (Self::Range { keys }, Some(_)) => {
                let key = single.key.of(request);
                Order::of(keys).place_of(key, 0, key.len()).unwrap_or(0)
            }
            (Self::Tenant | Self::Function | Self::Key | Self::Range { .. }, _) => single.hash,
        }
    }

    /// [`route`](Self::route) for a key of the workload's, by its number; `hash` is that of its bytes.
    pub(crate) fn route_of_id(self, id: u32, hash: u64) -> u64 {
        match self {
            Self::Tenant => hash_bytes(&model::tenant_of(id)),
            Self::Range { keys } => Order::of(keys).place(u64::from(id)),
            Self::Function | Self::Key => hash,
        }
    }
}

/// What the first bytes of a reply repeat of the request's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    /// Memcached's request id.
    Memcached(u16),
    /// A call's id.
    Rpc(u32),
}

/// Why a datagram cannot be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It does not begin as a request does.
    BadFrame,
    /// It ends before the request does.
    Incomplete,
}

impl From<Incomplete> for Unread {
    fn from(_: Incomplete) -> Self {
        Self::Incomplete
    }
}

impl Head {
    /// The first bytes of datagram `sequence` of `total` of a reply. A call's reply is one datagram.
    pub(crate) fn answer(self, sequence: u16, total: u16) -> [u8; HEADER_LEN] {
        match self {
            Self::Memcached(request_id) => FrameHeader {
                request_id,
                sequence,
                total,
            }
            .encode(),
            Self::Rpc(call) => rpc::head(rpc::Kind::Reply, call),
        }
    }
}

const _: () = assert!(HEADER_LEN == rpc::HEAD_LEN);

/// Reads a datagram's first bytes and its request.
///
/// # Errors
/// When it cannot be executed.
#[inline]
pub(crate) fn read(rpc: Option<SteerBy>, payload: &[u8]) -> Result<(Head, Request), Unread> {
    match rpc {
        None => read_with(payload, protocol::parse),
        Some(_) => {
            let call = rpc::call_id(rpc::Kind::Call, payload).ok_or(Unread::BadFrame)?;
            Ok((
                Head::Rpc(call),
                protocol::parse_call(&payload[HEADER_LEN..])?,
            ))
        }
    }
}

/// [`read`] of memcached's datagrams, whose request `parse` cuts.
///
/// # Errors
/// As [`read`].
#[inline]
pub(crate) fn read_with(
    payload: &[u8],
    parse: impl FnOnce(&[u8]) -> Result<Request, Incomplete>,
) -> Result<(Head, Request), Unread> {
    let (header, body) = decode_request(payload).map_err(|_| Unread::BadFrame)?;
    Ok((Head::Memcached(header.request_id), parse(body)?))
}
