//! Reading and writing.

use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};
use std::time::{Duration, Instant};

use pktio::frame::FrameMut;
use pktio::{BatchIo as _, FrameIo as _};
use slices::slice::{Chosen, Crossed, Decision, Flags, Message, Port, Route, Slice};

use crate::hosts::Hosts;

pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Sockets of left and right over each protocol, and where the right one is.
pub(crate) fn pairs(hosts: &Hosts, patience: Duration) -> [(UdpSocket, UdpSocket); 2] {
    let pair = |left: IpAddr, right: IpAddr| {
        (
            hosts.left.socket(left, PATIENCE),
            hosts.right.socket(right, patience),
        )
    };
    [
        pair(hosts.left.v4.into(), hosts.right.v4.into()),
        pair(hosts.left.v6.into(), hosts.right.v6.into()),
    ]
}

/// Reads one packet and writes it.
fn pass<R: Route>(slice: &mut Slice<R>, message: &mut Message) {
    assert!(slice.poll(PATIENCE).unwrap(), "a packet was sent");
    slice.read(message).unwrap();
    slice.write(message).unwrap();
}

/// A kernel socket leaves the checksum to the device, and the kernel at the far end verifies it.
pub(crate) fn datagrams() {
    let hosts = Hosts::new(1);
    let mut slices = hosts.slices(1);
    let mut slice = slices.open(0, Crossed).unwrap();
    let mut message = Message::with_capacity(2048);
    for per_socket in [true, false] {
        let asked = Flags::IP_CHECKSUM.and(Flags::TRANSPORT_CHECKSUM);
        slice.set_tx_checksums(if per_socket { asked } else { Flags::NONE });
        for (left, right) in &pairs(&hosts, PATIENCE) {
            for len in [0, 1, 333, 1400] {
                let sent = vec![len as u8; len];
                left.send_to(&sent, right.local_addr().unwrap()).unwrap();
                assert!(slice.poll(PATIENCE).unwrap());
                slice.read(&mut message).unwrap();
                assert_eq!(message.port, Port(0));
                message.flags = if per_socket { Flags::NONE } else { asked };
                slice.write(&message).unwrap();
                let mut got = [0; 2048];
                let (read, from) = right.recv_from(&mut got).unwrap();
                assert_eq!(
                    (&got[..read], from),
                    (&sent[..], left.local_addr().unwrap())
                );
                // And back.
                right.send_to(b"reply", from).unwrap();
                assert!(slice.poll(PATIENCE).unwrap());
                slice.read(&mut message).unwrap();
                assert_eq!(message.port, Port(1));
                message.flags = asked;
                slice.write(&message).unwrap();
                assert_eq!(left.recv(&mut got).unwrap(), 5);
            }
        }
    }
    let counters = slice.counters();
    assert_eq!((counters.received, counters.transmitted), (32, 32));
}

/// The same without: this is why the offload is there.
pub(crate) fn unfinished() {
    let hosts = Hosts::new(1);
    let mut slices = hosts.slices(1);
    let mut slice = slices.open(0, Crossed).unwrap();
    let mut message = Message::with_capacity(2048);
    for (left, right) in &pairs(&hosts, Duration::from_millis(100)) {
        left.send_to(b"unfinished", right.local_addr().unwrap())
            .unwrap();
        pass(&mut slice, &mut message);
        let got = right.recv(&mut [0; 64]).unwrap_err();
        assert_eq!(got.kind(), ErrorKind::WouldBlock);
    }
}

pub(crate) fn batches() {
    const COUNT: u32 = 2000;
    const BURST: u32 = 50;
    let hosts = Hosts::new(1);
    let mut slices = hosts.slices(1);
    let mut slice = slices.open(0, Crossed).unwrap();
    slice.run_here().unwrap();
    slice.set_tx_checksums(Flags::TRANSPORT_CHECKSUM);
    let [(left, right), _] = pairs(&hosts, PATIENCE);
    let mut messages = vec![Message::with_capacity(2048); 32];
    assert_eq!(slice.read_batch(&mut []).unwrap(), 0);
    let (mut read, mut received, mut largest) = (0, 0, 0);
    for burst in (0..COUNT).step_by(BURST as usize) {
        for number in burst..burst + BURST {
            left.send_to(&number.to_be_bytes(), right.local_addr().unwrap())
                .unwrap();
        }
        while read < burst + BURST {
            let count = slice.read_batch(&mut messages).unwrap();
            largest = largest.max(count);
            read += count as u32;
            let mut written = 0;
            while written < count {
                written += slice.write_batch(&messages[written..count]).unwrap();
            }
        }
        while received < read {
            let mut number = [0; 4];
            assert_eq!(right.recv(&mut number).unwrap(), 4);
            assert_eq!(u32::from_be_bytes(number), received);
            received += 1;
        }
    }
    assert!(largest > 1, "an array is filled with what is there");
    let counters = slice.counters();
    assert_eq!(
        (counters.received, counters.transmitted),
        (u64::from(COUNT), u64::from(COUNT))
    );
    assert_eq!(slices.counters().unwrap()[0].redirected, [u64::from(COUNT)]);
}

