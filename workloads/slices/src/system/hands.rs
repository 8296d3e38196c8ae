//! What all designs have in common whose frames reach user space: threads, what these do to frames, and a kernel that forwards
//! nothing beside them.

use pktio::IoCounters;
use pktio::packet::dispatch::{Detach, Reader};

use super::counters::Counters;
use super::crew::{Crew, Report, Seat};
use super::forwarding::Forwarding;
use super::processor::Processing;
use super::silence::Silence;
use super::{Error, SystemConfig, ThreadInfo};

/// The name of a thread that reads for others.
pub(super) const READER: &str = "reader";

/// Threads in user space.
#[derive(Debug)]
pub(super) struct Hands {
    pub(super) crew: Crew,
    processing: Processing,
    forwarding: Forwarding,
    _silence: Silence,
}

/// What a frame is counted at that a thread took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// It came from a device.
    Arrivals,
    /// As [`Arrivals`](Self::Arrivals), and it may be a copy of what is another thread's, which is foreign and no loss.
    Copies,
    /// Another thread took it from a device, or gives it to another.
    HandedOver,
}

impl Hands {
    /// Prepares what the threads do. Port `i` is the device with the kernel's number `ports[i]`.
    pub(super) fn prepare(config: &SystemConfig, ports: [u32; 2]) -> Result<Self, Error> {
        Ok(Self {
            crew: Crew::default(),
            processing: Processing::prepare(config, ports)?,
            forwarding: Forwarding::here()?,
            _silence: Silence::about(&config.processor)?,
        })
    }

    /// Takes forwarding out of the kernel's hands. Before the frames are had.
    pub(super) fn take_over(&mut self) -> Result<(), Error> {
        self.forwarding.switch(false)
    }

    /// The namespace's own forwarding, for who needs it otherwise.
    pub(super) const fn forwarding(&mut self) -> &mut Forwarding {
        &mut self.forwarding
    }

    /// Starts a thread for each I/O, index = worker, called `name-index`.
    pub(super) fn man<I: Seat>(
        &mut self,
        ios: Vec<I>,
        name: &str,
        config: &SystemConfig,
    ) -> Result<(), Error> {
        self.processing.man(&mut self.crew, ios, name, config)
    }

    /// Starts the thread that reads for the others.
    pub(super) fn read<I: Seat + Detach>(
        &mut self,
        io: I,
        reader: Reader,
        cpu: Option<u32>,
    ) -> Result<(), Error> {
        self.crew.enlist(READER.to_owned(), cpu, io, reader)
    }

    pub(super) fn threads(&self) -> Vec<ThreadInfo> {
        self.crew.threads()
    }

    /// Whether twice in a row every thread had nothing to do, and none did anything in between.
    pub(super) fn is_quiet(&self) -> Result<bool, Error> {
        let before = self.crew.activity();
        self.crew.await_idle()?;
        self.crew.await_idle()?;
        Ok(self.crew.activity() == before)
    }

    /// Adds what the threads counted; `takes` tells by its name what a thread takes.
    pub(super) fn count(
        &self,
        into: &mut Counters,
        takes: impl Fn(&str) -> Takes,
    ) -> Result<(), Error> {
        self.processing.alive()?;
        for (name, report) in self.crew.reports()? {
            add(into, name, &report, takes(name));
        }
        Ok(())
    }
}

fn add(into: &mut Counters, name: &str, report: &Report, takes: Takes) {
    let (io, tally) = (&report.io, &report.tally);
    note(into, name, io);
    match takes {
        Takes::Arrivals => {
            into.received += io.received;
            into.lose("foreign", "io: foreign", io.foreign);
        }
        Takes::Copies => into.received += io.received,
        Takes::HandedOver => {}
    }
    into.lose("truncated", "io: truncated", io.truncated);
    // A device that counts them says so in its own drops.
    let refused = io.transmit_refused - io.device_refused;
    into.lose("transmit_refused", "io: transmit_refused", refused);
    into.retried += io.transmit_retried;
    into.sent += io.transmitted.saturating_sub(tally.made);
    into.made += tally.made;
    into.recovered += tally.recovered;
    for (counter, frames) in &tally.losses {
        into.note(name, counter, *frames);
        into.lose(counter, &format!("processor: {counter}"), *frames);
    }
    for (counter, value) in &tally.notes {
        into.note(name, counter, *value);
    }
}

fn note(into: &mut Counters, name: &str, io: &IoCounters) {
    for (counter, value) in [
        ("received", io.received),
        ("transmitted", io.transmitted),
        ("transmit_refused", io.transmit_refused),
        ("device_refused", io.device_refused),
        ("transmit_retried", io.transmit_retried),
        ("foreign", io.foreign),
        ("truncated", io.truncated),
        ("no_frame", io.no_frame),
        ("wakeups_kernel", io.wakeups_kernel),
        ("copies", io.copies),
    ] {
        into.note(name, counter, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::processor::Tally;

    fn report() -> Report {
        let mut tally = Tally {
            made: 2,
            recovered: 1,
            ..Tally::default()
        };
        tally.lose("reported_no_route", 2);
        tally.lose("drop_length", 3);
        let io = IoCounters {
            received: 100,
            transmitted: 90,
            transmit_refused: 7,
            device_refused: 4,
            transmit_retried: 5,
            foreign: 6,
            truncated: 8,
            ..IoCounters::default()
        };
        Report { io, tally }
    }

    fn counted(takes: Takes) -> Counters {
        let mut counters = Counters::default();
        add(&mut counters, "worker-0", &report(), takes);
        counters
    }

    #[test]
    fn what_a_device_counts_is_no_loss_of_the_systems() {
        let counters = counted(Takes::Arrivals);
        assert_eq!((counters.received, counters.sent), (100, 88));
        assert_eq!(
            (counters.made, counters.recovered, counters.retried),
            (2, 1, 5)
        );
        assert_eq!(counters.lost_by("transmit_refused"), 3);
        assert_eq!(counters.lost(), 3 + 2 + 3 + 6 + 8);
        assert_eq!(counters.value("device_refused"), 4);
    }

    #[test]
    fn another_threads_frame_is_received_once_and_lost_by_nobody() {
        assert_eq!(counted(Takes::HandedOver).received, 0);
        for takes in [Takes::Copies, Takes::HandedOver] {
            assert_eq!(counted(takes).lost_by("foreign"), 0);
        }
        assert_eq!(counted(Takes::Copies).received, 100);
    }
}
