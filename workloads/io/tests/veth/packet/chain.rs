//! Three namespaces in a row, what sends and receives at their ends, and all back ends in the middle.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::RawFd;
use std::time::{Duration, Instant};
use std::{io, thread};

use pktio::frame::{FrameIo, Port};
use pktio::packet::packet_mmap_v3::PacketMmapV3;
use pktio::packet::pcap_mmap::PcapMmap;
use pktio::packet::{Group, PlainConfig, PlainIo, pcap, raw_socket};
use pktio::worker::{Handler, Woken};
use pktio::{BatchIo as _, IoCounters};
use sys::link::{self, MacAddress, Peer, VethSpec};
use sys::netns::Namespace;

use crate::rig::or_skip;

/// How long something that must come is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The hosts at the two ends.
pub(crate) const ENDS: [(Ipv4Addr, Ipv6Addr, [u8; 6]); 2] = [
    (
        Ipv4Addr::new(198, 18, 0, 1),
        Ipv6Addr::new(0xfd53, 0x42, 0, 0, 0, 0, 0, 1),
        [2, 0x53, 0x42, 0, 0, 1],
    ),
    (
        Ipv4Addr::new(198, 18, 0, 2),
        Ipv6Addr::new(0xfd53, 0x42, 0, 0, 0, 0, 0, 2),
        [2, 0x53, 0x42, 0, 0, 2],
    ),
];

/// Whom whole frames are addressed to: nobody, so that no kernel on the way looks at them.
const NOBODY: [u8; 6] = [2, 0x53, 0x42, 0, 2, 0];

/// Device names at the ends.
pub(crate) const DEVICES: [&str; 2] = ["left0", "right0"];

/// Sender, forwarder, receiver; the namespaces disappear with it.
pub(crate) struct Chain {
    pub(crate) ends: [Namespace; 2],
    pub(crate) middle: Namespace,
    /// The forwarder's devices, towards each end.
    pub(crate) ports: Vec<u32>,
}

/// A chain with so many queues, and these MTUs on its two links, or `None` after saying why not.
pub(crate) fn chain(queues: u16, mtus: [u32; 2]) -> Option<Chain> {
    or_skip(build(queues, mtus))
}

fn build(queues: u16, mtus: [u32; 2]) -> io::Result<Chain> {
    let middle = Namespace::create()?;
    let ends = [Namespace::create()?, Namespace::create()?];
    let names = ["in0", "out0"];
    let mut ports = Vec::new();
    for side in 0..2 {
        let index = middle.run(|| {
            link::create_veth(&VethSpec {
                name: names[side],
                peer: DEVICES[side],
                queues: u32::from(queues),
                mtu: mtus[side],
                mac: MacAddress([2, 0x53, 0x42, 0, 1, side as u8]),
                peer_mac: MacAddress(ENDS[side].2),
                peer_namespace: Peer::In(&ends[side]),
            })?;
            sys::ethtool::single_frames(names[side])?;
            link::set_up(names[side])?;
            link::ifindex(names[side])
        })??;
        ends[side].run(|| configure(side))??;
        middle.run(|| link::await_running(names[side], PATIENCE))??;
        ports.push(index);
    }
    Ok(Chain {
        ends,
        middle,
        ports,
    })
}

/// The forwarder changes no address, so that each end takes the other for a neighbour.
fn configure(side: usize) -> io::Result<()> {
    let (device, own, other) = (DEVICES[side], ENDS[side], ENDS[1 - side]);
    sys::ethtool::single_frames(device)?;
    link::set_up(device)?;
    for (address, prefix) in [(IpAddr::V4(own.0), 24), (IpAddr::V6(own.1), 64)] {
        link::add_address(device, address, prefix)?;
    }
    for address in [IpAddr::V4(other.0), IpAddr::V6(other.1)] {
        link::add_neighbour(device, address, MacAddress(other.2))?;
    }
    Ok(())
}

