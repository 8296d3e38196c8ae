//! Meta commands: execution and replies.

use base64::Engine as _;

use super::ascii::TOO_LARGE;
use super::line::Words;
use super::meta::{BASE64, Flags, decode_key};
use super::request::{MetaOp, MetaVerb, Single};
use super::sink::Sink;
use crate::store::{
    Annotation, Delta, DeltaError, KEY_LIMIT, Key, Store, StoreMode, StoreRequest, Stored, deadline,
};

/// One meta command under execution.
struct Meta<'a, T, S> {
    shard: &'a mut T,
    op: &'a MetaOp,
    words: &'a [u8],
    flags: Flags,
    key: Key<'a>,
    now: u32,
    sink: &'a mut S,
}

/// Runs the meta command `op` of `single` and writes its reply.
pub(super) fn execute<S: Sink>(
    shard: &mut impl Store,
    request: &[u8],
    single: &Single,
    op: &MetaOp,
    now: u32,
    sink: &mut S,
) {
    let (text, words) = (single.key.of(request), op.flags.of(request));
    let mut room = [0; KEY_LIMIT];
    let key = if op.base64 {
        decode_key(text, &mut room).and_then(Key::new)
    } else {
        Key::with_hash(text, single.hash)
    };
    let flags = if op.verb == MetaVerb::Debug {
        Ok(Flags {
            base64: op.base64,
            ..Flags::default()
        })
    } else {
        Flags::read(words, text)
    };
    // Parsing refused what fails here: this is for a request that is not the one parsed.
    let (Some(key), Ok(flags)) = (key, flags) else {
        return sink.put(b"ERROR\r\n");
    };
    let mut meta = Meta {
        shard,
        op,
        words,
        flags,
        key,
        now,
        sink,
    };
    match op.verb {
        MetaVerb::Get => meta.get(),
        MetaVerb::Set => meta.set(op.value.of(request)),
        MetaVerb::Delete => meta.delete(),
        MetaVerb::Arithmetic => meta.arithmetic(),
        MetaVerb::Debug => meta.debug(),
    }
}

/// The item's state while the flags of a get or an arithmetic command are worked off in order.
struct Progress {
    created: bool,
    won: bool,
    deadline: u32,
}

