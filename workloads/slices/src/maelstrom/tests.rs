//! Both proxies with a link between them that loses, repeats, reorders and damages.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::header::{DATA_LEN, ETHERTYPE, Header, REPAIR_LEN};
use super::*;
use crate::chunk::Chunk;

/// A frame between the proxies, and what it is.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) bytes: Vec<u8>,
    header: Header,
}

/// A packet of so many bytes, unlike the others.
pub(super) fn packet(number: u32, len: usize) -> Vec<u8> {
    let mut frame = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0".to_vec();
    let mut state = number.wrapping_mul(0x9e37_79b9) | 1;
    frame.resize_with(len, || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    });
    frame
}

pub(super) fn code(group: u8, interleaves: &[u16]) -> Code {
    let code = Code {
        group,
        interleaves: interleaves.to_vec(),
        longest: 1600,
    };
    assert_eq!(code.check(), Ok(()));
    code
}

fn any_code() -> impl Strategy<Value = Code> {
    let interleaves = prop::sample::select(vec![
        vec![1],
        vec![7],
        vec![1, 10],
        vec![2, 3],
        vec![1, 4, 9],
        vec![1, 2, 3, 5],
    ]);
    (2_u8..=9, interleaves).prop_map(|(group, interleaves)| code(group, &interleaves))
}

/// What the encoder sends for these packets, in order, and at last the repairs of groups that are not full.
pub(super) fn encoded(encoder: &mut Encoder, packets: &[Vec<u8>], flush: bool) -> Vec<Sent> {
    let mut sent = Vec::new();
    let mut send = |chunk: &Chunk| {
        let bytes = chunk.seen().to_vec();
        let (header, _) = Header::read(&bytes).unwrap();
        sent.push(Sent { bytes, header });
    };
    let repairs = |encoder: &mut Encoder, send: &mut dyn FnMut(&Chunk)| {
        let mut chunk = Chunk::new(b"what was here before");
        while encoder.write_repair(&mut chunk.frame()).unwrap() {
            send(&chunk);
        }
    };
    for packet in packets {
        let mut chunk = Chunk::new(packet);
        encoder.encode(&mut chunk.frame()).unwrap();
        send(&chunk);
        repairs(encoder, &mut send);
    }
    if flush {
        encoder.flush();
        repairs(encoder, &mut send);
    }
    sent
}

/// What comes out of the decoder: the frames forwarded, then those recovered, each with how many there were of it.
pub(super) fn decoded<'a>(
    decoder: &mut Decoder,
    frames: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut forwarded, mut recovered) = (Vec::new(), Vec::new());
    for frame in frames {
        let mut chunk = Chunk::new(frame);
        match decoder.decode(&mut chunk.frame()) {
            Ok(Arrival::Data) => forwarded.push(chunk.seen().to_vec()),
            Ok(Arrival::Repair) => {}
            Err(_) => assert_eq!(chunk.seen(), frame, "a refused frame is as it was"),
        }
        let waiting = decoder.pending();
        let mut chunk = Chunk::new(b"");
        for _ in 0..waiting {
            assert_eq!(decoder.write_recovered(&mut chunk.frame()), Ok(true));
            recovered.push(chunk.seen().to_vec());
        }
        assert_eq!(decoder.write_recovered(&mut chunk.frame()), Ok(false));
    }
    (forwarded, recovered)
}

/// The counters tell where each frame and each repair ended.
pub(super) fn conserves(decoder: &Decoder, frames: usize) {
    let counters = decoder.counters();
    let refused: u64 = counters.refused.iter().sum();
    assert_eq!(counters.data + counters.repairs + refused, frames as u64);
    let ended = counters.recovered
        + counters.repairs_unneeded
        + counters.repairs_expired
        + counters.repairs_duplicate
        + counters.repairs_inconsistent
        + counters.repairs_no_room;
    assert_eq!(counters.repairs, ended + decoder.waiting() as u64);
}

pub(super) fn sequence(sent: &Sent) -> Option<u32> {
    match sent.header {
        Header::Data { sequence } => Some(sequence),
        Header::Repair { .. } => None,
    }
}

