//! The loop over UDP on loopback: why it woke, when it published, what it accounted for.

use crate::DatagramIo as _;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;
use std::time::Instant;

use rustix::event::{EventfdFlags, eventfd};
use sys::tasks::{self, State};

use super::*;
use crate::udp::{Sharding, UdpConfig, UdpFrame, UdpGroup, UdpIo};

/// Echoes datagrams, and counts work items that other threads put into its inbox.
struct Echo {
    bell: Arc<OwnedFd>,
    inbox: Arc<AtomicUsize>,
    parked: Arc<AtomicBool>,
    asleep: Arc<AtomicBool>,
    woken: Vec<Woken>,
    ticks: u64,
}

impl Handler<UdpIo> for Echo {
    fn frame(&mut self, io: &mut UdpIo, frame: UdpFrame) {
        let len = io.payload(&frame).len();
        io.reply(frame, len);
    }

    fn inbox(&mut self, _: &mut UdpIo) -> usize {
        self.inbox.swap(0, Ordering::SeqCst)
    }

    fn parked(&mut self) -> bool {
        self.parked.load(Ordering::SeqCst)
    }

    fn before_sleep(&mut self) -> bool {
        let sleeps = self.inbox.load(Ordering::SeqCst) == 0;
        self.asleep.store(sleeps, Ordering::SeqCst);
        sleeps
    }

    fn after_sleep(&mut self, why: Woken) {
        self.asleep.store(false, Ordering::SeqCst);
        self.woken.push(why);
    }

    fn notification(&self) -> Option<RawFd> {
        Some(self.bell.as_raw_fd())
    }

    fn tick(&mut self, _: &mut UdpIo, _: u64) {
        self.ticks += 1;
    }
}

struct Rig {
    port: u16,
    bell: Arc<OwnedFd>,
    inbox: Arc<AtomicUsize>,
    parked: Arc<AtomicBool>,
    asleep: Arc<AtomicBool>,
    tid: u32,
    control: Arc<Control>,
    live: Arc<Live>,
    worker: thread::JoinHandle<(WorkerCounters, Vec<Woken>, u64)>,
}

fn start(mode: WaitMode) -> Rig {
    start_as(mode, false)
}

fn start_as(mode: WaitMode, parked: bool) -> Rig {
    let listen = vec![Ipv4Addr::LOCALHOST.into()];
    let mut group = UdpGroup::open(&UdpConfig::new(listen, 0, 1, Sharding::FlowHash)).unwrap();
    let port = group.ports()[0];
    let bell = Arc::new(eventfd(0, EventfdFlags::NONBLOCK).unwrap());
    let inbox = Arc::new(AtomicUsize::new(0));
    let parked = Arc::new(AtomicBool::new(parked));
    let asleep = Arc::new(AtomicBool::new(false));
    let control = Arc::new(Control::new());
    let live = Arc::new(Live::default());
    let mut echo = Echo {
        bell: Arc::clone(&bell),
        inbox: Arc::clone(&inbox),
        parked: Arc::clone(&parked),
        asleep: Arc::clone(&asleep),
        woken: Vec::new(),
        ticks: 0,
    };
    let (thread_control, thread_live) = (Arc::clone(&control), Arc::clone(&live));
    let (tell, told) = std::sync::mpsc::channel();
    let worker = thread::spawn(move || {
        tell.send(sys::process::current_thread()).unwrap();
        let mut io = group.take_ios().remove(0);
        let counters = run(&mut io, &mut echo, mode, &thread_control, &thread_live).unwrap();
        (counters, echo.woken, echo.ticks)
    });
    Rig {
        port,
        bell,
        inbox,
        parked,
        asleep,
        tid: told.recv().unwrap(),
        control,
        live,
        worker,
    }
}

fn wait_for(what: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(5);
    while !what() {
        assert!(Instant::now() < patience, "the worker did not get there");
        thread::sleep(Duration::from_millis(1));
    }
}

impl Rig {
    /// Waits until the worker is blocked in its wait: before that nothing would have to wake it.
    fn wait_asleep(&self) {
        let is_blocked = || tasks::of_thread(self.tid).unwrap().state == State::Sleeping;
        wait_for(|| self.asleep.load(Ordering::SeqCst) && is_blocked());
    }
}

