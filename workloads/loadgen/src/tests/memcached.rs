//! The client against Debian's memcached, where it is installed: its replies are the reference.

use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use model::{Size, WorkloadSpec};

use super::loopback::{LOCALHOST, config, free_ports, run};
use super::workload;
use crate::{Addressing, Protocol, TransportConfig};

struct Memcached {
    process: Child,
    port: u16,
}

impl Memcached {
    /// `None`, after saying so, where memcached is not installed.
    fn start() -> Option<Self> {
        let port = free_ports(1);
        let process = Command::new("memcached")
            .args(["-u", "nobody", "-l", "127.0.0.1", "-p", "0", "-t", "1"])
            .args(["-U", &port.to_string()])
            .stderr(Stdio::null())
            .spawn();
        let process = match process {
            Ok(process) => process,
            Err(error) => {
                let required = std::env::var_os("STEERBENCH_REQUIRE_ALL_TIERS");
                assert!(
                    required.is_none(),
                    "all tiers are required: memcached: {error}"
                );
                eprintln!("SKIPPED: memcached cannot be started: {error}");
                return None;
            }
        };
        let server = Self { process, port };
        let socket = UdpSocket::bind((LOCALHOST, 0)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        for _ in 0..1000 {
            let probe = b"\0\x01\0\0\0\x01\0\0version\r\n";
            socket.send_to(probe, (LOCALHOST, port)).unwrap();
            if socket.recv(&mut [0; 100]).is_ok() {
                return Some(server);
            }
        }
        panic!("memcached was started and does not answer");
    }
}

impl Drop for Memcached {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[test]
fn its_replies_are_understood() {
    let Some(server) = Memcached::start() else {
        return;
    };
    let cases = [
        (Protocol::Ascii, 1),
        (Protocol::Ascii, 9),
        (Protocol::Meta, 1),
    ];
    for (protocol, keys_per_get) in cases.into_iter().chain([(Protocol::Binary, 1)]) {
        let spec = WorkloadSpec {
            keys: 60,
            get_ratio: 0.5,
            keys_per_get,
            value_size: Size::Fixed(700),
            ..workload(2000.0, 31)
        };
        let mut config = config(Addressing::Server { port: server.port }, spec.flows);
        config.protocol = protocol;
        let report = run(config, &spec);
        let ledger = &report.ledger;
        let told = format!("{protocol:?} {keys_per_get} {ledger:?}");
        assert_eq!(
            (ledger.answered, ledger.unknown),
            (ledger.offered, 0),
            "{told}"
        );
        assert_eq!(
            (ledger.errors, ledger.malformed, ledger.wrong_values),
            (0, 0, 0),
            "{told}"
        );
        assert_eq!(ledger.duplicates, 0, "{told}");
        assert!(ledger.hits > ledger.misses, "{told}");
    }
}

#[test]
fn long_values_come_in_several_datagrams() {
    let Some(server) = Memcached::start() else {
        return;
    };
    let spec = WorkloadSpec {
        keys: 40,
        get_ratio: 1.0,
        value_size: Size::Fixed(20_000),
        ..workload(100.0, 32)
    };
    let keys = model::KeySpace::new(&spec).unwrap();
    // memcached takes no request of several datagrams: grow the values by appending.
    let socket = UdpSocket::bind((LOCALHOST, 0)).unwrap();
    socket.connect((LOCALHOST, server.port)).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    for id in 0..keys.len() {
        let key = String::from_utf8(keys.key_bytes(id, &mut Vec::new()).to_vec()).unwrap();
        let value = model::value_bytes(id, 1, 20_000, &mut Vec::new()).to_vec();
        for (n, part) in value.chunks(1000).enumerate() {
            let verb = if n == 0 { "set" } else { "append" };
            let mut request = b"\0\x01\0\0\0\x01\0\0".to_vec();
            request.extend(format!("{verb} {key} 0 0 1000\r\n").bytes());
            request.extend_from_slice(part);
            request.extend_from_slice(b"\r\n");
            socket.send(&request).unwrap();
            let mut reply = [0; 100];
            let length = socket.recv(&mut reply).unwrap();
            assert_eq!(&reply[8..length], b"STORED\r\n");
        }
    }
    let mut config = config(Addressing::Server { port: server.port }, spec.flows);
    config.transport = TransportConfig::Udp {
        receive_buffer: 1 << 22,
    };
    let report = run(config, &spec);
    let ledger = &report.ledger;
    assert_eq!(
        (ledger.answered, ledger.hits),
        (ledger.offered, ledger.offered),
        "{ledger:?}"
    );
}
