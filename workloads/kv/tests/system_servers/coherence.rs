//! What clients must see of a key that is set and read at the same time, whatever answers them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::cable::{CLIENT, SERVER};
use super::client::{Client, line};
use kv::server::ServerCounters;
use kv::systems::SystemKind;

/// Keys that are asked for.
pub(crate) const KEYS: usize = 16;

/// Gets of a reader after which one key takes another's place among those that it asks for.
const HOT_FOR: usize = 1_000;

/// How long it is asked at least: several times the 100 ms after which a server looks at what is hot.
const LEAST: Duration = Duration::from_secs(1);

pub(crate) fn client() -> Client {
    Client::new(CLIENT, SERVER, SystemKind::XdpSteered)
}

pub(crate) fn key(id: usize) -> Vec<u8> {
    format!("counter-{id}").into_bytes()
}

pub(crate) fn set(client: &mut Client, id: usize, version: u64) {
    let (key, value) = (key(id), format!("{version:032}"));
    let mut request = b"set ".to_vec();
    request.extend_from_slice(&key);
    request.extend_from_slice(format!(" 0 0 {}\r\n{value}\r\n", value.len()).as_bytes());
    assert_eq!(client.ask(&key, &request), b"STORED\r\n");
}

pub(crate) fn get(client: &mut Client, id: usize) -> u64 {
    let key = key(id);
    let reply = String::from_utf8(client.ask(&key, &line("get", &key))).expect("text");
    let mut lines = reply.split("\r\n");
    let head = format!("VALUE {} 0 32", String::from_utf8_lossy(&key));
    assert_eq!(lines.next(), Some(head.as_str()), "{reply}");
    let value = lines.next().expect("a value");
    assert_eq!(lines.collect::<Vec<_>>(), ["END", ""]);
    value.parse().expect("a version, whole")
}

pub(crate) fn of(counters: &ServerCounters, name: &str) -> u64 {
    let found = counters.related.iter().find(|(other, _)| other == name);
    found.expect("a counter").1
}

/// A client that sets and gets versions of the keys, however it asks for them.
pub(crate) trait Versions {
    /// Sets a key, and waits for the reply.
    fn set(&mut self, id: usize, version: u64);
    /// The version that a key has.
    fn get(&mut self, id: usize) -> u64;
}

impl Versions for Client {
    fn set(&mut self, id: usize, version: u64) {
        set(self, id, version);
    }

    fn get(&mut self, id: usize) -> u64 {
        get(self, id)
    }
}

/// So many sets on all keys and more, by each of two clients, while two others read: nobody reads an older value than
/// it can know of.
pub(crate) fn values_never_go_back<C: Versions>(client: impl Fn() -> C + Sync, sets: u64) {
    let answered: [AtomicU64; KEYS] = std::array::from_fn(|_| AtomicU64::new(0));
    let writing = AtomicUsize::new(2);
    let begun = Instant::now();
    let write = |first: usize| {
        let mut client = client();
        let goes_on = |round: &u64| *round < sets || begun.elapsed() < LEAST;
        for round in (0..).take_while(goes_on) {
            // Two keys in three sets are hot, and others have their turns.
            let id = first + 2 * ((round as usize * round as usize / 7) % (KEYS / 2));
            let version = answered[id].load(Ordering::Acquire) + 1;
            client.set(id, version);
            answered[id].store(version, Ordering::Release);
        }
        writing.fetch_sub(1, Ordering::AcqRel);
    };
    let read = |reader: usize| {
        let mut client = client();
        let mut seen = [0; KEYS];
        let (mut turn, mut gets) = (reader, 0);
        while writing.load(Ordering::Acquire) > 0 {
            turn = turn.wrapping_mul(5).wrapping_add(3);
            // The hot ones change, so that items come and go.
            let id = (turn / 7 % 5 + gets / HOT_FOR) % KEYS;
            gets += 1;
            let known = answered[id].load(Ordering::Acquire).max(seen[id]);
            let version = client.get(id);
            assert!(version >= known, "key {id}: {version} after {known}");
            seen[id] = version;
        }
    };
    let mut first = client();
    (0..KEYS).for_each(|id| first.set(id, 0));
    let (write, read) = (&write, &read);
    thread::scope(|scope| {
        for side in 0..2 {
            scope.spawn(move || write(side));
            scope.spawn(move || read(side));
        }
    });
}

/// Two clients set one key at the same moment. Whichever counts as the later one, once both replies are
/// there all who read read the same.
pub(crate) fn sets_at_once_leave_one_value<C: Versions>(
    client: impl Fn() -> C + Sync,
    rounds: u64,
) {
    let barrier = Barrier::new(2);
    let seen = Mutex::new(BTreeSet::new());
    // Told at the end: a side that panicked would let the other one wait for good.
    let wrong = Mutex::new(Vec::new());
    let take_turns = |side: u64| {
        let mut client = client();
        for round in 0..rounds {
            barrier.wait();
            client.set(0, 2 * round + side);
            barrier.wait();
            for _ in 0..20 {
                let version = client.get(0);
                seen.lock().expect("no panic").insert(version);
            }
            barrier.wait();
            if side == 0 {
                let mut seen = seen.lock().expect("no panic");
                let of_this_round = seen.iter().all(|version| version / 2 == round);
                if seen.len() != 1 || !of_this_round {
                    let mut wrong = wrong.lock().expect("no panic");
                    wrong.push(format!("round {round}: {seen:?}"));
                }
                seen.clear();
            }
        }
    };
    let take_turns = &take_turns;
    thread::scope(|scope| {
        for side in 0..2 {
            scope.spawn(move || take_turns(side));
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{wrong:?}");
}
