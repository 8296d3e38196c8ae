//! More than a server can serve: what is lost is lost under a name, and nothing gets stuck.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use kv::protocol::frame::FrameHeader;
use kv::server::{Server, ServerConfig, ServerCounters};
use kv::systems::{IoKind, SystemKind, Wakeup};

use super::cable::{CLIENT, DEVICE, SERVER, cable};
use super::client::{Client, PORT, config, found, items, line, own_address};
use super::scenario::{counters, started};

/// Flows that send without waiting for replies, and datagrams of each.
const FLOWS: usize = 16;
const EACH: usize = 4000;

/// Sends gets from many flows as fast as it goes; returns how many. Replies are left to overflow the
/// clients' sockets.
fn flood(local: IpAddr, server: IpAddr) -> u64 {
    let header = FrameHeader {
        request_id: 1,
        sequence: 0,
        total: 1,
    }
    .encode();
    let requests: Vec<Vec<u8>> = items()
        .iter()
        .map(|(key, _)| [&header[..], &line("get", key)].concat())
        .collect();
    let mut sent = 0;
    for flow in 0..FLOWS {
        let socket = UdpSocket::bind(SocketAddr::new(local, 0)).expect("a socket");
        for n in 0..EACH {
            let request = &requests[(flow * 61 + n) % requests.len()];
            // A full device queue refuses; what was not accepted was not sent.
            if socket
                .send_to(request, SocketAddr::new(server, PORT))
                .is_ok()
            {
                sent += 1;
            }
        }
    }
    sent
}

fn line_of(counters: &ServerCounters, name: &str) -> u64 {
    counters
        .drops
        .iter()
        .find(|line| line.name == name)
        .map_or(0, |line| line.requests)
}

/// After the flood the server answers as before: no frame, ring place or job was lost.
fn still_serves(local: IpAddr, server: IpAddr, system: SystemKind) {
    let mut client = Client::new(local, server, system);
    for (key, value) in items().iter().take(200) {
        assert_eq!(client.ask(key, &line("get", key)), found(key, value));
    }
}

/// Over loopback the kernel's socket is the only place where a request can be lost, and it counts.
#[test]
fn kernel_sockets_account_for_every_datagram() {
    for (system, wakeup) in [
        (SystemKind::Sphinx, Wakeup::Eventfd),
        (SystemKind::Sphinx, Wakeup::Batched),
        (SystemKind::RssShared, Wakeup::Eventfd),
    ] {
        let address = own_address();
        let config = config(system, IoKind::Udp, wakeup, address);
        let server = started(Server::load(&config).expect("load"));
        let sent = flood(address, address);
        let after = counters(&server);
        let total = after.total();
        assert_eq!(
            total.requests_received + line_of(&after, "udp_socket"),
            sent
        );
        assert_eq!(total.requests_executed, total.requests_received);
        assert_eq!(total.executed_get, total.requests_executed);
        if system.hands_over() {
            assert!(total.handoffs > 0 && total.handoffs < total.requests_received);
        }
        still_serves(address, address, system);
    }
}

/// Over AF_XDP, what the program redirected was received or is in one of the kernel's counters.
#[test]
fn rings_account_for_every_redirected_frame() {
    for system in [SystemKind::XdpSteered, SystemKind::Sphinx] {
        let config = ServerConfig {
            interface: Some(DEVICE.to_owned()),
            ..config(system, IoKind::AfXdp, Wakeup::Eventfd, SERVER)
        };
        let Some(cable) = cable(config.queues) else {
            return;
        };
        let load = || Server::load(&config).map(started);
        let server = cable.server.run(load).expect("enter").expect("load");
        cable.client.run(|| flood(CLIENT, SERVER)).expect("enter");
        let after = counters(&server);
        let total = after.total();
        let redirected: u64 = after
            .related
            .iter()
            .filter(|(name, _)| name.starts_with("xdp_redirected_"))
            .map(|(_, count)| count)
            .sum();
        let lost = line_of(&after, "xsk_rx_ring_full") + line_of(&after, "xsk_no_frame");
        assert!(redirected > 0);
        assert_eq!(
            total.requests_received + lost,
            redirected,
            "{:?}",
            after.drops
        );
        assert_eq!(total.requests_executed, total.requests_received);
        assert_eq!(total.misroutes, 0);
        assert_eq!(total.handoffs == 0, system == SystemKind::XdpSteered);
        cable
            .client
            .run(|| still_serves(CLIENT, SERVER, system))
            .expect("enter");
    }
}
