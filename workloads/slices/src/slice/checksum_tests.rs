//! Checksums against another implementation's (etherparse).

use etherparse::PacketBuilder;
use proptest::prelude::*;

use super::*;

const BOTH: Flags = Flags::IP_CHECKSUM.and(Flags::TRANSPORT_CHECKSUM);

/// A frame with right checksums, and the offsets of its checksums.
fn frame(v6: bool, tcp: bool, payload: &[u8]) -> (Vec<u8>, Option<usize>, usize) {
    let link = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let mut frame = Vec::new();
    let network = if v6 {
        link.ipv6([0xfd; 16], [0xfe; 16], 64)
    } else {
        link.ipv4([198, 18, 0, 1], [198, 18, 0, 2], 64)
    };
    if tcp {
        network
            .tcp(5001, 5002, 7, 9)
            .write(&mut frame, payload)
            .unwrap();
    } else {
        network.udp(5001, 5002).write(&mut frame, payload).unwrap();
    }
    let l4_at = if v6 { 54 } else { 34 };
    (frame, (!v6).then_some(24), l4_at + if tcp { 16 } else { 6 })
}

proptest! {
    #[test]
    fn they_are_those_of_another_implementation(
        v6 in any::<bool>(),
        tcp in any::<bool>(),
        payload in prop::collection::vec(any::<u8>(), 0..1400),
        padding in 0_usize..20,
        garbage in any::<[u8; 2]>(),
    ) {
        let (right, ip_at, transport_at) = frame(v6, tcp, &payload);
        let mut right = right;
        right.resize(right.len() + padding, 0xee);
        let mut spoilt = right.clone();
        for at in ip_at.into_iter().chain([transport_at]) {
            spoilt[at..at + 2].copy_from_slice(&garbage);
        }
        let mut ip_alone = spoilt.clone();
        finish(&mut ip_alone, Flags::IP_CHECKSUM);
        prop_assert_eq!(&ip_alone[transport_at..transport_at + 2], &garbage);
        if let Some(at) = ip_at {
            prop_assert_eq!(&ip_alone[at..at + 2], &right[at..at + 2]);
        }
        let mut none = spoilt.clone();
        finish(&mut none, Flags::NONE);
        prop_assert_eq!(&none, &spoilt);
        finish(&mut spoilt, BOTH);
        prop_assert_eq!(spoilt, right);
    }

    #[test]
    fn no_frame_makes_it_panic(mut frame in prop::collection::vec(any::<u8>(), 0..120), v6 in any::<bool>()) {
        if frame.len() > 14 {
            frame[12..14].copy_from_slice(if v6 { &[0x86, 0xdd] } else { &[8, 0] });
            frame[14] = if v6 { 0x60 } else { 0x45 };
        }
        finish(&mut frame, BOTH);
    }
}

#[test]
fn the_transport_checksum_of_a_fragment_is_left_alone() {
    let (mut fragment, _, transport_at) = frame(false, false, b"part");
    fragment[20] = 0x20;
    fragment[transport_at] ^= 0xff;
    let before = fragment.clone();
    finish(&mut fragment, Flags::TRANSPORT_CHECKSUM);
    assert_eq!(fragment, before);
}
