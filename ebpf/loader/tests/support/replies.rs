//! What every reply must be that a program writes over its request.

use packet::{Addresses, checksum, datagram};

/// What stands behind the first eight bytes of a reply's payload, which must be `head`, after a look at everything
/// around it.
pub(crate) fn reply_body(request: &[u8], reply: &[u8], head: [u8; 8]) -> Vec<u8> {
    let (asked, told) = (
        datagram(request).expect("a request"),
        datagram(reply).expect("a datagram"),
    );
    assert_eq!(
        (&reply[..6], &reply[6..12]),
        (&request[6..12], &request[..6])
    );
    assert_eq!(
        (told.src_port, told.dst_port),
        (asked.dst_port, asked.src_port)
    );
    assert_eq!(
        told.payload_end(),
        reply.len(),
        "nothing behind the datagram"
    );
    let segment = &reply[told.udp_at..];
    assert_eq!(reply[told.payload_at..].first_chunk(), Some(&head));
    match (asked.addresses(request), told.addresses(reply)) {
        (Some(Addresses::V4(a, b)), Some(Addresses::V4(c, d))) => {
            assert_eq!((a, b), (d, c));
            assert_eq!(checksum::ipv4_header(&reply[14..34]), 0);
            assert_eq!(segment[6..8], [0, 0], "no UDP checksum over IPv4");
        }
        (Some(Addresses::V6(a, b)), Some(Addresses::V6(c, d))) => {
            assert_eq!((a, b), (d, c));
            let mut blank = segment.to_vec();
            blank[6..8].fill(0);
            let sum = checksum::udp_v6(c, d, &blank);
            assert_eq!(segment[6..8], sum.to_be_bytes(), "the UDP checksum");
        }
        other => panic!("{other:?}"),
    }
    reply[told.payload_at + 8..].to_vec()
}
