//! Numbers out of sequence: forged ones, and those of an encoder that began anew.

use super::header::{DATA_LEN, Header, REPAIR_LEN};
use super::tests::{by_bytes, code, conserves, decoded, encoded, packet, sequence};
use super::*;
use crate::chunk::Chunk;

/// A frame with this header and a text that nobody sent.
fn forged(header: Header) -> Vec<u8> {
    let len = match header {
        Header::Data { .. } => DATA_LEN,
        Header::Repair { .. } => REPAIR_LEN,
    };
    let mut frame = vec![0x66; ADDRESSES_LEN + len + 40];
    header.write(&mut frame[ADDRESSES_LEN..]);
    frame
}

fn forged_data(number: u32) -> Vec<u8> {
    forged(Header::Data { sequence: number })
}

fn forged_repair(code: &Code, first: u32) -> Vec<u8> {
    let group = Group {
        layer: 0,
        first,
        interleave: 1,
        count: code.group,
    };
    let lengths = 40;
    forged(Header::Repair { group, lengths })
}

/// So many packets from a number on, unlike those of another `series`, of which one in eight is lost and comes as a repair;
/// and what should come out.
fn stream(code: &Code, series: u32, from: u32, packets: u32) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let packets: Vec<Vec<u8>> = (0..packets)
        .map(|number| packet(series << 20 | number, 60))
        .collect();
    let mut encoder = Encoder::new(code.clone()).unwrap().beginning_at(from);
    let sent = encoded(&mut encoder, &packets, true);
    let arrived = sent
        .iter()
        .filter(|sent| sequence(sent).is_none_or(|number| number.wrapping_sub(from) % 8 != 5));
    (arrived.map(|sent| sent.bytes.clone()).collect(), packets)
}

/// Decodes the frames, and says how many of these packets do not come out once.
fn lacking(decoder: &mut Decoder, frames: &[Vec<u8>], packets: &[Vec<u8>]) -> usize {
    let (forwarded, recovered) = decoded(decoder, frames.iter().map(Vec::as_slice));
    let out = by_bytes(&[forwarded, recovered].concat());
    let lacking = packets.iter().filter(|packet| out.get(*packet) != Some(&1));
    lacking.count()
}

/// Decodes the frames, and expects each of these packets once.
fn all_come_out(decoder: &mut Decoder, frames: &[Vec<u8>], packets: &[Vec<u8>]) {
    let lacking = lacking(decoder, frames, packets);
    assert_eq!(lacking, 0, "{:?}", decoder.counters());
}

/// Whatever its number, one frame takes no packet from the stream but the one of its number, no recovery either, and counts
/// none as lost.
#[test]
fn one_forged_frame_costs_no_more_than_its_number() {
    let code = Code::default();
    let window = code.window() as u32;
    // As far ahead as one frame is believed, further, half of all numbers ahead, and behind the window.
    let near = window - code.span();
    for beyond in [
        near,
        window + 1,
        100_000,
        (1 << 31) - 1,
        1 << 31,
        3 << 30,
        u32::MAX - 2 * window,
    ] {
        for repair in [false, true] {
            let (mut frames, packets) = stream(&code, 0, 9, 4000);
            let middle = frames.len() / 2;
            let Ok((Header::Data { sequence }, _)) = Header::read(&frames[middle]) else {
                panic!("a packet stands there");
            };
            let number = sequence.wrapping_add(beyond);
            frames.insert(
                middle + 1,
                if repair {
                    forged_repair(&code, number.wrapping_sub(7))
                } else {
                    forged_data(number)
                },
            );
            let mut decoder = Decoder::new(code.clone()).unwrap();
            let taken = usize::from(beyond == near && !repair);
            assert_eq!(lacking(&mut decoder, &frames, &packets), taken, "{beyond}");
            conserves(&decoder, frames.len());
            let counters = decoder.counters();
            assert_eq!(counters.resynchronised, 0, "{beyond}");
            assert_eq!(
                (counters.unrecovered, decoder.missing()),
                (0, 0),
                "{beyond}"
            );
        }
    }
}

/// A frame of any number may be the first of all, and the stream's second packet is believed.
#[test]
fn a_forged_frame_may_be_the_first() {
    let code = code(8, &[1, 10]);
    for number in [1_000_000, 1 << 31, u32::MAX - 50_000] {
        for first in [forged_data(number), forged_repair(&code, number)] {
            let (mut frames, packets) = stream(&code, 0, 0, 1000);
            frames.insert(0, first);
            let mut decoder = Decoder::new(code.clone()).unwrap();
            all_come_out(&mut decoder, &frames, &packets);
            conserves(&decoder, frames.len());
            assert_eq!(decoder.counters().resynchronised, 1);
        }
    }
}

