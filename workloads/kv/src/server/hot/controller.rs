//! The thread that chooses the hot keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::chosen::{Changes, Chosen};
use super::{INTERVAL_NS, KeyBytes};
use crate::server::config::ServerConfig;
use crate::server::orders::Order;
use crate::server::plane::Plane;
use crate::server::shared::Shared;
use crate::server::snapshot::ServerCounters;
use crate::server::{ServerError, ThreadInfo};

/// How often it looks whether it is to stop.
const ROUND: Duration = Duration::from_millis(10);

/// What the controller counts.
#[derive(Debug, Default)]
struct Counts {
    heated: AtomicU64,
    cooled: AtomicU64,
    hot: AtomicU64,
}

/// The hot keys of a server, seen from the control thread.
#[derive(Debug)]
pub(crate) struct HotKeys {
    counts: Arc<Counts>,
    tid: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
    controller: Option<JoinHandle<()>>,
}

impl HotKeys {
    /// Starts the controller, if keys are to be spread; the owners serve by now.
    ///
    /// # Errors
    /// When there is no program that spreads, or no thread to be had.
    pub(crate) fn start(
        config: &ServerConfig,
        shared: &Arc<Shared>,
        plane: &mut Plane,
    ) -> Result<Option<Self>, ServerError> {
        if config.hot_keys == 0 {
            return Ok(None);
        }
        let program = plane.steer_mut().and_then(loader::Steer::take_hot_keys);
        let Some(program) = program else {
            let message = format!("no program of {} spreads hot keys", config.system);
            return Err(ServerError::Config(message));
        };
        let counts = Arc::<Counts>::default();
        let (stop, tid) = (Arc::<AtomicBool>::default(), Arc::<AtomicU32>::default());
        let controller = Controller {
            shared: Arc::clone(shared),
            program,
            counts: Arc::clone(&counts),
            chosen: Chosen::new(config.hot_keys as usize),
            leaving: Vec::new(),
        };
        let (until, own_tid) = (Arc::clone(&stop), Arc::clone(&tid));
        let thread = std::thread::Builder::new().name("hot-keys".to_owned());
        let spawned = thread.spawn(move || {
            let own = rustix::thread::gettid().as_raw_pid();
            own_tid.store(own.unsigned_abs(), Ordering::Release);
            controller.run(&until);
        });
        Ok(Some(Self {
            counts,
            tid,
            stop,
            controller: Some(spawned.map_err(ServerError::io("the hot keys' thread"))?),
        }))
    }

    /// The controller, once it runs.
    pub(crate) fn thread(&self) -> Option<ThreadInfo> {
        let tid = self.tid.load(Ordering::Acquire);
        (tid != 0).then(|| ThreadInfo {
            name: "hot-keys".to_owned(),
            tid,
            cpu: None,
        })
    }

    /// Adds what the controller counted.
    ///
    /// # Errors
    /// When it has ended: keys that nobody chooses are not the system that is measured.
    pub(crate) fn add_counters(&self, counters: &mut ServerCounters) -> Result<(), ServerError> {
        let thread = self.controller.as_ref();
        if thread.is_some_and(JoinHandle::is_finished) {
            let message = "the thread that chooses hot keys has ended";
            return Err(ServerError::Thread(message.to_owned()));
        }
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Counts {
            heated,
            cooled,
            hot,
        } = &*self.counts;
        counters.related.extend([
            ("hot_keys_heated".to_owned(), of(heated)),
            ("hot_keys_cooled".to_owned(), of(cooled)),
            ("hot_keys".to_owned(), of(hot)),
        ]);
        Ok(())
    }
}

impl Drop for HotKeys {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(controller) = self.controller.take()
            && controller.join().is_err()
        {
            tracing::error!("the thread that chooses hot keys panicked");
        }
    }
}

struct Controller {
    shared: Arc<Shared>,
    program: loader::HotKeys,
    counts: Arc<Counts>,
    chosen: Chosen,
    /// Hashes that are spread no longer, of which requests may be under way for an interval more.
    leaving: Vec<u64>,
}

impl Controller {
    fn run(mut self, stop: &AtomicBool) {
        let interval = Duration::from_nanos(INTERVAL_NS);
        let mut next = Instant::now() + interval;
        while !stop.load(Ordering::Acquire) {
            std::thread::sleep(ROUND);
            if Instant::now() < next {
                continue;
            }
            next += interval;
            if let Err(error) = self.interval() {
                let failure = format!("choosing hot keys: {error}");
                self.shared.gate.fail(failure);
                return;
            }
        }
    }

    fn interval(&mut self) -> Result<(), loader::Error> {
        let Some(spread) = self.shared.spread.as_ref() else {
            return Ok(());
        };
        for hash in self.leaving.drain(..) {
            spread.remove(hash);
            order(&self.shared, hash, Order::Cool(hash));
        }
        let reports = self.shared.states.iter();
        let reports: Vec<_> = reports.flat_map(|state| state.counted.take()).collect();
        let Changes { heat, cool } = self.chosen.interval(reports.into_iter().flatten());
        for hash in cool {
            self.program.gather(hash)?;
            self.leaving.push(hash);
            self.counts.cooled.fetch_add(1, Ordering::Relaxed);
        }
        for (hash, _) in &heat {
            // Nobody is to take the first of its gets for misrouted.
            if spread.add(*hash) {
                self.program.spread(*hash)?;
            }
            self.counts.heated.fetch_add(1, Ordering::Relaxed);
        }
        // Those that stay too, so that their homes look whether the items are still there.
        let mut hot = 0;
        for (hash, key) in self.chosen.keys() {
            let key = KeyBytes::clone(key);
            order(&self.shared, hash, Order::Heat(hash, key));
            hot += 1;
        }
        self.counts.hot.store(hot, Ordering::Relaxed);
        Ok(())
    }
}

/// Leaves an order with the key's home.
fn order(shared: &Shared, hash: u64, order: Order) {
    let home = shared.owner_for(0, hash);
    shared.states[home].mailbox.put(order);
}
