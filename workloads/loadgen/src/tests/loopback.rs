//! Kernel UDP on the loopback device, against a server thread inside the test.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use model::{Schedule, WorkloadSpec};

use super::server::{Cut, Server};
use super::workload;
use crate::{Addressing, Client, ClientConfig, ClientReport, Mode, Protocol, TransportConfig};

pub(crate) const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(crate) const WARMUP_NS: u64 = 50_000_000;
pub(crate) const MEASURE_NS: u64 = 250_000_000;

/// Answers on one port until it is dropped.
pub(crate) struct Echo {
    port: u16,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<u64>>,
}

impl Echo {
    pub(crate) fn start(socket: UdpSocket, mut server: Server) -> Self {
        socket
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        let port = socket.local_addr().unwrap().port();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut buffer, mut requests) = ([0; 2048], 0);
            while !stopped.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                requests += 1;
                for datagram in server.answer(&buffer[..length]) {
                    // Far above saturation the send buffer may be full.
                    socket.send_to(&datagram, from).ok();
                }
            }
            requests
        });
        Self {
            port,
            stop,
            thread: Some(thread),
        }
    }

    /// Requests received.
    pub(crate) fn stop(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("stopped once").join().unwrap()
    }
}

/// A run of free ports below the ephemeral ones that no other test of this process was given.
pub(crate) fn free_ports(count: u16) -> u16 {
    static RUNS: AtomicU16 = AtomicU16::new(0);
    let shift = std::process::id() as u16 % 100;
    loop {
        let run = RUNS.fetch_add(1, Ordering::Relaxed) + shift;
        let first = 2048 + run % 450 * 64;
        let mut ports = first..first + count;
        if ports.all(|port| UdpSocket::bind((LOCALHOST, port)).is_ok()) {
            return first;
        }
    }
}

pub(crate) fn config(addressing: Addressing, flows: u16) -> ClientConfig {
    let udp = TransportConfig::Udp {
        receive_buffer: 1 << 18,
    };
    let mut config = ClientConfig::new(udp, LOCALHOST, LOCALHOST, addressing);
    config.source_port = free_ports(flows);
    // Other programs may compete for the CPUs while tests run.
    (config.timeout_ns, config.send_grace_ns) = (2_000_000_000, 2_000_000_000);
    config
}

pub(crate) fn run(config: ClientConfig, spec: &WorkloadSpec) -> ClientReport {
    let schedule = Schedule::generate(spec, WARMUP_NS + MEASURE_NS).unwrap();
    let mut armed = Client::new(config, schedule).unwrap().arm().unwrap();
    armed
        .run(sys::clock::now_ns() + 20_000_000, WARMUP_NS, MEASURE_NS)
        .unwrap()
}

/// A server for the keys of a workload.
pub(crate) fn preloaded(spec: &WorkloadSpec) -> Server {
    let keys = model::KeySpace::new(spec).unwrap();
    Server::preloaded(
        &keys,
        Cut {
            chunk: 1392,
            message_per_key: false,
        },
    )
}

fn echo(spec: &WorkloadSpec) -> Echo {
    Echo::start(UdpSocket::bind((LOCALHOST, 0)).unwrap(), preloaded(spec))
}

#[test]
fn every_request_is_answered_at_a_low_rate() {
    for (protocol, threads) in [
        (Protocol::Ascii, 1),
        (Protocol::Meta, 2),
        (Protocol::Binary, 1),
    ] {
        let spec = workload(4000.0, 21);
        let echo = echo(&spec);
        let mut config = config(Addressing::Server { port: echo.port }, spec.flows);
        (config.protocol, config.threads) = (protocol, threads);
        let report = run(config, &spec);
        let ledger = &report.ledger;
        assert_eq!(echo.stop(), ledger.sent);
        assert_eq!(
            (ledger.answered, ledger.unsent),
            (ledger.offered, 0),
            "{ledger:?}"
        );
        let gets = ledger.hits + ledger.misses;
        assert!(gets > ledger.offered / 2 && ledger.hits > 0, "{ledger:?}");
        assert_eq!(
            (ledger.wrong_values, ledger.malformed, ledger.errors),
            (0, 0, 0)
        );
        assert_eq!(report.measured.unanswered, 0);
        assert!(
            report.measured.used.sched.run_ns > 0
                && report.measured.used.sched.run_ns < 2 * MEASURE_NS
        );
        assert!(report.quantile(0.5).is_some());
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<ClientReport>(&text).unwrap(), report);
    }
}

#[test]
fn nobody_listening_means_timed_out_not_an_error() {
    let spec = workload(2000.0, 22);
    let unused = UdpSocket::bind((LOCALHOST, 0)).unwrap();
    let port = unused.local_addr().unwrap().port();
    drop(unused);
    let mut config = config(Addressing::Server { port }, spec.flows);
    config.timeout_ns = 20_000_000;
    let report = run(config, &spec);
    let ledger = &report.ledger;
    assert_eq!(
        (ledger.timed_out, ledger.answered),
        (ledger.offered, 0),
        "{ledger:?}"
    );
    assert_eq!(report.quantile(0.01), None);
}

