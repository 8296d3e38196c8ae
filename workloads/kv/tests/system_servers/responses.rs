//! A cache of responses in the path, over veth: an expensive call is computed once or twice and then answered without the
//! server, a cheap one never is, and no client reads an older value than it knows. Needs root; says so otherwise.

use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use kv::server::{ResponsesConfig, Server, ServerConfig, SteerBy};
use kv::systems::{IoKind, SystemKind, Wakeup};
use loader::{Attached, Pass};
use model::{Service, ServiceTimes};
use steering::rpc::{HEAD_LEN, Kind, call_id, head, lengths};

use super::cable::{CLIENT, Cable, DEVICE, SERVER, cable, takes_replies};
use super::client::{PORT, config};
use super::coherence::{Versions, key, of, sets_at_once_leave_one_value, values_never_go_back};
use super::scenario::{counters, started};

const PATIENCE: Duration = Duration::from_secs(10);
/// CPU time that every call is made to take where calls are expensive, ns.
const SERVICE_NS: u64 = 200_000;
/// CPU time from which responses are kept there, ns.
const MIN_COST_NS: u64 = 100_000;
/// More than a test takes, ns.
const LONG_NS: u64 = 600_000_000_000;

/// A server behind its cache, with what lets the client's device take frames that XDP sent back.
struct Rig {
    cable: Cable,
    server: Server,
    _pass: (Attached, Pass),
}

fn rig(system: SystemKind, service_ns: Option<u64>, responses: ResponsesConfig) -> Option<Rig> {
    let fixed = |time_ns| ServiceTimes::new(Service::Fixed { time_ns }, 7);
    let config = ServerConfig {
        interface: Some(DEVICE.to_owned()),
        rpc: Some(SteerBy::Key),
        service: service_ns.map(fixed),
        responses: Some(responses),
        ..config(system, IoKind::AfXdp, Wakeup::Eventfd, SERVER)
    };
    if let Err(refusal) = config.validate() {
        println!("SKIPPED: {refusal}");
        return None;
    }
    let cable = cable(config.queues)?;
    let load = || Server::load(&config).map(started);
    let server = cable.server.run(load).expect("enter").expect("load");
    Some(Rig {
        _pass: takes_replies(&cable),
        cable,
        server,
    })
}

const fn kept(min_cost_ns: u64, ttl_ns: u64) -> ResponsesConfig {
    ResponsesConfig {
        entries: 64,
        min_cost_ns,
        ttl_ns,
    }
}

/// A client that calls functions.
struct Caller {
    socket: UdpSocket,
    next: u32,
}

fn caller() -> Caller {
    let socket = UdpSocket::bind((CLIENT, 0)).expect("a socket");
    socket.connect((SERVER, PORT)).expect("connected");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    Caller { socket, next: 1 }
}

impl Caller {
    /// The whole reply to a call but for the call's id.
    fn call(&mut self, name: &[u8], arguments: &[&[u8]]) -> Vec<u8> {
        let lens: Vec<usize> = arguments.iter().map(|it| it.len()).collect();
        let (head, lengths) = (head(Kind::Call, self.next), lengths(name.len(), &lens));
        let call = [&head[..], &lengths, name, &arguments.concat()].concat();
        self.socket.send(&call).expect("sent");
        let mut reply = [0; 2048];
        let len = self.socket.recv(&mut reply).expect("a reply");
        assert_eq!(call_id(Kind::Reply, &reply[..len]), Some(self.next));
        self.next += 1;
        reply[HEAD_LEN..len].to_vec()
    }
}

impl Versions for Caller {
    fn set(&mut self, id: usize, version: u64) {
        let value = format!("{version:032}");
        let reply = self.call(b"set", &[b"tenant", &key(id), value.as_bytes()]);
        assert_eq!(reply, [0]);
    }

    fn get(&mut self, id: usize) -> u64 {
        let reply = self.call(b"get", &[b"tenant", &key(id)]);
        let (status, value) = reply.split_first().expect("a status");
        assert_eq!((*status, value.len()), (0, 32), "{reply:?}");
        let value = std::str::from_utf8(value).expect("text");
        value.parse().expect("a version, whole")
    }
}

