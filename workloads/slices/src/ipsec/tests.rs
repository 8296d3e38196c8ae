//! Both ends of a tunnel: what goes in comes out, and nothing else gets through.

use std::net::Ipv4Addr;

use packet::{checksum, ethernet, ipv6};
use pktio::frame::FrameMut;
use proptest::prelude::*;

use super::*;
use crate::chunk::Chunk;

/// A tunnel over a path of 1600 bytes.
pub(crate) fn tunnel(integrity: Option<[u8; 32]>) -> Tunnel {
    Tunnel {
        spi: 0x1234_5678,
        source: Ipv4Addr::new(198, 18, 1, 1),
        destination: Ipv4Addr::new(198, 18, 1, 2),
        keys: Keys {
            cipher: *b"sixteen byte key",
            integrity,
        },
        mtu: 1600,
        ttl: 64,
        dscp: Dscp::Copy,
        dont_fragment: DontFragment::Copy,
        replay_window: integrity.map(|_| 64),
    }
}

/// What a frame of the plain side is made of.
#[derive(Debug, Clone)]
struct Plain {
    v6: bool,
    /// Bytes of the IP packet.
    len: usize,
    class: u8,
    dont_fragment: bool,
    tags: usize,
    /// Bytes that the link padded.
    excess: usize,
}

impl Plain {
    fn bytes(&self) -> Vec<u8> {
        let mut frame = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01".to_vec();
        for _ in 0..self.tags {
            frame.extend_from_slice(&[0x81, 0, 0, 7]);
        }
        let l3_at = frame.len() + 2;
        if self.v6 {
            frame.extend_from_slice(&ethernet::IPV6.to_be_bytes());
            frame.extend_from_slice(&[0x60 | self.class >> 4, self.class << 4, 0, 0]);
            let payload = (self.len - ipv6::HEADER_LEN) as u16;
            frame.extend_from_slice(&payload.to_be_bytes());
            frame.extend_from_slice(&[17, 64]);
            frame.extend_from_slice(&[0xfd; 32]);
        } else {
            frame.extend_from_slice(&ethernet::IPV4.to_be_bytes());
            frame.extend_from_slice(&[0x45, self.class]);
            frame.extend_from_slice(&(self.len as u16).to_be_bytes());
            let flags = if self.dont_fragment { 0x40 } else { 0 };
            frame.extend_from_slice(&[0, 1, flags, 0, 64, 17, 0, 0]);
            frame.extend_from_slice(&[198, 18, 0, 1, 198, 18, 2, 1]);
            let sum = checksum::ipv4_header(&frame[l3_at..]);
            frame[l3_at + 10..l3_at + 12].copy_from_slice(&sum.to_be_bytes());
        }
        let end = l3_at + self.len;
        frame.extend((frame.len()..end).map(|at| at as u8));
        frame.resize(end + self.excess, 0);
        frame
    }

    /// The frame without what the link padded.
    fn trimmed(&self) -> Vec<u8> {
        let mut frame = self.bytes();
        frame.truncate(frame.len() - self.excess);
        frame
    }
}

/// An IPv4 packet of so many bytes, without tags.
fn v4(len: usize) -> Plain {
    Plain {
        v6: false,
        len,
        class: 0,
        dont_fragment: true,
        tags: 0,
        excess: 0,
    }
}

/// Its frame.
pub(crate) fn plain(len: usize) -> Vec<u8> {
    v4(len).bytes()
}

fn any_plain() -> impl Strategy<Value = Plain> {
    (
        any::<bool>(),
        40_usize..=1500,
        any::<u8>(),
        any::<bool>(),
        0_usize..=2,
        0_usize..30,
    )
        .prop_map(|(v6, len, class, dont_fragment, tags, excess)| Plain {
            v6,
            len,
            class,
            dont_fragment,
            tags,
            excess,
        })
}

fn any_integrity() -> impl Strategy<Value = Option<[u8; 32]>> {
    prop::option::of(Just([7; 32]))
}

fn ends(tunnel: &Tunnel) -> (Outbound, Inbound) {
    let outbound = Outbound::new(tunnel.clone()).unwrap();
    (outbound, Inbound::new(tunnel.clone()).unwrap())
}

