//! What a system's threads do to frames: one handler a thread, made by the one match over the configuration, and what
//! each of them tells of its frames.

use pktio::packet::dispatch::Reader;
use pktio::worker::Handler;
use sys::clock::now_ns;

use crate::inspect::Inspector;
use crate::router::{Drop, ErrorLimit, Host, Mirror, Report, Router, TableLimits};

use super::crew::{Crew, Seat};
use super::{Error, ProcessorConfig, SystemConfig};

/// What a handler counted of its frames, for the ledger. All counts are frames unless named otherwise.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// Frames of its own that it gave out.
    pub(super) made: u64,
    /// Frames of the traffic that it gave out and that had never come in.
    pub(super) recovered: u64,
    /// Frames that came and that it did not send on, by the counter's name.
    pub(super) losses: Vec<(String, u64)>,
    /// Further counters.
    pub(super) notes: Vec<(String, u64)>,
}

impl Tally {
    /// Frames that came and went no further.
    pub(super) fn lose(&mut self, name: impl Into<String>, frames: u64) {
        self.losses.push((name.into(), frames));
    }

    /// A counter of anything else.
    pub(super) fn note(&mut self, name: impl Into<String>, value: u64) {
        self.notes.push((name.into(), value));
    }
}

/// A handler that tells what it counted.
pub(super) trait Processor {
    /// What it has counted. Not on the way of packets.
    fn tally(&self) -> Tally;
}

impl Processor for Router {
    fn tally(&self) -> Tally {
        let (counters, mut tally) = (self.counters(), Tally::default());
        for (port, frames) in counters.forwarded().iter().enumerate() {
            tally.note(format!("forwarded_{port}"), *frames);
        }
        for what in Report::ALL {
            // The frame is gone, and an error has taken its place.
            let frames = counters.reported(what);
            tally.made += frames;
            tally.lose(format!("reported_{}", what.name()), frames);
        }
        for why in Host::ALL {
            tally.lose(format!("host_{}", why.name()), counters.host(why));
        }
        for why in Drop::ALL {
            tally.lose(format!("drop_{}", why.name()), counters.dropped(why));
        }
        tally.note("resolutions", counters.resolutions);
        tally.note("resolutions_refused", counters.resolutions_refused);
        tally
    }
}

/// What a dispatcher reads its workers count.
impl Processor for Reader {
    fn tally(&self) -> Tally {
        Tally::default()
    }
}

/// What the threads' handlers are made from.
#[derive(Debug)]
pub(super) enum Processing {
    Router(Mirror),
    Inspect(Inspector),
}

impl Processing {
    /// Reads tables and configuration. Port `i` is the device with the kernel's number `ports[i]`.
    pub(super) fn prepare(config: &SystemConfig, ports: [u32; 2]) -> Result<Self, Error> {
        Ok(match &config.processor {
            ProcessorConfig::Router => Self::Router(mirror(&ports)?),
            ProcessorConfig::Inspect { patterns } => Self::Inspect(
                Inspector::new(patterns).map_err(|error| Error::Config(error.to_string()))?,
            ),
        })
    }

    /// Starts a thread for each I/O, index = worker, called `name-index`.
    pub(super) fn man<I: Seat>(
        &self,
        crew: &mut Crew,
        ios: Vec<I>,
        name: &str,
        config: &SystemConfig,
    ) -> Result<(), Error> {
        match self {
            Self::Router(mirror) => staff(crew, ios, name, config, |_| router(mirror)),
            Self::Inspect(inspector) => staff(crew, ios, name, config, |_| inspector.clone()),
        }
    }

    /// Whether what the handlers rely on is still there.
    pub(super) fn alive(&self) -> Result<(), Error> {
        match self {
            Self::Router(mirror) => mirror.failure().map_or(Ok(()), |reason| {
                let name = "tables".to_owned();
                Err(Error::Thread { name, reason })
            }),
            Self::Inspect(_) => Ok(()),
        }
    }
}

fn mirror(ports: &[u32]) -> Result<Mirror, Error> {
    Mirror::start(ports, TableLimits::default()).map_err(Error::io("copy the kernel's tables"))
}

fn router(mirror: &Mirror) -> Router {
    let errors = ErrorLimit::default();
    Router::new(mirror.reader(), mirror.asker(), errors, now_ns())
}

fn staff<I: Seat, H: Handler<I> + Processor + Send + 'static>(
    crew: &mut Crew,
    ios: Vec<I>,
    name: &str,
    config: &SystemConfig,
    handler: impl Fn(u16) -> H,
) -> Result<(), Error> {
    for (worker, io) in (0..).zip(ios) {
        let cpu = config.cpu(usize::from(worker));
        crew.enlist(format!("{name}-{worker}"), cpu, io, handler(worker))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::{Model, Published};

    #[test]
    fn every_frame_of_a_router_is_forwarded_or_in_a_line_of_its_losses() {
        let tables = Published::new(Model::new(vec![3, 4], TableLimits::default()).fib());
        let (asker, _asked) = crate::router::Asker::new();
        let mut router = Router::new(tables.reader(), asker, ErrorLimit::default(), 0);
        // No port has a device yet, and each frame is dropped for that.
        let mut bytes = [0; 64];
        for port in [0, 1, 1] {
            let (mut at, mut len) = (0, 60);
            let mut frame = pktio::frame::FrameMut::new(&mut bytes, &mut at, &mut len);
            router.process(pktio::frame::Port(port), &mut frame);
        }
        let tally = router.tally();
        let lost: u64 = tally.losses.iter().map(|(_, frames)| frames).sum();
        let forwarded = tally
            .notes
            .iter()
            .filter(|(name, _)| name.starts_with("forwarded"));
        let forwarded: u64 = forwarded.map(|(_, frames)| frames).sum();
        assert_eq!((lost, forwarded, tally.made), (3, 0, 0));
        assert_eq!(lost + forwarded, router.counters().received);
        assert!(tally.losses.contains(&("drop_no_port".to_owned(), 3)));
    }
}
