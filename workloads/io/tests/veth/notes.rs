//! Notes of keys travel with their packets, and with no others.

use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use loader::{Notes, SteerOptions};
use pktio::af_xdp::{MeshConfig, MeshFrame, MeshIo};
use pktio::client::{Flow, Protocol};
use pktio::drops::Drop;
use pktio::worker::{Control, Handler, Woken};
use pktio::{BatchIo as _, DatagramIo};
use steering::{Policy, hash_bytes};

use crate::echo::{collect, spawn};
use crate::rig::{Client, PORT, Rig, rig};

/// Requests of each test: each chunk is used several times.
const REQUESTS: u64 = 4000;
/// Requests that are sent before their replies are collected.
const BURST: u64 = 16;
const RING: u32 = 32;
const FLOW: Flow = Flow {
    protocol: Protocol::V4,
    source_port: 40_000,
    server_port: PORT,
};

/// Answers with the request and the note that came with it.
struct Tell;

const NO_NOTE: [u8; 12] = [0xff; 12];

impl Handler<MeshIo> for Tell {
    fn frame(&mut self, io: &mut MeshIo, mut frame: MeshFrame) {
        let note = io.key_note(&frame);
        let len = io.payload(&frame).len();
        let told = note.map_or(NO_NOTE, |note| {
            let mut told = [0; 12];
            told[..8].copy_from_slice(&note.hash.to_be_bytes());
            told[8..10].copy_from_slice(&note.at.to_be_bytes());
            told[10..].copy_from_slice(&note.len.to_be_bytes());
            told
        });
        // A further datagram, whose chunk once held its bytes where notes stand.
        let copy = vec![0x4e; 600];
        assert!(!len.is_multiple_of(5) || io.send_copy(&frame, &copy));
        io.room(&mut frame)[len..len + 12].copy_from_slice(&told);
        io.reply(frame, len + 12);
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

/// A get of a key of changing length; every third request has no key.
fn request(number: u64) -> Vec<u8> {
    let mut request = vec![0, 1, 0, 0, 0, 1, 0, 0];
    if number % 3 == 2 {
        request.extend(format!("version {number}\r\n").bytes());
    } else {
        let width = 1 + number as usize % 40;
        request.extend(format!("get {number:0>width$}\r\n").bytes());
    }
    request
}

fn expected(request: &[u8], noted: bool) -> [u8; 12] {
    if !noted || request[8] != b'g' {
        return NO_NOTE;
    }
    let key = &request[12..request.len() - 2];
    let mut told = [0; 12];
    told[..8].copy_from_slice(&hash_bytes(key).to_be_bytes());
    told[8..10].copy_from_slice(&12_u16.to_be_bytes());
    told[10..].copy_from_slice(&(key.len() as u16).to_be_bytes());
    told
}

fn send(client: &mut Client, numbers: std::ops::Range<u64>) {
    for number in numbers {
        push(client, &request(number));
    }
    client.finish(0);
}

fn push(client: &mut Client, request: &[u8]) {
    let lane = &mut client.port.queues[0];
    while !lane.push(FLOW, request) {
        lane.send().unwrap();
    }
}

/// Few frames, so that a chunk of a noted packet soon holds another.
fn few_frames(rig: &Rig) -> MeshConfig {
    MeshConfig {
        rx_ring: RING,
        tx_ring: RING,
        held_per_owner: RING,
        notes: true,
        ..rig.mesh_config(1)
    }
}

fn noting() -> SteerOptions {
    SteerOptions {
        note: Some(Notes::default()),
        ..SteerOptions::default()
    }
}

/// What the requests' replies tell, under a program that notes keys or does not.
fn round_trips(options: &SteerOptions, noted: bool) {
    let Some(rig) = rig(1) else { return };
    let config = few_frames(&rig);
    let mut steered = rig.steered_by(&config, Policy::Key, options);
    let control = Arc::new(Control::new());
    let io = steered.mesh.take_ios().remove(0);
    let worker = spawn(io, Tell, &control);
    let mut client = rig.client(PORT..=PORT);
    let mut answered = 0;
    for begin in (0..REQUESTS).step_by(BURST as usize) {
        send(&mut client, begin..begin + BURST);
        let further = (begin..begin + BURST).filter(|n| request(*n).len().is_multiple_of(5));
        let replies = collect(&mut client, BURST + further.count() as u64);
        for (_, _, _, reply) in replies.keys().filter(|(_, _, _, reply)| reply.len() != 600) {
            let (request, told) = reply.split_at(reply.len() - 12);
            assert_eq!(told, expected(request, noted), "{request:?}");
            answered += 1;
        }
    }
    assert_eq!(answered, REQUESTS);
    control.stop();
    let (io, _) = worker.join().unwrap();
    drop(io);
}

#[test]
fn each_key_is_noted_and_no_request_without_one() {
    round_trips(&noting(), true);
}

/// The kernel copies a frame, note and all, before it finds the RX ring full, and the next frame comes to lie there.
#[test]
fn what_found_the_ring_full_leaves_no_note_to_the_next() {
    const LOST: u64 = 8;
    let Some(rig) = rig(1) else { return };
    let mut steered = rig.steered_by(&few_frames(&rig), Policy::Key, &noting());
    let mut io = steered.mesh.take_ios().remove(0);
    let mut client = rig.client(PORT..=PORT);
    for round in 0..20 {
        // A key that would stand in the version's request, too.
        for _ in 0..u64::from(RING) + LOST {
            push(&mut client, b"\0\x01\0\0\0\x01\0\0get abc\r\n");
        }
        client.finish(0);
        let lost = (round + 1) * LOST;
        let is_lost = || {
            steered
                .mesh
                .probe()
                .drops()
                .unwrap()
                .get(Drop::XskRxRingFull)
                == lost
        };
        wait_until(is_lost);
        let mut received = |count: u32| {
            let mut frames = Vec::new();
            wait_until(|| {
                io.receive(&mut frames).unwrap();
                frames.len() >= count as usize
            });
            let notes: Vec<_> = frames.iter().map(|frame| io.key_note(frame)).collect();
            frames.into_iter().for_each(|frame| io.release(frame));
            io.flush().unwrap();
            notes
        };
        let notes = received(RING);
        assert!(notes.iter().all(Option::is_some), "{notes:?}");
        push(&mut client, b"\0\x01\0\0\0\x01\0\0version\r\n");
        client.finish(0);
        assert_eq!(received(1), [None]);
    }
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < patience, "not within 10 s");
        std::thread::yield_now();
    }
}

#[test]
fn without_notes_none_is_found() {
    round_trips(&SteerOptions::default(), false);
}