fn encapsulated(outbound: &mut Outbound, chunks: &mut [Chunk]) -> Vec<Result<(), NotSent>> {
    let mut frames: Vec<_> = chunks.iter_mut().map(Chunk::frame).collect();
    let mut verdicts = Vec::new();
    outbound.encapsulate(&mut frames, &mut verdicts);
    verdicts
}

fn sealed(outbound: &mut Outbound, frame: &[u8]) -> Chunk {
    let mut chunks = [Chunk::new(frame)];
    assert_eq!(encapsulated(outbound, &mut chunks), [Ok(())]);
    let [chunk] = chunks;
    chunk
}

fn opened(inbound: &mut Inbound, frame: &[u8]) -> Result<Vec<u8>, NotReceived> {
    let mut chunk = Chunk::new(frame);
    let verdict = inbound.decapsulate(&mut chunk.frame());
    verdict.map(|()| chunk.seen().to_vec())
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(
        packets in prop::collection::vec(any_plain(), 1..70),
        integrity in any_integrity(),
    ) {
        let tunnel = tunnel(integrity);
        let (mut outbound, mut inbound) = ends(&tunnel);
        let mut chunks: Vec<Chunk> = packets.iter().map(|packet| Chunk::new(&packet.bytes())).collect();
        let verdicts = encapsulated(&mut outbound, &mut chunks);
        prop_assert!(verdicts.iter().all(Result::is_ok));
        let (mut inner, mut outer) = (0, 0);
        for (packet, chunk) in packets.iter().zip(&mut chunks) {
            let mut frame = chunk.frame();
            inner += packet.len;
            outer += tunnel.outer_len(packet.len);
            prop_assert_eq!(frame.bytes().len(), 14 + 4 * packet.tags + tunnel.outer_len(packet.len));
            prop_assert_eq!(inbound.decapsulate(&mut frame), Ok(()));
            prop_assert_eq!(frame.bytes(), packet.trimmed());
        }
        let (sent, received) = (outbound.counters(), inbound.counters());
        prop_assert_eq!((sent.inner_bytes, sent.outer_bytes), (inner as u64, outer as u64));
        prop_assert_eq!(received.inner_bytes, inner as u64);
        prop_assert_eq!(sent.encapsulated, packets.len() as u64);
        prop_assert_eq!(received.decapsulated, packets.len() as u64);
    }

    /// Any bytes at all end in exactly one counter, and a frame that is not sent is not touched.
    #[test]
    fn any_bytes_end_in_one_counter(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20),
        ip in any::<bool>(),
        integrity in any_integrity(),
    ) {
        let (mut outbound, mut inbound) = ends(&tunnel(integrity));
        let mut frames = frames;
        for frame in frames.iter_mut().filter(|frame| ip && frame.len() > 14) {
            frame[12..14].copy_from_slice(&ethernet::IPV4.to_be_bytes());
            frame[14] = 0x45;
        }
        let mut chunks: Vec<Chunk> = frames.iter().map(|frame| Chunk::new(frame)).collect();
        let verdicts = encapsulated(&mut outbound, &mut chunks);
        for ((frame, chunk), verdict) in frames.iter().zip(&mut chunks).zip(&verdicts) {
            if verdict.is_err() {
                prop_assert_eq!(chunk.seen(), frame);
            }
            let _ = inbound.decapsulate(&mut Chunk::new(frame).frame());
        }
        let (sent, received) = (outbound.counters(), inbound.counters());
        let all = frames.len() as u64;
        prop_assert_eq!(sent.encapsulated + sent.refused.iter().sum::<u64>(), all);
        prop_assert_eq!(received.decapsulated + received.refused.iter().sum::<u64>(), all);
    }

    /// With integrity nothing that was changed gets through, and what is refused is not touched.
    #[test]
    fn nothing_forged_gets_through(
        packet in any_plain(),
        at in any::<prop::sample::Index>(),
        change in 1_u8..,
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let (mut outbound, mut inbound) = ends(&tunnel(Some([7; 32])));
        let l3_at = 14 + 4 * packet.tags;
        let mut frame = sealed(&mut outbound, &packet.bytes()).seen().to_vec();
        if let Some(cut) = cut {
            frame.truncate(cut.index(frame.len()));
        } else {
            let at = l3_at + at.index(frame.len() - l3_at);
            frame[at] ^= change;
        }
        let mut chunk = Chunk::new(&frame);
        prop_assert!(inbound.decapsulate(&mut chunk.frame()).is_err());
        prop_assert_eq!(chunk.seen(), frame);
        prop_assert_eq!(inbound.counters().refused.iter().sum::<u64>(), 1);
    }

    /// Without integrity changed text may get through as another packet: a well-formed one, or none.
    #[test]
    fn what_was_changed_without_integrity_is_a_packet_or_refused(
        packet in any_plain(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in 0_usize..60,
    ) {
        let (mut outbound, mut inbound) = ends(&tunnel(None));
        let mut frame = sealed(&mut outbound, &packet.bytes()).seen().to_vec();
        for (at, change) in changes {
            let at = at.index(frame.len());
            frame[at] ^= change;
        }
        frame.truncate(frame.len() - cut);
        if let Ok(frame) = opened(&mut inbound, &frame) {
            let link = ethernet::Link::read(frame.as_slice()).unwrap();
            let version = inner::Version::of_ethertype(link.ethertype).unwrap();
            let packet = inner::Inner::read(version, &frame[link.l3_at..]).unwrap();
            prop_assert_eq!(packet.len, frame.len() - link.l3_at);
        }
    }
}

