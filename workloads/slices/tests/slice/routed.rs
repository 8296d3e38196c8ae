//! Routed mode: a loop of reads and writes is a router, and what an application makes itself leaves by the tables too.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};

use etherparse::PacketBuilder;
use slices::router::{Drop, Mirror, Report, TableLimits};
use slices::slice::{Flags, Message, Port, Routed, Slices, SlicesConfig};
use sys::link;

use crate::calls::{PATIENCE, pairs};
use crate::hosts::{DEVICES, Hosts, config};

/// A datagram of this host's own, whose link header is to be written.
fn own(to: SocketAddr, payload: &[u8]) -> Message {
    let link = PacketBuilder::ethernet2([0; 6], [0; 6]);
    let network = match to.ip() {
        IpAddr::V4(to) => link.ipv4([198, 18, 0, 77], to.octets(), 64),
        IpAddr::V6(to) => {
            let mut from = to.octets();
            from[15] = 77;
            link.ipv6(from, to.octets(), 64)
        }
    };
    let mut frame = Vec::new();
    let datagram = network.udp(5000, to.port());
    datagram.write(&mut frame, payload).unwrap();
    let mut message = Message::new(&frame, Port(0));
    message.flags = Flags::OWN;
    message
}

pub(crate) fn routed() {
    let hosts = Hosts::new(1);
    let _forwarding = hosts.route();
    let config = SlicesConfig {
        next_links: true,
        ..config(1)
    };
    let mut slices = Slices::attach(&config, None).unwrap();
    let ports = DEVICES.map(|device| link::ifindex(device).unwrap());
    let mirror = Mirror::start(&ports, TableLimits::default()).unwrap();
    let mut slice = slices.open(0, Routed::new(&mirror)).unwrap();
    slice.set_tx_checksums(Flags::TRANSPORT_CHECKSUM);
    let mut message = Message::with_capacity(2048);
    let mut got = [0; 64];
    for (left, right) in &pairs(&hosts, PATIENCE) {
        let (from, to) = (left.local_addr().unwrap(), right.local_addr().unwrap());
        for told in [true, false] {
            left.send_to(b"by the tables", to).unwrap();
            assert!(slice.poll(PATIENCE).unwrap());
            slice.read(&mut message).unwrap();
            assert_eq!(message.next_link.unwrap().device, ports[1]);
            message.next_link = message.next_link.filter(|_| told);
            slice.write(&message).unwrap();
            let (len, sender) = right.recv_from(&mut got).unwrap();
            assert_eq!((&got[..len], sender), (&b"by the tables"[..], from));
        }
        slice.write(&own(to, b"its own")).unwrap();
        let len = right.recv(&mut got).unwrap();
        assert_eq!(&got[..len], b"its own");
    }
    let nowhere = own("9.9.9.9:9".parse().unwrap(), b"");
    let error = slice.write(&nowhere).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string()),
        (ErrorKind::HostUnreachable, "no_route".to_owned())
    );
    // As if it had gone round for too long: its sender is told, by a packet in its place.
    let [(left, right), _] = pairs(&hosts, PATIENCE);
    left.send_to(b"", right.local_addr().unwrap()).unwrap();
    assert!(slice.poll(PATIENCE).unwrap());
    slice.read(&mut message).unwrap();
    message.bytes_mut()[22] = 1;
    message.flags = Flags::IP_CHECKSUM;
    slice.write(&message).unwrap();
    let counters = slice.route().counters();
    assert_eq!((counters.by_kernel, counters.by_mirror), (2, 2));
    assert_eq!((counters.links_checked, counters.links_disagreed), (1, 0));
    assert_eq!(counters.reported(Report::TimeExceeded), 1);
    assert_eq!(slice.counters().transmitted, 4 + 2 + 1);
    assert_eq!(slice.io().ledger().held, 0, "no frame is lost by a refusal");
}

/// One that has no way is skipped, as the documents tell to, and is refused, and counted, once.
pub(crate) fn refused() {
    let hosts = Hosts::new(1);
    let _forwarding = hosts.route();
    let mut slices = Slices::attach(&config(1), None).unwrap();
    let ports = DEVICES.map(|device| link::ifindex(device).unwrap());
    let mirror = Mirror::start(&ports, TableLimits::default()).unwrap();
    let mut slice = slices.open(0, Routed::new(&mirror)).unwrap();
    slice.set_tx_checksums(Flags::TRANSPORT_CHECKSUM);
    let [(left, right), _] = pairs(&hosts, PATIENCE);
    left.send_to(b"passes", right.local_addr().unwrap())
        .unwrap();
    assert!(slice.poll(PATIENCE).unwrap());
    let mut passes = Message::with_capacity(2048);
    slice.read(&mut passes).unwrap();
    // Sent to all stations, with the address of one host.
    let mut refused = passes.clone();
    refused.bytes_mut()[..6].fill(0xff);
    let messages = [&passes, &refused, &passes, &refused, &refused, &passes].map(Clone::clone);
    let (mut written, mut skipped) = (0, 0);
    while written < messages.len() {
        written += match slice.write_batch(&messages[written..]) {
            Err(error) if error.kind() == ErrorKind::HostUnreachable => {
                assert_eq!(error.to_string(), Drop::LinkGroup.name());
                skipped += 1;
                1
            }
            result => result.unwrap(),
        };
    }
    for _ in 0..3 {
        assert_eq!(right.recv(&mut [0; 64]).unwrap(), 6);
    }
    let counters = slice.route().counters();
    assert_eq!((counters.dropped(Drop::LinkGroup), skipped), (3, 3));
    assert_eq!(counters.received, 6);

    // An answer that was kept is about that message alone.
    assert_eq!(slice.write_batch(&messages[..2]).unwrap(), 1);
    assert_eq!(slice.write_batch(&messages[..1]).unwrap(), 1);
    assert!(slice.write(&messages[1]).is_err());
    let counters = slice.route().counters();
    assert_eq!(counters.dropped(Drop::LinkGroup), 5);
}
