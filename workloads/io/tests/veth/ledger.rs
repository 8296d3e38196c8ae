//! Which counter counts which loss, measured: N requests, each in exactly one line.
//!
//! What was found on veth in copy mode (Linux 6.18), and is held here:
//! - RX ring full: `rx_ring_full` of the socket. veth's `rx_queue_N_drops` counts it as well.
//! - No posted frame: `rx_dropped` of the socket, and `fill_ring_empty` of the queue (which all
//!   sockets of the queue report). veth's `rx_queue_N_drops` counts it as well.
//! - No socket in the map: only the program knows; veth counts a drop that the program asked for.
//! - A socket of another queue in the map: veth's `rx_queue_N_drops` alone; the program has
//!   counted the frame as redirected.
//!
//! So `rx_queue_N_drops` = the sum of the sockets' losses + frames lost to a wrong socket.

use pktio::af_xdp::{MeshConfig, MeshIo};
use pktio::drops::Drop;
use pktio::{BatchIo as _, DatagramIo};

use crate::rig::{PORT, Rig, rig};

const N: u64 = 1000;

fn small(rig: &Rig, owners: u16) -> MeshConfig {
    MeshConfig {
        rx_ring: 64,
        tx_ring: 64,
        held_per_owner: 64,
        ..rig.mesh_config(owners)
    }
}

/// Takes everything that has arrived and keeps it.
fn take_all(io: &mut MeshIo) -> Vec<pktio::af_xdp::MeshFrame> {
    let mut frames = Vec::new();
    while io.receive(&mut frames).unwrap() > 0 {}
    frames
}

fn give_back(io: &mut MeshIo, frames: Vec<pktio::af_xdp::MeshFrame>) {
    for frame in frames {
        io.release(frame);
    }
    assert!(io.settle().unwrap());
}

#[test]
fn a_full_rx_ring_counts_in_its_socket() {
    let Some(rig) = rig(2) else { return };
    let mut steered = rig.steered(&small(&rig, 2));
    let mut client = rig.client(PORT..=PORT + 1);
    client.flood(1, PORT, N);

    let probe = steered.mesh.probe();
    let drops = probe.drops().unwrap();
    let mut ios = steered.mesh.take_ios();
    let frames = take_all(&mut ios[0]);
    assert_eq!(frames.len(), 64);
    assert_eq!(drops.get(Drop::XskRxRingFull), N - 64);
    assert_eq!(
        frames.len() as u64 + drops.total() + rig.client_link().tx_dropped,
        N
    );
    // Socket (queue 1, owner 0) has index 2.
    assert_eq!(
        probe.socket_drops(2).unwrap().get(Drop::XskRxRingFull),
        N - 64
    );
    assert_eq!(drops.related.fill_ring_empty, 0);
    assert_eq!(rig.server_veth("_drops"), N - 64);
    give_back(&mut ios[0], frames);
    let per_queue = steered.mesh.frames_per_queue();
    assert_eq!(steered.mesh.frames_at_rest(), [per_queue, per_queue]);
}

#[test]
fn an_empty_fill_ring_counts_in_the_socket_that_was_meant() {
    let Some(rig) = rig(1) else { return };
    let mut steered = rig.steered(&small(&rig, 1));
    let mut client = rig.client(PORT..=PORT);
    let mut ios = steered.mesh.take_ios();
    let io = &mut ios[0];

    // Hold every frame that can be posted.
    let mut held = Vec::new();
    loop {
        client.flood(0, PORT, 32);
        let before = held.len();
        held.append(&mut take_all(io));
        if held.len() == before {
            break;
        }
    }
    let before = steered.mesh.probe().drops().unwrap();
    let veth_before = rig.server_veth("_drops");
    client.flood(0, PORT, N);
    let after = steered.mesh.probe().drops().unwrap();
    assert_eq!(
        after.get(Drop::XskNoFrame) - before.get(Drop::XskNoFrame),
        N
    );
    assert_eq!(after.total() - before.total(), N);
    assert_eq!(rig.server_veth("_drops") - veth_before, N);
    assert!(after.related.fill_ring_empty >= N);
    assert!(take_all(io).is_empty());

    give_back(io, held);
    assert_eq!(
        steered.mesh.frames_at_rest(),
        [steered.mesh.frames_per_queue()]
    );
    client.flood(0, PORT, 10);
    let frames = take_all(io);
    assert_eq!(frames.len(), 10);
    give_back(io, frames);
}

