//! Datagrams of several flows, each with its number, and what must be true of those that come out.

use std::collections::BTreeMap;

use etherparse::PacketHeaders;

use crate::chain::ENDS;

/// Source port of flow 0.
const FIRST_PORT: u16 = 40_000;
/// TTL of the datagrams.
pub(crate) const TTL: u8 = 64;

/// A datagram from one end to the other, by the router.
pub(crate) fn datagram(from: usize, flow: u16, number: u32, len: usize, ttl: u8) -> Vec<u8> {
    let (own, far) = (&ENDS[from], &ENDS[1 - from]);
    let mut payload = number.to_be_bytes().to_vec();
    payload.resize(len - 42, flow as u8);
    let mut frame = Vec::new();
    etherparse::PacketBuilder::ethernet2(own.mac, own.router_mac)
        .ipv4(own.address.octets(), far.address.octets(), ttl)
        .udp(FIRST_PORT + flow, 9)
        .write(&mut frame, &payload)
        .unwrap();
    frame
}

/// Checks that frames which arrived at an end are what a router makes of datagrams to it, each flow in order. Returns
/// how many there are of each flow.
pub(crate) fn check(to: usize, frames: &[Vec<u8>]) -> BTreeMap<u16, usize> {
    check_behind(1, to, frames)
}

/// The same behind so many routers.
pub(crate) fn check_behind(hops: u8, to: usize, frames: &[Vec<u8>]) -> BTreeMap<u16, usize> {
    let mut next: BTreeMap<u16, u32> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for frame in frames {
        let (flow, number) = read(hops, to, frame);
        let next = next.entry(flow).or_default();
        assert!(number >= *next, "flow {flow}: {number} behind {next}");
        *next = number + 1;
        *counts.entry(flow).or_default() += 1;
    }
    counts
}

/// Checks one frame; its flow and number.
pub(crate) fn read(hops: u8, to: usize, frame: &[u8]) -> (u16, u32) {
    let end = &ENDS[to];
    assert_eq!(frame[..6], end.mac, "the next hop is the receiver");
    assert_eq!(frame[6..12], end.router_mac);
    let headers = PacketHeaders::from_ethernet_slice(frame).unwrap();
    let Some(etherparse::NetHeaders::Ipv4(ip, _)) = headers.net else {
        panic!("no IPv4: {frame:x?}");
    };
    assert_eq!(ip.time_to_live, TTL - hops, "a hop is lost at each router");
    assert_eq!(ip.calc_header_checksum(), ip.header_checksum);
    let udp = headers.transport.unwrap().udp().unwrap();
    let payload = headers.payload.slice();
    let sum = udp.calc_checksum_ipv4(&ip, payload).unwrap();
    assert_eq!(sum, udp.checksum);
    let flow = udp.source_port - FIRST_PORT;
    assert!(payload[4..].iter().all(|byte| *byte == flow as u8));
    let number = u32::from_be_bytes(payload[..4].try_into().unwrap());
    (flow, number)
}
