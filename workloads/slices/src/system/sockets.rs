//! What the systems over packet sockets have in common: sockets of both devices for each thread, of which each design's file
//! says how they are opened.

use std::io;

use pktio::drops::{Drop, Drops};
use pktio::packet::packet_mmap_v3::Fanout;
use pktio::packet::{Group, Obtained, PacketProbe};

use super::copies;
use super::counters::Counters;
use super::crew::Seat;
use super::hands::{Hands, Takes};
use super::machine::Machine;
use super::{Error, SystemConfig, port_numbers};

/// How a design opens its sockets.
pub(super) trait Opening: Send {
    /// One thread's I/O.
    type Io: Seat;

    /// Opens the sockets of every thread, in the calling thread's namespace.
    fn open(&self, config: &SystemConfig, ports: [u32; 2]) -> io::Result<Group<Self::Io>>;

    /// What is obtained beside what the sockets tell of themselves.
    fn tell(&self, config: &SystemConfig) -> Vec<(&'static str, String)>;

    /// Whether a thread also gets copies of what is another's, so that a copy lost need not be a frame lost.
    fn copies(&self) -> bool {
        false
    }
}

/// Packet sockets and their threads.
pub(super) struct Sockets<O: Opening> {
    config: SystemConfig,
    ports: [u32; 2],
    opening: O,
    hands: Hands,
    group: Option<Group<O::Io>>,
}

impl<O: Opening> Sockets<O> {
    pub(super) fn load(config: &SystemConfig, opening: O) -> Result<Self, Error> {
        let ports = port_numbers(config)?;
        Ok(Self {
            hands: Hands::prepare(config, ports)?,
            config: config.clone(),
            ports,
            opening,
            group: None,
        })
    }
}

impl<O: Opening> Machine for Sockets<O> {
    fn attach(&mut self) -> Result<(), Error> {
        self.hands.take_over()?;
        let group = self.opening.open(&self.config, self.ports);
        self.group = Some(group.map_err(Error::io("open packet sockets"))?);
        Ok(())
    }

    fn start(&mut self) -> Result<(), Error> {
        let ios = self.group.as_mut().map(Group::take_ios);
        self.hands
            .man(ios.unwrap_or_default(), "worker", &self.config)
    }

    fn hands(&self) -> Option<&Hands> {
        Some(&self.hands)
    }

    fn hands_mut(&mut self) -> Option<&mut Hands> {
        Some(&mut self.hands)
    }

    fn obtained(&self) -> Vec<(String, String)> {
        let told = self.opening.tell(&self.config).into_iter();
        let mut told: Vec<_> = told.map(|(name, what)| (name.to_owned(), what)).collect();
        if let Some(group) = &self.group {
            told.extend(granted(group.obtained()));
        }
        told
    }

    fn count(&self, into: &mut Counters) -> Result<(), Error> {
        let sockets = match &self.group {
            Some(group) => of_sockets(into, &self.config, &group.probe())?,
            None => Vec::new(),
        };
        let threads = self.hands.count(into, |_| Takes::Arrivals)?;
        if self.opening.copies() {
            copies::count(into, &sockets, &threads);
        } else {
            lose(into, &sockets);
        }
        Ok(())
    }
}

/// Notes what the sockets tell, and returns it: those of the first thread in the order of the devices, and so on.
pub(super) fn of_sockets(
    into: &mut Counters,
    config: &SystemConfig,
    probe: &PacketProbe,
) -> Result<Vec<Drops>, Error> {
    let failed = "read what a packet socket lost";
    let mut sockets = Vec::new();
    for socket in 0..probe.sockets() {
        let drops = probe.socket_drops(socket).map_err(Error::io(failed))?;
        let (thread, port) = (socket / config.devices.len(), socket % config.devices.len());
        let scope = format!("{} socket {thread}", config.devices[port]);
        let lost = drops.get(Drop::PacketSocket);
        into.note(&scope, Drop::PacketSocket.name(), lost);
        into.note(&scope, "given", drops.related.given);
        into.note(&scope, "ring_frozen", drops.related.ring_frozen);
        sockets.push(drops);
    }
    Ok(sockets)
}

/// Adds the losses of sockets that each get frames of their own.
pub(super) fn lose(into: &mut Counters, sockets: &[Drops]) {
    let lost = sockets.iter().map(|socket| socket.get(Drop::PacketSocket));
    let counter = "PACKET_STATISTICS: tp_drops";
    into.lose(Drop::PacketSocket.name(), counter, lost.sum());
}

/// What the kernel granted the first socket; all of them ask for the same.
pub(super) fn granted(sockets: &[Obtained]) -> Vec<(String, String)> {
    let Some(socket) = sockets.first() else {
        return Vec::new();
    };
    let mut told = vec![("sockets", sockets.len().to_string())];
    if let Some(buffer) = socket.receive_buffer {
        told.push(("receive_buffer", format!("{} B", buffer.granted)));
    }
    if let Some(rings) = socket.rings {
        let sizes = format!(
            "TPACKET_V{}, receive {} B, transmit {} B",
            rings.version, rings.receive_bytes, rings.transmit_bytes
        );
        told.push(("rings", sizes));
    }
    if let Some(fanout) = socket.fanout.and_then(Fanout::of_number) {
        told.push(("fanout", fanout.name().to_owned()));
    }
    told.push(("filter", format!("{} steps", socket.filter_steps)));
    told.push(("qdisc_bypass", socket.qdisc_bypass.to_string()));
    let told = told.into_iter();
    told.map(|(name, what)| (name.to_owned(), what)).collect()
}