fn group(sent: &Sent) -> Option<Group> {
    match sent.header {
        Header::Data { .. } => None,
        Header::Repair { group, .. } => Some(group),
    }
}

/// Losses by position: independent ones, and bursts.
fn losses() -> impl Strategy<Value = BTreeSet<usize>> {
    let random = prop::collection::vec(prop::bool::weighted(0.08), 900);
    let bursts = prop::collection::vec((0_usize..900, 1_usize..40), 0..6);
    (random, bursts).prop_map(|(random, bursts)| {
        let singles = random.iter().enumerate().filter(|(_, lost)| **lost);
        let bursts = bursts.into_iter().flat_map(|(from, len)| from..from + len);
        singles.map(|(at, _)| at).chain(bursts).collect()
    })
}

pub(super) fn by_bytes(packets: &[Vec<u8>]) -> BTreeMap<Vec<u8>, usize> {
    let mut counted = BTreeMap::new();
    for packet in packets {
        *counted.entry(packet.clone()).or_default() += 1;
    }
    counted
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// As long as the window holds all packets, what is recovered is what the equations give, bit for bit.
    #[test]
    fn recovery_is_peeling(
        code in any_code(),
        lengths in prop::collection::vec(14_usize..200, 1..256),
        losses in losses(),
        flush in any::<bool>(),
    ) {
        let packets: Vec<Vec<u8>> = (0..).zip(lengths).map(|(number, len)| packet(number, len)).collect();
        let packets = &packets[..packets.len().min(code.window())];
        let mut encoder = Encoder::new(code.clone()).unwrap();
        let sent = encoded(&mut encoder, packets, flush);
        let arrived: Vec<&Sent> = sent
            .iter()
            .enumerate()
            .filter_map(|(at, sent)| (!losses.contains(&at)).then_some(sent))
            .collect();
        let numbers: BTreeSet<u32> = arrived.iter().filter_map(|sent| sequence(sent)).collect();
        let groups: Vec<Group> = arrived.iter().filter_map(|sent| group(sent)).collect();

        let mut decoder = Decoder::new(code).unwrap();
        let frames = arrived.iter().map(|sent| sent.bytes.as_slice());
        let (forwarded, recovered) = decoded(&mut decoder, frames);
        conserves(&decoder, arrived.len());
        let in_order: Vec<Vec<u8>> = numbers.iter().map(|number| packets[*number as usize].clone()).collect();
        prop_assert_eq!(forwarded, in_order);
        let expected: Vec<Vec<u8>> = theory::peeled(&numbers, &groups)
            .iter()
            .map(|number| packets[*number as usize].clone())
            .collect();
        prop_assert_eq!(by_bytes(&recovered), by_bytes(&expected));
        prop_assert_eq!(decoder.counters().unrecovered, 0);
    }

    /// Over many windows nothing is forwarded twice, nothing is made up, and all that is gone is counted.
    #[test]
    fn a_long_stream_is_accounted_for(
        code in any_code(),
        losses in losses(),
        repeated in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        swapped in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        damaged in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..10),
    ) {
        let packets: Vec<Vec<u8>> = (0..700).map(|number| packet(number, 22 + number as usize % 90)).collect();
        let mut encoder = Encoder::new(code.clone()).unwrap();
        let sent = encoded(&mut encoder, &packets, true);
        let mut frames: Vec<Vec<u8>> = sent
            .iter()
            .enumerate()
            .filter(|(at, _)| !losses.contains(at))
            .map(|(_, sent)| sent.bytes.clone())
            .collect();
        // Each once: of two bits in one frame the Internet checksum may see neither.
        let mut spoilt = BTreeSet::new();
        for (frame, at) in damaged {
            let number = frame.index(frames.len());
            if !spoilt.insert(number) {
                continue;
            }
            let frame = &mut frames[number];
            let at = ADDRESSES_LEN + at.index(frame.len() - ADDRESSES_LEN);
            frame[at] ^= 0x40;
        }
        for at in repeated {
            let at = at.index(frames.len());
            frames.insert(at, frames[at].clone());
        }
        for at in swapped {
            let at = at.index(frames.len() - 1);
            frames.swap(at, at + 1);
        }
        let mut decoder = Decoder::new(code.clone()).unwrap();
        let (forwarded, recovered) = decoded(&mut decoder, frames.iter().map(Vec::as_slice));
        conserves(&decoder, frames.len());
        let counters = decoder.counters();
        prop_assert_eq!(counters.data, forwarded.len() as u64);
        prop_assert_eq!(counters.recovered, recovered.len() as u64);
        prop_assert_eq!(counters.undelivered, 0);
        let out = by_bytes(&[forwarded, recovered].concat());
        let all = by_bytes(&packets);
        for (packet, count) in &out {
            prop_assert_eq!(*count, 1);
            prop_assert!(all.contains_key(packet));
        }
        // What is neither out nor counted as gone is in the window, before the first that was seen, or behind the last.
        let seen: Vec<u32> = frames
            .iter()
            .filter_map(|frame| match Header::read(frame).ok()?.0 {
                Header::Data { sequence } => Some(sequence),
                Header::Repair { group, .. } => Some(group.first + group.reach()),
            })
            .collect();
        let before = seen.first().map_or(0, |first| *first as usize);
        let behind = packets.len() - seen.iter().max().map_or(0, |last| *last as usize);
        let gone = packets.len() - out.len();
        prop_assert!(counters.unrecovered as usize <= gone);
        prop_assert!(gone - counters.unrecovered as usize <= before + code.window() + behind);
    }

    /// Any bytes at all, and well-formed headers with any numbers, end in one counter; and whatever they were, a stream that
    /// follows them is forwarded and recovered, at the latest where it leaves the windows behind that they spoilt.
    #[test]
    fn hostile_frames_end_in_one_counter(
        frames in prop::collection::vec(
            (any::<bool>(), any::<u32>(), 0_u8..4, 0_u8..70, any::<u16>(), prop::collection::vec(any::<u8>(), 0..60)),
            1..200,
        ),
        from: u32,
        near in any::<bool>(),
    ) {
        let code = code(8, &[1, 10]);
        let mut decoder = Decoder::new(code.clone()).unwrap();
        let frames: Vec<Vec<u8>> = frames
            .into_iter()
            .map(|(shielded, first, layer, count, lengths, text)| {
                if !shielded {
                    return text;
                }
                let interleave = if layer == 0 { 1 } else { 10 };
                // Near one another, so that they meet in the window; far away at times.
                let first = if count % 3 == 0 { first } else { first % 300 };
                let group = Group { layer, first, interleave, count };
                let (header, header_len) = if count < 8 {
                    (Header::Data { sequence: first }, DATA_LEN)
                } else {
                    let count = count % 9;
                    (Header::Repair { group: Group { count, ..group }, lengths: lengths % 64 }, REPAIR_LEN)
                };
                let mut frame = vec![2; ADDRESSES_LEN + header_len];
                frame.extend_from_slice(&text);
                header.write(&mut frame[ADDRESSES_LEN..]);
                frame
            })
            .collect();
        let _ = decoded(&mut decoder, frames.iter().map(Vec::as_slice));
        conserves(&decoder, frames.len());

        let from = if near { from % 300 } else { from };
        let spoilt = 2 * code.window();
        let packets: Vec<Vec<u8>> = (0..1000).map(|number| packet(number, 64)).collect();
        let mut encoder = Encoder::new(code).unwrap().beginning_at(from);
        let sent = encoded(&mut encoder, &packets, true);
        // One of each group of the first layer is lost, once the stream is where it should be.
        let lost = |sent: &&Sent| sequence(sent).is_some_and(|number| {
            let at = number.wrapping_sub(from) as usize;
            at >= spoilt && at % 8 == 5
        });
        let arrived: Vec<&[u8]> = sent.iter().filter(|sent| !lost(sent)).map(|sent| sent.bytes.as_slice()).collect();
        let (forwarded, recovered) = decoded(&mut decoder, arrived.iter().copied());
        conserves(&decoder, frames.len() + arrived.len());
        let out = by_bytes(&[forwarded, recovered].concat());
        for (at, packet) in packets.iter().enumerate().skip(spoilt) {
            prop_assert_eq!(out.get(packet), Some(&1), "packet {} from {}", at, from);
        }
    }
}