impl Chain {
    /// What sends and receives whole frames at an end.
    pub(crate) fn tap(&self, side: usize) -> Tap {
        self.ends[side]
            .run(|| {
                let index = link::ifindex(DEVICES[side]).unwrap();
                let config = PlainConfig {
                    receive_buffer: 64 << 20,
                    buffer: 8192,
                    qdisc_bypass: false,
                    ..PlainConfig::new(vec![index])
                };
                let mut group = raw_socket::open(&config).unwrap();
                let io = group.take_ios().remove(0);
                Tap { io, group }
            })
            .unwrap()
    }

    pub(crate) fn plain(&self) -> PlainConfig {
        PlainConfig::new(self.ports.clone())
    }

    /// Opens something in the forwarder.
    pub(crate) fn open<T: Send>(&self, open: impl FnOnce() -> io::Result<T> + Send) -> T {
        self.middle.run(open).unwrap().unwrap()
    }
}

/// An end of the chain.
pub(crate) struct Tap {
    io: PlainIo,
    group: Group<PlainIo>,
}

impl Tap {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let mut frame = self.io.allocate(Port(0)).unwrap();
        let mut view = self.io.view(&mut frame);
        view.grow_back(bytes.len()).unwrap();
        view.bytes_mut().copy_from_slice(bytes);
        self.io.send(frame, Port(0));
        assert_eq!(self.io.counters().transmit_refused, 0);
    }

    /// Receives so many frames, and no more.
    pub(crate) fn receive(&mut self, wanted: usize) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        take(&mut self.io, wanted, |io, mut frame| {
            frames.push(io.view(&mut frame).bytes().to_vec());
            io.release(frame);
        });
        assert_eq!(frames.len(), wanted, "frames are missing");
        self.nothing_came();
        frames
    }

    /// Receives until the number of frames is enough; returns it.
    pub(crate) fn count_until(&mut self, enough: impl Fn(usize) -> bool) -> usize {
        take_until(&mut self.io, enough, |io, frame| io.release(frame))
    }

    pub(crate) fn nothing_came(&mut self) {
        assert_eq!(self.io.receive(&mut Vec::new()).unwrap(), 0);
        assert_eq!(self.group.probe().drops().unwrap().total(), 0);
    }
}

/// Gives received frames to `each` until there were so many, or none came for long; returns how many.
pub(crate) fn take<I: FrameIo>(
    io: &mut I,
    wanted: usize,
    each: impl FnMut(&mut I, I::Frame),
) -> usize {
    take_until(io, |taken| taken >= wanted, each)
}

/// Gives received frames to `each` until their number is enough, or none came for long; returns how many.
///
/// Whoever counts on silence waits in vain: on a busy machine frames are on their way for long.
pub(crate) fn take_until<I: FrameIo>(
    io: &mut I,
    enough: impl Fn(usize) -> bool,
    mut each: impl FnMut(&mut I, I::Frame),
) -> usize {
    let (mut taken, mut frames) = (0, Vec::new());
    let mut patience = Instant::now() + PATIENCE;
    while !enough(taken) && Instant::now() < patience {
        let received = io.receive(&mut frames).unwrap();
        taken += received;
        for frame in frames.drain(..) {
            each(io, frame);
        }
        io.flush().unwrap();
        if received > 0 {
            patience = Instant::now() + PATIENCE;
        } else {
            thread::sleep(Duration::from_micros(200));
        }
    }
    settle(io);
    taken
}

pub(crate) fn settle<I: FrameIo>(io: &mut I) {
    let patience = Instant::now() + PATIENCE;
    while !io.settle().unwrap() {
        assert!(Instant::now() < patience, "frames wait for ever");
        thread::sleep(Duration::from_micros(200));
    }
    assert!(!io.has_backlog());
}

