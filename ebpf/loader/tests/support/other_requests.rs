//! Random sealed requests and calls.

use proptest::prelude::*;
use steering::rpc;
use steering::sealed::{Header, Kind};

/// Sealed requests, replies among them, and what is not quite sealed.
pub(crate) fn sealed_request() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![9 => Just(Kind::Request), 1 => Just(Kind::Reply)];
    let encrypted = prop::collection::vec(any::<u8>(), 0..200);
    let numbers = (any::<u32>(), any::<u64>(), any::<u64>());
    (kind, numbers, encrypted).prop_map(|(kind, (sender, number, subject), encrypted)| {
        let header = Header {
            kind,
            sender,
            number,
            subject,
        };
        [header.encode().as_slice(), &encrypted].concat()
    })
}

/// Calls, and what is not quite one.
pub(crate) fn call_of() -> impl Strategy<Value = Vec<u8>> {
    let name = prop::collection::vec(any::<u8>(), 0..36);
    let arguments = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..260), 0..6);
    let lies = prop::option::weighted(0.2, (0_usize..4, any::<u16>()));
    (name, arguments, any::<u32>(), lies).prop_map(|(name, arguments, call, lies)| {
        let mut lengths: Vec<usize> = arguments.iter().map(Vec::len).collect();
        if let Some((at, len)) = lies
            && let Some(place) = lengths.get_mut(at)
        {
            *place = usize::from(len);
        }
        let head = rpc::head(rpc::Kind::Call, call);
        let lengths = rpc::lengths(name.len(), &lengths);
        let parts = arguments.iter().flatten().copied();
        [head.as_slice(), &lengths, &name]
            .concat()
            .into_iter()
            .chain(parts)
            .collect()
    })
}
