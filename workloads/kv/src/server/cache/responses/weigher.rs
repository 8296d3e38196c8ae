//! What a thread finds out about the calls that it executes: which ones cost so much CPU time that their responses are
//! worth keeping.
//!
//! The clock of CPU time is a system call and must not be read for every call. So the first look is at the time of day,
//! for 20 ns: a call that took `min_cost` of it is suspected, for the thread may as well have lost its CPU meanwhile.
//! When a suspected call is executed again, its CPU time is measured; only now its response is offered. So a response
//! is never kept for a call that was made once, which keeps what will not be asked for again out of the cache.

use steering::hash_bytes;
use steering::in_kernel::call::{CallEffect, call_effect};
use steering::in_kernel::response::{LONGEST_CALL, LONGEST_RESPONSE};
use steering::rpc::HEAD_LEN;
use sys::clock::{now_ns, thread_cpu_ns};

use super::offers::{Offer, Offers};
use crate::server::cache::clocks::Clocks;

/// Hashes of calls that are suspected: each has one place, and takes it from whichever was there.
const PLACES: usize = 1 << 12;

/// A clock with what it showed when the call began, ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    /// CLOCK_MONOTONIC.
    Day(u64),
    /// The thread's CPU time.
    Cpu(u64),
}

/// A call that is being executed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weighing {
    hash: u64,
    clocks: u64,
    since: Since,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Weigher {
    suspected: Box<[u64]>,
}

impl Weigher {
    /// One that suspects nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            suspected: vec![0; PLACES].into_boxed_slice(),
        }
    }

    /// A call is about to be executed, whose whole datagram this is. Nothing where its response is not to be kept,
    /// whatever it costs.
    pub(crate) fn begin(&self, datagram: &[u8], clocks: &Clocks) -> Option<Weighing> {
        let about = match call_effect(datagram, 0, datagram.len()).ok()? {
            CallEffect::Computes => None,
            CallEffect::Reads(key) => Some(key),
            CallEffect::Unkept | CallEffect::Writes(_) | CallEffect::Anything => return None,
        };
        let call = &datagram[HEAD_LEN..];
        if call.len() > LONGEST_CALL {
            return None;
        }
        let hash = hash_bytes(call);
        // Before the item is read: what is executed from here on may or may not be in the response.
        let clocks = about.map_or(0, |key| {
            let (own, all) = clocks.read(key);
            own + all
        });
        let since = match self.suspects(hash) {
            true => Since::Cpu(thread_cpu_ns()),
            false => Since::Day(now_ns()),
        };
        Some(Weighing {
            hash,
            clocks,
            since,
        })
    }

    /// The call has been executed with this response (both from behind its id on), which is offered if it cost enough.
    pub(crate) fn end(
        &mut self,
        weighing: Weighing,
        call: &[u8],
        response: &[u8],
        offers: &Offers,
    ) {
        let took_ns = match weighing.since {
            Since::Day(since) => now_ns() - since,
            Since::Cpu(since) => thread_cpu_ns() - since,
        };
        let cost = self.judge(&weighing, took_ns, offers.min_cost_ns);
        if let Some(cost_ns) = cost.filter(|_| response.len() <= LONGEST_RESPONSE) {
            offers.make(Offer {
                call: call.into(),
                response: response.into(),
                clocks: weighing.clocks,
                cost_ns,
                computed_ns: now_ns(),
            });
        }
    }

    fn suspects(&self, hash: u64) -> bool {
        self.suspected[place(hash)] == hash
    }

    /// What the response has cost, if that is known and enough.
    fn judge(&mut self, weighing: &Weighing, took_ns: u64, min_cost_ns: u64) -> Option<u64> {
        let enough = took_ns >= min_cost_ns;
        let place = &mut self.suspected[place(weighing.hash)];
        match weighing.since {
            Since::Day(_) => {
                if enough {
                    *place = weighing.hash;
                }
                None
            }
            Since::Cpu(_) if enough => Some(took_ns),
            Since::Cpu(_) => {
                *place = 0;
                None
            }
        }
    }
}

