//! What must hold over any frame whatever; shared by the fuzz target and the smoke test.

use packet::datagram;
use steering::sealed::{Header, Kind};
use steering::{
    Drop, Inputs, Located, PartitionTable, Policy, Verdict, hash_bytes, hash_key, locate_key,
    sealed, steer,
};

const PORT: u16 = 11211;

/// Panics where a property does not hold.
pub(crate) fn check(frame: &[u8]) {
    let table = PartitionTable::even(6);
    for policy in [
        Policy::Rss,
        Policy::Key,
        Policy::Port,
        Policy::Cluster,
        Policy::Token,
    ] {
        let inputs = Inputs {
            policy,
            owners: 6,
            members: if policy == Policy::Cluster { 2 } else { 6 },
            server_port: PORT,
            ports: 6,
            rx_queue: 3,
        };
        let verdict = steer(frame, &table, &inputs);
        if let Verdict::Owner(owner) = verdict {
            assert!(owner < 6);
        }
        if policy == Policy::Key {
            same_as_in_steps(frame, &table, verdict);
        }
        if policy == Policy::Token {
            same_token(frame, &table, verdict);
        }
    }
}

/// The kernel's reader of a sealed request and that of user space see one token.
fn same_token(frame: &[u8], table: &PartitionTable, verdict: Verdict) {
    let Ok(datagram) = datagram(frame) else {
        return;
    };
    if !(PORT..PORT + 6).contains(&datagram.dst_port) {
        return;
    }
    let payload = &frame[datagram.payload_at..datagram.payload_end()];
    let whole = payload.len() >= sealed::OVERHEAD + 8;
    let expected = match Header::decode(Kind::Request, payload) {
        Some(header) if whole => Verdict::Owner(table.owner_of(header.subject)),
        None if whole => Verdict::Drop(Drop::BadSealedHeader),
        Some(_) | None => Verdict::Drop(Drop::Truncated),
    };
    assert_eq!(verdict, expected);
}

/// The one-pass decision is that of parsing, locating and hashing one after the other.
fn same_as_in_steps(frame: &[u8], table: &PartitionTable, verdict: Verdict) {
    let Ok(datagram) = datagram(frame) else {
        return;
    };
    assert!(datagram.payload_end() <= frame.len());
    if !(PORT..PORT + 6).contains(&datagram.dst_port) {
        assert_eq!(verdict, Verdict::Pass);
        return;
    }
    let stepwise = match locate_key(frame, datagram.payload_at, datagram.payload_len) {
        Ok(Located::Key { at, len }) => {
            assert!((1..=250).contains(&len) && at + len <= datagram.payload_end());
            let hash = hash_bytes(&frame[at..at + len]);
            assert_eq!(hash_key(frame, at, len), Some(hash));
            Verdict::Owner(table.owner_of(hash))
        }
        Ok(Located::Keyless) => Verdict::Owner(3),
        Err(reason) => Verdict::Drop(reason),
    };
    assert_eq!(verdict, stepwise);
}
