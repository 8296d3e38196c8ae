//! A cache of the responses to expensive calls: "if processing a request needs a lot of CPU cycles, caching the
//! response at NIC level can be beneficial" (ENCP'19, section 3.2; the paper leaves it at that).
//!
//! An XDP program on the server's device, the place of a programmable NIC, in front of the steering program, gives out
//! responses whole, by the bytes of the call. That is an option of the systems that serve calls and no part of
//! `netcache`: what it keeps, by what it finds it, and how it comes to it differ. A NetCache controller asks the store for
//! the values of keys that a sketch finds hot; here only the thread that executed a call knows what it cost and what came
//! of it. So that thread offers the response ([`weigher`], [`offers`]), and this one takes the offers in ([`controller`]).
//! What both caches share is in the modules above.
//!
//! **What is kept.** Responses to functions that are declared to have no effect and to depend on nothing but their
//! arguments, or on their key's item ([`steering::in_kernel::call`]), whose computation took at least `min_cost` of CPU
//! time, for `ttl` at the longest. Where there is no room, a response takes the place of the one that saved least CPU time
//! in the last interval, if that was less than it cost itself.

mod controller;
mod offers;
mod weigher;

use std::sync::{Arc, Mutex};

use loader::{Attached, ServerPorts, Steer};
use serde::{Deserialize, Serialize};
use steering::in_kernel::counters::Outcome;

use super::contents::Contents;
use super::{add_counts, add_program, lock};
use crate::server::ServerError;
use crate::server::config::ServerConfig;
use crate::server::shared::Shared;
use crate::server::snapshot::ServerCounters;
use crate::systems::IoKind;
use controller::{Controller, Counts};
pub(crate) use offers::Offers;
pub(crate) use weigher::{Weigher, Weighing};

/// What counters begin with.
const NAME: &str = "responses";

/// A cache of responses in front of a server of calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponsesConfig {
    /// Responses that it holds.
    pub entries: u32,
    /// CPU time that a response must have cost, ns.
    pub min_cost_ns: u64,
    /// How long it is given out, ns.
    pub ttl_ns: u64,
}

/// The cache, but for its thread.
pub(super) struct Responses {
    program: Arc<Mutex<loader::Responses>>,
    config: ResponsesConfig,
    slots: u32,
    counts: Arc<Counts>,
}

impl Responses {
    pub(super) fn load(
        server: &ServerConfig,
        config: &ResponsesConfig,
    ) -> Result<Self, ServerError> {
        if server.rpc.is_none() || server.io != IoKind::AfXdp {
            let message = "a cache of responses stands before a server of calls, over AF_XDP";
            return Err(ServerError::Config(message.to_owned()));
        }
        let slots = config.entries.saturating_mul(2).saturating_add(64);
        let program = loader::Responses::load(ServerPorts::new(server.port, 1), slots)?;
        Ok(Self {
            program: Arc::new(Mutex::new(program)),
            config: config.clone(),
            slots,
            counts: Arc::default(),
        })
    }

    pub(super) fn attach_before(
        &self,
        next: &Steer,
        ifindex: u32,
    ) -> Result<Attached, ServerError> {
        let mut program = lock(&self.program);
        program.held.before(next)?;
        Ok(program.attach(ifindex)?)
    }

    pub(super) fn controller(&self, shared: &Arc<Shared>) -> Controller {
        let contents = Contents::new(self.config.entries as usize, self.slots);
        Controller::new(
            shared,
            &self.program,
            &self.counts,
            contents,
            self.config.ttl_ns,
        )
    }

    pub(super) fn add_counters(&self, counters: &mut ServerCounters) -> Result<(), ServerError> {
        let outcomes = [
            Outcome::Hit,
            Outcome::GetPassed,
            Outcome::Stale,
            Outcome::Expired,
            Outcome::ReadPassed,
            Outcome::WritePassed,
            Outcome::OtherPassed,
        ];
        let seen = lock(&self.program).counters()?;
        add_program(counters, NAME, &seen, &outcomes);
        let Counts {
            admitted,
            renewed,
            declined,
            evicted,
            entries,
        } = &*self.counts;
        let counts = [
            ("admitted", admitted),
            ("renewed", renewed),
            ("declined", declined),
            ("evicted", evicted),
            ("entries", entries),
        ];
        add_counts(counters, NAME, counts);
        Ok(())
    }
}
