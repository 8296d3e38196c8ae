//! The kernel's tables followed by netlink, and its help in resolving neighbours.
//!
//! Two threads that sleep until there is something to do: one hears changes, takes them into the [`Model`] and
//! publishes what comes of them; the other passes questions about neighbours to the kernel, whose answers come as
//! changes. A neighbour whose address is known but was not confirmed lately (`STALE`) goes on being used, and is asked about
//! while it is: then the kernel probes it, as it does before its own forwarding trusts it again, and it is confirmed or fails.
//! Who is told the next link by the kernel's lookup for XDP, which asks nobody, does so for one frame in 64.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use sys::tables::{self, Heard, Monitor};

use super::asker::{Asker, Question, WAITING};
use super::model::{Model, TableLimits};
use super::published::{Published, Reader};

/// Room for reports of changes: some ten thousand of routes.
const BUFFER: usize = 8 << 20;
/// How late the threads see that they are to end.
const LOOK: Duration = Duration::from_millis(100);

/// A copy of the kernel's tables that follows them, for as long as this lives.
#[derive(Debug)]
pub struct Mirror {
    shared: Arc<Shared>,
    questions: SyncSender<Question>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    published: Arc<Published>,
    stop: AtomicBool,
    reread: AtomicU64,
    lost: AtomicU64,
    unresolvable: AtomicU64,
    failure: Mutex<Option<String>>,
}

impl Mirror {
    /// Copies the tables of the calling thread's network namespace and follows them. Port `i` of the routers is the
    /// device with the kernel's number `ports[i]`.
    ///
    /// # Errors
    /// When the tables cannot be read, or do not fit into `limits`.
    pub fn start(ports: &[u32], limits: TableLimits) -> io::Result<Self> {
        Self::start_with(ports, limits, BUFFER)
    }

    /// As [`start`](Self::start), with so many bytes for reports of changes that wait.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(ports: &[u32], limits: TableLimits, buffer: usize) -> io::Result<Self> {
        let monitor = Monitor::open(buffer)?;
        let mut model = Model::new(ports.to_vec(), limits);
        model.replace(tables::read()?).map_err(io::Error::other)?;
        let shared = Arc::new(Shared {
            published: Published::new(model.fib()),
            stop: AtomicBool::new(false),
            reread: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            unresolvable: AtomicU64::new(0),
            failure: Mutex::new(None),
        });
        let (questions, asked) = sync_channel(WAITING);
        // Threads are born into the namespace of the one that starts them.
        let follower = Arc::clone(&shared);
        let resolver = Arc::clone(&shared);
        let threads = vec![
            thread::Builder::new()
                .name("tables".to_owned())
                .spawn(move || follower.follow(monitor, model))?,
            thread::Builder::new()
                .name("resolver".to_owned())
                .spawn(move || resolver.resolve(&asked))?,
        ];
        Ok(Self {
            shared,
            questions,
            threads,
        })
    }

    /// The tables for one thread.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.shared.published.reader()
    }

    /// What one thread asks for neighbours by.
    #[must_use]
    pub fn asker(&self) -> Asker {
        Asker::to(self.questions.clone())
    }

    /// How often everything was read again, because reports were lost or the kernel does not make them.
    #[must_use]
    pub fn read_again(&self) -> u64 {
        self.shared.reread.load(Ordering::Relaxed)
    }

    /// How often reports of changes were lost.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Neighbours that the kernel refused to resolve.
    #[must_use]
    pub fn unresolvable(&self) -> u64 {
        self.shared.unresolvable.load(Ordering::Relaxed)
    }

    /// Why the tables are not followed any more; the last ones go on being used.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        let failure = &self.shared.failure;
        failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A panic of theirs has been reported where it happened.
            let _ended = thread.join();
        }
    }
}

impl Shared {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn follow(&self, mut monitor: Monitor, mut model: Model) {
        while !self.stopped() {
            if let Err(error) = self.take_changes(&mut monitor, &mut model) {
                let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                *failure = Some(error.to_string());
                return;
            }
        }
    }

    fn take_changes(&self, monitor: &mut Monitor, model: &mut Model) -> io::Result<()> {
        if !monitor.wait(LOOK)? {
            return Ok(());
        }
        let mut changes = Vec::new();
        let heard = monitor.hear(&mut changes)?;
        let (mut changed, mut read_again) = (false, heard == Heard::Lost);
        self.lost.fetch_add(read_again.into(), Ordering::Relaxed);
        for change in changes {
            let effect = model.apply(change).map_err(io::Error::other)?;
            changed |= effect.changed;
            read_again |= effect.read_again;
        }
        if read_again {
            // What was reported up to here is in what is read now; what follows is applied to it.
            model.replace(tables::read()?).map_err(io::Error::other)?;
            self.reread.fetch_add(1, Ordering::Relaxed);
        }
        if changed || read_again {
            self.published.publish(model.fib());
        }
        Ok(())
    }

    fn resolve(&self, asked: &Receiver<Question>) {
        while !self.stopped() {
            if let Ok(question) = asked.recv_timeout(LOOK)
                && tables::resolve(question.device, question.address).is_err()
            {
                self.unresolvable.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}