#[test]
fn a_packet_of_1504_bytes_fits_a_chunk() {
    let (mut outbound, mut inbound) = ends(&tunnel(Some([7; 32])));
    let frame = plain(1504);
    let sealed = sealed(&mut outbound, &frame).seen().to_vec();
    assert_eq!(opened(&mut inbound, &sealed), Ok(frame));
}

#[test]
fn a_frame_without_room_is_left_alone() {
    let mut outbound = Outbound::new(tunnel(Some([7; 32]))).unwrap();
    let frame = plain(100);
    let tail = padding_and_trailer(100) + ICV_LEN;
    let mut verdicts = Vec::new();
    for (headroom, tailroom, fits) in [
        (HEAD_LEN, tail, true),
        (HEAD_LEN - 1, tail, false),
        (HEAD_LEN, tail - 1, false),
    ] {
        let mut bytes = vec![0; headroom + frame.len() + tailroom];
        bytes[headroom..headroom + frame.len()].copy_from_slice(&frame);
        let (mut at, mut len) = (headroom as u32, frame.len() as u32);
        let view = FrameMut::new(&mut bytes, &mut at, &mut len);
        outbound.encapsulate(&mut [view], &mut verdicts);
        assert_eq!(verdicts[0].is_ok(), fits, "{headroom} and {tailroom}");
        if !fits {
            assert_eq!(verdicts[0], Err(NotSent::NoRoom));
            assert_eq!(&bytes[at as usize..][..len as usize], frame);
        }
    }
}

fn padding_and_trailer(inner: usize) -> usize {
    tunnel(None).outer_len(inner) - HEAD_LEN - inner
}

#[test]
fn what_does_not_fit_the_path_says_the_mtu() {
    for integrity in [None, Some([7; 32])] {
        let tunnel = tunnel(integrity);
        let mtu = tunnel.inner_mtu();
        let mut outbound = Outbound::new(tunnel).unwrap();
        let mut verdict = |plain: Plain| {
            let mut chunks = [Chunk::new(&plain.bytes())];
            encapsulated(&mut outbound, &mut chunks)[0]
        };
        let longest = usize::from(mtu);
        assert_eq!(verdict(v4(longest)), Ok(()));
        assert_eq!(verdict(v4(longest + 1)), Err(NotSent::TooBig { mtu }));
        let fragmentable = Plain {
            dont_fragment: false,
            ..v4(longest + 1)
        };
        assert_eq!(verdict(fragmentable), Err(NotSent::MustFragment { mtu }));
        let v6 = Plain {
            v6: true,
            dont_fragment: false,
            ..v4(longest + 1)
        };
        assert_eq!(verdict(v6), Err(NotSent::TooBig { mtu }));
    }
}