impl Rig {
    fn counted(&self, name: &str) -> u64 {
        of(&self.server.snapshot().expect("counters"), name)
    }

    /// Calls until the cache answers, and the same as the server did; how often the server had to.
    fn until_kept(&self, caller: &mut Caller, name: &[u8], arguments: &[&[u8]]) -> usize {
        let deadline = Instant::now() + PATIENCE;
        let mut replies = Vec::new();
        loop {
            let before = self.counted("responses_hits");
            let reply = caller.call(name, arguments);
            if self.counted("responses_hits") > before {
                assert!(replies.iter().all(|other| *other == reply), "{replies:?}");
                return replies.len();
            }
            replies.push(reply);
            assert!(Instant::now() < deadline, "never kept");
        }
    }
}

fn computed_responses_are_kept(system: SystemKind) {
    let Some(rig) = rig(system, Some(SERVICE_NS), kept(MIN_COST_NS, LONG_NS)) else {
        return;
    };
    let talk = || {
        let mut caller = caller();
        let (few, many) = (vec![b'x'; 5], vec![b'y'; 180]);
        let calls: [(&[u8], [&[u8]; 3]); 3] = [
            (b"echo", [b"tenant", b"a", &few]),
            (b"echo", [b"tenant", b"b", &many]),
            (b"spin", [b"tenant", b"c", &[0, 0, 0, 1]]),
        ];
        for (name, arguments) in &calls {
            let reply = caller.call(name, arguments);
            let again = rig.until_kept(&mut caller, name, arguments);
            assert!(again > 0, "kept before it was asked for twice");
            let before = counters(&rig.server);
            for _ in 0..200 {
                assert_eq!(caller.call(name, arguments), reply);
            }
            let delta = counters(&rig.server).since(&before);
            assert_eq!(delta.answered_in_path, 200);
            assert_eq!(delta.total().requests_received, 0);
            // The same arguments of another function, or another tenant's, are another call.
            let [_, key, further] = *arguments;
            assert_eq!(caller.call(name, &[b"someone", key, further]), reply);
            assert_eq!(
                rig.counted("responses_hits"),
                of(&before, "responses_hits") + 200
            );
        }
        // What is longer than a slot never is.
        let long = [b'z'; 230];
        for _ in 0..10 {
            let reply = caller.call(b"echo", &[b"tenant", b"d", &long]);
            assert_eq!(reply[1..], long);
        }
        assert_eq!(rig.counted("responses_entries"), 3);
    };
    rig.cable.client.run(talk).expect("enter");
    rig.server.stop().expect("stop");
}

#[test]
fn an_expensive_call_is_answered_without_the_server_before_xdp_steered() {
    computed_responses_are_kept(SystemKind::XdpSteered);
}

#[test]
fn an_expensive_call_is_answered_without_the_server_before_rss_shared() {
    computed_responses_are_kept(SystemKind::RssShared);
}

#[test]
fn cheap_calls_are_not_kept() {
    // More than what the kernel or a hypervisor does meanwhile may add to the CPU time of any of them.
    const MUCH_NS: u64 = 20_000_000;
    let Some(rig) = rig(SystemKind::XdpSteered, None, kept(MUCH_NS, LONG_NS)) else {
        return;
    };
    let talk = || {
        let mut caller = caller();
        caller.set(0, 5);
        for round in 0..1000_usize {
            let bytes = [round as u8 % 5];
            let reply = caller.call(b"echo", &[b"tenant", b"key", &bytes]);
            assert_eq!(reply, [0, bytes[0]]);
            assert_eq!(caller.get(0), 5);
        }
        let seen = ["hits", "admitted", "gets_passed", "writes_passed"]
            .map(|what| rig.counted(&format!("responses_{what}")));
        assert_eq!(seen, [0, 0, 2000, 1]);
    };
    rig.cable.client.run(talk).expect("enter");
    rig.server.stop().expect("stop");
}

