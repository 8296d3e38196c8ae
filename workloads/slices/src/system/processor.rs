//! What a system's threads do to frames: one handler a thread, made by the one match over the configuration, and what
//! each of them tells of its frames.

use std::collections::BTreeMap;

use pktio::packet::dispatch::Reader;
use pktio::worker::Handler;
use sys::clock::now_ns;

use crate::gateway::{Gateway, GatewayConfig};
use crate::inspect::Inspector;
use crate::proxy::{Proxy, ProxyConfig};
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
    /// For how long those had been missing that were found missing: the highest time of each bucket of a histogram, ns, and how
    /// many.
    pub(super) recovery_ns: BTreeMap<u64, u64>,
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

/// The counter of a router's frames that the kernel sent another way than the mirror would have, of those that were compared.
pub const NEXT_LINKS_DISAGREED: &str = "next_links_disagreed";

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
        // One frame is gone, and fragments have taken its place.
        tally.made += counters.fragments;
        tally.lose("fragmented", counters.fragmented);
        tally.note("fragments", counters.fragments);
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
        tally.note("routed_by_kernel", counters.by_kernel);
        tally.note("routed_by_mirror", counters.by_mirror);
        tally.note("next_links_checked", counters.links_checked);
        tally.note(NEXT_LINKS_DISAGREED, counters.links_disagreed);
        tally
    }
}

impl Processor for Inspector {
    fn tally(&self) -> Tally {
        let (counters, mut tally) = (self.counters(), Tally::default());
        tally.lose("no_other_port", counters.no_other_port);
        tally.note("inspected", counters.inspected);
        tally.note("inspected_bytes", counters.bytes);
        tally.note("not_ip", counters.not_ip);
        tally.note("frames_with_match", counters.frames_with_match);
        tally.note("matches", counters.matches.iter().sum());
        tally
    }
}

impl<F> Processor for Gateway<F> {
    fn tally(&self) -> Tally {
        let counters = self.counters();
        let mut tally = Tally {
            made: counters.errors() + counters.fragments(),
            losses: counters.losses().collect(),
            ..Tally::default()
        };
        tally.note("tunnelled", counters.tunnelled);
        tally.note("fragments", counters.fragments());
        tally.note("errors_lost", counters.errors_lost);
        tally
    }
}

impl Processor for Proxy {
    fn tally(&self) -> Tally {
        let counters = self.counters();
        let mut tally = Tally {
            made: counters.made() + counters.fragments(),
            recovered: counters.recovered,
            recovery_ns: self.delays().buckets(),
            ..Tally::default()
        };
        for (name, frames) in counters.losses() {
            // The other proxy's repairs end here, and are none of the traffic.
            if name == REPAIRS {
                tally.note("repairs_received", frames);
            } else {
                tally.lose(name, frames);
            }
        }
        tally.note("repairs_made", counters.encoder.repairs);
        tally.note("data_encoded", counters.encoder.data);
        tally.note("data_decoded", counters.decoder.data);
        tally.note("not_recovered", counters.lost_for_good());
        tally.note("resynchronised", counters.decoder.resynchronised);
        tally
    }
}

/// The line of a proxy's ledger that is not about frames of the traffic.
const REPAIRS: &str = "repairs";

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
    Inspect(Vec<String>),
    Ipsec(GatewayConfig, Mirror),
    Maelstrom(ProxyConfig, Mirror),
}

impl Processing {
    /// Checks the configuration and reads the tables. Port `i` is the device with the kernel's number `ports[i]`.
    pub(super) fn prepare(config: &SystemConfig, ports: [u32; 2]) -> Result<Self, Error> {
        Ok(match &config.processor {
            ProcessorConfig::Router => Self::Router(mirror(&ports)?),
            ProcessorConfig::Inspect { patterns } => {
                Inspector::new(patterns).map_err(Error::config)?;
                Self::Inspect(patterns.clone())
            }
            ProcessorConfig::Ipsec(gateway) => {
                gateway.outbound(0).check().map_err(Error::config)?;
                Self::Ipsec(gateway.clone(), mirror(&ports)?)
            }
            ProcessorConfig::Maelstrom(proxy) => {
                proxy.code().check().map_err(Error::config)?;
                Self::Maelstrom(proxy.clone(), mirror(&ports)?)
            }
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
        let workers = ios.len();
        match self {
            Self::Router(mirror) => staff(crew, ios, routers(mirror, workers), name, config),
            Self::Inspect(patterns) => {
                let inspectors = ios.iter().map(|_| Inspector::new(patterns));
                let inspectors = inspectors.collect::<Result<Vec<_>, _>>();
                staff(crew, ios, inspectors.map_err(Error::config)?, name, config)
            }
            Self::Ipsec(gateway, mirror) => {
                let routers = routers(mirror, workers);
                let gateways = Gateway::<I::Frame>::of_workers(gateway, routers);
                staff(crew, ios, gateways.map_err(Error::config)?, name, config)
            }
            Self::Maelstrom(proxy, mirror) => {
                let proxies = routers(mirror, workers).into_iter();
                let proxies = proxies.map(|router| Proxy::new(proxy, router));
                let proxies = proxies.collect::<Result<Vec<_>, _>>();
                staff(crew, ios, proxies.map_err(Error::config)?, name, config)
            }
        }
    }

    /// Whether what the handlers rely on is still there.
    pub(super) fn alive(&self) -> Result<(), Error> {
        match self {
            Self::Inspect(_) => Ok(()),
            Self::Router(mirror) | Self::Ipsec(_, mirror) | Self::Maelstrom(_, mirror) => {
                mirror.failure().map_or(Ok(()), |reason| {
                    let name = "tables".to_owned();
                    Err(Error::Thread { name, reason })
                })
            }
        }
    }
}

fn mirror(ports: &[u32]) -> Result<Mirror, Error> {
    Mirror::start(ports, TableLimits::default()).map_err(Error::io("copy the kernel's tables"))
}

fn routers(mirror: &Mirror, workers: usize) -> Vec<Router> {
    let router = |_| {
        let errors = ErrorLimit::default();
        Router::new(mirror.reader(), mirror.asker(), errors, now_ns())
    };
    (0..workers).map(router).collect()
}

fn staff<I: Seat, H: Handler<I> + Processor + Send + 'static>(
    crew: &mut Crew,
    ios: Vec<I>,
    handlers: Vec<H>,
    name: &str,
    config: &SystemConfig,
) -> Result<(), Error> {
    for (worker, (io, handler)) in ios.into_iter().zip(handlers).enumerate() {
        crew.enlist(format!("{name}-{worker}"), config.cpu(worker), io, handler)?;
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