#[test]
fn a_packet_is_accepted_once() {
    let (mut outbound, mut inbound) = ends(&tunnel(Some([7; 32])));
    let frames: Vec<Vec<u8>> = (0..70)
        .map(|_| sealed(&mut outbound, &plain(100)).seen().to_vec())
        .collect();
    // The oldest but one of the window's 64 comes late, what is older too late.
    for at in [0, 2, 69, 6] {
        assert!(opened(&mut inbound, &frames[at]).is_ok(), "{at}");
    }
    for at in [69, 6] {
        assert_eq!(
            opened(&mut inbound, &frames[at]),
            Err(NotReceived::Replayed)
        );
    }
    for at in [1, 5] {
        assert_eq!(opened(&mut inbound, &frames[at]), Err(NotReceived::TooOld));
    }
    // Without a window nothing is remembered.
    let (mut outbound, mut inbound) = ends(&tunnel(None));
    let frame = sealed(&mut outbound, &plain(100)).seen().to_vec();
    for _ in 0..2 {
        assert!(opened(&mut inbound, &frame).is_ok());
    }
}

#[test]
fn a_forged_number_does_not_move_the_window() {
    let (mut outbound, mut inbound) = ends(&tunnel(Some([7; 32])));
    let genuine = sealed(&mut outbound, &plain(100)).seen().to_vec();
    let mut forged = genuine.clone();
    forged[38] = 0xff;
    assert_eq!(opened(&mut inbound, &forged), Err(NotReceived::BadIcv));
    assert!(opened(&mut inbound, &genuine).is_ok());
}

#[test]
fn the_outer_header_is_as_configured() {
    let cases = [
        (DontFragment::Copy, true, 0x40),
        (DontFragment::Copy, false, 0),
        (DontFragment::Set, false, 0x40),
        (DontFragment::Clear, true, 0),
    ];
    for (dont_fragment, inner, flags) in cases {
        let mut tunnel = tunnel(None);
        (tunnel.dont_fragment, tunnel.ttl, tunnel.dscp) = (dont_fragment, 33, Dscp::Set(46));
        let mut outbound = Outbound::new(tunnel).unwrap();
        let packet = Plain {
            dont_fragment: inner,
            class: 0b0000_1010,
            ..v4(60)
        };
        let frame = sealed(&mut outbound, &packet.bytes()).seen().to_vec();
        let header = &frame[14..34];
        assert_eq!(header[1], 46 << 2 | 0b10);
        assert_eq!((header[6], header[7]), (flags, 0));
        assert_eq!((header[8], header[9]), (33, PROTOCOL));
        assert_eq!(header[12..], [198, 18, 1, 1, 198, 18, 1, 2]);
        assert_eq!(checksum::ipv4_header(header), 0);
        let total = u16::from_be_bytes([header[2], header[3]]);
        assert_eq!(usize::from(total), frame.len() - 14);
    }
}

