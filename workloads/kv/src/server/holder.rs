//! The thread of a system that holds replies: requests in, replies out when they are due.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write as _;
use std::os::fd::RawFd;
use std::sync::Arc;

use model::{KeySpace, ServiceTimes};
use pktio::DatagramIo;
use pktio::worker::{self, Handler, WaitMode, Woken};
use sys::clock::now_ns;
use sys::cpu::CpuId;

use super::ServerError;
use super::config::ServerConfig;
use super::gate::Phase;
use super::message::Arrival;
use super::shared::Shared;
use super::start::{Parts, Running};
use super::wire::Head;
use super::worker::finished;
use crate::protocol::frame::{HEADER_LEN, decode_request};
use crate::protocol::{self, AsciiOp, Op, Parsed, Single};
use crate::reply::{Envelope, Spill, deliver_bytes};
use crate::systems::synthetic::VirtualQueue;

/// A reply that leaves later than this after its time is counted, ns.
const LATE_NS: u64 = 20_000;
/// The answer to whatever needs a store.
const NO_STORE: &[u8] = b"SERVER_ERROR synthetic answers get and set of one key only\r\n";

/// Starts the one thread.
///
/// # Errors
/// When the configuration names no service times, or no thread can be had.
pub(super) fn spawn<I: DatagramIo + 'static>(parts: Parts<I>) -> Result<Running, ServerError> {
    let Parts {
        config,
        shared,
        ios,
        ..
    } = parts;
    let times = config.service.ok_or_else(|| {
        ServerError::Config("replies are held for a service time, and there is none".to_owned())
    })?;
    let mut running = Running::new(shared);
    for (me, io) in ios.into_iter().enumerate() {
        let config = config.clone();
        running.spawn(me, move |shared| hold(&config, me, shared, io, times))?;
    }
    Ok(running)
}

fn hold<I: DatagramIo>(
    config: &ServerConfig,
    me: usize,
    shared: &Arc<Shared>,
    mut io: I,
    times: ServiceTimes,
) -> Result<(), String> {
    let cpu = config.cores[me];
    sys::cpu::pin_current(CpuId(cpu)).map_err(|error| format!("pinning to CPU {cpu}: {error}"))?;
    shared.gate.arrive(me, Phase::Loaded);
    if shared.gate.wait_open(Phase::Preloaded) == Phase::Stopped {
        return Ok(());
    }
    let workload = config.preload.as_ref().map(|preload| &preload.workload);
    let keys = workload.map(KeySpace::new).transpose();
    let keys = keys.map_err(|error| error.to_string())?;
    shared.gate.arrive(me, Phase::Preloaded);
    if shared.gate.wait_open(Phase::Serving) == Phase::Stopped {
        return Ok(());
    }
    shared.gate.arrive(me, Phase::Serving);
    let mut holder = Holder {
        me,
        cpu,
        own_queue: config.queue_of(me),
        shared: Arc::clone(shared),
        keys,
        times,
        queue: VirtualQueue::new(config.servers),
        held: BinaryHeap::new(),
        order: 0,
        free: Vec::new(),
        scratch: Vec::new(),
        spill: Spill::default(),
        work: 0,
    };
    let live = &shared.states[me].live;
    worker::run(&mut io, &mut holder, WaitMode::Spin, &shared.control, live)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// A request with its reply, until that is due. Earlier ones are greater, as a heap wants it.
struct Held<F> {
    /// When the reply is to leave, and the order of arrival among those of one time.
    due: Reverse<(u64, u64)>,
    frame: F,
    from: Arrival,
    reply: Vec<u8>,
}

impl<F> Ord for Held<F> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.due.cmp(&other.due)
    }
}

