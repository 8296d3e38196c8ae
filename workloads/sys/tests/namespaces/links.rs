//! Links, addresses, neighbours: a pair over which datagrams cross and nothing else does.

use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use steerbench_sys::link::{self, MacAddress, Peer, VethSpec};
use steerbench_sys::netns::{self, Namespace};
use steerbench_sys::sysctl;

pub(crate) const SERVER_MAC: MacAddress = MacAddress([2, 0x53, 0x42, 0, 0, 1]);
pub(crate) const CLIENT_MAC: MacAddress = MacAddress([2, 0x53, 0x42, 0, 0, 2]);
const SERVER: [&str; 2] = ["198.18.0.1", "fd53:42::1"];
const CLIENT: [&str; 2] = ["198.18.0.2", "fd53:42::2"];

pub(crate) fn spec<'a>(queues: u32, peer_namespace: Peer<'a>) -> VethSpec<'a> {
    VethSpec {
        name: "server",
        peer: "client",
        queues,
        mtu: 1500,
        mac: SERVER_MAC,
        peer_mac: CLIENT_MAC,
        peer_namespace,
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Brings one end up with addresses and the other end's as permanent neighbours.
fn configure(name: &str, own: [&str; 2], other: [&str; 2], other_mac: MacAddress) {
    link::set_up(name).unwrap();
    for (own, prefix_len) in own.into_iter().zip([24, 64]) {
        link::add_address(name, address(own), prefix_len).unwrap();
    }
    for other in other {
        link::add_neighbour(name, address(other), other_mac).unwrap();
    }
}

/// A configured pair: the server's end here, the client's in the namespace returned.
pub(crate) fn configured_pair(queues: u32) -> Namespace {
    netns::unshare_here().unwrap();
    let client = Namespace::create().unwrap();
    link::create_veth(&spec(queues, Peer::In(&client))).unwrap();
    configure("server", SERVER, CLIENT, CLIENT_MAC);
    client
        .run(|| configure("client", CLIENT, SERVER, SERVER_MAC))
        .unwrap();
    link::await_running("server", Duration::from_secs(5)).unwrap();
    client
}

pub(crate) fn pair() {
    netns::unshare_here().unwrap();
    let client = Namespace::create().unwrap();
    link::create_veth(&VethSpec {
        mtu: 3000,
        ..spec(3, Peer::In(&client))
    })
    .unwrap();
    let server_end = link::get("server").unwrap();
    let client_end = client.run(|| link::get("client")).unwrap().unwrap();
    for (end, mac) in [(&server_end, SERVER_MAC), (&client_end, CLIENT_MAC)] {
        assert_eq!(end.mac, Some(mac));
        assert_eq!((end.mtu, end.tx_queues, end.rx_queues), (3000, 3, 3));
        assert!(!end.up && end.xdp.is_none());
    }
    assert_eq!(link::get("client").unwrap_err().kind(), ErrorKind::NotFound);
    link::set_up("server").unwrap();
    assert!(link::get("server").unwrap().up && !link::get("server").unwrap().running);
    let alone = link::await_running("server", Duration::from_millis(5)).unwrap_err();
    assert_eq!(alone.kind(), ErrorKind::TimedOut);
    client.run(|| link::set_up("client")).unwrap().unwrap();
    link::await_running("server", Duration::from_secs(5)).unwrap();
    link::set_mtu("server", 1400).unwrap();
    link::set_down("server").unwrap();
    let end = link::get("server").unwrap();
    assert!(!end.up && end.mtu == 1400 && end.index == link::ifindex("server").unwrap());
    link::delete("server").unwrap();
    assert_eq!(link::list().unwrap().len(), 1, "only lo is left");
    assert_eq!(
        client.run(link::list).unwrap().unwrap().len(),
        1,
        "both ends go"
    );

    let mut sleeper = std::process::Command::new("sleep");
    sleeper.arg("60");
    let mut sleeper = client.spawn(sleeper).unwrap();
    link::create_veth(&spec(1, Peer::OfPid(sleeper.id()))).unwrap();
    assert!(client.run(|| link::get("client")).unwrap().is_ok());
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
}

pub(crate) fn datagrams() {
    let client = configured_pair(2);
    for (server, client_address) in SERVER.into_iter().zip(CLIENT) {
        let receiver = UdpSocket::bind((address(server), 11211)).unwrap();
        receiver
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        client
            .run(|| {
                let sender = UdpSocket::bind((address(client_address), 0)).unwrap();
                sender.send_to(b"ping", (address(server), 11211)).unwrap();
            })
            .unwrap();
        let (length, from) = receiver.recv_from(&mut [0; 64]).unwrap();
        assert_eq!((length, from.ip()), (4, address(client_address)));
        client
            .run(|| {
                let back = UdpSocket::bind((address(client_address), 4000)).unwrap();
                back.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                receiver
                    .send_to(b"pong", (address(client_address), 4000))
                    .unwrap();
                assert_eq!(back.recv(&mut [0; 64]).unwrap(), 4);
            })
            .unwrap();
    }
    let seen = link::statistics("server").unwrap();
    assert_eq!((seen.rx_packets, seen.tx_packets), (2, 2));
    assert_eq!(
        client
            .run(|| link::statistics("client"))
            .unwrap()
            .unwrap()
            .tx_packets,
        2
    );
}

/// Longer than the time in which duplicate detection, router solicitations (after 1 s) and both group
/// reports (within 2 s) would be sent.
pub(crate) fn silence() {
    let client = configured_pair(2);
    std::thread::sleep(Duration::from_secs(5));
    let here = link::statistics("server").unwrap();
    let there = client.run(|| link::statistics("client")).unwrap().unwrap();
    assert_eq!((here.rx_packets, here.tx_packets), (0, 0), "{here:?}");
    assert_eq!((there.rx_packets, there.tx_packets), (0, 0), "{there:?}");
}

/// A host that begins to forward IPv6 reports by each link that it has joined a group, but for links that know none.
pub(crate) fn groups() {
    netns::unshare_here().unwrap();
    let client = Namespace::create().unwrap();
    link::create_veth(&spec(1, Peer::In(&client))).unwrap();
    link::without_groups("server").unwrap();
    configure("server", SERVER, CLIENT, CLIENT_MAC);
    client
        .run(|| configure("client", CLIENT, SERVER, SERVER_MAC))
        .unwrap();
    link::await_running("server", Duration::from_secs(5)).unwrap();
    let forward = || sysctl::write("net.ipv6.conf.all.forwarding", "1");
    forward().unwrap();
    client.run(forward).unwrap().unwrap();
    std::thread::sleep(Duration::from_secs(5));
    let here = link::statistics("server").unwrap();
    let there = client.run(|| link::statistics("client")).unwrap().unwrap();
    assert_eq!(here.tx_packets, 0, "{here:?}");
    assert!(there.tx_packets > 0, "{there:?}");
}

pub(crate) fn errors() {
    netns::unshare_here().unwrap();
    link::create_veth(&spec(1, Peer::Here)).unwrap();
    let taken = link::create_veth(&spec(1, Peer::Here)).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
    assert!(taken.to_string().contains("server - client"), "{taken}");
    let missing = [
        link::set_up("absent"),
        link::delete("absent"),
        link::disable_ipv6_autoconf("absent"),
        link::add_address("absent", address("198.18.0.1"), 24),
        link::add_neighbour("absent", address("198.18.0.1"), CLIENT_MAC),
    ];
    for error in missing.map(Result::unwrap_err) {
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("absent"), "{error}");
    }
    let refused = link::set_mtu("server", 7).unwrap_err().to_string();
    assert!(
        refused.contains("mtu"),
        "the kernel's own sentence is told: {refused}"
    );
}
