//! The rule as a function against the rule as a program, which a small interpreter runs.

use etherparse::PacketBuilder;
use proptest::prelude::*;

use super::*;

/// Runs a program of the steps that are used here, as the kernel would: a load behind the end refuses.
fn run(program: &[sock_filter], frame: &[u8]) -> u32 {
    let (mut at, mut number) = (0, 0_u32);
    loop {
        let sock_filter { code, jt, jf, k } = program[at];
        let from = k as usize;
        let holds = match code {
            IS => number == k,
            AT_LEAST => number >= k,
            _ => number & k != 0,
        };
        let loaded = match code {
            LOAD_HALF => frame.be16(from).map(u32::from),
            LOAD_BYTE => frame.u8(from).map(u32::from),
            LOAD_LEN => Some(frame.len() as u32),
            MODULO => Some(number % k),
            GO | IS | AT_LEAST | HAS_BITS => Some(number),
            RETURN => return k,
            _ => panic!("step {code:#x}"),
        };
        let Some(loaded) = loaded else { return 0 };
        number = loaded;
        at += 1 + match code {
            GO => from,
            IS | AT_LEAST | HAS_BITS => usize::from(if holds { jt } else { jf }),
            _ => 0,
        };
    }
}

fn datagram(v6: bool, tcp: bool, port: u16) -> Vec<u8> {
    let link = PacketBuilder::ethernet2([2; 6], [4; 6]);
    let ip = if v6 {
        link.ipv6([0xfd; 16], [0xfe; 16], 9)
    } else {
        link.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 9)
    };
    let mut frame = Vec::new();
    if tcp {
        ip.tcp(port, 9, 1, 2).write(&mut frame, b"x").unwrap();
    } else {
        ip.udp(port, 9).write(&mut frame, b"x").unwrap();
    }
    frame
}

/// A packet of a tunnel, behind the header that an IPsec gateway makes.
fn tunnelled(v6: bool, spi: u32) -> Vec<u8> {
    let mut frame = datagram(v6, false, 9);
    let (protocol, at) = if v6 { (20, 54) } else { (23, 34) };
    frame[protocol] = 50;
    frame.resize(at + 40, 0);
    frame[at..at + 4].copy_from_slice(&spi.to_be_bytes());
    frame
}

/// How many of the threads' programs let the frame in, and that the function's thread is one of them.
fn takers(frame: &[u8], threads: u16) -> usize {
    let taken = |share: &Share| run(&share.by_source_port(), frame) > 0;
    let thread = thread_of(frame, threads);
    assert!(taken(&Share { thread, threads }), "thread {thread}");
    Share::all(threads).filter(taken).count()
}

#[test]
fn a_source_port_names_the_thread() {
    for (v6, tcp) in [(false, false), (false, true), (true, false), (true, true)] {
        for port in 1000..1010 {
            let frame = datagram(v6, tcp, port);
            assert_eq!(thread_of(&frame, 3), port % 3);
            assert_eq!(takers(&frame, 3), 1);
        }
    }
}

#[test]
fn associations_in_sequence_have_threads_of_their_own() {
    for v6 in [false, true] {
        for spi in [0x1000, 0x1001, 0x1002, 0xdead_fffe, 0xdead_ffff] {
            let frame = tunnelled(v6, spi);
            assert_eq!(u32::from(thread_of(&frame, 3)), (spi & 0xffff) % 3);
            assert_eq!(takers(&frame, 3), 1);
        }
        // It ends within its SPI.
        let mut short = tunnelled(v6, 0x1001);
        short.truncate(if v6 { 57 } else { 37 });
        assert_eq!((thread_of(&short, 3), takers(&short, 3)), (0, 1));
    }
}

#[test]
fn what_has_no_source_port_goes_to_the_first() {
    let mut fragment = datagram(false, false, 1001);
    fragment[20] = 0x20;
    let mut options = datagram(false, false, 1001);
    options[14] = 0x46;
    let short = datagram(true, false, 1001)[..55].to_vec();
    for frame in [fragment, options, short, vec![0; 14]] {
        assert_eq!(thread_of(&frame, 3), 0);
        assert_eq!(takers(&frame, 3), 1);
    }
}

proptest! {
    /// Any frame that a device delivers (14 bytes or more), with the bytes that matter often as they are in
    /// real ones.
    #[test]
    fn every_frame_has_exactly_one_thread(
        v6: bool,
        tcp: bool,
        esp: bool,
        port: u16,
        threads in 1_u16..9,
        len in 14_usize..80,
        changes in prop::collection::vec((12_usize..60, any::<u8>()), 0..3),
    ) {
        let mut frame = if esp {
            tunnelled(v6, u32::from(port) << 3)
        } else {
            datagram(v6, tcp, port)
        };
        frame.resize(len, 0);
        // A tag would be taken out by the kernel before a program sees it.
        for (at, byte) in changes.into_iter().filter(|(at, _)| *at > 13) {
            if let Some(place) = frame.get_mut(at) {
                *place = byte;
            }
        }
        prop_assert_eq!(takers(&frame, threads), 1);
    }
}
