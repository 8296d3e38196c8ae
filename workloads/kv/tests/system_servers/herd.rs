//! Requests by memory: a server whose owners poll regions, and a client that writes into them.

use std::time::{Duration, Instant};

use kv::protocol::frame::{FrameHeader, HEADER_LEN};
use kv::server::{Server, ServerConfig};
use kv::systems::{IoKind, SystemKind, Wakeup};
use pktio::region::{RegionClient, Regions};

use super::client::{OWNERS, config, found, items, line, own_address, owner};
use super::scenario::{counters, started};

const PATIENCE: Duration = Duration::from_secs(10);

/// The regions live as long as their maker.
fn serving() -> (Regions, Server, RegionClient) {
    let regions = Regions::create(OWNERS, 8).expect("shared memory");
    let config = ServerConfig {
        regions: Some(regions.path()),
        ..config(
            SystemKind::Herd,
            IoKind::Memory,
            Wakeup::Eventfd,
            own_address(),
        )
    };
    let server = started(Server::load(&config).expect("load"));
    let client = RegionClient::new(Regions::open(&regions.path()).expect("open"));
    (regions, server, client)
}

/// Asks in the region of `owner`; returns the reply.
fn ask(client: &mut RegionClient, owner: u16, request: &[u8]) -> Vec<u8> {
    let header = FrameHeader {
        request_id: 7,
        sequence: 0,
        total: 1,
    };
    let mut datagram = header.encode().to_vec();
    datagram.extend_from_slice(request);
    assert!(client.send(owner, 42, &datagram), "the region is full");
    let deadline = Instant::now() + PATIENCE;
    let mut reply = None;
    while reply.is_none() {
        assert!(Instant::now() < deadline, "no reply");
        client.receive(1, |tag, bytes| {
            let header = FrameHeader::decode(bytes).expect("a frame header");
            assert_eq!((tag, header.request_id, header.total), (42, 7, 1));
            reply = Some(bytes[HEADER_LEN..].to_vec());
        });
        std::thread::sleep(Duration::from_micros(50));
    }
    reply.unwrap_or_default()
}

#[test]
fn each_owner_serves_what_is_written_into_its_region() {
    let (_regions, server, mut client) = serving();
    let items: Vec<_> = items().into_iter().take(200).collect();
    for (key, value) in &items {
        assert_eq!(
            ask(&mut client, owner(key), &line("get", key)),
            found(key, value)
        );
    }
    let counters = counters(&server);
    let total = counters.total();
    assert_eq!((total.handoffs, total.misroutes), (0, 0));
    let served: Vec<u64> = (counters.threads.iter())
        .map(|thread| thread.counts.executed_get)
        .collect();
    let of_first = items.iter().filter(|(key, _)| owner(key) == 0).count() as u64;
    assert_eq!(served, [of_first, 200 - of_first]);
    assert_eq!(server.obtained().io, "memory");
}

/// The server trusts no client: a request in the wrong region is counted, handed to its owner, and
/// answered where it was asked; so are the keys of other owners in a multi-get.
#[test]
fn a_request_in_the_wrong_region_is_misrouted_and_answered_all_the_same() {
    let (_regions, server, mut client) = serving();
    let items = items();
    for (key, value) in items.iter().take(50) {
        let wrong = (owner(key) + 1) % OWNERS;
        assert_eq!(
            ask(&mut client, wrong, &line("get", key)),
            found(key, value)
        );
    }
    let total = counters(&server).total();
    assert_eq!((total.misroutes, total.handoffs), (50, 50));
    let mine = |by| {
        items
            .iter()
            .find(|(key, _)| owner(key) == by)
            .expect("a key")
    };
    let (first, second) = (mine(0), mine(1));
    let both = [
        b"get ",
        first.0.as_slice(),
        b" ",
        second.0.as_slice(),
        b"\r\n",
    ]
    .concat();
    let mut expected = found(&first.0, &first.1);
    expected.truncate(expected.len() - b"END\r\n".len());
    expected.extend(found(&second.0, &second.1));
    assert_eq!(ask(&mut client, 0, &both), expected);
    let total = counters(&server).total();
    assert_eq!((total.misroutes, total.handoffs), (50, 51));
}

#[test]
fn regions_of_another_size_are_refused() {
    let regions = Regions::create(OWNERS + 1, 8).expect("shared memory");
    let of_two = config(
        SystemKind::Herd,
        IoKind::Memory,
        Wakeup::Eventfd,
        own_address(),
    );
    let refused = |regions| {
        let config = ServerConfig {
            regions,
            ..of_two.clone()
        };
        Server::load(&config).unwrap_err().to_string()
    };
    assert!(refused(Some(regions.path())).contains("3 owners for a server of 2"));
    assert!(refused(None).contains("needs the path"));
}
