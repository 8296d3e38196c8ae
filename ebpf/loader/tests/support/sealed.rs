//! Random sealed requests.

use proptest::prelude::*;
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
