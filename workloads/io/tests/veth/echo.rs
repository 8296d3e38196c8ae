//! Echo over the whole mesh: every (queue, owner) pair, both protocols, nothing lost.

use std::collections::BTreeMap;
use std::net::{IpAddr, UdpSocket};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use pktio::DatagramIo;
use pktio::af_xdp::{Mesh, MeshFrame, MeshIo, Obtained};
use pktio::client::{Flow, Protocol};
use pktio::worker::{Control, Handler, Live, WaitMode, Woken, WorkerCounters, run};

use crate::rig::{Client, PORT, SERVER, rig};

/// Answers each request with itself, with a mark of the owner in front.
struct Echo {
    owner: u8,
}

impl Handler<MeshIo> for Echo {
    fn frame(&mut self, io: &mut MeshIo, mut frame: MeshFrame) {
        let len = io.payload(&frame).len();
        let room = io.room(&mut frame);
        assert!(room.len() >= 1400);
        room.copy_within(..len, 1);
        room[0] = self.owner;
        if io.payload(&frame).first() == Some(&self.owner) && len.is_multiple_of(7) {
            let copy = io.payload(&frame).to_vec();
            assert!(io.send_copy(&frame, &copy[..1]));
        }
        io.reply(frame, len + 1);
    }

    fn inbox(&mut self, _: &mut MeshIo) -> usize {
        0
    }

    fn before_sleep(&mut self) -> bool {
        true
    }

    fn after_sleep(&mut self, _: Woken) {}

    fn notification(&self) -> Option<RawFd> {
        None
    }

    fn tick(&mut self, _: &mut MeshIo, _: u64) {}
}

pub(crate) fn spawn<H: Handler<MeshIo> + Send + 'static>(
    mut io: MeshIo,
    mut handler: H,
    control: &Arc<Control>,
) -> thread::JoinHandle<(MeshIo, WorkerCounters)> {
    let control = Arc::clone(control);
    thread::spawn(move || {
        let mode = WaitMode::Sleep {
            timeout: Duration::from_millis(20),
        };
        let counters = run(&mut io, &mut handler, mode, &control, &Live::default()).unwrap();
        (io, counters)
    })
}

/// Replies by (queue, server port, flow, payload).
pub(crate) type Replies = BTreeMap<(u16, u16, u16, Vec<u8>), u32>;

pub(crate) fn collect(client: &mut Client, wanted: u64) -> Replies {
    let mut replies = Replies::new();
    let mut count = 0;
    let patience = Instant::now() + Duration::from_secs(10);
    while count < wanted && Instant::now() < patience {
        for lane in &mut client.port.queues {
            lane.send().unwrap();
            count += lane.receive(64, |reply| {
                let key = (
                    reply.queue,
                    reply.server_port,
                    reply.flow_port,
                    reply.payload.to_vec(),
                );
                *replies.entry(key).or_default() += 1;
            }) as u64;
        }
        thread::yield_now();
    }
    assert_eq!(count, wanted, "replies are missing");
    replies
}

