//! `dispatch_threads`: one thread that reads and workers that process and send (NetSlices, sections 2 and 4: user-space Click's
//! role, and how the paper's pcap variants use several CPUs). The reader has `pcap_mmap`'s rings, the paper's best.

use pktio::packet::Group;
use pktio::packet::dispatch::{Dispatch, Reader, WorkerIo};
use pktio::packet::pcap_mmap::PcapMmapIo;

use super::counters::Counters;
use super::hands::{Hands, READER, Takes};
use super::machine::Machine;
use super::sockets::{granted, lose, of_sockets};
use super::{Error, SystemConfig, pcap_mmap, port_numbers};

/// A reader and its workers.
pub(super) struct DispatchThreads {
    config: SystemConfig,
    ports: [u32; 2],
    hands: Hands,
    reading: Option<Group<PcapMmapIo>>,
    /// Until the threads have them.
    workers: Option<(Reader, Group<WorkerIo>)>,
}

impl DispatchThreads {
    pub(super) fn load(config: &SystemConfig) -> Result<Self, Error> {
        let ports = port_numbers(config)?;
        Ok(Self {
            hands: Hands::prepare(config, ports)?,
            config: config.clone(),
            ports,
            reading: None,
            workers: None,
        })
    }

    fn dispatch(&self) -> Dispatch {
        let rings = pcap_mmap::rings(&self.config, self.ports);
        Dispatch {
            buffer: rings.slot_len as usize,
            qdisc_bypass: self.config.qdisc_bypass,
            ..Dispatch::new(self.ports.to_vec(), self.config.workers)
        }
    }
}

impl Machine for DispatchThreads {
    fn attach(&mut self) -> Result<(), Error> {
        self.hands.take_over()?;
        let workers = self.dispatch().open(self.hands.crew.control());
        self.workers = Some(workers.map_err(Error::io("open the workers' packet sockets"))?);
        let reading = pcap_mmap::rings(&self.config, self.ports).open();
        self.reading = Some(reading.map_err(Error::io("open the reader's packet sockets"))?);
        Ok(())
    }

    fn start(&mut self) -> Result<(), Error> {
        let (Some((reader, mut group)), Some(reading)) =
            (self.workers.take(), self.reading.as_mut())
        else {
            return Ok(());
        };
        self.hands.man(group.take_ios(), "worker", &self.config)?;
        let cpu = self.config.cpu(usize::from(self.config.workers));
        match reading.take_ios().pop() {
            Some(io) => self.hands.read(io, reader, cpu),
            None => Ok(()),
        }
    }

    fn hands(&self) -> Option<&Hands> {
        Some(&self.hands)
    }

    fn hands_mut(&mut self) -> Option<&mut Hands> {
        Some(&mut self.hands)
    }

    fn obtained(&self) -> Vec<(String, String)> {
        let dispatch = self.dispatch();
        let io = "packet_socket, a ring to receive, rings between threads, a system call to send a frame";
        let mut told = vec![
            ("io".to_owned(), io.to_owned()),
            ("reader".to_owned(), "pcap_mmap".to_owned()),
            (
                "worker_rings".to_owned(),
                format!(
                    "{} frames, a flow by its source port, or ESP's SPI",
                    dispatch.ring
                ),
            ),
        ];
        if let Some(reading) = &self.reading {
            told.extend(granted(reading.obtained()));
        }
        told
    }

    fn count(&self, into: &mut Counters) -> Result<(), Error> {
        if let Some(reading) = &self.reading {
            let sockets = of_sockets(into, &self.config, &reading.probe())?;
            lose(into, &sockets);
        }
        let counted = self.hands.count(into, |name| {
            if name == READER {
                Takes::Arrivals
            } else {
                Takes::HandedOver
            }
        });
        counted.map(drop)
    }
}
