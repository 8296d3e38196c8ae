//! Asking for the hardware addresses of neighbours, without waiting and without asking for the same one again
//! and again.

use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::hashing::Seeded;

/// A neighbour that somebody is to resolve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Question {
    /// The kernel's number of the device that it is behind.
    pub device: u32,
    /// Its address.
    pub address: IpAddr,
}

/// Questions that wait; more are not asked.
pub(super) const WAITING: usize = 256;
/// A question is not asked again earlier than after this time.
const PAUSE_NS: u64 = 500_000_000;
/// Questions that are remembered. Of two that share a place, the older is forgotten and may be asked early.
const REMEMBERED: usize = 64;

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// It was passed on.
    Now,
    /// It was asked a moment ago.
    Already,
    /// Too many wait, or nobody listens.
    Refused,
}

/// One thread's questions.
#[derive(Debug)]
pub struct Asker {
    questions: SyncSender<Question>,
    recent: Box<[Option<(Question, u64)>; REMEMBERED]>,
    seed: Seeded,
}

impl Asker {
    /// An asker, and where its questions arrive.
    #[must_use]
    pub fn new() -> (Self, Receiver<Question>) {
        let (questions, asked) = sync_channel(WAITING);
        (Self::to(questions), asked)
    }

    /// An asker whose questions go there.
    #[must_use]
    pub fn to(questions: SyncSender<Question>) -> Self {
        Self {
            questions,
            recent: Box::new([None; REMEMBERED]),
            seed: Seeded::default(),
        }
    }

    pub(super) fn ask(&mut self, question: Question, now_ns: u64) -> Asked {
        let place = (self.seed.hash_one(question) % REMEMBERED as u64) as usize;
        if let Some((earlier, at_ns)) = self.recent[place]
            && earlier == question
            && now_ns.saturating_sub(at_ns) < PAUSE_NS
        {
            return Asked::Already;
        }
        if self.questions.try_send(question).is_err() {
            return Asked::Refused;
        }
        self.recent[place] = Some((question, now_ns));
        Asked::Now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(last: u8) -> Question {
        Question {
            device: 3,
            address: IpAddr::from([10, 0, 0, last]),
        }
    }

    #[test]
    fn a_question_is_asked_once_in_a_while() {
        let (mut asker, asked) = Asker::new();
        assert_eq!(asker.ask(question(1), 5), Asked::Now);
        assert_eq!(asker.ask(question(1), 6), Asked::Already);
        assert_eq!(asker.ask(question(1), 5 + PAUSE_NS), Asked::Now);
        assert_eq!(asked.try_iter().collect::<Vec<_>>(), [question(1); 2]);
        drop(asked);
        assert_eq!(asker.ask(question(2), 7), Asked::Refused);
    }

    #[test]
    fn too_many_are_refused_and_not_waited_for() {
        let (mut asker, asked) = Asker::new();
        for round in 0..WAITING as u64 {
            assert_eq!(asker.ask(question(1), round * PAUSE_NS), Asked::Now);
        }
        let later = WAITING as u64 * PAUSE_NS;
        assert_eq!(asker.ask(question(1), later), Asked::Refused);
        asked.recv().unwrap();
        assert_eq!(asker.ask(question(1), later), Asked::Now);
    }
}
