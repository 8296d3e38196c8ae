//! A cache in the path of the server: of items ([`items`]), or of responses to calls ([`responses`]).
//!
//! Both are an XDP program that answers what it can and hands on what it cannot, and a thread of the server that fills
//! its maps. What is in them and what gives way to what is decided by [`contents`]; when it may be given out, by
//! [`steering::in_kernel::coherence`], for which the server counts the writes that it has executed ([`clocks`]).

pub(crate) mod clocks;
mod contents;
mod controller;
mod filler;
mod items;
mod on_switch;
mod responses;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use loader::{AnswerCounters, Attached, Steer};
use steering::in_kernel::counters::Outcome;

use super::config::ServerConfig;
use super::gate::Gate;
use super::shared::Shared;
use super::snapshot::{DropLine, ServerCounters};
use super::{ServerError, ThreadInfo};
use filler::Filler;
pub use items::CacheConfig;
pub(crate) use items::{Asked, Found};
pub use on_switch::SwitchPorts;
pub use responses::ResponsesConfig;
pub(crate) use responses::{Offers, Weigher, Weighing};

/// How long statistics gather: NetCache's second, shorter as trials are.
const INTERVAL: Duration = Duration::from_millis(100);

/// What a cache holds.
enum Holds {
    Items(Box<items::Items>),
    Responses(responses::Responses),
}

/// The cache, seen from the control thread.
pub(crate) struct Cache {
    holds: Holds,
    filler: Filler,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let holds = match &self.holds {
            Holds::Items(_) => "items",
            Holds::Responses(_) => "responses",
        };
        f.debug_struct("Cache")
            .field("holds", &holds)
            .finish_non_exhaustive()
    }
}

impl Cache {
    /// Loads the program, if a cache is asked for.
    ///
    /// # Errors
    /// When two are, it cannot be before this server, or the program is refused.
    pub(crate) fn load(config: &ServerConfig) -> Result<Option<Self>, ServerError> {
        let (holds, name) = match (&config.cache, &config.responses) {
            (None, None) => return Ok(None),
            (Some(cache), None) => {
                let items = items::Items::load(config, cache)?;
                (Holds::Items(Box::new(items)), "netcache")
            }
            (None, Some(cache)) => {
                let responses = responses::Responses::load(config, cache)?;
                (Holds::Responses(responses), "responses")
            }
            (Some(_), Some(_)) => {
                let message = "a server has one cache in its path, of items or of responses";
                return Err(ServerError::Config(message.to_owned()));
            }
        };
        let filler = Filler::new(name);
        Ok(Some(Self { holds, filler }))
    }

    /// Attaches the program to the device, in front of `program`; nothing where the cache is elsewhere.
    ///
    /// # Errors
    /// When the driver has no native XDP, or the kernel does not let the one program call the other.
    pub(crate) fn attach_before(
        &self,
        program: &Steer,
        ifindex: u32,
    ) -> Result<Option<Attached>, ServerError> {
        match &self.holds {
            Holds::Items(items) => items.attach_before(program, ifindex),
            Holds::Responses(responses) => responses.attach_before(program, ifindex).map(Some),
        }
    }

    /// Puts the program in the path where that is a switch; the server's own is attached by now.
    ///
    /// # Errors
    /// When the switch does not take it.
    pub(crate) fn attach(&mut self) -> Result<(), ServerError> {
        match &mut self.holds {
            Holds::Items(items) => items.attach(),
            Holds::Responses(_) => Ok(()),
        }
    }

    /// Takes it out of the path again.
    pub(crate) fn detach(&mut self) {
        match &mut self.holds {
            Holds::Items(items) => items.detach(),
            Holds::Responses(_) => {}
        }
    }

    /// Starts the controller; the owners serve by now.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(crate) fn start(&mut self, shared: &Arc<Shared>) -> Result<(), ServerError> {
        match &self.holds {
            Holds::Items(items) => {
                let mut controller = items.controller(shared);
                self.filler.start(shared, move || controller.round())
            }
            Holds::Responses(responses) => {
                let mut controller = responses.controller(shared);
                self.filler.start(shared, move || controller.round())
            }
        }
    }

    /// The controller, once it runs.
    pub(crate) fn thread(&self) -> Option<ThreadInfo> {
        self.filler.thread()
    }

    /// Ends the controller as if it had died, and waits for that.
    pub(crate) fn end_controller(&self) {
        self.filler.end();
    }

    /// Fails when the controller has ended, with why if it said so.
    pub(crate) fn alive(&self, gate: &Gate) -> Result<(), ServerError> {
        self.filler.alive(gate)
    }

    /// Adds what program and controller counted. Replies that the device lost are not among it.
    ///
    /// # Errors
    /// When a counter cannot be read.
    pub(crate) fn add_counters(&self, counters: &mut ServerCounters) -> Result<(), ServerError> {
        match &self.holds {
            Holds::Items(items) => items.add_counters(counters),
            Holds::Responses(responses) => responses.add_counters(counters),
        }
    }
}

/// Adds what the program of this name counted: its drops, these outcomes, and what it answered.
fn add_program(
    counters: &mut ServerCounters,
    program: &str,
    seen: &AnswerCounters,
    outcomes: &[Outcome],
) {
    counters.answered_in_path = seen.of(Outcome::Hit);
    let line = |name: &str, requests| DropLine {
        name: format!("{program}_{name}"),
        requests,
        source: format!("counter of the {program} program"),
    };
    let by_reason = seen.drops.iter();
    let by_reason = by_reason.map(|(reason, frames)| line(reason.name(), *frames));
    let no_room = line(Outcome::NoHeadroom.name(), seen.of(Outcome::NoHeadroom));
    counters.drops.extend(by_reason.chain([no_room]));
    let outcomes = outcomes.iter();
    let outcomes = outcomes.map(|it| (format!("{program}_{}", it.name()), seen.of(*it)));
    counters.related.extend(outcomes);
}

/// Adds what a controller counted.
fn add_counts<const N: usize>(
    counters: &mut ServerCounters,
    program: &str,
    counts: [(&str, &AtomicU64); N],
) {
    let named = counts.map(|(name, count)| {
        let count = count.load(Ordering::Relaxed);
        (format!("{program}_{name}"), count)
    });
    counters.related.extend(named);
}

fn lock<T>(program: &Mutex<T>) -> MutexGuard<'_, T> {
    program.lock().unwrap_or_else(PoisonError::into_inner)
}
