//! Software steering over the mesh: frames received by one owner, answered in place by another.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use pktio::DatagramIo;
use pktio::af_xdp::{MeshFrame, MeshIo};
use pktio::client::{Flow, Protocol};
use pktio::worker::{Control, Handler, Woken};
use rustix::event::{EventfdFlags, eventfd};

use crate::echo::{collect, spawn};
use crate::rig::{PORT, rig};

/// Owner 0 passes every other frame on; owner 1 answers what it is given.
struct Owner {
    next: Option<Sender<MeshFrame>>,
    inbox: Option<Receiver<MeshFrame>>,
    bell: Arc<OwnedFd>,
    turn: u64,
}

fn answer(io: &mut MeshIo, frame: MeshFrame) {
    let len = io.payload(&frame).len();
    io.reply(frame, len);
}

impl Handler<MeshIo> for Owner {
    fn frame(&mut self, io: &mut MeshIo, frame: MeshFrame) {
        self.turn += 1;
        match &self.next {
            Some(next) if self.turn.is_multiple_of(2) => {
                next.send(frame).unwrap();
                rustix::io::write(&self.bell, &1_u64.to_ne_bytes()).unwrap();
            }
            _ => answer(io, frame),
        }
    }

    fn inbox(&mut self, io: &mut MeshIo) -> usize {
        let frames: Vec<_> = self
            .inbox
            .iter()
            .flat_map(Receiver::try_iter)
            .take(64)
            .collect();
        let count = frames.len();
        for frame in frames {
            answer(io, frame);
        }
        count
    }

    fn before_sleep(&mut self) -> bool {
        true
    }

    fn after_sleep(&mut self, _: Woken) {}

    fn notification(&self) -> Option<RawFd> {
        self.inbox.is_some().then(|| self.bell.as_raw_fd())
    }

    fn tick(&mut self, _: &mut MeshIo, _: u64) {}
}

#[test]
fn a_frame_is_answered_by_another_owner_and_returns_to_its_queue() {
    const ROUNDS: u64 = 300;
    let Some(rig) = rig(2) else { return };
    let mut steered = rig.steered(&rig.mesh_config(2));
    let mut client = rig.client(PORT..=PORT);
    let control = Arc::new(Control::new());
    let bell = Arc::new(eventfd(0, EventfdFlags::NONBLOCK).unwrap());
    let (to_second, from_first) = channel();
    let owner = |next, inbox| Owner {
        next,
        inbox,
        bell: Arc::clone(&bell),
        turn: 0,
    };
    let mut ios = steered.mesh.take_ios().into_iter();
    let first = spawn(ios.next().unwrap(), owner(Some(to_second), None), &control);
    let second = spawn(ios.next().unwrap(), owner(None, Some(from_first)), &control);

    for _ in 0..ROUNDS {
        for (queue, protocol) in [(0_u16, Protocol::V4), (1, Protocol::V6)] {
            for source_port in 40_000..40_050 {
                let flow = Flow {
                    protocol,
                    source_port,
                    server_port: PORT,
                };
                assert!(client.port.queues[usize::from(queue)].push(flow, b"request"));
            }
        }
        let replies = collect(&mut client, 100);
        assert_eq!(
            replies.len(),
            100,
            "each flow is answered once, on the queue it came from"
        );
    }

    control.stop();
    // Both I/Os are kept until the frames are counted: what they hold would be missing.
    let (_first_io, first) = first.join().unwrap();
    let (_second_io, second) = second.join().unwrap();
    assert_eq!((first.io.received, second.io.received), (100 * ROUNDS, 0));
    assert_eq!(first.io.transmitted + second.io.transmitted, 100 * ROUNDS);
    assert_eq!(second.io.transmitted, 50 * ROUNDS);
    assert!(second.wakeups_app > 0);
    assert!(first.io.frame_returns + second.io.frame_returns > 0);
    let frames = steered.mesh.frames_per_queue();
    assert_eq!(steered.mesh.frames_at_rest(), [frames, frames]);
}