fn ping(client: &UdpSocket, port: u16) {
    client
        .send_to(b"ping", (Ipv4Addr::LOCALHOST, port))
        .unwrap();
    let mut bytes = [0; 16];
    assert_eq!(client.recv(&mut bytes).unwrap(), 4);
}

fn client() -> UdpSocket {
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    client
}

#[test]
fn a_sleeper_is_woken_by_packets_and_by_notifications_and_tells_them_apart() {
    let rig = start(WaitMode::Sleep {
        timeout: Duration::from_secs(1),
    });
    let client = client();
    for _ in 0..5 {
        rig.wait_asleep();
        ping(&client, rig.port);
    }
    wait_for(|| rig.live.read().io.transmitted == 5);
    for rung in 1..=3 {
        rig.wait_asleep();
        rig.inbox.fetch_add(2, Ordering::SeqCst);
        rustix::io::write(&rig.bell, &1_u64.to_ne_bytes()).unwrap();
        wait_for(|| rig.live.read().inbox == 2 * rung);
    }
    rig.control.stop();
    let (counters, woken, _) = rig.worker.join().unwrap();
    assert_eq!(counters.io.received, 5);
    assert_eq!(counters.io.wakeups_kernel, 5);
    assert_eq!(counters.wakeups_app, 3);
    assert_eq!(counters, rig.live.read());
    let count = |why| woken.iter().filter(|woken| **woken == why).count();
    assert_eq!((count(Woken::Packets), count(Woken::Notified)), (5, 3));
}

#[test]
fn a_parked_worker_takes_nothing_until_it_is_called() {
    let mode = WaitMode::Park {
        timeout: Duration::from_millis(2),
    };
    let rig = start_as(mode, true);
    let client = client();
    client
        .send_to(b"ping", (Ipv4Addr::LOCALHOST, rig.port))
        .unwrap();
    wait_for(|| rig.live.read().wakeups_timeout >= 5);
    let waited = rig.live.read();
    assert_eq!((waited.io.received, waited.busy_rounds), (0, 0));
    rig.parked.store(false, Ordering::SeqCst);
    rustix::io::write(&rig.bell, &1_u64.to_ne_bytes()).unwrap();
    let mut bytes = [0; 16];
    assert_eq!(client.recv(&mut bytes).unwrap(), 4);
    rig.control.stop();
    let (counters, woken, _) = rig.worker.join().unwrap();
    assert_eq!((counters.io.received, counters.io.wakeups_kernel), (1, 0));
    assert!(!woken.contains(&Woken::Packets), "{woken:?}");
}

#[test]
fn a_spinner_never_sleeps_and_accounts_for_its_empty_time() {
    let rig = start(WaitMode::Spin);
    let client = client();
    for _ in 0..20 {
        ping(&client, rig.port);
    }
    wait_for(|| rig.live.read().empty_ns > 1_000_000);
    rig.control.stop();
    let (counters, woken, ticks) = rig.worker.join().unwrap();
    assert_eq!(counters.io.transmitted, 20);
    assert_eq!(counters.io.wakeups_kernel, 0);
    assert!(woken.is_empty());
    assert!(counters.empty_ns > 1_000_000, "{counters:?}");
    assert_eq!(ticks, counters.busy_rounds + counters.empty_rounds);
}

#[test]
fn the_timeout_bounds_a_sleep() {
    let rig = start(WaitMode::Sleep {
        timeout: Duration::from_millis(2),
    });
    wait_for(|| rig.live.read().wakeups_timeout >= 3);
    rig.control.stop();
    let (counters, woken, _) = rig.worker.join().unwrap();
    assert_eq!(counters.io.wakeups_kernel + counters.wakeups_app, 0);
    assert!(woken.iter().all(|why| *why == Woken::Timeout));
}

#[test]
fn published_counters_are_read_back_field_by_field() {
    let cells: [u64; CELLS] = std::array::from_fn(|index| index as u64 + 1);
    let counters = WorkerCounters::from_cells(cells);
    assert_eq!(counters.to_cells(), cells);
    assert_eq!(counters.io.truncated, 11);
    let live = Live::default();
    live.publish(&counters);
    assert_eq!(live.read(), counters);
}