impl<T: Store, S: Sink> Meta<'_, T, S> {
    fn deadline(&self, exptime: i32) -> u32 {
        deadline(i64::from(exptime), self.now)
    }

    fn letter(&mut self, letter: u8) {
        self.sink.put(&[b' ', letter]);
    }

    fn numbered(&mut self, letter: u8, number: u64) {
        self.letter(letter);
        self.sink.put_number(number);
    }

    fn put_key(&mut self, key: &[u8], base64: bool) {
        self.letter(b'k');
        if base64 {
            let mut text = [0; KEY_LIMIT.div_ceil(3) * 4];
            let len = BASE64.encode_slice(key, &mut text).unwrap_or(0);
            self.sink.put(&text[..len]);
            self.sink.put(b" b");
        } else {
            self.sink.put(key);
        }
    }

    /// Status and end of line, with the tokens that every reply repeats.
    fn finish(&mut self, status: &[u8]) {
        self.sink.put(status);
        let (words, key) = (self.words, self.key);
        for word in Words::new(words) {
            match word[0] {
                b'O' => {
                    self.sink.put(b" ");
                    self.sink.put(word);
                }
                b'k' => self.put_key(key.bytes(), self.flags.base64),
                _ => {}
            }
        }
        self.sink.put(b"\r\n");
    }

    fn put_time_left(&mut self, deadline: u32) {
        if deadline == 0 {
            self.letter(b't');
            self.sink.put(b"-1");
        } else {
            self.numbered(b't', u64::from(deadline.saturating_sub(self.now)));
        }
    }

    fn get(&mut self) {
        let found = self.shard.locate(self.key, self.now);
        let created = found.is_none() && self.flags.vivify.is_some();
        let handle = if created { self.vivify() } else { found };
        let Some(handle) = handle else {
            self.shard.counters_mut().get_misses += 1;
            if !self.flags.quiet {
                self.finish(b"EN");
            }
            return;
        };
        let item = self.shard.item(handle);
        let (facts, len) = (item.facts, item.value.len());
        if self.flags.value {
            self.sink.put(b"VA ");
            self.sink.put_number(len as u64);
        } else {
            self.sink.put(b"HD");
        }
        let mut progress = Progress {
            created,
            won: false,
            deadline: facts.deadline,
        };
        let words = self.words;
        for word in Words::new(words) {
            self.get_flag(handle, word, &mut progress);
        }
        if facts.token_sent {
            self.letter(b'Z');
        }
        if facts.stale {
            self.letter(b'X');
            progress.won |= !facts.token_sent;
        }
        if progress.won {
            self.letter(b'W');
        }
        self.sink.put(b"\r\n");
        self.shard.annotate(
            handle,
            Annotation {
                deadline: progress.deadline,
                stale: facts.stale,
                token_sent: facts.token_sent || progress.won,
            },
        );
        if !self.flags.no_update {
            self.shard.bump(handle, self.now);
        }
        if self.flags.exptime.is_some() {
            self.shard.counters_mut().touch_hits += 1;
        } else {
            self.shard.counters_mut().get_hits += 1;
        }
        if self.flags.value {
            self.sink.put(self.shard.item(handle).value);
            self.sink.put(b"\r\n");
        }
    }

    fn get_flag(&mut self, handle: T::Handle, word: &[u8], progress: &mut Progress) {
        let item = self.shard.item(handle);
        let (facts, len) = (item.facts, item.value.len());
        match word[0] {
            b'T' => progress.deadline = self.deadline(self.flags.exptime.unwrap_or(0)),
            b'N' if progress.created => {
                progress.deadline = self.deadline(self.flags.vivify.unwrap_or(0));
                progress.won = true;
            }
            b'R' => {
                let limit = self.deadline(self.flags.recache.unwrap_or(0));
                let open = !facts.token_sent && !progress.created;
                progress.won |= open && progress.deadline != 0 && progress.deadline < limit;
            }
            b's' => self.numbered(b's', len as u64),
            b't' => self.put_time_left(progress.deadline),
            b'c' => self.numbered(b'c', facts.cas),
            b'f' => self.numbered(b'f', u64::from(facts.flags)),
            b'l' => self.numbered(b'l', u64::from(self.now.saturating_sub(facts.accessed))),
            b'h' => self.numbered(b'h', u64::from(facts.fetched)),
            b'O' => {
                self.sink.put(b" ");
                self.sink.put(word);
            }
            b'k' => {
                let key = self.key;
                self.put_key(key.bytes(), facts.key_binary);
            }
            _ => {}
        }
    }

    /// Makes an empty item that never expires.
    fn vivify(&mut self) -> Option<T::Handle> {
        let sets = self.shard.counters().cmd_set;
        self.shard
            .store(&StoreRequest::set(self.key, b""), self.now);
        self.shard.counters_mut().cmd_set = sets;
        self.shard.locate(self.key, self.now)
    }

    fn set(&mut self, value: &[u8]) {
        if self.op.too_large {
            self.shard.refuse_too_large(self.key, true, self.now);
            return self.error(TOO_LARGE);
        }
        let cas = self.flags.cas;
        let mode = match self.flags.mode {
            Some(b'E') => StoreMode::Add,
            Some(b'A') => StoreMode::Append,
            Some(b'P') => StoreMode::Prepend,
            _ if cas.is_some() => StoreMode::Cas,
            Some(b'R') => StoreMode::Replace,
            Some(_) | None => StoreMode::Set,
        };
        let stored = self.shard.store(
            &StoreRequest {
                mode,
                key: self.key,
                value,
                flags: self.flags.client_flags,
                deadline: self.deadline(self.flags.exptime.unwrap_or(0)),
                cas: cas.unwrap_or(0),
                invalidate: self.flags.invalidate,
                key_binary: self.flags.base64,
            },
            self.now,
        );
        let (status, cas): (&[u8], u64) = match stored {
            Stored::Stored { .. } if self.flags.quiet => return,
            Stored::Stored { cas } => (b"HD", cas),
            Stored::Exists => (b"EX", 0),
            Stored::NotFound => (b"NF", 0),
            Stored::NotStored => (b"NS", 0),
            Stored::TooLarge => return self.error(TOO_LARGE),
            Stored::NoMemory => return self.error("SERVER_ERROR out of memory storing object"),
        };
        self.sink.put(status);
        let (words, key) = (self.words, self.key);
        for word in Words::new(words) {
            match word[0] {
                b'O' => {
                    self.sink.put(b" ");
                    self.sink.put(word);
                }
                b'k' => self.put_key(key.bytes(), self.flags.base64),
                b'c' => self.numbered(b'c', cas),
                _ => {}
            }
        }
        self.sink.put(b"\r\n");
    }

    fn delete(&mut self) {
        let Some(handle) = self.shard.locate(self.key, self.now) else {
            self.shard.counters_mut().delete_misses += 1;
            return self.finish(b"NF");
        };
        let facts = self.shard.item(handle).facts;
        if self.flags.cas.is_some_and(|cas| cas != facts.cas) {
            self.shard.counters_mut().delete_misses += 1;
            return self.finish(b"EX");
        }
        if self.flags.invalidate {
            let exptime = self.flags.exptime.map(|exptime| self.deadline(exptime));
            let deadline = exptime.unwrap_or(facts.deadline);
            self.shard.annotate(
                handle,
                Annotation {
                    deadline,
                    stale: true,
                    token_sent: false,
                },
            );
            self.shard.renew_cas(handle);
        } else {
            self.shard.counters_mut().delete_hits += 1;
            self.shard.unlink(handle);
        }
        if !self.flags.quiet {
            self.finish(b"HD");
        }
    }

    fn arithmetic(&mut self) {
        let up = !matches!(self.flags.mode, Some(b'D' | b'-'));
        let (by, cas) = (self.flags.delta.unwrap_or(1), self.flags.cas.unwrap_or(0));
        match self.shard.delta(self.key, up, by, cas, self.now) {
            Ok(delta) => self.arithmetic_reply(delta, false),
            Err(DeltaError::NonNumeric) => {
                self.error("CLIENT_ERROR cannot increment or decrement non-numeric value");
            }
            Err(DeltaError::NoMemory) => self.error("SERVER_ERROR out of memory"),
            Err(DeltaError::Exists) => self.finish(b"EX"),
            Err(DeltaError::NotFound) if self.flags.vivify.is_some() => {
                let number = self.flags.initial;
                let text = number.to_string();
                let request = StoreRequest {
                    mode: StoreMode::Add,
                    ..StoreRequest::set(self.key, text.as_bytes())
                };
                match self.shard.store(&request, self.now) {
                    Stored::Stored { cas } => self.arithmetic_reply(Delta { number, cas }, true),
                    Stored::NotStored
                    | Stored::Exists
                    | Stored::NotFound
                    | Stored::TooLarge
                    | Stored::NoMemory => {
                        self.error("SERVER_ERROR Out of memory allocating new item");
                    }
                }
            }
            Err(DeltaError::NotFound) => {
                let counters = self.shard.counters_mut();
                let misses = if up {
                    &mut counters.incr_misses
                } else {
                    &mut counters.decr_misses
                };
                *misses += 1;
                self.finish(b"NF");
            }
        }
    }

    fn arithmetic_reply(&mut self, delta: Delta, created: bool) {
        let Some(handle) = self.shard.locate(self.key, self.now) else {
            return;
        };
        let facts = self.shard.item(handle).facts;
        let mut line = Vec::new();
        let silent = self.flags.quiet && !created;
        let text = delta.number.to_string();
        let mut reply = Meta {
            shard: &mut *self.shard,
            op: self.op,
            words: self.words,
            flags: self.flags,
            key: self.key,
            now: self.now,
            sink: &mut line,
        };
        if reply.flags.value {
            reply.sink.put(b"VA ");
            reply.sink.put_number(text.len() as u64);
        } else {
            reply.sink.put(b"HD");
        }
        let mut deadline = facts.deadline;
        for word in Words::new(reply.words) {
            match word[0] {
                b'c' => reply.numbered(b'c', delta.cas),
                b't' => reply.put_time_left(deadline),
                b'T' => deadline = reply.deadline(reply.flags.exptime.unwrap_or(0)),
                b'N' if created => deadline = reply.deadline(reply.flags.vivify.unwrap_or(0)),
                b'O' => {
                    reply.sink.put(b" ");
                    reply.sink.put(word);
                }
                b'k' => reply.put_key(reply.key.bytes(), reply.flags.base64),
                _ => {}
            }
        }
        reply.sink.put(b"\r\n");
        if reply.flags.value {
            reply.sink.put(text.as_bytes());
            reply.sink.put(b"\r\n");
        }
        let (stale, token_sent) = (facts.stale, facts.token_sent);
        self.shard.annotate(
            handle,
            Annotation {
                deadline,
                stale,
                token_sent,
            },
        );
        if !silent {
            self.sink.put(&line);
        }
    }

    /// A human-readable line about the item. The class is given as 0 and the size is this
    /// store's, header, key and value.
    fn debug(&mut self) {
        self.shard.counters_mut().cmd_meta += 1;
        let Some(handle) = self.shard.locate(self.key, self.now) else {
            return self.sink.put(b"EN\r\n");
        };
        let item = self.shard.item(handle);
        let left = match item.facts.deadline {
            0 => -1,
            deadline => i64::from(self.now) - i64::from(deadline),
        };
        let line = format!(
            " exp={left} la={} cas={} fetch={} cls=0 size={}\r\n",
            self.now.saturating_sub(item.facts.accessed),
            item.facts.cas,
            if item.facts.fetched { "yes" } else { "no" },
            item.key.len() + item.value.len(),
        );
        self.sink.put(b"ME ");
        if item.facts.key_binary {
            self.sink.put(BASE64.encode(item.key).as_bytes());
        } else {
            self.sink.put(item.key);
        }
        self.sink.put(line.as_bytes());
    }

    fn error(&mut self, line: &str) {
        self.sink.put(line.as_bytes());
        self.sink.put(b"\r\n");
    }
}
