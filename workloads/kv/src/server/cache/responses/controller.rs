//! What the thread does that fills a cache of responses.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use loader::Responses;
use steering::hash::hash_bytes;
use steering::in_kernel::response::response_of;
use sys::clock::now_ns;

use super::offers::Offer;
use crate::server::cache::contents::Contents;
use crate::server::cache::{INTERVAL, lock};
use crate::server::shared::Shared;

/// What the controller counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Responses that were not there before.
    pub(super) admitted: AtomicU64,
    /// Of these calls the response was there, and did not hold any more.
    pub(super) renewed: AtomicU64,
    /// Offers that would have saved less than what they had to replace.
    pub(super) declined: AtomicU64,
    /// Responses that gave way to others.
    pub(super) evicted: AtomicU64,
    /// Responses that are there.
    pub(super) entries: AtomicU64,
}

impl Counts {
    fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// The thread that fills the cache.
pub(in crate::server::cache) struct Controller {
    shared: Arc<Shared>,
    program: Arc<Mutex<Responses>>,
    counts: Arc<Counts>,
    contents: Contents,
    ttl_ns: u64,
    /// When what is there expires, by the hash of its call.
    expires: HashMap<u64, u64>,
    /// The same in the order of time, and what is not there any more.
    expiring: VecDeque<(u64, u64)>,
    interval_from: Instant,
}

impl Controller {
    /// A controller of an empty cache.
    pub(super) fn new(
        shared: &Arc<Shared>,
        program: &Arc<Mutex<Responses>>,
        counts: &Arc<Counts>,
        contents: Contents,
        ttl_ns: u64,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            program: Arc::clone(program),
            counts: Arc::clone(counts),
            contents,
            ttl_ns,
            expires: HashMap::new(),
            expiring: VecDeque::new(),
            interval_from: Instant::now(),
        }
    }

    /// One look at what was offered and what has expired.
    ///
    /// # Errors
    /// When a map cannot be read or written.
    pub(in crate::server::cache) fn round(&mut self) -> Result<(), loader::Error> {
        let shared = Arc::clone(&self.shared);
        let Some(offers) = &shared.offers else {
            return Ok(());
        };
        let program = Arc::clone(&self.program);
        let mut program = lock(&program);
        self.expire(&mut program)?;
        for offer in offers.take() {
            self.take(&mut program, &offer)?;
        }
        if self.interval_from.elapsed() >= INTERVAL {
            self.interval_from = Instant::now();
            self.contents.interval(program.held.hits()?);
        }
        drop(program);
        if self.contents.needs_grace() {
            loader::grace_period()?;
            self.contents.reclaim();
        }
        let entries = self.contents.len() as u64;
        self.counts.entries.store(entries, Ordering::Relaxed);
        Ok(())
    }

    /// Takes an offer in, if it is worth its place.
    fn take(&mut self, program: &mut Responses, offer: &Offer) -> Result<(), loader::Error> {
        let hash = hash_bytes(&offer.call);
        let counts = Arc::clone(&self.counts);
        let there = self.contents.clock_of(&offer.call);
        // The same call was under way several times, and one that began later may have been offered before.
        if there.is_some_and(|clocks| clocks >= offer.clocks) {
            return Ok(());
        }
        if there.is_none() && !self.contents.wants(hash, offer.cost_ns) {
            Counts::count(&counts.declined);
            return Ok(());
        }
        let expires_ns = offer.computed_ns.saturating_add(self.ttl_ns);
        let response = response_of(&offer.call, &offer.response, offer.clocks, expires_ns);
        let Some(response) = response else {
            return Ok(());
        };
        let admitted = (self.contents).admit(&offer.call, offer.clocks, offer.cost_ns);
        let Some(admitted) = admitted else {
            return Ok(());
        };
        if let Some(evicted) = admitted.evicted {
            program.held.withdraw(evicted)?;
            self.expires.remove(&evicted);
            Counts::count(&counts.evicted);
        }
        program.held.write(admitted.slot, response)?;
        program.held.publish(hash, admitted.slot)?;
        self.expires.insert(hash, expires_ns);
        self.expiring.push_back((expires_ns, hash));
        Counts::count(match there {
            None => &counts.admitted,
            Some(_) => &counts.renewed,
        });
        Ok(())
    }

    /// Makes room: the program gives expired responses out no more, whether or not they are still there.
    fn expire(&mut self, program: &mut Responses) -> Result<(), loader::Error> {
        let now_ns = now_ns();
        while let Some((expires_ns, hash)) = self.expiring.front().copied() {
            if expires_ns > now_ns {
                break;
            }
            self.expiring.pop_front();
            // Its call may have been answered anew since.
            if self.expires.get(&hash) == Some(&expires_ns) {
                self.expires.remove(&hash);
                program.held.withdraw(hash)?;
                self.contents.remove(hash);
            }
        }
        Ok(())
    }
}