#[test]
fn every_queue_and_owner_echoes_over_both_protocols_and_no_frame_is_lost() {
    let Some(rig) = rig(2) else { return };
    let mut steered = rig.steered(&rig.mesh_config(2));
    assert_eq!(steered.mesh.obtained(), Obtained::Copy);
    let mut client = rig.client(PORT..=PORT + 1);
    assert_eq!(client.port.obtained(), Obtained::Copy);
    let control = Arc::new(Control::new());
    let workers: Vec<_> = (0..)
        .zip(steered.mesh.take_ios())
        .map(|(owner, io)| spawn(io, Echo { owner }, &control))
        .collect();

    // Rounds above the number of frames, so that each is used again.
    let (mut sent, mut copies) = (0_u64, 0_u64);
    let mut lengths = (0..1400).cycle().step_by(13);
    for _ in 0..150 {
        let mut wanted = BTreeMap::new();
        for flow in 0..100_u16 {
            for protocol in [Protocol::V4, Protocol::V6] {
                let (queue, owner) = (flow % 2, flow / 2 % 2);
                let len = lengths.next().unwrap();
                let payload = vec![0xaa; len];
                let source_port = 40_000 + flow;
                let to = Flow {
                    protocol,
                    source_port,
                    server_port: PORT + owner,
                };
                assert!(client.port.queues[usize::from(queue)].push(to, &payload));
                sent += 1;
                let mut echoed = payload;
                echoed.insert(0, owner as u8);
                if len % 7 == 0 && len > 0 {
                    *wanted
                        .entry((queue, PORT + owner, source_port, vec![owner as u8]))
                        .or_default() += 1;
                    copies += 1;
                }
                *wanted
                    .entry((queue, PORT + owner, source_port, echoed))
                    .or_default() += 1;
            }
        }
        let count = wanted.values().copied().map(u64::from).sum();
        assert_eq!(collect(&mut client, count), wanted);
    }
    assert!(copies > 0);

    control.stop();
    let mut ios = Vec::new();
    let (mut received, mut transmitted, mut wakeups) = (0, 0, 0);
    for worker in workers {
        let (io, counters) = worker.join().unwrap();
        received += counters.io.received;
        transmitted += counters.io.transmitted;
        wakeups += counters.io.wakeups_kernel;
        assert_eq!((counters.io.foreign, counters.io.transmit_refused), (0, 0));
        ios.push(io);
    }
    assert_eq!((received, transmitted), (sent, sent + copies));
    assert!(wakeups > 0 && wakeups <= received);
    assert_eq!(steered.mesh.probe().drops().unwrap().total(), 0);
    assert_eq!(client.port.probe().drops().unwrap().total(), 0);
    let frames = steered.mesh.frames_per_queue();
    assert_eq!(steered.mesh.frames_at_rest(), [frames, frames]);
    assert_eq!(
        steered
            .steer
            .counters()
            .unwrap()
            .redirected
            .iter()
            .sum::<u64>(),
        sent
    );
}

/// The kernel verifies both checksums of the replies, and its requests come with unfinished ones.
#[test]
fn kernel_clients_accept_the_replies() {
    let Some(rig) = rig(2) else { return };
    let mut steered = rig.steered(&rig.mesh_config(2));
    let control = Arc::new(Control::new());
    let workers: Vec<_> = (0..)
        .zip(steered.mesh.take_ios())
        .map(|(owner, io)| spawn(io, Echo { owner }, &control))
        .collect();
    let bind = |address: &str| {
        let socket = rig
            .client
            .run(|| UdpSocket::bind(address))
            .unwrap()
            .unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        socket
    };
    let cases = [
        (bind("0.0.0.0:0"), IpAddr::V4(SERVER.v4)),
        (bind("[::]:0"), SERVER.v6.into()),
    ];
    for (socket, server) in &cases {
        for len in (1..1400).step_by(101).filter(|len| len % 7 != 0) {
            for owner in 0..2_u16 {
                let request = vec![0x55; len];
                socket.send_to(&request, (*server, PORT + owner)).unwrap();
                let mut reply = [0; 2048];
                let (read, from) = socket.recv_from(&mut reply).unwrap();
                assert_eq!((from.ip(), from.port()), (*server, PORT + owner));
                assert_eq!(reply[0], owner as u8);
                assert_eq!(reply[1..read], request);
            }
        }
    }
    control.stop();
    for worker in workers {
        worker.join().unwrap();
    }
}

/// The kernel frees a queue some time after the last mapping and descriptor are gone.
#[test]
fn a_mesh_can_be_opened_again_at_once() {
    let Some(rig) = rig(2) else { return };
    for _ in 0..3 {
        let config = rig.mesh_config(2);
        let opened = rig
            .server
            .run(|| Mesh::open(&config).map(|mesh| mesh.obtained()))
            .unwrap();
        assert_eq!(opened.unwrap(), Obtained::Copy);
    }
}
