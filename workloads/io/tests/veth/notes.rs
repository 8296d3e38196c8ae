//! Notes of keys travel with their packets, and with no others.

use std::os::fd::RawFd;
use std::sync::Arc;

use loader::{Notes, SteerOptions};
use pktio::DatagramIo;
use pktio::af_xdp::{MeshConfig, MeshFrame, MeshIo};
use pktio::client::{Flow, Protocol};
use pktio::worker::{Control, Handler, Woken};
use steering::{Policy, hash_bytes};

use crate::echo::{collect, spawn};
use crate::rig::{Client, PORT, rig};

/// Requests of each test: each chunk is used several times.
const REQUESTS: u64 = 4000;
/// Requests that are sent before their replies are collected.
const BURST: u64 = 16;

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
    let flow = Flow {
        protocol: Protocol::V4,
        source_port: 40_000,
        server_port: PORT,
    };
    for number in numbers {
        let lane = &mut client.port.queues[0];
        while !lane.push(flow, &request(number)) {
            lane.send().unwrap();
        }
    }
    client.finish(0);
}

/// What the requests' replies tell, under a program that notes keys or does not.
fn round_trips(options: &SteerOptions, noted: bool) {
    let Some(rig) = rig(1) else { return };
    // Few frames, so that a chunk of a noted packet soon holds another.
    let config = MeshConfig {
        rx_ring: 32,
        tx_ring: 32,
        held_per_owner: 32,
        notes: true,
        ..rig.mesh_config(1)
    };
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
    let note = Some(Notes::default());
    round_trips(
        &SteerOptions {
            note,
            ..SteerOptions::default()
        },
        true,
    );
}

#[test]
fn without_notes_none_is_found() {
    round_trips(&SteerOptions::default(), false);
}
