//! Threads over I/O in memory: what they tell, and what becomes of those that fail.

use std::collections::VecDeque;

use pktio::BatchIo;
use pktio::frame::{FrameMut, Port};

use super::*;

/// Frames that wait, and what is to happen when there are none.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<(VecDeque<u8>, Option<&'static str>)>>);

/// One port of frames that are a byte.
struct OneByte {
    wire: Wire,
    counters: IoCounters,
}

struct Frame {
    bytes: [u8; 1],
    at: u32,
    len: u32,
}

impl BatchIo for OneByte {
    type Frame = Frame;

    fn receive(&mut self, out: &mut Vec<Frame>) -> io::Result<usize> {
        let mut wire = self.wire.0.lock().unwrap();
        let Some(byte) = wire.0.pop_front() else {
            return wire.1.map_or(Ok(0), |error| Err(io::Error::other(error)));
        };
        out.push(Frame {
            bytes: [byte],
            at: 0,
            len: 1,
        });
        self.counters.received += 1;
        Ok(1)
    }

    fn release(&mut self, _: Frame) {}

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn settle(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    fn has_backlog(&self) -> bool {
        false
    }

    fn woken_by_packet(&mut self) {}

    fn readable(&self) -> Vec<RawFd> {
        Vec::new()
    }

    fn counters(&self) -> IoCounters {
        self.counters.clone()
    }
}

impl FrameIo for OneByte {
    fn ports(&self) -> u16 {
        1
    }

    fn port(&self, _: &Frame) -> Port {
        Port(0)
    }

    fn view<'a>(&'a mut self, frame: &'a mut Frame) -> FrameMut<'a> {
        FrameMut::new(&mut frame.bytes, &mut frame.at, &mut frame.len)
    }

    fn views<'a>(&'a mut self, frames: &'a mut [Frame]) -> impl Iterator<Item = FrameMut<'a>> {
        let view =
            |frame: &'a mut Frame| FrameMut::new(&mut frame.bytes, &mut frame.at, &mut frame.len);
        frames.iter_mut().map(view)
    }

    fn allocate(&mut self, _: Port) -> Option<Frame> {
        None
    }

    fn send(&mut self, _: Frame, _: Port) {
        self.counters.transmitted += 1;
    }
}

impl Seat for OneByte {}

/// Sends even frames, drops odd ones, and breaks at 0xff.
#[derive(Default)]
struct Even {
    odd: u64,
}

impl Handler<OneByte> for Even {
    fn frame(&mut self, io: &mut OneByte, mut frame: Frame) {
        let byte = io.view(&mut frame).bytes()[0];
        assert_ne!(byte, 0xff, "this frame breaks it");
        if byte.is_multiple_of(2) {
            io.send(frame, Port(0));
        } else {
            self.odd += 1;
            io.release(frame);
        }
    }

    fn inbox(&mut self, _: &mut OneByte) -> usize {
        0
    }

    fn before_sleep(&mut self) -> bool {
        true
    }

    fn after_sleep(&mut self, _: Woken) {}

    fn notification(&self) -> Option<RawFd> {
        None
    }

    fn tick(&mut self, _: &mut OneByte, _: u64) {}
}

impl Processor for Even {
    fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        tally.lose("odd", self.odd);
        tally
    }
}

fn crew(wires: &[Wire]) -> Crew {
    let mut crew = Crew::default();
    for (number, wire) in wires.iter().enumerate() {
        let io = OneByte {
            wire: wire.clone(),
            counters: IoCounters::default(),
        };
        crew.enlist(format!("even-{number}"), None, io, Even::default())
            .unwrap();
    }
    crew
}

#[test]
fn a_report_is_about_the_frames_that_were_dealt_with() {
    let wires = [Wire::default(), Wire::default()];
    let mut crew = crew(&wires);
    let before = crew.activity();
    wires[1].0.lock().unwrap().0.extend(0..101);
    crew.await_idle().unwrap();
    crew.await_idle().unwrap();
    assert_eq!((before, crew.activity()), (0, 101));
    let reports = crew.reports().unwrap();
    let seen: Vec<_> = reports
        .iter()
        .map(|(name, report)| {
            let losses = report.tally.losses.iter().map(|(_, count)| *count);
            let lost: u64 = losses.sum();
            (*name, report.io.received, report.io.transmitted, lost)
        })
        .collect();
    assert_eq!(seen, [("even-0", 0, 0, 0), ("even-1", 101, 51, 50)]);
    let threads = crew.threads();
    assert_eq!(threads[1].name, "even-1");
    assert_ne!(threads[0].tid, threads[1].tid);
    crew.dismiss().unwrap();
    // The last report stays.
    assert_eq!(crew.reports().unwrap()[1].1.io.received, 101);
}

#[test]
fn a_thread_whose_io_fails_is_told_by_its_name() {
    let wires = [Wire::default(), Wire::default()];
    let mut crew = crew(&wires);
    wires[1].0.lock().unwrap().1 = Some("the device is gone");
    let told = loop {
        match crew.await_idle() {
            Ok(()) => {}
            Err(error) => break error.to_string(),
        }
    };
    assert_eq!(told, "even-1: the device is gone");
    assert!(crew.reports().is_err());
    assert_eq!(crew.dismiss().unwrap_err().to_string(), told);
}

#[test]
fn a_thread_that_panics_is_not_waited_for() {
    let wire = Wire::default();
    let mut crew = crew(std::slice::from_ref(&wire));
    wire.0.lock().unwrap().0.push_back(0xff);
    let told = loop {
        match crew.await_idle() {
            Ok(()) => {}
            Err(error) => break error.to_string(),
        }
    };
    assert_eq!(told, "even-0: it panicked");
    assert_eq!(crew.dismiss().unwrap_err().to_string(), told);
}

#[test]
fn a_cpu_that_is_not_there_is_refused() {
    let mut crew = Crew::default();
    let io = OneByte {
        wire: Wire::default(),
        counters: IoCounters::default(),
    };
    let refused = crew.enlist("even-0".to_owned(), Some(1023), io, Even::default());
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.starts_with("place the thread even-0: "),
        "{refused}"
    );
    assert!(crew.threads().is_empty());
}