/// Changes the outer header of a sealed frame and finishes its checksum again.
fn marked(frame: &[u8], change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut frame = frame.to_vec();
    let header = &mut frame[14..34];
    change(header);
    header[10..12].fill(0);
    let sum = checksum::ipv4_header(header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    frame
}

#[test]
fn congestion_on_the_path_reaches_those_who_understand_it() {
    let (mut outbound, mut inbound) = ends(&tunnel(None));
    for (v6, class) in [(false, 0b10), (true, 0b01)] {
        let packet = Plain {
            v6,
            class,
            ..v4(80)
        };
        let frame = sealed(&mut outbound, &packet.bytes()).seen().to_vec();
        let frame = marked(&frame, |header| header[1] |= 0b11);
        let expected = Plain {
            class: 0b11,
            ..packet
        };
        assert_eq!(opened(&mut inbound, &frame), Ok(expected.bytes()));
    }
    let frame = sealed(&mut outbound, &plain(80)).seen().to_vec();
    let frame = marked(&frame, |header| header[1] |= 0b11);
    assert_eq!(
        opened(&mut inbound, &frame),
        Err(NotReceived::NotCongestionCapable)
    );
}

#[test]
fn each_outer_header_that_is_wrong_has_its_reason() {
    let (mut outbound, mut inbound) = ends(&tunnel(None));
    let frame = sealed(&mut outbound, &plain(80)).seen().to_vec();
    let mut refused = |frame: Vec<u8>| opened(&mut inbound, &frame).unwrap_err();
    let bad_sum = |at: usize| {
        let mut frame = frame.clone();
        frame[at] ^= 1;
        frame
    };
    assert_eq!(refused(plain(80)), NotReceived::NotOurs);
    assert_eq!(refused(frame[..13].to_vec()), NotReceived::NotOurs);
    assert_eq!(refused(frame[..20].to_vec()), NotReceived::Truncated);
    assert_eq!(refused(frame[..60].to_vec()), NotReceived::Truncated);
    assert_eq!(refused(bad_sum(33)), NotReceived::NotOurs);
    assert_eq!(refused(bad_sum(22)), NotReceived::BadIpHeader);
    assert_eq!(refused(bad_sum(34)), NotReceived::UnknownSpi);
    let fragment = marked(&frame, |header| header[6] = 0x20);
    assert_eq!(refused(fragment), NotReceived::Fragment);
    let short = marked(&frame, |header| header[3] -= 1);
    assert_eq!(refused(short), NotReceived::BadLength);
    let empty = marked(&frame, |header| header[2..4].copy_from_slice(&[0, 44]));
    assert_eq!(refused(empty), NotReceived::BadLength);
}

/// What only an end with the key can send: the text is given, and encrypted as it is.
fn sealed_text(text: &[u8]) -> Vec<u8> {
    let tunnel = tunnel(None);
    let outer = outer::Outer {
        traffic_class: 0,
        total_len: (HEAD_LEN + text.len()) as u16,
        identification: 0,
        dont_fragment: true,
        ttl: 64,
        source: tunnel.source,
        destination: tunnel.destination,
    };
    let mut frame = plain(20)[..14].to_vec();
    frame.extend_from_slice(&outer.bytes());
    frame.extend_from_slice(&tunnel.spi.to_be_bytes());
    frame.extend_from_slice(&[0, 0, 0, 1]);
    frame.extend_from_slice(&[9; cbc::BLOCK_LEN]);
    let mut text = text.to_vec();
    let key = cbc::Encryptor::new(&tunnel.keys.cipher);
    let stream = cbc::Stream::new([9; cbc::BLOCK_LEN].into(), &mut text);
    key.encrypt(std::iter::once(stream));
    frame.extend_from_slice(&text);
    frame
}

#[test]
fn each_text_that_is_wrong_has_its_reason() {
    let mut inbound = Inbound::new(tunnel(None)).unwrap();
    let mut verdict = |text: &[u8]| opened(&mut inbound, &sealed_text(text));
    let packet = plain(30)[14..].to_vec();
    let with = |tail: &[u8]| [&packet[..], tail].concat();
    assert_eq!(verdict(&with(&[0, 4])), Ok(plain(30)));
    assert_eq!(verdict(&with(&[0, 59])), Err(NotReceived::Dummy));
    assert_eq!(verdict(&with(&[0, 17])), Err(NotReceived::BadNextHeader));
    assert_eq!(verdict(&with(&[0, 41])), Err(NotReceived::BadInner));
    assert_eq!(verdict(&with(&[31, 4])), Err(NotReceived::BadPadding));
    assert_eq!(verdict(&with(&[255, 4])), Err(NotReceived::BadPadding));
    // The packet's last byte is not the padding that it would have to be.
    assert_eq!(verdict(&with(&[1, 4])), Err(NotReceived::BadPadding));
    // Padding that hides the packet's length is cut off, and may be as long as a byte can say.
    let mut hidden = packet.clone();
    hidden.extend_from_slice(&[0; 224]);
    hidden.extend(1..=255_u8);
    hidden.resize(hidden.len().next_multiple_of(16) - 2, 0);
    hidden.extend_from_slice(&[0, 4]);
    assert_eq!(verdict(&hidden), Ok(plain(30)));
    let mut padded = packet.clone();
    padded.extend_from_slice(&[0; 1]);
    padded.extend(1..=255_u8);
    padded.extend_from_slice(&[255, 4]);
    assert_eq!(padded.len() % 16, 0);
    assert_eq!(verdict(&padded), Ok(plain(30)));
}