/// A burst of as many packets as the widest interleave, wherever it is.
#[test]
fn every_burst_up_to_the_interleave_is_recovered() {
    let code = code(8, &[1, 10]);
    let packets: Vec<Vec<u8>> = (0..80).map(|number| packet(number, 60)).collect();
    let mut encoder = Encoder::new(code.clone()).unwrap();
    let sent = encoded(&mut encoder, &packets, true);
    for from in 0..=70 {
        let lost = from..from + 10;
        let arrived = sent
            .iter()
            .filter(|sent| sequence(sent).is_none_or(|at| !lost.contains(&at)));
        let mut decoder = Decoder::new(code.clone()).unwrap();
        let (_, recovered) = decoded(&mut decoder, arrived.map(|sent| sent.bytes.as_slice()));
        let expected = &packets[from as usize..from as usize + 10];
        assert_eq!(by_bytes(&recovered), by_bytes(expected), "from {from}");
    }
}

#[test]
fn bytes_are_counted_as_they_are_sent() {
    let code = Code::default();
    let packets: Vec<Vec<u8>> = (0..800).map(|number| packet(number, 1514)).collect();
    let mut encoder = Encoder::new(code.clone()).unwrap();
    let sent = encoded(&mut encoder, &packets, false);
    let (data, repairs): (Vec<&Sent>, Vec<&Sent>) =
        sent.iter().partition(|sent| sequence(sent).is_some());
    let bytes = |sent: &[&Sent]| sent.iter().map(|sent| sent.bytes.len() as u64).sum::<u64>();
    let expected = EncoderCounters {
        data: 800,
        plain_bytes: 800 * 1514,
        data_bytes: bytes(&data),
        repairs: 300,
        repair_bytes: bytes(&repairs),
        ..EncoderCounters::default()
    };
    assert_eq!(encoder.counters(), &expected);
    // 8 of 11 packets, less the headers.
    let goodput =
        expected.plain_bytes as f64 / (expected.data_bytes + expected.repair_bytes) as f64;
    let headers = 1514.0 / (1514.0 + (8.0 * DATA_LEN as f64 + 3.0 * REPAIR_LEN as f64) / 11.0);
    assert!((goodput - 8.0 / 11.0 * headers).abs() < 1e-6, "{goodput}");
    let mut decoder = Decoder::new(code).unwrap();
    let (forwarded, recovered) =
        decoded(&mut decoder, sent.iter().map(|sent| sent.bytes.as_slice()));
    assert_eq!((forwarded, recovered.len()), (packets, 0));
    assert_eq!(decoder.counters().data_bytes, 800 * 1514);
    assert_eq!(decoder.counters().repairs_unneeded, 300);
}