#[test]
fn a_write_takes_out_what_depends_on_its_key_and_nothing_else() {
    let Some(rig) = rig(
        SystemKind::XdpSteered,
        Some(SERVICE_NS),
        kept(MIN_COST_NS, LONG_NS),
    ) else {
        return;
    };
    let talk = || {
        let (mut caller, mut other) = (caller(), caller());
        caller.set(1, 7);
        caller.set(2, 8);
        let (one, two) = (key(1), key(2));
        for version in 9..12 {
            rig.until_kept(&mut caller, b"get", &[b"tenant", &one]);
            rig.until_kept(&mut caller, b"get", &[b"tenant", &two]);
            rig.until_kept(&mut caller, b"echo", &[b"tenant", &one, b"bytes"]);
            other.set(1, version);
            let before = counters(&rig.server);
            assert_eq!(caller.get(1), version);
            assert_eq!(caller.get(2), 8);
            let echo = caller.call(b"echo", &[b"tenant", &one, b"bytes"]);
            assert_eq!(echo, b"\0bytes");
            let delta = counters(&rig.server).since(&before);
            assert_eq!(delta.answered_in_path, 2);
            assert_eq!(of(&delta, "responses_stale"), 1);
        }
        assert!(rig.counted("responses_renewed") > 0);
    };
    rig.cable.client.run(talk).expect("enter");
    rig.server.stop().expect("stop");
}

#[test]
fn a_response_expires() {
    const TTL_NS: u64 = 300_000_000;
    let Some(rig) = rig(
        SystemKind::XdpSteered,
        Some(SERVICE_NS),
        kept(MIN_COST_NS, TTL_NS),
    ) else {
        return;
    };
    let talk = || {
        let mut caller = caller();
        let arguments = [b"tenant".as_slice(), b"key", b"bytes"];
        for _ in 0..2 {
            rig.until_kept(&mut caller, b"echo", &arguments);
            thread::sleep(Duration::from_nanos(TTL_NS));
            let before = counters(&rig.server);
            caller.call(b"echo", &arguments);
            let delta = counters(&rig.server).since(&before);
            assert_eq!(delta.answered_in_path, 0);
            assert_eq!(delta.total().requests_executed, 1);
        }
    };
    rig.cable.client.run(talk).expect("enter");
    rig.server.stop().expect("stop");
}

/// Every response is worth keeping, and there are more keys than places: responses come, go and are written meanwhile.
fn nobody_reads_an_older_value(system: SystemKind) {
    let few = ResponsesConfig {
        entries: 8,
        ..kept(0, LONG_NS)
    };
    let Some(rig) = rig(system, None, few) else {
        return;
    };
    let talk = || {
        values_never_go_back(caller, 6_000);
        sets_at_once_leave_one_value(caller, 300);
    };
    rig.cable.client.run(talk).expect("enter");
    let after = counters(&rig.server);
    for what in ["hits", "stale", "renewed", "evicted"] {
        let count = of(&after, &format!("responses_{what}"));
        assert!(count > 0, "{what}: {:?}", after.related);
    }
    assert!(of(&after, "responses_entries") <= 8);
    let passed = ["gets", "reads", "writes", "others"]
        .map(|what| of(&after, &format!("responses_{what}_passed")));
    let received = after.total().requests_received;
    assert_eq!(passed.iter().sum::<u64>(), received);
    rig.server.stop().expect("stop");
}

#[test]
fn a_cache_of_responses_before_xdp_steered_is_coherent() {
    nobody_reads_an_older_value(SystemKind::XdpSteered);
}

#[test]
fn a_cache_of_responses_before_sphinx_is_coherent() {
    nobody_reads_an_older_value(SystemKind::Sphinx);
}

#[test]
fn a_cache_of_responses_before_rss_shared_is_coherent() {
    nobody_reads_an_older_value(SystemKind::RssShared);
}

#[test]
fn it_stands_before_calls_over_af_xdp_alone() {
    let of = |io, rpc| ServerConfig {
        rpc,
        responses: Some(kept(0, LONG_NS)),
        ..config(SystemKind::Sphinx, io, Wakeup::Eventfd, SERVER)
    };
    for config in [of(IoKind::Udp, Some(SteerBy::Key)), of(IoKind::AfXdp, None)] {
        let error = Server::load(&config)
            .expect_err("no such cache")
            .to_string();
        assert!(error.contains("a server of calls, over AF_XDP"), "{error}");
    }
}
