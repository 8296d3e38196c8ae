//! The inspector against a search by the definition.

use proptest::prelude::*;

use pktio::frame::Port;

use super::*;
use crate::chunk::Chunk;
use crate::memory::Memory;

/// A frame that carries `payload` in an IP packet, and `excess` bytes that the link padded.
fn frame(v6: bool, payload: &[u8], excess: &[u8]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    if v6 {
        frame.extend_from_slice(&[0x86, 0xdd, 0x60, 0, 0, 0]);
        frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        frame.extend_from_slice(&[17, 64]);
        frame.extend_from_slice(&[0xfd; 32]);
    } else {
        frame.extend_from_slice(&[8, 0, 0x45, 0]);
        frame.extend_from_slice(&(20 + payload.len() as u16).to_be_bytes());
        frame.extend_from_slice(&[0, 0, 0, 0, 64, 17, 0, 0, 198, 18, 0, 1, 198, 18, 2, 1]);
    }
    [&frame, payload, excess].concat()
}

fn inspected(patterns: &[&[u8]], frames: &[Vec<u8>]) -> InspectorCounters {
    let mut inspector = Inspector::new(patterns).unwrap();
    for frame in frames {
        let mut chunk = Chunk::new(frame);
        inspector.inspect(&chunk.frame());
        assert_eq!(chunk.seen(), frame, "the frame is left alone");
    }
    inspector.counters().clone()
}

#[test]
fn each_pattern_is_counted_wherever_it_is_in_the_payload() {
    let patterns: [&[u8]; 4] = [b"attack", b"tac", b"aa", b"\0\xff"];
    let frames = [
        frame(false, b"an attack and an attack", b""),
        frame(true, b"aaaa \0\xff", b""),
        // In the header and in the padding it does not count.
        frame(false, b"nothing", b"attack"),
        b"attack".to_vec(),
        frame(false, b"", b""),
    ];
    let expected = InspectorCounters {
        inspected: 4,
        bytes: 23 + 7 + 7,
        not_ip: 1,
        frames_with_match: 2,
        no_other_port: 0,
        matches: vec![2, 2, 3, 1],
    };
    assert_eq!(inspected(&patterns, &frames), expected);
}

#[test]
fn what_comes_by_one_port_leaves_by_the_other_as_it_is() {
    let mut inspector = Inspector::new(&[b"attack"]).unwrap();
    let mut memory = Memory::new(3);
    let mut expected = Vec::new();
    for number in 0..10_u8 {
        let port = Port(u16::from(number) % 2);
        let bytes = [frame(false, b"an attack", b""), vec![number; 20]].concat();
        memory.arrive(port, &bytes);
        expected.push((Port(1 - port.0), bytes));
    }
    memory.arrive(Port(0), b"no packet");
    expected.push((Port(1), b"no packet".to_vec()));
    memory.run(&mut inspector, 1);
    assert_eq!(memory.sent, expected);
    assert_eq!(memory.held, 0);
    let counters = inspector.counters();
    assert_eq!((counters.inspected, counters.not_ip), (10, 1));
    assert_eq!(counters.frames_with_match, 10);

    // A port without another one.
    memory.arrive(Port(2), b"no way on");
    memory.run(&mut inspector, 1);
    assert_eq!((memory.sent.len(), memory.held), (expected.len(), 0));
    assert_eq!(inspector.counters().no_other_port, 1);
}

#[test]
fn patterns_that_make_no_sense_are_refused() {
    assert!(matches!(
        Inspector::new::<&[u8]>(&[]),
        Err(BadPatterns::None)
    ));
    let empty = Inspector::new(&[&b"a"[..], b""]);
    assert!(matches!(empty, Err(BadPatterns::Empty(1))));
}

proptest! {
    #[test]
    fn it_finds_what_a_search_at_each_place_finds(
        patterns in prop::collection::vec(prop::collection::vec(0_u8..3, 1..4), 1..6),
        payloads in prop::collection::vec((any::<bool>(), prop::collection::vec(0_u8..3, 0..200)), 1..10),
    ) {
        let patterns: Vec<&[u8]> = patterns.iter().map(Vec::as_slice).collect();
        let frames: Vec<Vec<u8>> = payloads.iter().map(|(v6, text)| frame(*v6, text, b"\0\0")).collect();
        let places = |pattern: &[u8]| {
            let found = payloads.iter().flat_map(|(_, text)| text.windows(pattern.len()));
            found.filter(|place| *place == pattern).count() as u64
        };
        let expected: Vec<u64> = patterns.iter().map(|pattern| places(pattern)).collect();
        prop_assert_eq!(inspected(&patterns, &frames).matches, expected);
    }

    #[test]
    fn any_bytes_are_inspected_or_not_ip(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 1..20),
        ethertype in prop::sample::select(vec![[8_u8, 0], [0x86, 0xdd], [0x81, 0]]),
    ) {
        let frames: Vec<Vec<u8>> = frames
            .into_iter()
            .map(|mut frame| {
                if let Some(place) = frame.get_mut(12..14) {
                    place.copy_from_slice(&ethertype);
                }
                frame
            })
            .collect();
        let counters = inspected(&[b"x"], &frames);
        prop_assert_eq!(counters.inspected + counters.not_ip, frames.len() as u64);
    }
}
