//! The store in XDP over a real link: every reply finds room, and no get sees a torn value.

#![expect(
    unsafe_code,
    reason = "unshare of the thread's network namespace, for tests"
)]

#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod support;

use std::net::UdpSocket;
use std::process::Command;
use std::thread;
use std::time::Duration;

use loader::{KvDirect, Pass, ServerPorts};
use steering::in_kernel::counters::Outcome;
use steering::in_kernel::item::{LONGEST_KEY, LONGEST_VALUE};
use support::{PORT, loaded, skip};

fn ip(arguments: &str) {
    let output = Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .expect("iproute2");
    assert!(output.status.success(), "ip {arguments}: {output:?}");
}

fn ifindex(device: &str) -> u32 {
    let name = std::ffi::CString::new(device).expect("a name");
    // SAFETY: the string ends in a zero byte.
    unsafe { libc::if_nametoindex(name.as_ptr()) }
}

/// Runs `test` with a store for `capacity` keys at the far end of a link in a namespace of its own.
fn with_store(capacity: u32, test: impl FnOnce(&KvDirect) + Send + 'static) {
    let thread = thread::spawn(move || {
        // SAFETY: affects this thread only; nothing else runs on it.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            skip(&std::io::Error::last_os_error());
            return;
        }
        ip("link add near type veth peer name far");
        for device in ["near", "far"] {
            ip(&format!("link set {device} addrgenmode none"));
            ip(&format!("link set {device} up"));
        }
        for (address, server) in [("198.18.0.2/24", "198.18.0.1"), ("fd53::2/64", "fd53::1")] {
            let nodad = if address.contains(':') { " nodad" } else { "" };
            ip(&format!("addr add {address} dev near{nodad}"));
            ip(&format!(
                "neigh add {server} lladdr 02:53:42:00:00:01 dev near nud permanent"
            ));
        }
        let Some(mut store) = loaded(KvDirect::load(ServerPorts::new(PORT, 1), capacity)) else {
            return;
        };
        let mut pass = Pass::load().expect("loaded before");
        let _near = pass.attach(ifindex("near")).expect("attach");
        let _far = store.attach(ifindex("far")).expect("attach");
        test(&store);
    });
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

struct Client {
    socket: UdpSocket,
    id: u16,
}

impl Client {
    fn new(server: &str) -> Self {
        let here = if server.contains(':') {
            "fd53::2"
        } else {
            "198.18.0.2"
        };
        let socket = UdpSocket::bind((here, 0)).expect("bind");
        socket.connect((server, PORT)).expect("connect");
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .expect("a timeout");
        Self { socket, id: 0 }
    }

    /// The text of the reply; the kernel has looked at its checksums.
    fn ask(&mut self, text: &str) -> String {
        self.id = self.id.wrapping_add(1);
        let [high, low] = self.id.to_be_bytes();
        let request = [&[high, low, 0, 0, 0, 1, 0, 0], text.as_bytes()].concat();
        self.socket.send(&request).expect("send");
        let mut reply = [0; 2048];
        let len = self.socket.recv(&mut reply).expect("a reply");
        assert_eq!(reply[..8], request[..8], "the request's frame header");
        String::from_utf8(reply[8..len].to_vec()).expect("text")
    }
}

#[test]
fn the_longest_reply_finds_room() {
    with_store(300, |store| {
        let mut asked = 0;
        for server in ["198.18.0.1", "fd53::1"] {
            let mut client = Client::new(server);
            for len in [0, 1, 7, 8, 63, 64, 100, 150, 191, LONGEST_VALUE] {
                for key_len in [1, 8, 13, LONGEST_KEY] {
                    let (key, value) = ("k".repeat(key_len), "v".repeat(len));
                    let set = format!("set {key} 65535 0 {len}\r\n{value}\r\n");
                    assert_eq!(client.ask(&set), "STORED\r\n");
                    let found = format!("VALUE {key} 65535 {len}\r\n{value}\r\nEND\r\n");
                    assert_eq!(client.ask(&format!("get {key}\r\n")), found, "{server}");
                    assert_eq!(client.ask("get absent\r\n"), "END\r\n");
                    asked += 1;
                }
            }
        }
        let counters = store.counters().expect("counters");
        assert_eq!(counters.of(Outcome::Hit), asked);
        assert_eq!(counters.of(Outcome::NoHeadroom), 0);
    });
}

/// A value that is one letter throughout, and as long as the letter says.
fn value(letter: u8) -> String {
    let len = 100 + usize::from(letter - b'a') * 3;
    String::from(char::from(letter)).repeat(len)
}

#[test]
fn sets_of_one_key_on_two_cpus_never_give_a_torn_value() {
    const ROUNDS: u32 = 20_000;
    with_store(16, |store| {
        let cpus = thread::available_parallelism().map_or(1, usize::from);
        if cpus < 2 {
            skip(&"one CPU only");
            return;
        }
        thread::scope(|scope| {
            for writer in 0..2_usize {
                scope.spawn(move || {
                    pin(writer);
                    let mut client = Client::new("198.18.0.1");
                    for round in 0..ROUNDS {
                        let letter = b'a' + ((round as usize * 7 + writer * 13) % 26) as u8;
                        let (key, value) = (format!("key{}", round % 4), value(letter));
                        let set = format!("set {key} 0 0 {}\r\n{value}\r\n", value.len());
                        assert_eq!(client.ask(&set), "STORED\r\n");
                        let key = format!("key{}", (round + 1) % 4);
                        let found = client.ask(&format!("get {key}\r\n"));
                        assert!(is_whole(&key, &found), "round {round}: {found:?}");
                    }
                });
            }
        });
        let counters = store.counters().expect("counters");
        let answered = counters.of(Outcome::Hit) + counters.of(Outcome::Miss);
        assert_eq!(answered, u64::from(2 * ROUNDS));
        assert_eq!(counters.of(Outcome::Stored), u64::from(2 * ROUNDS));
        // The first sets may meet, and take room twice.
        assert!((4..=8).contains(&store.keys().expect("the map")));
        let stored = store.value(b"key0").expect("the maps").expect("a value");
        assert_eq!(stored, value(stored[0]).into_bytes());
    });
}

fn is_whole(key: &str, found: &str) -> bool {
    if found == "END\r\n" {
        return true;
    }
    let text = found.split("\r\n").nth(1).unwrap_or_default();
    let letter = text.bytes().next().unwrap_or(b'?');
    letter.is_ascii_lowercase() && {
        let value = value(letter);
        found == format!("VALUE {key} 0 {}\r\n{value}\r\nEND\r\n", value.len())
    }
}

/// Runs the calling thread, and with it the program over what it sends, on one CPU.
fn pin(cpu: usize) {
    // SAFETY: an empty set is all zeros, and the CPU is below its size.
    let done = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}