#[test]
fn partitions_are_addressed_by_port() {
    let spec = workload(2000.0, 23);
    // Two owners need two neighbouring ports.
    let keys = model::KeySpace::new(&spec).unwrap();
    let first = free_ports(2);
    let sockets = [first, first + 1].map(|port| UdpSocket::bind((LOCALHOST, port)).unwrap());
    let addressing = Addressing::Partition {
        base_port: first,
        owners: 2,
        table: None,
        learns: None,
    };
    let mut config = config(addressing, spec.flows);
    (config.timeout_ns, config.quiet_ns) = (10_000_000, 1_000_000);
    run(config, &spec);
    let table = steering::PartitionTable::even(2);
    let owner_by_key: std::collections::HashMap<Vec<u8>, u16> = (0..keys.len())
        .map(|id| {
            let key = keys.key_bytes(id, &mut Vec::new()).to_vec();
            let owner = table.owner_of(steering::hash_bytes(&key));
            (key, owner)
        })
        .collect();
    for (owner, socket) in (0u16..).zip(&sockets) {
        socket.set_nonblocking(true).unwrap();
        let (mut buffer, mut requests) = ([0; 2048], 0);
        while let Ok(length) = socket.recv(&mut buffer) {
            let key = buffer[12..length]
                .split(|b| b" \r".contains(b))
                .next()
                .unwrap();
            assert_eq!(owner_by_key[key], owner);
            requests += 1;
        }
        assert!(requests > 50, "{requests}");
    }
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_sent() {
    use crate::{ClientError, QueueChoice};
    use model::Size;

    let spec = workload(100.0, 24);
    let refuses = |config: ClientConfig, spec: &WorkloadSpec, word: &str| {
        let schedule = Schedule::generate(spec, WARMUP_NS + MEASURE_NS).unwrap();
        let armed = Client::new(config, schedule).and_then(Client::arm);
        let Err(ClientError::Config(reason)) = armed else {
            panic!("{word} was accepted")
        };
        assert!(reason.contains(word), "{reason} lacks {word}");
    };
    let fits = config(Addressing::Server { port: 9 }, spec.flows);
    let multi_get = WorkloadSpec {
        keys_per_get: 2,
        ..spec.clone()
    };
    refuses(
        ClientConfig {
            protocol: Protocol::Meta,
            ..fits.clone()
        },
        &multi_get,
        "multi-get",
    );
    refuses(
        ClientConfig {
            threads: 17,
            ..fits.clone()
        },
        &spec,
        "threads",
    );
    refuses(
        ClientConfig {
            cpus: vec![0, 1],
            ..fits.clone()
        },
        &spec,
        "cpus",
    );
    refuses(
        ClientConfig {
            source_port: 65_530,
            ..fits.clone()
        },
        &spec,
        "source_port",
    );
    refuses(
        ClientConfig {
            server: "::1".parse().unwrap(),
            ..fits.clone()
        },
        &spec,
        "families",
    );
    let long = WorkloadSpec {
        value_size: Size::Fixed(1500),
        get_ratio: 0.5,
        ..spec.clone()
    };
    refuses(fits.clone(), &long, "one frame");
    let transport = TransportConfig::AfXdp {
        interface: "none".into(),
        queues: 1,
        queue_choice: QueueChoice::Rss,
        client_mac: [2; 6],
        server_mac: [2; 6],
        mtu: 1500,
        rx_ring: 64,
        tx_ring: 64,
    };
    refuses(
        ClientConfig {
            transport,
            threads: 2,
            ..fits
        },
        &spec,
        "AF_XDP",
    );
}

#[test]
fn a_closed_loop_keeps_a_real_server_busy() {
    for (depth, threads) in [(1, 1), (16, 2)] {
        let spec = workload(1.0, 25);
        let echo = echo(&spec);
        let mut config = config(Addressing::Server { port: echo.port }, spec.flows);
        (config.mode, config.threads) = (Mode::Closed { depth }, threads);
        let sequence = Schedule::sequence(&spec, 5000).unwrap();
        let mut armed = Client::new(config, sequence).unwrap().arm().unwrap();
        let start_ns = sys::clock::now_ns() + 20_000_000;
        let report = armed.run(start_ns, WARMUP_NS, MEASURE_NS).unwrap();
        let ledger = &report.ledger;
        assert_eq!(echo.stop(), ledger.sent);
        assert_eq!(
            (ledger.answered, ledger.unsent, ledger.wrong_values),
            (ledger.offered, 0, 0),
            "{ledger:?}"
        );
        let measured = &report.measured;
        assert!(measured.answered > 0 && measured.answered == measured.requests);
        assert_eq!(report.send_lag.histogram().len(), 0);
    }
}