#[test]
fn a_packet_that_was_recovered_before_it_arrived_is_a_duplicate() {
    let code = code(2, &[1]);
    let mut encoder = Encoder::new(code.clone()).unwrap();
    let sent = encoded(&mut encoder, &[packet(0, 60), packet(1, 70)], false);
    let mut decoder = Decoder::new(code).unwrap();
    let order = [&sent[0], &sent[2], &sent[1]];
    let (forwarded, recovered) = decoded(
        &mut decoder,
        order.map(|sent| sent.bytes.as_slice()).into_iter(),
    );
    assert_eq!(
        (forwarded, recovered),
        (vec![packet(0, 60)], vec![packet(1, 70)])
    );
    assert_eq!(decoder.counters().refused[NotDecoded::Duplicate.index()], 1);
}

#[test]
fn what_the_link_padded_is_taken_off() {
    let code = code(2, &[1]);
    let mut encoder = Encoder::new(code.clone()).unwrap();
    let mut sent = encoded(&mut encoder, &[packet(0, 14), packet(1, 20)], false);
    for sent in &mut sent {
        sent.bytes.resize(60, 0);
    }
    let mut decoder = Decoder::new(code).unwrap();
    let kept = [&sent[1], &sent[2]];
    let (forwarded, recovered) = decoded(
        &mut decoder,
        kept.map(|sent| sent.bytes.as_slice()).into_iter(),
    );
    assert_eq!(
        (forwarded, recovered),
        (vec![packet(1, 20)], vec![packet(0, 14)])
    );
}

