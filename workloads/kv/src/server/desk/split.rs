//! Gets of several keys split by owner: one question to each, however many keys it has.

use std::sync::Arc;

use super::Desk;
use crate::handoff::mesh::Notify;
use crate::protocol::Single;
use crate::server::engine::Engine;
use crate::server::message::{Ask, Message, Pieces, Question, Ticket};

impl<F, O, E: Engine> Desk<F, O, E> {
    /// Asks each owner of `foreign` (owner, part, what is asked) for all of its keys at once.
    pub(super) fn ask_by_owner<N: Notify>(
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
                    counts.executed_multi_key.one();
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
