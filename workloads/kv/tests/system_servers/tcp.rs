//! TCP: the field's conformance suite, and order within a connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use super::client::{PORT, config, found, items, line, own_address};
use super::scenario::{counters, started};
use kv::server::{Server, ServerConfig};
use kv::systems::{IoKind, SystemKind, Wakeup};

fn server(system: SystemKind, wakeup: Wakeup) -> (Server, SocketAddr) {
    let address = own_address();
    let config = ServerConfig {
        tcp: true,
        ..config(system, IoKind::Udp, wakeup, address)
    };
    (
        started(Server::load(&config).expect("load")),
        SocketAddr::new(address, PORT),
    )
}

/// Cases that memcached 1.6 passes.
const MEMCACHED_PASSES: usize = 54;

fn conforms(system: SystemKind) {
    let (server, address) = server(system, Wakeup::Eventfd);
    let run = Command::new("memccapable")
        .args([
            "-h",
            &address.ip().to_string(),
            "-p",
            &address.port().to_string(),
        ])
        .output();
    let Ok(output) = run else {
        let demanded = std::env::var_os("STEERBENCH_REQUIRE_ALL_TIERS").is_some_and(|v| v == "1");
        assert!(
            !demanded,
            "memccapable is not installed (package libmemcached-tools)"
        );
        println!("SKIPPED: memccapable is not installed (package libmemcached-tools)");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let passed = text.matches("[pass]").count();
    assert!(passed >= MEMCACHED_PASSES, "{passed} passed:\n{text}");
    assert!(!text.contains("[FAIL]"), "{text}");
    let total = counters(&server).total();
    assert!(total.tcp_requests > 0);
    assert_eq!(total.handoffs > 0, system.hands_over());
}

#[test]
fn sphinx_passes_memccapable() {
    conforms(SystemKind::Sphinx);
}

#[test]
fn rss_shared_passes_memccapable() {
    conforms(SystemKind::RssShared);
}

/// Thousands of pipelined requests for all owners' keys come back in their order, values that do not
/// fit one read among them.
#[test]
fn a_pipelined_connection_is_answered_in_order() {
    for (system, wakeup) in [
        (SystemKind::Sphinx, Wakeup::Batched),
        (SystemKind::Sphinx, Wakeup::Spin),
        (SystemKind::RssShared, Wakeup::Eventfd),
    ] {
        if wakeup == Wakeup::Spin && sys::cpu::affinity(None).expect("affinity").len() < 2 {
            println!("SKIPPED: spinning needs a CPU per owner");
            continue;
        }
        let (server, address) = server(system, wakeup);
        let mut stream = TcpStream::connect(address).expect("connect");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("timeout");
        let big = vec![b'B'; 300_000];
        let mut requests = format!("set big 0 0 {}\r\n", big.len()).into_bytes();
        requests.extend_from_slice(&big);
        requests.extend_from_slice(b"\r\n");
        let mut expected = b"STORED\r\n".to_vec();
        for (key, value) in items() {
            requests.extend(line("get", &key));
            expected.extend(found(&key, &value));
        }
        requests.extend_from_slice(b"get big\r\nquit\r\n");
        expected.extend(found(b"big", &big));
        let mut sender = stream.try_clone().expect("clone");
        let writing = std::thread::spawn(move || sender.write_all(&requests).expect("write"));
        let mut reply = Vec::new();
        stream
            .read_to_end(&mut reply)
            .expect("the server closes after quit");
        writing.join().expect("writer");
        assert!(
            reply == expected,
            "{system}: {} of {} bytes",
            reply.len(),
            expected.len()
        );
        drop(server);
    }
}