#[test]
fn repairs_and_packets_that_nobody_takes_are_counted() {
    let code = code(2, &[1]);
    let mut encoder = Encoder::new(code.clone()).unwrap();
    for number in 0..6 {
        encoder
            .encode(&mut Chunk::new(&packet(number, 60)).frame())
            .unwrap();
    }
    // The third pair found the second's repair in its place, and so on.
    assert_eq!(
        (encoder.counters().repairs_skipped, encoder.pending()),
        (2, 1)
    );
    encoder.skip_repair();
    assert_eq!(
        (encoder.counters().repairs_skipped, encoder.pending()),
        (3, 0)
    );
    let refused = |frame: &[u8]| {
        let mut encoder = Encoder::new(Code::default()).unwrap();
        let mut chunk = Chunk::new(frame);
        let verdict = encoder.encode(&mut chunk.frame());
        assert_eq!(chunk.seen(), frame);
        assert_eq!(encoder.counters().refused.iter().sum::<u64>(), 1);
        verdict.unwrap_err()
    };
    assert_eq!(refused(&[0; 13]), NotEncoded::Truncated);
    assert_eq!(refused(&[0; 1713]), NotEncoded::TooLong);

    let mut encoder = Encoder::new(code.clone()).unwrap();
    let sent = encoded(&mut encoder, &[packet(0, 60), packet(1, 70)], false);
    let mut decoder = Decoder::new(code).unwrap();
    for sent in &sent[1..] {
        decoder
            .decode(&mut Chunk::new(&sent.bytes).frame())
            .unwrap();
    }
    assert_eq!(decoder.pending(), 1);
    let nothing = decoder.decode(&mut Chunk::new(&packet(9, 60)).frame());
    assert_eq!(nothing, Err(NotDecoded::NotOurs));
    assert_eq!((decoder.pending(), decoder.counters().undelivered), (0, 1));
}

#[test]
fn another_version_and_another_code_are_refused() {
    let mut decoder = Decoder::new(code(8, &[1, 10])).unwrap();
    let mut refused = |header: Header, version: u8| {
        let len = if sequence(&Sent {
            bytes: Vec::new(),
            header,
        })
        .is_some()
        {
            DATA_LEN
        } else {
            REPAIR_LEN
        };
        let mut frame = vec![0; ADDRESSES_LEN + len + 20];
        header.write(&mut frame[ADDRESSES_LEN..]);
        frame[ADDRESSES_LEN + 2] = frame[ADDRESSES_LEN + 2] & 0x0f | version << 4;
        decoder.decode(&mut Chunk::new(&frame).frame())
    };
    let data = Header::Data { sequence: 1 };
    assert_eq!(refused(data, 2), Err(NotDecoded::BadVersion));
    assert_eq!(refused(data, 1), Ok(Arrival::Data));
    let group = Group {
        layer: 0,
        first: 0,
        interleave: 1,
        count: 8,
    };
    let repair = |group| Header::Repair { group, lengths: 0 };
    for bad in [
        Group { layer: 2, ..group },
        Group {
            interleave: 2,
            ..group
        },
        Group { count: 0, ..group },
        Group { count: 9, ..group },
    ] {
        assert_eq!(refused(repair(bad), 1), Err(NotDecoded::BadGroup));
    }
    assert_eq!(refused(repair(group), 1), Ok(Arrival::Repair));
    assert_eq!(ETHERTYPE, 0x88b5);
}