pub(crate) fn nonblocking() {
    let hosts = Hosts::new(1);
    let mut slices = hosts.slices(1);
    let mut slice = slices.open(0, Chosen).unwrap();
    slice.set_nonblocking(true);
    let mut message = Message::with_capacity(2048);
    let error = slice.read(&mut message).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let begun = Instant::now();
    assert!(!slice.poll(Duration::from_millis(20)).unwrap());
    assert!(begun.elapsed() >= Duration::from_millis(20));
    // With every frame in hand there is none to write with.
    let mut held = Vec::new();
    while let Some(frame) = slice.io().allocate(Port(0)) {
        held.push(frame);
    }
    let message = Message::new(&[2; 60], Port(1));
    let error = slice.write(&message).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    held.into_iter().for_each(|frame| slice.io().release(frame));
    slice.write(&message).unwrap();
}

/// Has no way for packets whose first byte is odd, and a wrong one where it is 0.
struct Picky;

impl Route for Picky {
    fn route(&mut self, frame: &mut FrameMut<'_>, _: &Message) -> Decision {
        match frame.bytes()[0] {
            0 => Decision::Leave(Port(2)),
            odd if odd % 2 == 1 => Decision::Refuse("odd"),
            _ => Decision::Leave(Port(1)),
        }
    }
}

pub(crate) fn refusals() {
    let hosts = Hosts::new(1);
    let mut slices = hosts.slices(1);
    let mut slice = slices.open(0, Picky).unwrap();
    let message = |first: u8, len: usize| Message::new(&vec![first; len], Port(0));
    let mut refused = |message: &Message| {
        let error = slice.write(message).unwrap_err();
        (error.kind(), error.to_string())
    };
    assert_eq!(
        refused(&message(1, 60)),
        (ErrorKind::HostUnreachable, "odd".to_owned())
    );
    let (kind, text) = refused(&message(0, 60));
    assert_eq!(
        (kind, &*text),
        (ErrorKind::InvalidInput, "port 2 of 2, counted from 0")
    );
    for len in [13, 1523, 5000] {
        let (kind, text) = refused(&message(2, len));
        assert_eq!(kind, ErrorKind::InvalidInput, "{len} bytes: {text}");
    }
    // What comes before one that cannot be written is written, and the next call tells.
    let array = [
        message(2, 60),
        message(2, 60),
        message(1, 60),
        message(2, 60),
    ];
    assert_eq!(slice.write_batch(&array).unwrap(), 2);
    let error = slice.write_batch(&array[2..]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostUnreachable);
    assert_eq!(slice.write_batch(&array[3..]).unwrap(), 1);
    assert_eq!(slice.counters().transmitted, 3);
    assert_eq!(slice.io().ledger().held, 0, "no frame is lost by a refusal");
}

pub(crate) fn truncated() {
    let hosts = Hosts::new(1);
    let mut slices = hosts.slices(1);
    let mut slice = slices.open(0, Crossed).unwrap();
    let [(left, right), _] = pairs(&hosts, PATIENCE);
    left.send_to(&[7; 100], right.local_addr().unwrap())
        .unwrap();
    let mut message = Message::with_capacity(50);
    slice.read(&mut message).unwrap();
    assert_eq!(message.bytes().len(), 50);
    assert!(message.flags.has(Flags::TRUNCATED));
}

pub(crate) fn in_place() {
    let hosts = Hosts::new(1);
    let mut slices = hosts.slices(1);
    let mut slice = slices.open(0, Chosen).unwrap();
    let [(left, right), _] = pairs(&hosts, PATIENCE);
    left.send_to(b"in place", right.local_addr().unwrap())
        .unwrap();
    assert!(slice.poll(PATIENCE).unwrap());
    let mut frames = Vec::new();
    let io = slice.io();
    assert_eq!(io.receive(&mut frames).unwrap(), 1);
    let mut frame = frames.remove(0);
    let mut view = io.view(&mut frame);
    view.bytes_mut()[42..44].copy_from_slice(b"IN");
    slices::slice::checksum::finish(view.bytes_mut(), Flags::TRANSPORT_CHECKSUM);
    io.send(frame, Port(1));
    io.flush().unwrap();
    let mut got = [0; 16];
    assert_eq!(right.recv(&mut got).unwrap(), 8);
    assert_eq!(&got[..8], b"IN place");
}
