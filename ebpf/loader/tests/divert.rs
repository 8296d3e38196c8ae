//! The program that hands frames to slices decides as the function does.

#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod support;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd as _;

use loader::Divert;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use steering::divert::{AddressKey, Kept, is_kept, v4_key, v6_key};
use support::{NOWHERE, loaded, xdp_socket};

const OWN_V4: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
const OWN_V6: Ipv6Addr = Ipv6Addr::new(0xfd53, 0x42, 0, 0, 0, 0, 0, 1);
const PASS: u32 = 2;
const REDIRECT: u32 = 4;

fn owns(key: AddressKey) -> bool {
    key == v4_key(OWN_V4.octets()) || key == v6_key(OWN_V6.octets())
}

/// Frames that reach every branch of the decision: a link header, and behind it own addresses and ICMPv6 types, or
/// noise.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let ethertypes = prop::sample::select(vec![0x0800_u16, 0x86dd, 0x0806, 0x88cc]);
    let destination = prop::sample::select(vec![0x02_u8, 0xff, 0x33, 0x00]);
    let noise = prop::collection::vec(any::<u8>(), 0..80);
    let parts = (
        ethertypes,
        destination,
        any::<bool>(),
        any::<bool>(),
        130..140_u8,
        noise,
    );
    parts.prop_map(|(ethertype, destination, tagged, own, kind, noise)| {
        let mut frame = vec![destination; 12];
        if tagged {
            frame.extend([0x81, 0x00, 0, 7]);
        }
        frame.extend(ethertype.to_be_bytes());
        let l3_at = frame.len();
        frame.extend(noise);
        let mut put = |at: usize, bytes: &[u8]| {
            if let Some(place) = frame.get_mut(l3_at + at..l3_at + at + bytes.len()) {
                place.copy_from_slice(bytes);
            }
        };
        if ethertype == 0x0800 && own {
            put(16, &OWN_V4.octets());
        }
        if ethertype == 0x86dd {
            put(6, &[58]);
            put(40, &[kind]);
            if own {
                put(24, &OWN_V6.octets());
            }
        }
        // The kernel runs no frame that is shorter than a link header.
        frame
    })
}

#[test]
fn kernel_and_function_agree_for_every_set_that_is_kept() {
    for bits in 0..=Kept::ALL.bits() {
        let kept = Kept::of_bits(bits);
        let own = [IpAddr::V4(OWN_V4), IpAddr::V6(OWN_V6)];
        let Some(mut divert) = loaded(Divert::load(1, kept, &own)) else {
            return;
        };
        let socket = xdp_socket();
        divert.register(0, socket.as_fd()).unwrap();
        let before = divert.counters().unwrap();
        let mut expected = [0, 0];
        for _ in 0..100 {
            let mut runner = TestRunner::default();
            let frame = frames().new_tree(&mut runner).unwrap().current();
            let run = divert.test_run(&frame, 1, NOWHERE).unwrap();
            assert_eq!(run.data, frame, "the program must not touch the frame");
            let passes = is_kept(frame.as_slice(), kept, owns);
            assert_eq!(
                run.verdict,
                if passes { PASS } else { REDIRECT },
                "{kept:?} {frame:02x?}"
            );
            expected[usize::from(passes)] += 1;
        }
        let after = divert.counters().unwrap();
        let redirected = after.redirected[0] - before.redirected[0];
        assert_eq!([redirected, after.passed - before.passed], expected);
        assert_eq!(after.redirect_failed, before.redirect_failed);
    }
}

#[test]
fn without_a_socket_frames_are_dropped_and_counted() {
    let Some(divert) = loaded(Divert::load(1, Kept::NOTHING, &[])) else {
        return;
    };
    let run = divert.test_run(&[2; 60], 1, NOWHERE).unwrap();
    assert_eq!(run.verdict, 1, "XDP_DROP");
    let counters = divert.counters().unwrap();
    assert_eq!((counters.redirect_failed, counters.redirected[0]), (1, 0));
}

#[test]
fn what_the_maps_cannot_hold_is_refused() {
    let many = vec![IpAddr::V4(OWN_V4); 1025];
    assert!(Divert::load(0, Kept::ALL, &[]).is_err());
    assert!(Divert::load(257, Kept::ALL, &[]).is_err());
    assert!(Divert::load(1, Kept::ALL, &many).is_err());
    let Some(mut divert) = loaded(Divert::load(2, Kept::ALL, &[])) else {
        return;
    };
    let socket = xdp_socket();
    divert.register(1, socket.as_fd()).unwrap();
    assert!(divert.register(2, socket.as_fd()).is_err());
}
