//! The sockets of owners, and what a plain client does.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use rustix::net::{AddressFamily, SocketType, bind, socket, sockopt};
use steering::{PartitionTable, hash_bytes};

use crate::space::eventually;
use crate::support::PORT;

/// A socket that shares its port.
pub(crate) fn shared(address: IpAddr) -> UdpSocket {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let socket = socket(family, SocketType::DGRAM, None).expect("UDP");
    sockopt::set_socket_reuseport(&socket, true).expect("SO_REUSEPORT");
    bind(&socket, &SocketAddr::new(address, PORT)).expect("bind");
    configured(UdpSocket::from(socket))
}

/// A socket with a port of its own.
pub(crate) fn alone(address: IpAddr, port: u16) -> UdpSocket {
    configured(UdpSocket::bind((address, port)).expect("bind"))
}

fn configured(socket: UdpSocket) -> UdpSocket {
    sockopt::set_socket_recv_buffer_size_force(&socket, 4 << 20).expect("as root");
    socket.set_nonblocking(true).expect("a socket");
    socket
}

/// What waits in a socket, with the senders.
pub(crate) fn received(socket: &UdpSocket) -> Vec<(Vec<u8>, SocketAddr)> {
    let mut datagrams = Vec::new();
    let mut buffer = vec![0; 65_536];
    while let Ok((len, from)) = socket.recv_from(&mut buffer) {
        datagrams.push((buffer[..len].to_vec(), from));
    }
    datagrams
}

/// The n-th key.
pub(crate) fn key(number: u32) -> String {
    format!("key-of-some-length-{number}")
}

/// A request for the n-th key, in a memcached frame.
pub(crate) fn get(number: u32) -> Vec<u8> {
    let head = [(number >> 8) as u8, number as u8, 0, 0, 0, 1, 0, 0];
    [&head, format!("get {}\r\n", key(number)).as_bytes()].concat()
}

/// How many of the requests for keys `0..keys` each owner is to get.
pub(crate) fn shares(table: &PartitionTable, keys: u32) -> BTreeMap<u16, usize> {
    let mut shares = BTreeMap::new();
    for number in 0..keys {
        *shares.entry(owner_of(table, number)).or_default() += 1;
    }
    shares
}

/// The owner of the n-th key.
pub(crate) fn owner_of(table: &PartitionTable, number: u32) -> u16 {
    table.owner_of(hash_bytes(key(number).as_bytes()))
}

/// Asserts that the socket of each owner gets the requests for its keys and no others; returns them. What the programs have
/// counted may still be on its way to the sockets.
pub(crate) fn assert_owned(
    sockets: &[UdpSocket],
    table: &PartitionTable,
    keys: u32,
) -> Vec<Vec<(Vec<u8>, SocketAddr)>> {
    let held = RefCell::new(vec![Vec::new(); sockets.len()]);
    eventually(|| {
        let mut held = held.borrow_mut();
        for (held, socket) in held.iter_mut().zip(sockets) {
            held.extend(received(socket));
        }
        held.iter().map(Vec::len).sum::<usize>() >= keys as usize
    });
    let held = held.into_inner();
    for (owner, datagrams) in (0..).zip(&held) {
        let asked: Vec<_> = (0..keys)
            .filter(|key| owner_of(table, *key) == owner)
            .collect();
        let mut got: Vec<_> = datagrams
            .iter()
            .map(|(request, _)| request.clone())
            .collect();
        let mut expected: Vec<_> = asked.into_iter().map(get).collect();
        got.sort();
        expected.sort();
        assert_eq!(got, expected, "owner {owner}");
    }
    held
}