/// An encoder that begins anew, before its first window is full or after, at 0 or anywhere: every packet comes out, its first
/// one by a repair, and none is counted as lost.
#[test]
fn an_encoder_begins_anew() {
    let code = code(8, &[1, 10]);
    for before in [40, 200, 256, 3000] {
        for anew in [0, 3, 1 << 22, (1 << 31) + 77, 3 << 30] {
            let (mut frames, mut packets) = stream(&code, 0, 0, before);
            let (more, others) = stream(&code, 1, anew, 1000);
            frames.extend(more);
            packets.extend(others);
            let mut decoder = Decoder::new(code.clone()).unwrap();
            all_come_out(&mut decoder, &frames, &packets);
            conserves(&decoder, frames.len());
            let counters = decoder.counters();
            let lost = (counters.unrecovered, decoder.missing());
            assert_eq!(lost, (0, 0), "{before}, then from {anew}");
        }
    }
}

/// What a link loses at a stretch, more than a window, is a loss for good and no beginning.
#[test]
fn a_long_loss_is_counted() {
    let code = code(8, &[1, 10]);
    for lost in [300, 1000, 1024, 5000] {
        let packets: Vec<Vec<u8>> = (0..8000).map(|number| packet(number, 60)).collect();
        let mut encoder = Encoder::new(code.clone()).unwrap();
        let sent = encoded(&mut encoder, &packets, true);
        let mut gone = false;
        let arrived = sent.iter().filter(|sent| {
            if let Some(number) = sequence(sent) {
                gone = (1000..1000 + lost).contains(&number);
            }
            !gone
        });
        let mut decoder = Decoder::new(code.clone()).unwrap();
        let frames = arrived.map(|sent| sent.bytes.as_slice());
        let (forwarded, recovered) = decoded(&mut decoder, frames);
        let counters = decoder.counters();
        let out = (forwarded.len() + recovered.len()) as u64;
        assert_eq!(
            out + counters.unrecovered + decoder.missing(),
            8000,
            "{lost}"
        );
        assert!(out >= u64::from(8000 - lost));
        assert_eq!(counters.resynchronised, u64::from(lost >= 1024));
    }
}

/// A packet of a number that is taken is no duplicate unless it is the same packet; one of them alone is refused.
#[test]
fn two_packets_of_one_number() {
    let code = code(8, &[1]);
    let mut decoder = Decoder::new(code.clone()).unwrap();
    let (frames, packets) = stream(&code, 0, 0, 4);
    all_come_out(&mut decoder, &frames[..4], &packets[..4]);
    let mut take = |frame: &[u8]| decoder.decode(&mut Chunk::new(frame).frame());
    assert_eq!(take(&forged_data(1)), Err(NotDecoded::Duplicate));
    // The same again, and one that is the same, say nothing new.
    assert_eq!(take(&forged_data(1)), Err(NotDecoded::Duplicate));
    assert_eq!(take(&frames[2]), Err(NotDecoded::Duplicate));
    assert_eq!(take(&forged_data(2)), Ok(Arrival::Data));
    assert_eq!(decoder.counters().resynchronised, 1);
}

/// An encoder that begins so shortly before the numbers of the one before that its first packets find places. None comes out
/// twice, and lost are no more than those before the numbers met.
#[test]
fn an_encoder_begins_right_before_what_was_seen() {
    let code = code(8, &[1, 10]);
    let (mut frames, mut packets) = stream(&code, 0, 0, 40);
    let (more, others) = stream(&code, 1, u32::MAX - 5, 1000);
    frames.extend(more);
    packets.extend(others);
    let mut decoder = Decoder::new(code).unwrap();
    let (forwarded, recovered) = decoded(&mut decoder, frames.iter().map(Vec::as_slice));
    conserves(&decoder, frames.len());
    let out = by_bytes(&[forwarded, recovered].concat());
    assert!(out.values().all(|times| *times == 1));
    let lacking = packets.iter().filter(|packet| !out.contains_key(*packet));
    assert!(lacking.count() <= 2, "{:?}", decoder.counters());
    assert_eq!(decoder.counters().resynchronised, 1);
}