/// The place of a hash.
const fn place(hash: u64) -> usize {
    (hash >> 20) as usize % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;
    use steering::rpc::{Kind, head, lengths};

    const MIN_NS: u64 = 1_000;

    fn call(name: &[u8], further: &[u8]) -> Vec<u8> {
        let (head, lengths) = (
            head(Kind::Call, 1),
            lengths(name.len(), &[1, 3, further.len()]),
        );
        [&head[..], &lengths, name, b"tkey", further].concat()
    }

    /// Executes a call in so much time; what was offered.
    fn executed(weigher: &mut Weigher, datagram: &[u8], took_ns: u64) -> Option<u64> {
        let weighing = weigher.begin(datagram, &Clocks::new(true)).expect("pure");
        weigher.judge(&weighing, took_ns, MIN_NS)
    }

    #[test]
    fn what_is_expensive_twice_is_offered() {
        let (mut weigher, spin) = (Weigher::new(), call(b"spin", &[0; 4]));
        assert_eq!(executed(&mut weigher, &spin, MIN_NS), None, "suspected");
        assert_eq!(executed(&mut weigher, &spin, MIN_NS), Some(MIN_NS));
        assert_eq!(executed(&mut weigher, &spin, MIN_NS + 5), Some(MIN_NS + 5));
        // The CPU time clears it; what follows begins from the start.
        assert_eq!(executed(&mut weigher, &spin, MIN_NS - 1), None);
        assert_eq!(executed(&mut weigher, &spin, MIN_NS), None);
    }

    #[test]
    fn what_is_cheap_never_is() {
        let (mut weigher, echo) = (Weigher::new(), call(b"echo", b"bytes"));
        for _ in 0..10 {
            assert_eq!(executed(&mut weigher, &echo, MIN_NS - 1), None);
        }
        let other = call(b"echo", b"other");
        assert_eq!(executed(&mut weigher, &other, MIN_NS), None);
        assert_eq!(executed(&mut weigher, &echo, MIN_NS), None, "not the same");
    }

    #[test]
    fn what_changes_or_names_too_little_is_not_weighed() {
        let (weigher, clocks) = (Weigher::new(), Clocks::new(true));
        let long = call(b"echo", &[b'x'; LONGEST_CALL]);
        for datagram in [
            call(b"set", b"v"),
            call(b"scan", b"\0\x01"),
            call(b"new", b""),
            long,
        ] {
            assert!(weigher.begin(&datagram, &clocks).is_none());
        }
        assert!(weigher.begin(b"short", &clocks).is_none());
        let get = weigher.begin(&call(b"get", b""), &clocks).expect("a read");
        assert_eq!(get.clocks, 0);
        let key = hash_bytes(b"key");
        clocks.advance(steering::in_kernel::coherence::clock_of(key));
        let get = weigher.begin(&call(b"get", b""), &clocks).expect("a read");
        assert_eq!(get.clocks, 1);
    }

    #[test]
    fn an_offer_says_what_was_asked_and_answered() {
        let (mut weigher, offers) = (Weigher::new(), Offers::new(0));
        let (spin, clocks) = (call(b"spin", &[0; 4]), Clocks::new(true));
        for _ in 0..2 {
            let weighing = weigher.begin(&spin, &clocks).expect("pure");
            weigher.end(weighing, &spin[HEAD_LEN..], b"\0", &offers);
        }
        let [offer] = offers.take().try_into().expect("one offer");
        assert_eq!(
            (&*offer.call, &*offer.response),
            (&spin[HEAD_LEN..], &b"\0"[..])
        );
        let weighing = weigher.begin(&spin, &clocks).expect("pure");
        weigher.end(
            weighing,
            &spin[HEAD_LEN..],
            &[0; LONGEST_RESPONSE + 1],
            &offers,
        );
        assert!(offers.take().is_empty());
    }
}
