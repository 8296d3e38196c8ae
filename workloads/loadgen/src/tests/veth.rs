//! The client over a veth pair between two namespaces, against a kernel UDP server.
//!
//! Needs root. Without it every case says `SKIPPED` and passes, or fails when
//! `STEERBENCH_REQUIRE_ALL_TIERS` is set.

use std::net::{IpAddr, UdpSocket};

use model::WorkloadSpec;
use sys::link;

use super::loopback::{Echo, MEASURE_NS, WARMUP_NS, preloaded};
use super::rig::{CLIENT, QUEUES, Rig, SERVER};
use super::workload;
use crate::{Addressing, Client, ClientConfig, ClientReport, QueueChoice, TransportConfig};

const PORT: u16 = 11_211;

/// A trial against a kernel UDP server; requests that the server received, and the report.
fn trial(rig: &Rig, config: ClientConfig, spec: &WorkloadSpec) -> (u64, ClientReport) {
    let address = (config.server, PORT);
    let socket = rig
        .server
        .run(|| UdpSocket::bind(address))
        .unwrap()
        .unwrap();
    let echo = Echo::start(socket, preloaded(spec));
    let schedule = model::Schedule::generate(spec, WARMUP_NS + MEASURE_NS).unwrap();
    let client = Client::new(config, schedule).unwrap();
    let mut armed = rig.client.run(|| client.arm()).unwrap().unwrap();
    let start_ns = sys::clock::now_ns() + 20_000_000;
    let report = armed.run(start_ns, WARMUP_NS, MEASURE_NS).unwrap();
    (echo.stop(), report)
}

fn config(transport: TransportConfig, family: usize) -> ClientConfig {
    let (client, server) = (CLIENT.addresses[family], SERVER.addresses[family]);
    let addressing = Addressing::Server { port: PORT };
    let mut config = ClientConfig::new(transport, client, server, addressing);
    // Other programs may compete for the CPUs while tests run.
    (config.timeout_ns, config.send_grace_ns) = (2_000_000_000, 2_000_000_000);
    config
}

fn af_xdp(queue_choice: QueueChoice) -> TransportConfig {
    TransportConfig::AfXdp {
        interface: CLIENT.device.to_owned(),
        queues: QUEUES,
        queue_choice,
        client_mac: CLIENT.mac,
        server_mac: SERVER.mac,
        mtu: 1500,
        rx_ring: 1024,
        tx_ring: 512,
    }
}

fn assert_all_answered(received: u64, report: &ClientReport) {
    let ledger = &report.ledger;
    assert_eq!(
        (ledger.sent, ledger.answered),
        (ledger.offered, ledger.offered),
        "{report:?}"
    );
    assert_eq!(received, ledger.sent);
    assert!(ledger.hits > 100 && ledger.misses > 100, "{ledger:?}");
    let bad = (
        ledger.wrong_values,
        ledger.malformed,
        ledger.errors,
        ledger.unknown,
    );
    assert_eq!((bad, ledger.duplicates), ((0, 0, 0, 0), 0), "{ledger:?}");
    assert!(
        report.losses.drops.iter().all(|drop| drop.count == 0),
        "{:?}",
        report.losses
    );
}

#[test]
fn af_xdp_requests_are_answered_by_a_kernel_server() {
    let Some(rig) = Rig::new() else { return };
    let spec = WorkloadSpec {
        flows: 1024,
        ..workload(8000.0, 41)
    };
    for family in [0, 1] {
        for choice in [QueueChoice::Rss, QueueChoice::Port { base: PORT }] {
            let (received, report) = trial(&rig, config(af_xdp(choice), family), &spec);
            assert_all_answered(received, &report);
            assert_eq!(report.transport, "af_xdp copy");
        }
    }
}

#[test]
fn the_senders_queues_are_those_that_rss_chooses() {
    let Some(rig) = Rig::new() else { return };
    let spec = WorkloadSpec {
        flows: 1024,
        ..workload(8000.0, 42)
    };
    let config = config(af_xdp(QueueChoice::Rss), 0);
    let (IpAddr::V4(client), IpAddr::V4(server)) = (config.client, config.server) else {
        panic!("family 0 is IPv4");
    };
    let mut expected = [0u64; QUEUES as usize];
    let schedule = model::Schedule::generate(&spec, WARMUP_NS + MEASURE_NS).unwrap();
    for planned in &schedule.requests {
        let tuple = steering::rss::Tuple {
            addresses: packet::Addresses::V4(client.octets(), server.octets()),
            src_port: config.source_port + planned.flow,
            dst_port: PORT,
        };
        let indirection = steering::rss::Indirection::even(QUEUES);
        let key = &steering::rss::DEFAULT_KEY;
        expected[usize::from(steering::rss::queue_of_flow(key, &indirection, &tuple))] += 1;
    }
    // veth hands a frame of transmit queue q to the peer's receive queue q, and counts XDP's
    // frames there: a program on the server's end makes them visible.
    let mut pass = loader::Pass::load().unwrap();
    let index = rig
        .server
        .run(|| link::ifindex(SERVER.device))
        .unwrap()
        .unwrap();
    let _attached = rig.server.run(|| pass.attach(index)).unwrap().unwrap();
    let (received, report) = trial(&rig, config, &spec);
    assert_all_answered(received, &report);
    let statistics = rig.server.run(|| sys::ethtool::statistics(SERVER.device));
    let statistics = statistics.unwrap().unwrap();
    for (queue, expected) in expected.into_iter().enumerate() {
        let name = format!("rx_queue_{queue}_xdp_packets");
        assert_eq!(
            statistics.get(&name).copied(),
            Some(expected),
            "{statistics:?}"
        );
    }
}

#[test]
fn kernel_udp_works_over_veth_too() {
    let Some(rig) = Rig::new() else { return };
    let spec = WorkloadSpec {
        flows: 1024,
        ..workload(8000.0, 43)
    };
    let udp = TransportConfig::Udp {
        receive_buffer: 1 << 18,
    };
    let (received, report) = trial(&rig, config(udp, 1), &spec);
    assert_all_answered(received, &report);
    assert_eq!(report.transport, "udp");
}

#[test]
fn far_above_saturation_the_ledger_still_closes() {
    let Some(rig) = Rig::new() else { return };
    let spec = WorkloadSpec {
        flows: 1024,
        ..workload(1_500_000.0, 44)
    };
    let udp = TransportConfig::Udp {
        receive_buffer: 1 << 18,
    };
    for transport in [udp, af_xdp(QueueChoice::Rss)] {
        let mut config = config(transport, 0);
        (config.timeout_ns, config.linger_ns) = (50_000_000, 3_000_000_000);
        // Too short to catch up, be the machine ever so fast.
        config.send_grace_ns = 100_000_000;
        let (received, report) = trial(&rig, config, &spec);
        let ledger = &report.ledger;
        // Both directions made progress: neither sends nor receives starved.
        assert!(
            ledger.sent > ledger.offered / 100 && ledger.answered > 500,
            "{ledger:?}"
        );
        assert!(
            ledger.unsent + ledger.timed_out > ledger.offered / 10,
            "{ledger:?}"
        );
        assert!(
            received <= ledger.sent && ledger.answered <= received,
            "{ledger:?}"
        );
        assert_eq!(
            (ledger.wrong_values, ledger.malformed),
            (0, 0),
            "{ledger:?}"
        );
        eprintln!("{} {ledger:?}", report.transport);
    }
}
