//! Requests for several keys: those of others are asked for one by one, or split by owner, one question to
//! each however many keys it has.

use std::sync::Arc;

use super::{Closing, Desk, Gather};
use crate::handoff::mesh::Notify;
use crate::protocol::{Multi, Single};
use crate::server::engine::Engine;
use crate::server::message::{Ask, Content, Message, Pieces, Question, Ticket};
use crate::systems::MultiKey;

impl<F, O, E: Engine> Desk<F, O, E> {
    /// Works on a get of several keys; whether it is complete.
    pub(super) fn several<N: Notify>(
        &mut self,
        number: usize,
        request: &Arc<[u8]>,
        at: usize,
        multi: Multi,
    ) -> bool {
        self.shared.states[self.me].counts.executed_multi.one();
        let parts = multi.parts(&request[at..]);
        self.keys::<N>(number, request, at, parts, Closing::Trailer(multi))
    }

    /// Executes what of `keys` is served here and asks for the others; whether there are none.
    pub(super) fn keys<N: Notify>(
        &mut self,
        number: usize,
        request: &Arc<[u8]>,
        at: usize,
        keys: impl Iterator<Item = Single>,
        closing: Closing,
    ) -> bool {
        let mut gather = Gather::of(0, closing);
        let mut foreign = Vec::new();
        for (part, single) in keys.enumerate() {
            let mut bytes = Vec::new();
            let content = match self.execute(&request[at..], &single, &mut bytes) {
                Ok(()) => {
                    let counts = &self.shared.states[self.me].counts;
                    counts.executed_part(&single);
                    Some(Content::Bytes(bytes))
                }
                Err(owner) => {
                    foreign.push((owner, part, single));
                    None
                }
            };
            gather.answers.push(content);
        }
        gather.missing = foreign.len();
        self.expect(number, gather);
        match self.shared.multi_key {
            // Commands of several in one datagram, and what comes over TCP, have no copies.
            MultiKey::Handoff | MultiKey::Duplicate => {
                for (owner, part, single) in foreign {
                    self.ask::<N>(owner, number, part, request, at, Question::One(single));
                }
            }
            MultiKey::Split | MultiKey::Balanced => {
                self.ask_by_owner::<N>(number, request, at, foreign);
            }
        }
        self.closed_already(number)
    }

    /// Asks each owner of `foreign` (owner, part, what is asked) for all of its keys at once.
    fn ask_by_owner<N: Notify>(
        &mut self,
        job: usize,
        request: &Arc<[u8]>,
        at: usize,
        mut foreign: Vec<(usize, usize, Single)>,
    ) {
        foreign.sort_unstable_by_key(|(owner, part, _)| (*owner, *part));
        for keys in foreign.chunk_by(|one, other| one.0 == other.0) {
            let parts = keys.iter().map(|(_, part, single)| (*part, *single));
            let what = Question::Several(parts.collect());
            // The parts have numbers of their own.
            self.ask::<N>(keys[0].0, job, 0, request, at, what);
        }
    }

    /// Executes `parts` of another thread's get, as many as are served here. The others, whose slots
    /// have moved meanwhile, are passed on one by one. Nothing where none is served here.
    pub(super) fn serve_several<N: Notify>(
        &mut self,
        ask: &Ask,
        parts: &[(usize, Single)],
    ) -> Option<Pieces> {
        let mut pieces = Pieces::default();
        for (part, single) in parts {
            let request = &ask.request[ask.at..];
            match self.execute(request, single, &mut pieces.bytes) {
                Ok(()) => {
                    let counts = &self.shared.states[self.me].counts;
                    counts.executed_part(single);
                    pieces.ends.push((*part, pieces.bytes.len()));
                }
                Err(owner) => {
                    let one = Ask {
                        ticket: Ticket {
                            part: *part,
                            ..ask.ticket
                        },
                        request: Arc::clone(&ask.request),
                        at: ask.at,
                        what: Question::One(*single),
                    };
                    let hash = single.store_hash(request);
                    self.pass_on::<N>(owner, hash, Message::Ask(one));
                }
            }
        }
        (!pieces.ends.is_empty()).then_some(pieces)
    }
}
