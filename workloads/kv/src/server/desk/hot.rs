//! A thread's part in hot keys ([`crate::server::hot`]): what it holds, gives and throws away.

use std::sync::Arc;

use super::Desk;
use crate::handoff::mesh::Notify;
use crate::protocol::{Global, Single, put_found};
use crate::server::engine::{Access as _, Engine, Use};
use crate::server::hot::{CopyNews, KeyBytes, Part};
use crate::server::message::Message;
use crate::store::Key;

/// What a hot get finds at a thread that is not its key's owner.
pub(crate) enum HotGet {
    /// The reply, from a copy.
    Copied(Arc<[u8]>),
    /// Nothing yet, or no more: the owner is to answer.
    NotHere,
}

impl<F, O, E: Engine> Desk<F, O, E> {
    /// Whether a command that this thread would execute has to wait until others' copies are gone.
    #[inline]
    pub(crate) fn waits_for_copies(&self, hash: u64, request: &[u8], single: &Single) -> bool {
        let Some(hot) = &self.hot else {
            return false;
        };
        hot.homes.has_copies(hash) && single.key_to_read(request).is_none()
    }

    /// Whether a command about all keys has to wait.
    pub(super) fn waits_for_all_copies(&self, global: &Global) -> bool {
        let copies = |hot: &Part<_>| hot.homes.has_any_copies();
        global.changes_items() && self.hot.as_deref().is_some_and(copies)
    }

    /// What there is to a get of a hot key that this thread does not own; nothing where the request is
    /// no such get.
    pub(crate) fn hot_get(&self, hash: u64, request: &[u8], single: &Single) -> Option<HotGet> {
        let hot = self.hot.as_ref()?;
        if !single.is_lone_get() {
            return None;
        }
        match hot.copies.reply(hash, single.key.of(request)) {
            Some(reply) => Some(HotGet::Copied(Arc::clone(reply))),
            None => {
                let spread = self.shared.spread.as_ref()?;
                spread.contains(hash).then_some(HotGet::NotHere)
            }
        }
    }

    /// Gives a request to the owner of its key: into that one's ring, or if it is this thread's own, to
    /// wait until the copies are gone.
    pub(crate) fn pass_on<N: Notify>(&mut self, owner: usize, hash: u64, message: Message<F>) {
        let counts = &self.shared.states[self.me].counts;
        if owner != self.me {
            counts.handoffs.one();
            self.port.send::<N>(owner, message);
            return;
        }
        counts.hot_waits.one();
        let called_back = match &mut self.hot {
            Some(hot) => hot.homes.hold(hash, message),
            None => false,
        };
        if called_back {
            self.withdraw::<N>(hash);
        }
    }

    /// Keeps a command about all keys until no copies are left.
    pub(super) fn hold_for_all<N: Notify>(&mut self, message: Message<F>) {
        self.shared.states[self.me].counts.hot_waits.one();
        let called_back = match &mut self.hot {
            Some(hot) => hot.homes.hold_for_all(message),
            None => Vec::new(),
        };
        for hash in called_back {
            self.withdraw::<N>(hash);
        }
    }

    /// A request for one key was executed here.
    #[inline]
    pub(crate) fn executed(&mut self, hash: u64, request: &[u8], single: &Single) {
        if let Some(hot) = &mut self.hot {
            hot.executed(hash, request, single);
        }
        self.work_on(hash, single);
    }

    /// Takes in what another owner says of copies; returns the requests that need wait no longer.
    pub(crate) fn copy_news<N: Notify>(&mut self, news: CopyNews) -> Vec<Message<F>> {
        let Some(hot) = &mut self.hot else {
            return Vec::new();
        };
        match news {
            CopyNews::Give { hash, key, reply } => hot.copies.keep(hash, key, reply),
            CopyNews::Withdraw { hash, home } => {
                hot.copies.forget(hash);
                let gone = Message::Copy(CopyNews::Gone { hash });
                self.port.send::<N>(home, gone);
            }
            CopyNews::Gone { hash } => return hot.homes.gone(hash),
        }
        Vec::new()
    }

    /// A key that this thread owns is hot, from now on or still.
    pub(crate) fn heat(&mut self, hash: u64, key: &KeyBytes) {
        if let Some(hot) = &mut self.hot {
            hot.homes.heat(hash, key);
        }
    }

    /// A key that this thread owns is no longer hot.
    pub(crate) fn cool<N: Notify>(&mut self, hash: u64) {
        if self.hot.as_mut().is_some_and(|hot| hot.homes.cool(hash)) {
            self.withdraw::<N>(hash);
        }
    }

    /// Gives out copies of hot items that have none, or calls them back where the item has gone.
    pub(crate) fn renew_copies<N: Notify>(&mut self) {
        let new = match &mut self.hot {
            Some(hot) => hot.homes.take_new(),
            None => return,
        };
        for (hash, key) in new {
            let found = self.look_up(&key);
            let Some(hot) = &mut self.hot else { return };
            match found {
                Some((flags, value)) => {
                    if hot.homes.given(hash) {
                        self.give::<N>(hash, &key, flags, &value);
                    }
                }
                None => {
                    if hot.homes.missed(hash) {
                        self.withdraw::<N>(hash);
                    }
                }
            }
        }
    }

    /// Flags and value of an item of this thread's that never expires.
    pub(crate) fn look_up(&mut self, key: &[u8]) -> Option<(u32, Vec<u8>)> {
        let key = Key::new(key)?;
        let hash = self.shared.route(key.bytes(), key.hash());
        let mut shard = self.engine.shard(hash, Use::Write).ok()?;
        shard.lasting(key, self.now)
    }

    /// Counts a sample of gets; from time to time the controller learns of it.
    pub(crate) fn report_gets(&mut self, now_ns: u64) {
        if let Some(hot) = &mut self.hot
            && let Some(counted) = hot.report(now_ns)
        {
            self.shared.states[self.me].counted.put(counted);
        }
    }

    fn give<N: Notify>(&mut self, hash: u64, key: &KeyBytes, flags: u32, value: &[u8]) {
        let mut reply = Vec::new();
        put_found(key, flags, value, None, &mut reply);
        reply.extend_from_slice(b"END\r\n");
        let reply: Arc<[u8]> = Arc::from(reply);
        self.shared.states[self.me].counts.hot_copies.one();
        self.tell_others::<N>(|| CopyNews::Give {
            hash,
            key: KeyBytes::clone(key),
            reply: Arc::clone(&reply),
        });
    }

    fn withdraw<N: Notify>(&mut self, hash: u64) {
        let home = self.me;
        self.shared.states[home].counts.hot_withdrawals.one();
        self.tell_others::<N>(|| CopyNews::Withdraw { hash, home });
    }

    fn tell_others<N: Notify>(&mut self, news: impl Fn() -> CopyNews) {
        let me = self.me;
        for other in (0..self.shared.owners).filter(|other| *other != me) {
            self.port.send::<N>(other, Message::Copy(news()));
        }
    }
}
