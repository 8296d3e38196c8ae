//! What the program that looks up tells a slice, and the router in user space, by the same tables: what the one tells is what the
//! other finds, over tables at random.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use loader::{Divert, TestContext};
use pktio::frame::{FrameMut, Port};
use slices::router::{Asker, ErrorLimit, Outcome, Router};
use steering::divert::Kept;
use steering::forward::NextLink;
use steering::link_note::LINK_NOTE_WORDS;
use sys::tables::{self, Route, RouteKind};

use crate::agreement::{add_routes, frames, routed};
use crate::rig::{Rig, datagram, nothing, refusing, rig};

/// Routes of each protocol that every round adds.
const ROUTES: usize = 40;
const ROUNDS: usize = 6;
/// Packets of each protocol, in every round.
const PACKETS: usize = 150;
const HEADROOM: usize = 64;

/// Numbers that are the same at every run (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ number >> 31
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// An address among few, so that prefixes lie in each other and packets meet them: in 100.64.0.0/16 or fd54::/32.
    fn address(&mut self, v6: bool) -> IpAddr {
        if v6 {
            let numbers = [self.number(), self.number()];
            let [high, low] = numbers.map(|bits| bits & 0x0303_0303_0303_0303);
            let bits = 0xfd54 << 112 | u128::from(high as u32) << 64 | u128::from(low);
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        } else {
            let low = self.number() as u32 & 0x0f0f;
            IpAddr::V4(Ipv4Addr::from_bits(0x6440_0000 | low))
        }
    }

    /// A route of any kind that a packet may meet.
    fn route(&mut self, rig: &Rig, v6: bool) -> Route {
        let (shortest, longest) = if v6 { (32, 128) } else { (16, 32) };
        let prefix_len = (shortest + self.below(longest - shortest + 1)) as u8;
        let to = masked(self.address(v6), prefix_len).to_string();
        let gateways = if v6 {
            ["fd53:2::9", "fd53:2::254"]
        } else {
            ["198.18.2.9", "198.18.2.254"]
        };
        match self.below(7) {
            0 => refusing(RouteKind::Blackhole, &to, prefix_len),
            1 => refusing(RouteKind::Unreachable, &to, prefix_len),
            2 => refusing(RouteKind::Prohibit, &to, prefix_len),
            n => rig.route(&to, prefix_len, Some(gateways[n as usize % 2])),
        }
    }
}

fn masked(address: IpAddr, prefix_len: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.unbounded_shl(32 - u32::from(prefix_len));
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.unbounded_shl(128 - u32::from(prefix_len));
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

/// A frame that came by `inside`, with its metadata, after the program.
fn run(divert: &Divert, rig: &Rig, frame: &[u8]) -> Vec<u8> {
    let context = TestContext {
        ifindex: rig.ports[0],
        rx_queue: 0,
    };
    divert.test_run(frame, 1, context).unwrap().data
}

/// What the program that looks up puts in front of a frame that came by `inside`: a note, or that there is nothing to tell.
fn told(divert: &Divert, rig: &Rig, frame: &[u8]) -> Option<NextLink> {
    let run = run(divert, rig, frame);
    let (metadata, data) = run.split_at(run.len() - frame.len());
    assert_eq!(data, frame, "the program must not touch the frame");
    let (words, _) = metadata.as_chunks::<8>();
    let words: [_; LINK_NOTE_WORDS] = words.try_into().expect("no frame goes without words");
    let words = words.map(u64::from_ne_bytes);
    let next = NextLink::of_words(words);
    assert!(next.is_some() || words == NextLink::NO_NOTE, "{words:x?}");
    next
}

fn by_note(router: &mut Router, next: Option<NextLink>, frame: &[u8]) -> (Outcome, Vec<u8>) {
    let mut chunk = [&[0; HEADROOM], frame].concat();
    let (mut at, mut len) = (HEADROOM as u32, frame.len() as u32);
    let mut view = FrameMut::new(&mut chunk, &mut at, &mut len);
    let outcome = router.process_told(Port(0), next, &mut view);
    (outcome, view.bytes().to_vec())
}

/// Every frame is made the same of by the kernel's answer as without it; how many had one.
fn agree(rig: &Rig, divert: &Divert, frames: &[Vec<u8>]) -> usize {
    let mirror = rig.mirror();
    let limit = ErrorLimit {
        per_second: 0,
        burst: 10_000,
    };
    // Nobody answers their questions, which would change the kernel's tables meanwhile.
    let router = || {
        let (asker, asked) = Asker::new();
        (Router::new(mirror.reader(), asker, limit, 0), asked)
    };
    let ((mut by_mirror, _asked), (mut by_kernel, _too)) = (router(), router());
    let mut answers = 0;
    for frame in frames {
        let next = told(divert, rig, frame);
        let expected = routed(&mut by_mirror, frame);
        assert_eq!(by_note(&mut by_kernel, next, frame), expected, "{next:?}");
        let forwarded = matches!(expected.0, Outcome::Forwarded(_));
        assert_eq!(next.is_some(), forwarded, "{:?}: {frame:x?}", expected.0);
        answers += usize::from(forwarded);
    }
    let counters = by_kernel.counters();
    assert_eq!(
        (counters.by_kernel, counters.by_mirror),
        (answers as u64, 0)
    );
    assert!(counters.links_checked >= answers as u64 / 64);
    assert_eq!(counters.links_disagreed, 0);
    answers
}

#[test]
fn what_the_kernel_tells_is_what_the_mirror_finds() {
    let Some(rig) = rig() else { return };
    add_routes(&rig);
    rig.kernel_forwards(true);
    rig.at_router(|| {
        let divert = Divert::load_with(1, Kept::NOTHING, &[], true).unwrap();
        let some = agree(&rig, &divert, &frames());
        assert!(some > 20, "{some}");
        let mut numbers = Numbers(2012);
        let (mut answers, mut packets) = (0, 0);
        for _ in 0..ROUNDS {
            let mut frames = Vec::new();
            for v6 in [false, true] {
                for _ in 0..ROUTES {
                    tables::add_route(&numbers.route(&rig, v6)).unwrap();
                }
                for _ in 0..PACKETS {
                    let to = numbers.address(v6).to_string();
                    frames.push(datagram(&to, b"payload", nothing));
                }
            }
            packets += frames.len();
            answers += agree(&rig, &divert, &frames);
        }
        assert!(
            answers > packets / 4 && answers < packets,
            "{answers} of {packets}"
        );
    });
}

/// A kernel that does not forward tells no way.
#[test]
fn without_forwarding_nothing_is_told() {
    let Some(rig) = rig() else { return };
    rig.at_router(|| {
        let frame = datagram("198.18.2.9", b"payload", nothing);
        for forwards in [false, true] {
            rig.kernel_forwards(forwards);
            let divert = Divert::load_with(1, Kept::NOTHING, &[], true).unwrap();
            let expected = forwards.then_some(NextLink {
                device: rig.ports[1],
                to: crate::rig::RECEIVER,
                from: crate::rig::OUTSIDE,
            });
            assert_eq!(told(&divert, &rig, &frame), expected);
        }
        let divert = Divert::load_with(1, Kept::NOTHING, &[], false).unwrap();
        let run = run(&divert, &rig, &frame);
        assert_eq!(run, frame, "nothing is noted where nobody asked for it");
    });
}
