//! Network namespaces of a test's own, with veth pairs in them. They go with the threads that entered
//! them.

#![expect(
    unsafe_code,
    reason = "unshare of the thread's network namespace, for tests"
)]

use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::support::skip;

/// Queues of each device.
pub(crate) const QUEUES: u32 = 4;
/// The server's hardware address, as the fixtures have it.
const SERVER_MAC: &str = "02:53:42:00:00:01";
/// The client's.
const CLIENT_MAC: &str = "02:53:42:00:00:02";

/// Runs iproute2.
pub(crate) fn ip(arguments: &str) {
    let output = Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .expect("iproute2");
    assert!(output.status.success(), "ip {arguments}: {output:?}");
}

/// The number of a device of the thread's namespace.
pub(crate) fn ifindex(device: &str) -> u32 {
    let name = std::ffi::CString::new(device).expect("a name");
    // SAFETY: the string ends in a zero byte.
    unsafe { libc::if_nametoindex(name.as_ptr()) }
}

/// Frames on veth are handled in the sender's softirq, as a rule before `send` returns; sometimes
/// ksoftirqd does it a little later.
pub(crate) fn eventually(condition: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        if condition() {
            return true;
        }
        thread::sleep(Duration::from_millis(1));
    }
    condition()
}

/// Runs `test` in a fresh namespace, or says that there is none to be had.
pub(crate) fn in_namespace(test: impl FnOnce() + Send + 'static) {
    let thread = thread::spawn(|| {
        if enter() {
            test();
        }
    });
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

fn enter() -> bool {
    // SAFETY: affects this thread only; nothing else runs on it.
    let entered = unsafe { libc::unshare(libc::CLONE_NEWNET) } == 0;
    if !entered {
        let error = std::io::Error::last_os_error();
        skip(&format!("no network namespace: {error}"));
    }
    entered
}

/// Runs `test` in a fresh namespace with a pair `near` and `far`, `QUEUES` queues each. Frames to
/// 198.18.0.1 leave through `near`; nobody answers at `far`.
pub(crate) fn in_pair(test: impl FnOnce() + Send + 'static) {
    in_namespace(|| {
        add_pair();
        for device in ["near", "far"] {
            ip(&format!("link set {device} up"));
        }
        ip("addr add 198.18.0.2/24 dev near");
        ip(&format!(
            "neigh add 198.18.0.1 lladdr {SERVER_MAC} dev near nud permanent"
        ));
        test();
    });
}

fn add_pair() {
    let queues = format!("numtxqueues {QUEUES} numrxqueues {QUEUES}");
    ip(&format!(
        "link add near {queues} type veth peer name far {queues}"
    ));
    for device in ["near", "far"] {
        ip(&format!("link set {device} addrgenmode none"));
    }
}

/// Another host: a thread in a namespace of its own. The server's, or the router's, is the test's.
pub(crate) struct Client {
    tid: i32,
    work: Option<Sender<Box<dyn FnOnce() + Send>>>,
    thread: Option<JoinHandle<()>>,
}

impl Client {
    /// A host with no device but the loopback.
    pub(crate) fn start() -> Self {
        let (work, todo) = channel::<Box<dyn FnOnce() + Send>>();
        let (tell, told) = channel();
        let thread = thread::spawn(move || {
            assert!(enter());
            // SAFETY: it takes nothing and cannot fail.
            tell.send(unsafe { libc::gettid() })
                .expect("the test waits");
            for work in todo {
                work();
            }
        });
        Self {
            tid: told.recv().expect("a namespace, as the test has one"),
            work: Some(work),
            thread: Some(thread),
        }
    }

    /// Its thread, which names its namespace to iproute2.
    pub(crate) fn tid(&self) -> i32 {
        self.tid
    }

    /// Does this on the client's host and returns what came of it.
    pub(crate) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (tell, told) = channel();
        let send = move || drop(tell.send(work()));
        self.work
            .as_ref()
            .expect("until it is dropped")
            .send(Box::new(send))
            .expect("the thread runs");
        told.recv().expect("it did not panic")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.work.take();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking());
        }
    }
}

/// Runs `test` on a server's host: a namespace with `far` in it, and the addresses of the fixtures.
pub(crate) fn between_hosts(test: impl FnOnce(&Client) + Send + 'static) {
    in_namespace(|| {
        add_pair();
        let client = Client::start();
        ip(&format!("link set near netns {}", client.tid()));
        host("far", SERVER_MAC, 1, (CLIENT_MAC, 2));
        client.run(|| host("near", CLIENT_MAC, 2, (SERVER_MAC, 1)));
        test(&client);
    });
}

fn host(device: &str, mac: &str, number: u8, (peer_mac, peer): (&str, u8)) {
    ip(&format!("link set {device} address {mac}"));
    ip(&format!("link set {device} up"));
    for (prefix, length) in [("198.18.0.", 24), ("fd53:42::", 64)] {
        let nodad = if length == 64 { " nodad" } else { "" };
        ip(&format!(
            "addr add {prefix}{number}/{length} dev {device}{nodad}"
        ));
        ip(&format!(
            "neigh add {prefix}{peer} lladdr {peer_mac} dev {device} nud permanent"
        ));
    }
}