#[test]
fn without_a_socket_only_the_program_knows() {
    let Some(rig) = rig(1) else { return };
    let steered = rig.unregistered(&small(&rig, 1));
    let mut client = rig.client(PORT..=PORT);
    client.flood(0, PORT, N);
    let counters = steered.steer.counters().unwrap();
    assert_eq!((counters.redirect_failed, counters.redirected[0]), (N, 0));
    assert_eq!(steered.mesh.probe().drops().unwrap().total(), 0);
    assert_eq!(rig.server_veth("_xdp_drops"), N);
    assert_eq!(rig.server_veth("_drops"), 0);
}

#[test]
fn a_socket_of_another_queue_loses_frames_that_no_socket_counts() {
    let Some(rig) = rig(2) else { return };
    let mut steered = rig.unregistered(&small(&rig, 1));
    steered
        .steer
        .register(1, 0, steered.mesh.socket(0, 0))
        .unwrap();
    let mut client = rig.client(PORT..=PORT);
    client.flood(1, PORT, N);
    let counters = steered.steer.counters().unwrap();
    assert_eq!((counters.redirect_failed, counters.redirected[0]), (0, N));
    assert_eq!(steered.mesh.probe().drops().unwrap().total(), 0);
    assert_eq!(rig.server_veth("_drops"), N);
}

#[test]
fn a_stalled_owner_starves_nobody_else() {
    let Some(rig) = rig(1) else { return };
    let mut steered = rig.steered(&small(&rig, 2));
    let mut client = rig.client(PORT..=PORT + 1);
    // Owner 0 never looks; its ring fills and overflows.
    client.flood(0, PORT, N);
    let mut ios = steered.mesh.take_ios();
    let mut answered = 0;
    for _ in 0..100 {
        client.flood(0, PORT + 1, 32);
        for frame in take_all(&mut ios[1]) {
            ios[1].reply(frame, 8);
        }
        assert!(ios[1].settle().unwrap());
        answered += client.port.queues[0].receive(64, |_| ());
    }
    assert_eq!(answered, 3200);
    let probe = steered.mesh.probe();
    assert_eq!(probe.socket_drops(0).unwrap().total(), N - 64);
    assert_eq!(probe.socket_drops(1).unwrap().total(), 0);
}

#[test]
fn requests_in_flight_beyond_every_ring_are_all_accounted_for() {
    let Some(rig) = rig(2) else { return };
    let mut steered = rig.steered(&small(&rig, 2));
    let mut client = rig.client(PORT..=PORT + 1);
    for round in 0..20 {
        client.flood(round % 2, PORT + round / 2 % 2, N);
    }
    let received: usize = steered
        .mesh
        .take_ios()
        .iter_mut()
        .map(|io| take_all(io).len())
        .sum();
    let drops = steered.mesh.probe().drops().unwrap();
    assert_eq!(received, 4 * 64);
    assert_eq!(
        received as u64 + drops.total() + rig.client_link().tx_dropped,
        20 * N
    );
    assert_eq!(rig.server_veth("_drops"), drops.total());
    assert_eq!(
        rig.server_link().rx_packets,
        20 * N - rig.client_link().tx_dropped
    );
}

/// The program's ports are more than the mesh serves: a mistake of the set-up that must show.
#[test]
fn frames_for_ports_that_nobody_serves_are_released_and_counted() {
    let Some(rig) = rig(1) else { return };
    let config = MeshConfig {
        ports: PORT..=PORT,
        ..small(&rig, 2)
    };
    let mut steered = rig.steered(&config);
    let mut client = rig.client(PORT..=PORT + 1);
    let mut ios = steered.mesh.take_ios();
    for _ in 0..50 {
        client.flood(0, PORT + 1, 32);
        assert!(take_all(&mut ios[1]).is_empty());
        assert!(ios[1].settle().unwrap());
    }
    assert_eq!(
        (ios[1].counters().foreign, ios[1].counters().received),
        (1600, 0)
    );
    assert_eq!(steered.mesh.probe().drops().unwrap().total(), 0);
    assert_eq!(
        steered.mesh.frames_at_rest(),
        [steered.mesh.frames_per_queue()]
    );
}
