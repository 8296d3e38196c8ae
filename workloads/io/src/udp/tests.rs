//! Groups of UDP sockets over loopback.

use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::time::{Duration, Instant};

use super::*;
use crate::drops::Drop;
use crate::{BatchIo as _, DatagramIo as _};

const LOCAL4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LOCAL6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(10);

fn group(listen: Vec<IpAddr>, owners: u16, sharding: Sharding) -> (UdpGroup, Vec<UdpIo>) {
    let mut group = UdpGroup::open(&UdpConfig::new(listen, 0, owners, sharding)).unwrap();
    let ios = group.take_ios();
    (group, ios)
}

fn client(address: IpAddr) -> UdpSocket {
    let socket = UdpSocket::bind((address, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn receive_all(io: &mut UdpIo, out: &mut Vec<UdpFrame>, wanted: usize) {
    let patience = Instant::now() + PATIENCE;
    while out.len() < wanted && Instant::now() < patience {
        io.receive(out).unwrap();
    }
    assert_eq!(out.len(), wanted);
}

fn read(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut bytes = [0; 4096];
    let (len, from) = socket.recv_from(&mut bytes).unwrap();
    (bytes[..len].to_vec(), from)
}

#[test]
fn replies_come_from_the_address_and_port_that_were_asked() {
    let (group, mut ios) = group(vec![LOCAL4, LOCAL6], 1, Sharding::FlowHash);
    let io = &mut ios[0];
    let port = group.ports()[0];
    for address in [LOCAL4, LOCAL6] {
        let client = client(address);
        client.send_to(b"ping", (address, port)).unwrap();
        let mut frames = Vec::new();
        receive_all(io, &mut frames, 1);
        let mut frame = frames.pop().unwrap();
        assert_eq!(io.payload(&frame), b"ping");
        assert_eq!(io.origin(&frame), crate::Origin { queue: None, port });
        assert!(io.send_copy(&frame, b"first"));
        io.room(&mut frame)[..6].copy_from_slice(b"second");
        io.reply(frame, 6);
        io.flush().unwrap();
        assert_eq!(
            read(&client),
            (b"first".to_vec(), SocketAddr::new(address, port))
        );
        assert_eq!(
            read(&client),
            (b"second".to_vec(), SocketAddr::new(address, port))
        );
    }
    assert_eq!((io.counters().received, io.counters().transmitted), (2, 4));
}

#[test]
fn many_datagrams_pass_in_batches_and_buffers_are_reused() {
    let (group, mut ios) = group(vec![LOCAL4], 1, Sharding::FlowHash);
    let io = &mut ios[0];
    let client = client(LOCAL4);
    for round in 0..20_u32 {
        for index in 0..100_u32 {
            let message = (round * 100 + index).to_be_bytes();
            client
                .send_to(&message, (LOCAL4, group.ports()[0]))
                .unwrap();
        }
        let mut frames = Vec::new();
        receive_all(io, &mut frames, 100);
        for frame in frames {
            io.reply(frame, 4);
        }
        io.flush().unwrap();
        for index in 0..100_u32 {
            assert_eq!(read(&client).0, (round * 100 + index).to_be_bytes());
        }
    }
    assert!(io.free_buffers() <= 100 + 2 * batch::BATCH);
    assert_eq!(io.counters().received, 2000);
    assert_eq!(io.counters().transmitted, 2000);
}

#[test]
fn every_flow_stays_with_one_socket_of_the_group() {
    let (group, mut ios) = group(vec![LOCAL4], 3, Sharding::FlowHash);
    let clients: Vec<UdpSocket> = (0..40).map(|_| client(LOCAL4)).collect();
    for _ in 0..3 {
        for client in &clients {
            client.send_to(b"x", (LOCAL4, group.ports()[0])).unwrap();
        }
    }
    let mut frames: [Vec<UdpFrame>; 3] = Default::default();
    let patience = Instant::now() + PATIENCE;
    while frames.iter().map(Vec::len).sum::<usize>() < 120 {
        assert!(Instant::now() < patience, "datagrams are missing");
        for (io, frames) in ios.iter_mut().zip(&mut frames) {
            io.receive(frames).unwrap();
        }
    }
    for frames in frames {
        assert_eq!(frames.len() % 3, 0);
    }
}

/// A free run of ports is looked for, since each owner needs the one after its neighbour's.
fn per_port(owners: u16) -> UdpGroup {
    (20_000..60_000)
        .step_by(97)
        .find_map(|port| {
            let config = UdpConfig::new(vec![LOCAL4], port, owners, Sharding::PerPort);
            UdpGroup::open(&config).ok()
        })
        .expect("free ports")
}

#[test]
fn a_datagram_handed_to_another_owner_is_answered_from_the_port_it_addressed() {
    let mut group = per_port(2);
    let mut ios = group.take_ios();
    let client = client(LOCAL4);
    client.send_to(b"ping", (LOCAL4, group.ports()[1])).unwrap();
    let mut frames = Vec::new();
    receive_all(&mut ios[1], &mut frames, 1);
    let frame = frames.pop().unwrap();
    assert_eq!(ios[1].origin(&frame).port, group.ports()[1]);
    ios[0].reply(frame, 4);
    ios[0].flush().unwrap();
    assert_eq!(read(&client).1, SocketAddr::new(LOCAL4, group.ports()[1]));
}

#[test]
fn buffers_answered_elsewhere_go_home() {
    let (group, mut ios) = group(vec![LOCAL4], 2, Sharding::FlowHash);
    let client = client(LOCAL4);
    for _ in 0..50 {
        client.send_to(b"x", (LOCAL4, group.ports()[0])).unwrap();
        let mut frames = Vec::new();
        let patience = Instant::now() + PATIENCE;
        let from = loop {
            let from = (0..2).find(|owner| ios[*owner].receive(&mut frames).unwrap() > 0);
            if let Some(from) = from {
                break from;
            }
            assert!(Instant::now() < patience);
        };
        let other = 1 - from;
        ios[other].release(frames.pop().unwrap());
        ios[other].flush().unwrap();
    }
    assert_eq!(ios[0].free_buffers() + ios[1].free_buffers(), 0);
    let homes = ios[0].collect_home() + ios[1].collect_home();
    assert_eq!(
        homes, 1,
        "one buffer went round, taken home before each new request"
    );
}

#[test]
fn what_a_full_receive_buffer_loses_is_counted_exactly() {
    let config = UdpConfig {
        receive_buffer: 16 << 10,
        ..UdpConfig::new(vec![LOCAL4], 0, 1, Sharding::FlowHash)
    };
    let mut group = UdpGroup::open(&config).unwrap();
    let client = client(LOCAL4);
    for _ in 0..500 {
        client
            .send_to(&[7; 100], (LOCAL4, group.ports()[0]))
            .unwrap();
    }
    let io = &mut group.take_ios()[0];
    let mut frames = Vec::new();
    let patience = Instant::now() + PATIENCE;
    let drops = loop {
        io.receive(&mut frames).unwrap();
        let drops = group.probe().drops().unwrap();
        if frames.len() as u64 + drops.total() >= 500 || Instant::now() >= patience {
            break drops;
        }
    };
    assert!(drops.get(Drop::UdpSocket) > 0 && !frames.is_empty());
    assert_eq!(frames.len() as u64 + drops.total(), 500);
}

#[test]
fn a_datagram_longer_than_a_buffer_is_counted_and_skipped() {
    let (group, mut ios) = group(vec![LOCAL4], 1, Sharding::FlowHash);
    let client = client(LOCAL4);
    client
        .send_to(&[1; 3000], (LOCAL4, group.ports()[0]))
        .unwrap();
    client
        .send_to(b"short", (LOCAL4, group.ports()[0]))
        .unwrap();
    let mut frames = Vec::new();
    receive_all(&mut ios[0], &mut frames, 1);
    assert_eq!(ios[0].payload(&frames[0]), b"short");
    assert_eq!(ios[0].counters().truncated, 1);
}

#[test]
fn the_receive_buffer_says_what_was_granted() {
    let (group, _ios) = group(vec![LOCAL4], 1, Sharding::FlowHash);
    let buffer = group.receive_buffer();
    assert_eq!(buffer.asked, 8 << 20);
    assert!(buffer.granted > 0);
    assert!(!buffer.forced || buffer.granted == buffer.asked);
}

#[test]
fn impossible_groups_are_refused() {
    for (owners, listen) in [(0, vec![LOCAL4]), (1, vec![])] {
        let config = UdpConfig::new(listen, 0, owners, Sharding::FlowHash);
        assert!(UdpGroup::open(&config).is_err());
    }
    let config = UdpConfig::new(vec![LOCAL4], 0, 2, Sharding::PerPort);
    assert!(UdpGroup::open(&config).is_err());
}

/// A reply is refused when none of its datagrams went out; else the client sees a part of it.
#[test]
fn a_reply_is_refused_as_a_whole_or_not_at_all() {
    const TOO_LONG: usize = 66_000;
    let config = UdpConfig {
        buffer: TOO_LONG,
        ..UdpConfig::new(vec![LOCAL4], 0, 1, Sharding::FlowHash)
    };
    let mut group = UdpGroup::open(&config).unwrap();
    let io = &mut group.take_ios()[0];
    let client = client(LOCAL4);
    let mut frames = Vec::new();
    for _ in 0..4 {
        client.send_to(b"ping", (LOCAL4, group.ports()[0])).unwrap();
    }
    receive_all(io, &mut frames, 4);
    for (first, last) in [(4, 4), (4, TOO_LONG), (TOO_LONG, 4), (TOO_LONG, TOO_LONG)] {
        let frame = frames.pop().unwrap();
        assert!(io.send_copy(&frame, &vec![0; first]));
        io.reply(frame, last);
    }
    assert!(io.has_backlog());
    io.flush().unwrap();
    assert!(!io.has_backlog());
    let counters = io.counters();
    let counted = (
        counters.transmitted,
        counters.no_frame,
        counters.transmit_refused,
    );
    assert_eq!(counted, (4, 3, 1));
}
