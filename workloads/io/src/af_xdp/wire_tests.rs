//! Headers as another implementation (etherparse) writes and reads them.

use etherparse::{NetHeaders, PacketBuilder, PacketHeaders, TransportHeader};
use proptest::prelude::*;

use super::*;

const CLIENT: [u8; 6] = [2, 0x53, 0x42, 0, 0, 2];
const SERVER: [u8; 6] = [2, 0x53, 0x42, 0, 0, 1];

/// A request by another implementation.
fn request(v6: bool, vlan: Option<u16>, options: usize, payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(CLIENT, SERVER);
    let mut frame = Vec::new();
    let address = |last: u8| {
        let mut address = [0; 16];
        (address[0], address[1], address[15]) = (0xfd, 0x53, last);
        address
    };
    let options = vec![1_u8; options];
    let v4 = || {
        let mut header = etherparse::Ipv4Header::new(
            0,
            9,
            etherparse::IpNumber::UDP,
            [198, 18, 0, 2],
            [198, 18, 0, 1],
        )
        .unwrap();
        header.options = options.as_slice().try_into().unwrap();
        etherparse::IpHeaders::Ipv4(header, etherparse::Ipv4Extensions::default())
    };
    let step = match (v6, vlan) {
        (false, None) => builder.ip(v4()),
        (true, None) => builder.ipv6(address(2), address(1), 9),
        (false, Some(id)) => builder.single_vlan(id.try_into().unwrap()).ip(v4()),
        (true, Some(id)) => {
            builder
                .single_vlan(id.try_into().unwrap())
                .ipv6(address(2), address(1), 9)
        }
    };
    step.udp(40_000, 11_211).write(&mut frame, payload).unwrap();
    frame
}

/// Turns a request round as the mesh does, in place; returns the reply's frame.
fn answer(frame: &mut [u8], payload: &[u8]) -> Vec<u8> {
    let layout = parse(frame).unwrap();
    let headers = Headers::answering(frame, &layout);
    let at = usize::from(layout.payload_at);
    frame[at..at + payload.len()].copy_from_slice(payload);
    let start = at - headers.len();
    let reply = &mut frame[start..at + payload.len()];
    headers.write(reply);
    reply.to_vec()
}

fn check_reply(reply: &[u8], v6: bool, vlan: Option<u16>, payload: &[u8]) {
    let headers = PacketHeaders::from_ethernet_slice(reply).unwrap();
    assert_eq!(headers.payload.slice(), payload);
    assert_eq!(reply[..6], CLIENT);
    assert_eq!(reply[6..12], SERVER);
    assert_eq!(
        headers
            .vlan_ids()
            .iter()
            .map(|id| id.value())
            .collect::<Vec<_>>(),
        Vec::from_iter(vlan)
    );
    let Some(TransportHeader::Udp(udp)) = headers.transport else {
        panic!("not UDP")
    };
    assert_eq!((udp.source_port, udp.destination_port), (11_211, 40_000));
    assert_eq!(usize::from(udp.length), payload.len() + 8);
    match headers.net.unwrap() {
        NetHeaders::Ipv4(ip, _) => {
            assert!(!v6);
            assert_eq!(ip.options.len(), 0);
            assert_eq!(
                (ip.source, ip.destination),
                ([198, 18, 0, 1], [198, 18, 0, 2])
            );
            assert_eq!((ip.time_to_live, ip.dont_fragment), (64, true));
            assert_eq!(usize::from(ip.total_len), 20 + 8 + payload.len());
            assert_eq!(ip.header_checksum, ip.calc_header_checksum());
            let expected = udp.calc_checksum_ipv4(&ip, payload).unwrap();
            assert_eq!(udp.checksum, expected);
        }
        NetHeaders::Ipv6(ip, _) => {
            assert!(v6);
            assert_eq!((ip.source[15], ip.destination[15]), (1, 2));
            assert_eq!(ip.hop_limit, 64);
            assert_eq!(usize::from(ip.payload_length), 8 + payload.len());
            let expected = udp.calc_checksum_ipv6(&ip, payload).unwrap();
            assert_eq!(udp.checksum, expected);
        }
        NetHeaders::Arp(_) => panic!("not IP"),
    }
}

proptest! {
    #[test]
    fn another_implementation_reads_the_reply(
        v6 in any::<bool>(),
        vlan in prop::option::of(0_u16..4096),
        words in 0_usize..=10,
        asked in prop::collection::vec(any::<u8>(), 0..200),
        answered in prop::collection::vec(any::<u8>(), 0..1400),
        unfinished in any::<u16>(),
    ) {
        let options = if v6 { 0 } else { words * 4 };
        let mut frame = request(v6, vlan, options, &asked);
        let layout = parse(&frame).unwrap();
        let at = usize::from(layout.payload_at);
        prop_assert_eq!(&frame[at..at + usize::from(layout.payload_len)], &asked[..]);
        // What a kernel sender leaves in the checksum field must not matter.
        frame[at - 2..at].copy_from_slice(&unfinished.to_be_bytes());
        frame.resize(2048, 0xee);
        let reply = answer(&mut frame, &answered);
        check_reply(&reply, v6, vlan, &answered);
    }
}

#[test]
fn padding_behind_a_short_frame_is_not_payload() {
    let mut frame = request(false, None, 0, b"ab");
    frame.resize(60, 0);
    assert_eq!(parse(&frame).unwrap().payload_len, 2);
}

#[test]
fn a_service_tag_and_an_inner_tag_are_both_kept() {
    let mut frame = request(false, Some(7), 0, b"ab");
    frame.splice(12..12, [0x88, 0xa8, 0x00, 0x05]);
    frame.resize(2048, 0);
    let reply = answer(&mut frame, b"reply");
    assert_eq!(
        reply[12..20],
        [0x88, 0xa8, 0x00, 0x05, 0x81, 0x00, 0x00, 0x07]
    );
    assert_eq!(reply[20..22], [0x08, 0x00]);
    assert_eq!(reply.len(), 14 + 8 + 20 + 8 + 5);
}

#[test]
fn a_checksum_that_comes_out_as_zero_is_sent_as_all_ones() {
    let headers = Headers {
        destination_mac: SERVER,
        source_mac: CLIENT,
        tags: Tags::NONE,
        addresses: Addresses::V4([0; 4], [0; 4]),
        source_port: 0,
        destination_port: 0,
    };
    // Everything but the payload sums to 17 + 10 + 10 (protocol, length twice).
    let mut frame = vec![0; headers.len() + 2];
    let at = headers.len();
    frame[at..].copy_from_slice(&(0xffff_u16 - 37).to_be_bytes());
    headers.write(&mut frame);
    assert_eq!(frame[at - 2..at], [0xff, 0xff]);
}

#[test]
fn what_is_no_datagram_is_refused_by_name() {
    let frame = request(false, None, 0, b"payload");
    assert_eq!(parse(&frame[..30]), Err(Reason::Truncated));
    let mut fragment = frame.clone();
    fragment[20] = 0x20;
    assert_eq!(parse(&fragment), Err(Reason::Fragment));
    let mut tcp = frame;
    tcp[23] = 6;
    assert_eq!(parse(&tcp), Err(Reason::NotUdp));
}
