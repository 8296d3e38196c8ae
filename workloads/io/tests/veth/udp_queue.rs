//! Kernel sockets on veth: the datagram of receive queue q reaches the socket of owner `q % K`.

use std::net::{IpAddr, UdpSocket};
use std::time::{Duration, Instant};

use pktio::client::{Flow, Protocol};
use pktio::drops::Drop;
use pktio::udp::{Sharding, UdpConfig, UdpFrame, UdpGroup, UdpIo};
use pktio::{BatchIo as _, DatagramIo};

use crate::rig::{PORT, Rig, SERVER, rig};

const PATIENCE: Duration = Duration::from_secs(10);

fn open(rig: &Rig, port: u16, owners: u16, sharding: Sharding) -> (UdpGroup, Vec<UdpIo>) {
    let listen = vec![IpAddr::V4(SERVER.v4), IpAddr::V6(SERVER.v6)];
    rig.server
        .run(|| {
            let config = UdpConfig::new(listen, port, owners, sharding);
            let mut group = UdpGroup::open(&config).unwrap();
            let ios = group.take_ios();
            (group, ios)
        })
        .unwrap()
}

fn receive(io: &mut UdpIo, wanted: usize) -> Vec<UdpFrame> {
    let mut frames = Vec::new();
    let patience = Instant::now() + PATIENCE;
    while frames.len() < wanted && Instant::now() < patience {
        io.receive(&mut frames).unwrap();
    }
    frames
}

/// Were the kernel's value the queue plus 1, every datagram would be at the other owner.
#[test]
fn a_datagram_goes_to_the_owner_of_its_receive_queue() {
    let Some(rig) = rig(4) else { return };
    let _pass = rig.pass();
    let (_group, mut ios) = open(&rig, PORT, 2, Sharding::RxQueue);
    let mut client = rig.client(PORT..=PORT);
    for queue in 0..4_u16 {
        for protocol in [Protocol::V4, Protocol::V6] {
            for source_port in 40_000..40_032 {
                let flow = Flow {
                    protocol,
                    source_port,
                    server_port: PORT,
                };
                assert!(client.port.queues[usize::from(queue)].push(flow, &[queue as u8]));
            }
        }
        assert_eq!(client.port.queues[usize::from(queue)].send().unwrap(), 0);
    }
    for (owner, io) in ios.iter_mut().enumerate() {
        let frames = receive(io, 128);
        assert_eq!(frames.len(), 128);
        for frame in frames {
            assert_eq!(usize::from(io.payload(&frame)[0]) % 2, owner);
            io.reply(frame, 1);
        }
        io.flush().unwrap();
    }
    // The replies of a kernel socket leave by a queue of the flow hash's choice.
    let mut replies = 0;
    let patience = Instant::now() + PATIENCE;
    while replies < 256 && Instant::now() < patience {
        for lane in &mut client.port.queues {
            replies += lane.receive(64, |reply| assert_eq!(reply.payload.len(), 1));
        }
    }
    assert_eq!(replies, 256);
}

/// The same for kernel senders, whose queue a clsact program chooses by the destination port, and
/// without an XDP program on the server, where the pair has no NAPI.
#[test]
fn a_kernel_senders_queue_counts_too() {
    let Some(rig) = rig(2) else { return };
    let (_program, _attached) = rig.queue_by_port(PORT);
    let mut groups = [
        open(&rig, PORT, 2, Sharding::RxQueue),
        open(&rig, PORT + 1, 2, Sharding::RxQueue),
    ];
    let senders: Vec<UdpSocket> = rig
        .client
        .run(|| {
            (0..16)
                .map(|_| UdpSocket::bind("0.0.0.0:0").unwrap())
                .collect()
        })
        .unwrap();
    for sender in &senders {
        for queue in 0..2 {
            sender.send_to(b"x", (SERVER.v4, PORT + queue)).unwrap();
        }
    }
    for (queue, (_group, ios)) in groups.iter_mut().enumerate() {
        assert_eq!(receive(&mut ios[queue], 16).len(), 16);
        assert_eq!(ios[1 - queue].receive(&mut Vec::new()).unwrap(), 0);
    }
}

#[test]
fn what_a_full_receive_buffer_loses_counts_in_its_socket_alone() {
    const COUNT: u64 = 2000;
    let Some(rig) = rig(1) else { return };
    let _pass = rig.pass();
    let mut group = rig
        .server
        .run(|| {
            let config = UdpConfig {
                receive_buffer: 64 << 10,
                ..UdpConfig::new(vec![IpAddr::V4(SERVER.v4)], PORT, 1, Sharding::RxQueue)
            };
            UdpGroup::open(&config).unwrap()
        })
        .unwrap();
    let mut client = rig.client(PORT..=PORT);
    client.flood(0, PORT, COUNT);
    let mut io = group.take_ios().remove(0);
    let (probe, mut frames) = (group.probe(), Vec::new());
    let patience = Instant::now() + PATIENCE;
    let (received, drops) = loop {
        io.receive(&mut frames).unwrap();
        let (received, drops) = (frames.len() as u64, probe.drops().unwrap());
        if received + drops.total() >= COUNT || Instant::now() >= patience {
            break (received, drops);
        }
    };
    assert!(received > 0 && drops.get(Drop::UdpSocket) > 0);
    assert_eq!(received + drops.total(), COUNT);
    assert_eq!(rig.server_veth("_drops") + rig.client_link().tx_dropped, 0);
}
