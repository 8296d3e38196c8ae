//! Slices in processes of their own: one is killed, and the others do not notice.

use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{io, thread};

use rustix::process::{Pid, Signal, kill_process};
use slices::system::isolated::{Keeper, Launch, serve, serve_ordered};
use slices::system::{Counters, Design, System, SystemConfig};
use sys::tasks::{self, State};

use crate::chain::{Chain, PATIENCE, QUEUES, Tap, chain, config};
use crate::traffic::{TTL, check, datagram};

/// Tells a process which slice of what it is to run.
const SLICE: &str = "STEERBENCH_TEST_SLICE";
const FLOWS: u16 = 32;
const COUNT: u32 = 640;

/// A process with one slice, whose standard input leads to the keeper. Run by the test below, with what it is to do.
#[test]
#[ignore = "a process of the test beside it"]
fn one_slice() {
    let Ok(told) = std::env::var(SLICE) else {
        return;
    };
    let (number, config): (u16, SystemConfig) = serde_json::from_str(&told).unwrap();
    let input = io::stdin().as_fd().try_clone_to_owned().unwrap();
    let counters = serve(&config, number, &mut UnixStream::from(input)).unwrap();
    assert_eq!(counters.lost(), 0, "{:?}", counters.losses);
    assert!(counters.sent > 0 && counters.sent == counters.received);
}

struct Process {
    child: Child,
    /// Closed, it is the end of the process.
    keeper: UnixStream,
}

fn process(chain: &Chain, config: &SystemConfig, number: u16, keeper: &mut Keeper) -> Process {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "isolation::one_slice", "--ignored"])
        .env(SLICE, serde_json::to_string(&(number, config)).unwrap())
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null());
    let child = chain.router.spawn(command).unwrap();
    keeper.take_in(&mut ours).unwrap();
    Process {
        child,
        keeper: ours,
    }
}

/// Sends datagrams of all flows.
fn send(from: &mut Tap) {
    for number in 0..COUNT {
        from.send(&datagram(0, number as u16 % FLOWS, number, 100, TTL));
    }
}

/// Packets of each queue of the sender's device that went to its slice, and packets of queues that have none.
fn counted(keeper: &Keeper) -> ([u64; QUEUES as usize], u64) {
    let counters = keeper.counters().unwrap();
    let redirected = ["redirected_0", "redirected_1"].map(|name| counters.value(name));
    (redirected, counters.lost_by("no_slice"))
}

#[test]
fn the_others_go_on_when_one_is_killed_and_its_packets_are_counted_until_it_is_back() {
    let Some(chain) = chain(Design::Netslice) else {
        return;
    };
    let config = config(Design::Netslice);
    let (mut from, mut to) = (chain.tap(0), chain.tap(1));
    let mut keeper = chain.at_router(|| Keeper::attach(&config).unwrap());
    let mut first = process(&chain, &config, 0, &mut keeper);
    let second = process(&chain, &config, 1, &mut keeper);

    send(&mut from);
    check(1, &to.receive(COUNT as usize));
    let (before, lost) = counted(&keeper);
    assert_eq!((before.iter().sum::<u64>(), lost), (COUNT.into(), 0));
    assert!(before.iter().all(|count| *count > 0), "{before:?}");

    first.child.kill().unwrap();
    first.child.wait().unwrap();
    send(&mut from);
    // The same flows take the same queues: all of the second slice's arrive, in order.
    let arrived = to.receive(before[1] as usize);
    check(1, &arrived);
    // The queues are brought by turns of their own.
    wait_until("all are counted", || {
        let (now, lost) = counted(&keeper);
        now.iter().sum::<u64>() + lost == u64::from(2 * COUNT)
    });
    let (now, lost) = counted(&keeper);
    assert_eq!(now[1] - before[1], before[1]);
    assert_eq!(arrived.len() as u64, before[1]);
    // The socket may have outlived its process for a moment.
    assert_eq!(now[0] - before[0] + lost, before[0]);
    assert!(lost > 0);
    assert_eq!(to.receive_now(&mut Vec::new()), 0);

    let third = process(&chain, &config, 0, &mut keeper);
    send(&mut from);
    check(1, &to.receive(COUNT as usize));
    let (after, still) = counted(&keeper);
    assert_eq!(
        (after[0] - now[0], after[1] - now[1]),
        (before[0], before[1])
    );
    assert_eq!(still, lost);
    for mut process in [second, third] {
        drop(process.keeper);
        assert!(process.child.wait().unwrap().success());
    }
}

