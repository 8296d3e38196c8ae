//! What must hold over any frame whatever; shared by the fuzz target and the smoke test.

use packet::datagram;
use steering::sealed::{Header, Kind};
use steering::{
    Drop, Inputs, Located, Order, PartitionTable, Policy, Verdict, hash_bytes, hash_key,
    locate_key, rpc, sealed, steer,
};

const PORT: u16 = 11211;
/// The part of a call that is its key.
const KEY: usize = 1 + rpc::KEY as usize;

/// Panics where a property does not hold.
pub(crate) fn check(frame: &[u8]) {
    let table = PartitionTable::even(6);
    for policy in [
        Policy::Rss,
        Policy::Key,
        Policy::Port,
        Policy::Cluster,
        Policy::Token,
        Policy::Function,
        Policy::Argument(2),
        Policy::Range(Order::of(5000)),
        Policy::ScansInTurn,
    ] {
        let inputs = Inputs {
            policy,
            owners: 6,
            members: if policy == Policy::Cluster { 2 } else { 6 },
            server_port: PORT,
            ports: 6,
            rx_queue: 3,
            hot: policy == Policy::ScansInTurn,
            tick: 7,
        };
        let verdict = steer(frame, &table, &inputs);
        if let Verdict::Owner(owner) = verdict {
            assert!(owner < 6);
        }
        match policy {
            Policy::Key => same_as_in_steps(frame, &table, verdict),
            Policy::Token => same_token(frame, &table, verdict),
            Policy::Function => {
                same_call(frame, 0, verdict, |name| table.owner_of(hash_bytes(name)))
            }
            Policy::Argument(number) => same_call(frame, 1 + usize::from(number), verdict, |it| {
                table.owner_of(hash_bytes(it))
            }),
            Policy::Range(order) => same_call(frame, KEY, verdict, |key| {
                let place = order.place_of(key, 0, key.len());
                table.owner_of(place.expect("all of it is here"))
            }),
            Policy::ScansInTurn => {
                let scan = payload(frame)
                    .and_then(call_parts)
                    .is_some_and(|parts| parts[0] == rpc::SCAN && parts.len() > KEY);
                same_call(frame, KEY, verdict, |key| match scan {
                    // Turn 7 of 6 owners.
                    true => 1,
                    false => table.owner_of(hash_bytes(key)),
                });
            }
            Policy::Rss
            | Policy::Port
            | Policy::Cluster
            | Policy::FlowToeplitz
            | Policy::FlowMix => {}
        }
    }
}

/// The kernel's reader of a sealed request and that of user space see one token.
fn same_token(frame: &[u8], table: &PartitionTable, verdict: Verdict) {
    let Some(payload) = payload(frame) else {
        return;
    };
    let whole = payload.len() >= sealed::OVERHEAD + 8;
    let expected = match Header::decode(Kind::Request, payload) {
        Some(header) if whole => Verdict::Owner(table.owner_of(header.subject)),
        None if whole => Verdict::Drop(Drop::BadSealedHeader),
        Some(_) | None => Verdict::Drop(Drop::Truncated),
    };
    assert_eq!(verdict, expected);
}

/// What a datagram to the server holds.
fn payload(frame: &[u8]) -> Option<&[u8]> {
    let datagram = datagram(frame).ok()?;
    let ours = (PORT..PORT + 6).contains(&datagram.dst_port);
    ours.then(|| &frame[datagram.payload_at..datagram.payload_end()])
}

/// A call is steered to the `owner` of its part of this number, the name or an argument, where slices find
/// it, too.
fn same_call(frame: &[u8], part: usize, verdict: Verdict, owner: impl Fn(&[u8]) -> u16) {
    let Some(payload) = payload(frame) else {
        return;
    };
    let steers = call_parts(payload).map(|parts| parts.get(part).copied());
    match (verdict, steers) {
        (Verdict::Drop(Drop::EmptyKey), Some(Some(part))) => assert!(part.is_empty()),
        (Verdict::Drop(Drop::KeyTooLong), Some(Some(part))) => assert!(part.len() > 250),
        (Verdict::Drop(reason), None) => {
            assert!(matches!(reason, Drop::Truncated | Drop::BadRpcHeader));
        }
        (Verdict::Owner(steered), Some(Some(part))) => assert_eq!(steered, owner(part)),
        (Verdict::Owner(owner), Some(None)) => assert_eq!(owner, 3),
        (verdict, steers) => panic!("{verdict:?} of {steers:?}"),
    }
}

/// Name and arguments of a call, cut out one after the other.
fn call_parts(payload: &[u8]) -> Option<Vec<&[u8]>> {
    rpc::call_id(rpc::Kind::Call, payload)?;
    let (header, mut rest) = payload.split_at_checked(rpc::HEADER_LEN)?;
    let (name, count) = (usize::from(header[8]), usize::from(header[9]));
    if !(1..=rpc::LONGEST_NAME).contains(&name) || count > rpc::MOST_ARGUMENTS {
        return None;
    }
    let lengths = header[12..].chunks_exact(2);
    let mut lengths: Vec<usize> = lengths
        .map(|pair| usize::from(u16::from_be_bytes([pair[0], pair[1]])))
        .collect();
    if lengths.split_off(count).iter().any(|len| *len > 0) {
        return None;
    }
    let mut parts = Vec::new();
    for len in std::iter::once(name).chain(lengths) {
        let (part, behind) = rest.split_at_checked(len)?;
        parts.push(part);
        rest = behind;
    }
    Some(parts)
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
