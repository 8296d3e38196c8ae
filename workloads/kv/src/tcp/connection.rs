//! One TCP connection: bytes in, requests out one at a time, replies in order.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::event::epoll::{self, EventData, EventFlags};

use crate::protocol;

/// Bytes read at once.
const CHUNK: usize = 16 << 10;

/// A connection with so many reply bytes unsent is not served until the client reads.
const UNSENT_LIMIT: usize = 4 << 20;

/// Bytes received and not yet parsed, above which no more is read: twice the largest item.
const INPUT_LIMIT: usize = 2 << 20;

/// What a connection needs next.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// This request to be executed; its reply comes back through [`Connection::answer`].
    Request(Arc<[u8]>),
    /// An event of its descriptor, or the answer to its request.
    Wait,
    /// To be dropped.
    Closed,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    generation: u64,
    number: u64,
    watched: EventFlags,
    input: Vec<u8>,
    parsed: usize,
    /// Input that must be there before parsing again makes sense.
    needed: usize,
    swallow: usize,
    output: Vec<u8>,
    sent: usize,
    waits_for_answer: bool,
    at_end: bool,
    close: bool,
    broken: bool,
}

impl Connection {
    /// A connection that epoll knows by `number`, watched for reading.
    pub(crate) fn new(stream: TcpStream, generation: u64, number: u64) -> Self {
        Self {
            stream,
            generation,
            number,
            watched: EventFlags::IN,
            input: Vec::new(),
            parsed: 0,
            needed: 1,
            swallow: 0,
            output: Vec::new(),
            sent: 0,
            waits_for_answer: false,
            at_end: false,
            close: false,
            broken: false,
        }
    }

    /// Tells it from an earlier connection in the same place.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Epoll has reported these events.
    pub(crate) fn ready(&mut self, events: EventFlags) {
        if events.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            self.receive();
        }
        if events.contains(EventFlags::OUT) {
            self.send();
        }
    }

    /// The reply to the request that was last given out.
    pub(crate) fn answer(&mut self, reply: &[u8], close: bool) {
        self.output.extend_from_slice(reply);
        self.waits_for_answer = false;
        self.close |= close;
    }

    /// What is to be done next.
    pub(crate) fn next(&mut self) -> Outcome {
        if self.broken {
            return Outcome::Closed;
        }
        if self.waits_for_answer {
            return Outcome::Wait;
        }
        if self.unsent() < UNSENT_LIMIT
            && !self.close
            && let Some(request) = self.cut()
        {
            self.waits_for_answer = true;
            return Outcome::Request(request);
        }
        self.send();
        let over = self.close || self.at_end;
        if self.broken || (over && self.unsent() == 0) {
            Outcome::Closed
        } else {
            Outcome::Wait
        }
    }

    /// Has epoll watch for what the connection waits for.
    ///
    /// # Errors
    /// When epoll refuses.
    pub(crate) fn watch(&mut self, epoll: &OwnedFd) -> io::Result<()> {
        let mut wanted = EventFlags::empty();
        if !self.at_end && !self.close && self.input.len() - self.parsed < INPUT_LIMIT {
            wanted |= EventFlags::IN;
        }
        if self.unsent() > 0 {
            wanted |= EventFlags::OUT;
        }
        if wanted != self.watched {
            epoll::modify(
                epoll,
                self.stream.as_fd(),
                EventData::new_u64(self.number),
                wanted,
            )?;
            self.watched = wanted;
        }
        Ok(())
    }

    fn unsent(&self) -> usize {
        self.output.len() - self.sent
    }

    /// The next whole request, if there is one.
    fn cut(&mut self) -> Option<Arc<[u8]>> {
        let skipped = self.swallow.min(self.input.len() - self.parsed);
        self.parsed += skipped;
        self.swallow -= skipped;
        let rest = &self.input[self.parsed..];
        if self.swallow > 0 || rest.len() < self.needed {
            self.compact();
            return None;
        }
        match protocol::parse(rest) {
            Ok(command) => {
                let request = Arc::from(&rest[..command.consumed]);
                self.parsed += command.consumed;
                self.swallow = command.swallow;
                self.needed = 1;
                Some(request)
            }
            Err(incomplete) => {
                self.needed = incomplete.needed.max(rest.len() + 1);
                self.compact();
                None
            }
        }
    }

    fn compact(&mut self) {
        self.input.drain(..self.parsed);
        self.parsed = 0;
    }

    fn receive(&mut self) {
        while self.input.len() - self.parsed < INPUT_LIMIT {
            let before = self.input.len();
            self.input.resize(before + CHUNK, 0);
            let read = self.stream.read(&mut self.input[before..]);
            self.input.truncate(before + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => {
                    self.at_end = true;
                    return;
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.broken |= error.kind() != io::ErrorKind::WouldBlock;
                    return;
                }
            }
        }
    }

    fn send(&mut self) {
        while self.unsent() > 0 && !self.broken {
            match self.stream.write(&self.output[self.sent..]) {
                Ok(0) => self.broken = true,
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.broken = true,
            }
        }
        self.output.clear();
        self.sent = 0;
    }
}