impl<F> PartialOrd for Held<F> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<F> PartialEq for Held<F> {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl<F> Eq for Held<F> {}

struct Holder<I: DatagramIo> {
    me: usize,
    cpu: u32,
    own_queue: Option<u16>,
    shared: Arc<Shared>,
    /// The keys whose values are known; without them every get misses.
    keys: Option<KeySpace>,
    times: ServiceTimes,
    queue: VirtualQueue,
    held: BinaryHeap<Held<I::Frame>>,
    order: u64,
    /// Buffers of replies that have left.
    free: Vec<Vec<u8>>,
    scratch: Vec<u8>,
    spill: Spill,
    work: u64,
}

impl<I: DatagramIo> Holder<I> {
    /// Appends the reply to a request for one key to `reply`; none is due to a noreply.
    fn answer(&mut self, body: &[u8], single: &Single, reply: &mut Vec<u8>) {
        let key = single.key.of(body);
        match single.op {
            Op::Ascii {
                op:
                    AsciiOp::Get {
                        with_cas: false,
                        touch: None,
                        end: true,
                    },
                ..
            } => {
                let id = (self.keys.as_ref())
                    .and_then(|keys| Some((keys, keys.id_of(key, &mut self.scratch)?)));
                if let Some((keys, id)) = id {
                    let len = keys.value_len(id);
                    reply.extend_from_slice(b"VALUE ");
                    reply.extend_from_slice(key);
                    // Writing to memory does not fail.
                    let _ = write!(reply, " 0 {len}\r\n");
                    let at = reply.len();
                    reply.resize(at + len, 0);
                    model::value_into(id, 0, &mut reply[at..]);
                    reply.extend_from_slice(b"\r\n");
                }
                reply.extend_from_slice(b"END\r\n");
            }
            Op::Ascii {
                op: AsciiOp::Store { .. },
                noreply,
            } => {
                if !noreply {
                    reply.extend_from_slice(b"STORED\r\n");
                }
            }
            Op::Ascii { .. } | Op::Meta(_) | Op::Binary(_) | Op::Rpc(_) => {
                reply.extend_from_slice(NO_STORE);
            }
        }
    }

    /// Lets every reply go that is due.
    fn release(&mut self, io: &mut I) -> usize {
        let mut released = 0;
        while let Some(next) = self.held.peek() {
            let (now, Reverse((due, _))) = (now_ns(), next.due);
            let Some(lag_ns) = now.checked_sub(due) else {
                break;
            };
            let Some(Held {
                frame, from, reply, ..
            }) = self.held.pop()
            else {
                break;
            };
            let counts = &self.shared.states[self.me].counts;
            counts.release_lag_ns.add(lag_ns);
            if lag_ns > LATE_NS {
                counts.releases_late.one();
            }
            finished(&self.shared, counts, from, self.cpu);
            let envelope = Envelope::new(from, None);
            deliver_bytes(io, frame, envelope, &reply, &mut self.spill, counts);
            self.free.push(reply);
            released += 1;
        }
        released
    }
}

impl<I: DatagramIo> Handler<I> for Holder<I> {
    fn frame(&mut self, io: &mut I, frame: I::Frame) {
        let arrival_ns = now_ns();
        self.work += 1;
        let shared = Arc::clone(&self.shared);
        let counts = &shared.states[self.me].counts;
        counts.requests_received.one();
        let Ok((header, body)) = decode_request(io.payload(&frame)) else {
            counts.drop_bad_frame.one();
            io.release(frame);
            return;
        };
        let Ok(command) = protocol::parse(body) else {
            counts.drop_incomplete.one();
            io.release(frame);
            return;
        };
        let from = Arrival {
            head: Head::Memcached(header.request_id),
            queue: io.origin(&frame).queue.or(self.own_queue),
            clock: None,
            sealed: None,
        };
        let mut reply = self.free.pop().unwrap_or_default();
        reply.clear();
        let due_ns = match command.parsed {
            Parsed::Single(single) => {
                counts.executed(&single);
                let body = &io.payload(&frame)[HEADER_LEN..];
                self.answer(body, &single, &mut reply);
                let service_ns = self.times.of_hash(single.hash);
                self.queue.departure(arrival_ns, service_ns)
            }
            Parsed::Immediate(immediate) => {
                counts.executed_immediate.one();
                immediate.answer(&mut reply);
                arrival_ns
            }
            Parsed::Multi(_) | Parsed::Scan(_) | Parsed::Global(_) => {
                counts.executed_immediate.one();
                reply.extend_from_slice(NO_STORE);
                arrival_ns
            }
        };
        self.held.push(Held {
            due: Reverse((due_ns, self.order)),
            frame,
            from,
            reply,
        });
        self.order += 1;
    }

    fn inbox(&mut self, io: &mut I) -> usize {
        let released = self.release(io);
        self.work += released as u64;
        let idle = self.held.is_empty();
        self.shared.states[self.me].quiet.round(self.work, idle);
        self.work = 0;
        released
    }

    fn before_sleep(&mut self) -> bool {
        false
    }

    fn after_sleep(&mut self, _why: Woken) {}

    fn notification(&self) -> Option<RawFd> {
        None
    }

    fn tick(&mut self, _io: &mut I, _now_ns: u64) {}
}