/// Told to a process that runs the slice which its keeper orders.
const ORDERED: &str = "STEERBENCH_TEST_ORDERED_SLICE";

/// A process with the slice that it is told to run. Run by the test below.
#[test]
#[ignore = "a process of the test beside it"]
fn ordered_slice() {
    if std::env::var_os(ORDERED).is_none() {
        return;
    }
    let input = io::stdin().as_fd().try_clone_to_owned().unwrap();
    serve_ordered(&mut UnixStream::from(input)).unwrap();
}

fn launch() -> Launch {
    Box::new(|link| {
        Command::new(std::env::current_exe()?)
            .args(["--exact", "isolation::ordered_slice", "--ignored"])
            .env(ORDERED, "1")
            .stdin(link)
            .stdout(Stdio::null())
            .spawn()
    })
}

/// Stops the process that has a thread of this name, which does nothing any more when this returns.
fn stop_process_of(system: &System, name: &str) -> u32 {
    let threads = system.threads();
    let tid = threads
        .iter()
        .find(|thread| thread.name == name)
        .unwrap()
        .tid;
    let pid = Pid::from_raw(tid.cast_signed()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let stopped = || tasks::of_thread(tid).unwrap().state == State::Stopped;
    wait_until("a thread stops", stopped);
    tid
}

/// Slices in processes of their own, at work.
fn isolated(chain: &Chain) -> System {
    chain.at_router(|| {
        let mut system = System::isolated(&config(Design::Netslice), launch()).unwrap();
        system.attach().unwrap();
        system.start().unwrap();
        system
    })
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < patience, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn what_a_killed_process_had_is_counted_by_its_rings_and_the_ledger_closes() {
    let Some(chain) = chain(Design::Netslice) else {
        return;
    };
    let (mut from, mut to) = (chain.tap(0), chain.tap(1));
    let mut system = isolated(&chain);
    assert_eq!(system.threads().len(), usize::from(QUEUES));
    let counted = |system: &System| system.counters().unwrap();

    send(&mut from);
    check(1, &to.receive(COUNT as usize));
    let before = counted(&system);
    assert_eq!((before.lost(), before.received), (0, COUNT.into()));
    let wave = ["redirected_0", "redirected_1"].map(|name| before.value(name));

    // The first slice takes nothing any more, and what is sent to it waits in its ring until it is killed.
    let dead = stop_process_of(&system, "slice-0");
    let taken = || chain.taken_from(0);
    let before_wave = taken();
    send(&mut from);
    check(1, &to.receive(wave[1] as usize));
    wait_until("the router's device has taken all", || {
        taken() >= before_wave + u64::from(COUNT)
    });
    let killed = chain.at_router(|| system.kill_slice(0).unwrap());
    let waiting = killed.arrived[0] - wave[0];
    assert!(waiting > 0 && killed.arrived[1] == 2 * wave[1]);
    let remains = killed.remains;
    assert_eq!((remains.taken, remains.sent), (wave[0], wave[0]));
    assert_eq!(
        (remains.in_hand, remains.unsent, remains.discarded),
        (0, 0, 0)
    );
    // Frames that come between the look at the programs and the signal wait too.
    assert!(remains.waiting >= waiting && remains.waiting <= wave[0]);
    assert!(killed.at_ns <= killed.ended_ns && killed.ended_ns <= killed.closed_ns);
    assert_eq!(system.threads().len(), usize::from(QUEUES) - 1);

    send(&mut from);
    check(1, &to.receive(wave[1] as usize));
    chain.at_router(|| system.quiesce().unwrap());
    let after = counted(&system);
    assert_eq!(after.lost_by("died_waiting"), remains.waiting);
    assert_eq!(after.lost(), 2 * wave[0], "{:?}", after.losses);
    assert_eq!(after.value("redirected_1"), 3 * wave[1]);
    chain.close(&from, &to, 1, &after);
    let error = system.kill_slice(0).unwrap_err().to_string();
    assert_eq!(error, "slice 0 has no process any more");
    assert!(system.kill_slice(QUEUES).is_err(), "there is no such slice");

    let before = system.threads();
    chain.at_router(|| system.restart_slice(0).unwrap());
    let threads = system.threads();
    let names: Vec<&str> = threads.iter().map(|thread| &*thread.name).collect();
    assert_eq!(
        (names, &threads[1..]),
        (vec!["slice-0", "slice-1"], &before[..])
    );
    assert_ne!(threads[0].tid, dead, "its successor's");
    send(&mut from);
    check(1, &to.receive(COUNT as usize));
    chain.at_router(|| system.quiesce().unwrap());
    let again = counted(&system);
    assert_eq!(again.lost(), after.lost(), "{:?}", again.losses);
    chain.close(&from, &to, 1, &again);
    chain.at_router(|| system.stop().unwrap());
}

/// A datagram whose header has a wrong checksum: a router throws it away without a word.
fn unsound(number: u32) -> Vec<u8> {
    let mut frame = datagram(0, number as u16 % FLOWS, number, 100, TTL);
    frame[24] ^= 1;
    frame
}

/// What each thread has counted as thrown away for a wrong checksum.
fn refused(counters: &Counters) -> [u64; QUEUES as usize] {
    ["slice-0", "slice-1"].map(|slice| {
        let mut all = counters.all.iter();
        let found = all.find(|one| one.scope == slice && one.name == "drop_checksum");
        found.map_or(0, |counter| counter.value)
    })
}

#[test]
fn what_a_slice_had_thrown_away_is_told_apart_from_what_was_in_its_hands() {
    let Some(chain) = chain(Design::Netslice) else {
        return;
    };
    let (mut from, mut to) = (chain.tap(0), chain.tap(1));
    let mut system = isolated(&chain);
    send(&mut from);
    for number in 0..COUNT {
        from.send(&unsound(number));
    }
    check(1, &to.receive(COUNT as usize));
    chain.at_router(|| system.quiesce().unwrap());
    let [first, second] = refused(&system.counters().unwrap());
    assert!(first > 0, "no flow took its queue");
    assert_eq!(first + second, u64::from(COUNT));

    let remains = chain.at_router(|| system.kill_slice(0).unwrap()).remains;
    assert_eq!((remains.discarded, remains.in_hand), (first, 0));
    assert_eq!(remains.taken, remains.sent + first);
    let after = system.counters().unwrap();
    assert_eq!(after.lost_by("dead_discarded"), first);
    assert_eq!(after.lost_by("drop_checksum"), second);
    assert_eq!(after.lost(), u64::from(COUNT), "{:?}", after.losses);
    chain.close(&from, &to, 1, &after);
    chain.at_router(|| system.stop().unwrap());
}

#[test]
fn a_process_that_ends_by_itself_is_named() {
    let Some(chain) = chain(Design::Netslice) else {
        return;
    };
    let config = config(Design::Netslice);
    let failing: Launch = Box::new(|link| Command::new("false").stdin(link).spawn());
    let error = chain.at_router(|| {
        let mut system = System::isolated(&config, failing).unwrap();
        system.attach().unwrap_err().to_string()
    });
    assert!(
        error.contains("the process of slice 0: ") && error.contains("exit status: 1"),
        "{error}"
    );
    let refused = System::isolated(&self::config(Design::RawSocket), launch());
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("netslice has"), "{refused}");
}