/// Sends a frame on by the other port.
pub(crate) fn forward<I: FrameIo>(io: &mut I, frame: I::Frame) {
    let Port(from) = io.port(&frame);
    io.send(frame, Port(1 - from));
}

/// The same as a worker's work.
pub(crate) struct Forward;

impl<I: FrameIo> Handler<I> for Forward {
    fn frame(&mut self, io: &mut I, frame: I::Frame) {
        forward(io, frame);
    }

    fn inbox(&mut self, _: &mut I) -> usize {
        0
    }

    fn before_sleep(&mut self) -> bool {
        true
    }

    fn after_sleep(&mut self, _: Woken) {}

    fn notification(&self) -> Option<RawFd> {
        None
    }

    fn tick(&mut self, _: &mut I, _: u64) {}
}

/// A frame that says it is IPv4 and holds its number as often as it has room.
pub(crate) fn numbered(number: usize, len: usize) -> Vec<u8> {
    let mut frame = vec![0; len];
    frame[..6].copy_from_slice(&NOBODY);
    frame[6..12].copy_from_slice(&ENDS[0].2);
    frame[12..14].copy_from_slice(&[8, 0]);
    for (at, byte) in frame[14..].iter_mut().enumerate() {
        *byte = (number >> (at % 3 * 8)) as u8;
    }
    frame
}

/// A datagram from the first end to the second, with its number as payload.
pub(crate) fn datagram(source: u16, destination: u16, number: u32) -> Vec<u8> {
    let (from, to) = (ENDS[0], ENDS[1]);
    let mut frame = Vec::new();
    etherparse::PacketBuilder::ethernet2(from.2, NOBODY)
        .ipv4(from.0.octets(), to.0.octets(), 64)
        .udp(source, destination)
        .write(&mut frame, &number.to_be_bytes())
        .unwrap();
    frame
}

/// What is to be true of every back end.
pub(crate) trait Case {
    /// MTU of the two links.
    const MTUS: [u32; 2] = [1500; 2];

    fn run<I: FrameIo + 'static>(name: &str, chain: &Chain, group: Group<I>);
}

/// The rings are small, so that they go round.
pub(crate) fn small_slots(chain: &Chain) -> PcapMmap {
    PcapMmap {
        slots: 64,
        ..PcapMmap::new(chain.ports.clone())
    }
}

pub(crate) fn small_blocks(chain: &Chain, threads: u16) -> PacketMmapV3 {
    PacketMmapV3 {
        blocks: 16,
        block_len: 8192,
        transmit_slots: 32,
        ..PacketMmapV3::new(chain.ports.clone(), threads)
    }
}

/// Runs a case on every back end of one thread, each between ends of its own.
pub(crate) fn every_back_end<C: Case>() {
    let Some(one) = chain(1, C::MTUS) else { return };
    let plain = PlainConfig {
        receive_buffer: 64 << 10,
        ..one.plain()
    };
    C::run("raw_socket", &one, one.open(|| raw_socket::open(&plain)));
    let two = chain(1, C::MTUS).unwrap();
    let plain = PlainConfig {
        receive_buffer: 64 << 10,
        ..two.plain()
    };
    C::run("pcap", &two, two.open(|| pcap::open(&plain, 65_535)));
    let three = chain(1, C::MTUS).unwrap();
    C::run(
        "pcap_mmap",
        &three,
        three.open(|| small_slots(&three).open()),
    );
    let four = chain(1, C::MTUS).unwrap();
    C::run(
        "packet_mmap_v3",
        &four,
        four.open(|| small_blocks(&four, 1).open()),
    );
}

/// What the I/O counted, if nothing was lost or left over.
pub(crate) fn clean(name: &str, counters: &IoCounters) -> (u64, u64) {
    let lost = (
        counters.transmit_refused,
        counters.no_frame,
        counters.foreign,
        counters.truncated,
    );
    assert_eq!(lost, (0, 0, 0, 0), "{name}");
    (counters.received, counters.transmitted)
}
