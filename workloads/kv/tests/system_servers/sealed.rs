//! Sealed requests over loopback, against a client that seals by hand: what opens is served, what does not
//! is dropped by name, and a token must be its key's.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kv::protocol::frame::{FrameHeader, HEADER_LEN as FRAME, PAYLOAD_LIMIT};
use kv::server::{Server, ServerConfig, ServerError};
use kv::systems::{IoKind, Refusal, SystemKind, Wakeup, WireRefusal, validate};
use seal::{Seal, Secret};
use steering::sealed::{HEADER_LEN, Header, Kind, OVERHEAD};

use super::client::{OWNERS, PORT, config, found, items, line, own_address, value_lines};
use super::scenario::{counters, started};

const PATIENCE: Duration = Duration::from_secs(10);
const WRONG_TOKEN: &[u8] = b"CLIENT_ERROR the token is not of this key\r\n";

/// A client of one flow that seals what it sends.
struct Sealer {
    socket: UdpSocket,
    server: SocketAddr,
    seal: Seal,
    number: u64,
    /// Nonces of the replies so far.
    nonces: Vec<[u8; 12]>,
}

impl Sealer {
    fn new(address: IpAddr, secret: &Secret) -> Self {
        let socket = UdpSocket::bind(SocketAddr::new(address, 0)).expect("a client socket");
        let timeout = Some(Duration::from_millis(100));
        socket.set_read_timeout(timeout).expect("a timeout");
        Self {
            socket,
            server: SocketAddr::new(address, PORT),
            seal: Seal::new(secret),
            number: 0,
            nonces: Vec::new(),
        }
    }

    /// The datagram of a request with this token.
    fn sealed(&mut self, token: u64, request: &[u8]) -> Vec<u8> {
        let frame = FrameHeader {
            request_id: self.number as u16,
            sequence: 0,
            total: 1,
        };
        let mut datagram = vec![0; HEADER_LEN];
        datagram.extend_from_slice(&frame.encode());
        datagram.extend_from_slice(request);
        let len = datagram.len() - HEADER_LEN;
        datagram.resize(OVERHEAD + len, 0);
        let header = Header {
            kind: Kind::Request,
            sender: 5,
            number: self.number,
            subject: token,
        };
        self.seal.close(&header, &mut datagram, len);
        self.number += 1;
        datagram
    }

    fn send(&self, datagram: &[u8]) {
        self.socket.send_to(datagram, self.server).expect("send");
    }

    /// Sends a request that is steered by `key`; the whole reply.
    fn ask(&mut self, key: &[u8], request: &[u8]) -> Vec<u8> {
        let token = self.seal.token(key);
        self.ask_by(token, request)
    }

    fn ask_by(&mut self, token: u64, request: &[u8]) -> Vec<u8> {
        let datagram = self.sealed(token, request);
        self.send(&datagram);
        self.reply()
    }

    /// The reply to the last request: every datagram sealed, for that request, under a nonce of its own.
    fn reply(&mut self) -> Vec<u8> {
        let asked = self.number - 1;
        let deadline = Instant::now() + PATIENCE;
        let mut parts: Vec<Option<Vec<u8>>> = Vec::new();
        let mut buffer = [0; 2048];
        while Instant::now() < deadline {
            let Ok((len, _)) = self.socket.recv_from(&mut buffer) else {
                continue;
            };
            assert!(len <= PAYLOAD_LIMIT, "a datagram of {len} bytes");
            let opened = self.seal.open(Kind::Reply, &mut buffer[..len]);
            let opened = opened.expect("a sealed reply");
            assert_eq!(opened.header.subject, asked, "of another request");
            let nonce = opened.header.nonce();
            assert!(!self.nonces.contains(&nonce), "the nonce was used before");
            self.nonces.push(nonce);
            let plain = &buffer[..opened.len];
            let frame = FrameHeader::decode(plain).expect("a frame header");
            assert_eq!(frame.request_id, asked as u16);
            parts.resize(usize::from(frame.total), None);
            parts[usize::from(frame.sequence)] = Some(plain[FRAME..].to_vec());
            if parts.iter().all(Option::is_some) {
                return parts.into_iter().flatten().flatten().collect();
            }
        }
        panic!("no reply to request {asked} within {PATIENCE:?}");
    }
}

fn sealed(system: SystemKind, address: IpAddr, secret: &Secret) -> ServerConfig {
    ServerConfig {
        secret: Some(secret.clone()),
        ..config(system, IoKind::Udp, Wakeup::Eventfd, address)
    }
}

fn set(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut request = line("set", key);
    request.truncate(request.len() - 2);
    request.extend_from_slice(format!(" 0 0 {}\r\n", value.len()).as_bytes());
    request.extend_from_slice(value);
    request.extend_from_slice(b"\r\n");
    request
}

/// Everything that a plain server answers, a sealing one does: keys of both owners, long replies, gets of
/// several keys, several commands in a datagram, commands without a key, keys in base64.
fn converse(system: SystemKind) {
    let (address, secret) = (own_address(), Secret::random().expect("random numbers"));
    let server = Server::load(&sealed(system, address, &secret)).expect("load");
    let server = started(server);
    let mut client = Sealer::new(address, &secret);
    let items = items();
    for (key, value) in items.iter().take(60) {
        assert_eq!(client.ask(key, &line("get", key)), found(key, value));
        assert_eq!(client.ask(key, &set(key, b"new")), b"STORED\r\n");
        assert_eq!(client.ask(key, &line("get", key)), found(key, b"new"));
        let pair = [line("get", key), line("delete", key)].concat();
        let both = [found(key, b"new"), b"DELETED\r\n".to_vec()].concat();
        assert_eq!(client.ask(key, &pair), both);
        assert_eq!(client.ask(key, &line("get", key)), b"END\r\n");
    }
    // More than one datagram holds.
    let long: Vec<u8> = (0..1400_u32).map(|at| (at * 7) as u8).collect();
    let (key, _) = &items[100];
    assert_eq!(client.ask(key, &set(key, &long)), b"STORED\r\n");
    assert_eq!(client.ask(key, &line("get", key)), found(key, &long));
    let several = &items[200..240];
    let request: Vec<&[u8]> = several.iter().map(|(key, _)| key.as_slice()).collect();
    let mut expected: Vec<u8> = several
        .iter()
        .flat_map(|(k, v)| value_lines(k, v))
        .collect();
    expected.extend_from_slice(b"END\r\n");
    let request = line("get", &request.join(&b' '));
    assert_eq!(client.ask(&several[0].0, &request), expected);
    let (key, value) = &items[300];
    let spelt = STANDARD.encode(key);
    let request = format!("mg {spelt} b v\r\n");
    let reply = client.ask(key, request.as_bytes());
    assert!(reply.ends_with(&[value.as_slice(), b"\r\n"].concat()));
    assert!(client.ask_by(99, b"version\r\n").starts_with(b"VERSION "));
    assert!(client.ask_by(7, b"stats\r\n").ends_with(b"END\r\n"));
    let counts = counters(&server).total();
    assert_eq!((counts.wrong_tokens, counts.drop_bad_seal), (0, 0));
    assert_eq!(counts.requests_executed, client.number);
    server.stop().expect("stop");
}

#[test]
fn a_sealed_server_answers_as_a_plain_one() {
    for system in [SystemKind::RssShared, SystemKind::Sphinx] {
        converse(system);
    }
}

/// Keys belong to owners by their tokens, not by their hashes: each thread executes its tokens' requests.
#[test]
fn owners_are_the_tokens() {
    let (address, secret) = (own_address(), Secret::random().expect("random numbers"));
    let config = sealed(SystemKind::Sphinx, address, &secret);
    let server = started(Server::load(&config).expect("load"));
    let mut client = Sealer::new(address, &secret);
    let mut expected = vec![0; usize::from(OWNERS)];
    for (key, value) in items().iter().take(200) {
        assert_eq!(client.ask(key, &line("get", key)), found(key, value));
        let owner = server.table().owner_of(client.seal.token(key));
        expected[usize::from(owner)] += 1;
    }
    let threads = counters(&server).threads;
    let executed: Vec<u64> = threads.iter().map(|it| it.counts.executed_get).collect();
    assert_eq!(executed, expected);
    server.stop().expect("stop");
}

#[test]
fn what_does_not_open_is_dropped_by_name_and_a_wrong_token_refused() {
    let (address, secret) = (own_address(), Secret::random().expect("random numbers"));
    let config = sealed(SystemKind::Sphinx, address, &secret);
    let server = started(Server::load(&config).expect("load"));
    let mut client = Sealer::new(address, &secret);
    let (key, value) = items().swap_remove(0);
    let (get, token) = (line("get", &key), client.seal.token(&key));
    // Each part of a datagram, changed: start, sender, number, token, ciphertext, tag.
    let places = [0, 1, 2, 5, 12, 20, HEADER_LEN + 9];
    for at in places {
        let mut datagram = client.sealed(token, &get);
        datagram[at] ^= 1;
        client.send(&datagram);
    }
    let mut datagram = client.sealed(token, &get);
    *datagram.last_mut().expect("a tag") ^= 0x80;
    client.send(&datagram);
    let plain = [b"\0\x01\0\0\0\x01\0\0".as_slice(), &get].concat();
    for dropped in [&datagram[..30], &plain, b"", b"x"] {
        client.send(dropped);
    }
    let stranger = Secret::random().expect("random numbers");
    client.send(&Sealer::new(address, &stranger).sealed(token, &get));
    // Nothing is answered before this.
    assert_eq!(client.ask(&key, &get), found(&key, &value));
    let forged = places.len() as u64 + 6;
    assert_eq!(counters(&server).total().drop_bad_seal, forged);
    let drops = counters(&server).drops;
    let line = drops.iter().find(|line| line.name == "bad_seal");
    assert_eq!(line.map(|line| line.requests), Some(forged));

    assert_eq!(client.ask_by(token ^ 1, &get), WRONG_TOKEN);
    assert_eq!(client.ask_by(!token, &set(&key, b"other")), WRONG_TOKEN);
    let several = [b"get ".as_slice(), &key, b" another\r\n"].concat();
    assert_eq!(client.ask_by(0, &several), WRONG_TOKEN);
    // "Invalid arguments", for a request of the binary protocol.
    let mut binary = vec![0x80, 0, 0, key.len() as u8, 0, 0, 0, 0];
    binary.extend_from_slice(&(key.len() as u32).to_be_bytes());
    binary.resize(24, 0);
    binary.extend_from_slice(&key);
    let refused = client.ask_by(token ^ 1, &binary);
    assert_eq!((refused[0], &refused[6..8]), (0x81, &[0, 4][..]));
    assert_eq!(client.ask(&key, &get), found(&key, &value));
    let counts = counters(&server).total();
    assert_eq!((counts.wrong_tokens, counts.executed_write), (4, 0));
    server.stop().expect("stop");
}

#[test]
fn what_cannot_be_steered_by_token_is_refused() {
    let secret = Secret::random().expect("random numbers");
    for (system, io) in [
        (SystemKind::MicaErew, IoKind::Udp),
        (SystemKind::ReuseportEbpf, IoKind::Udp),
        (SystemKind::SharedSomething, IoKind::AfXdp),
    ] {
        let config = ServerConfig {
            io,
            ..sealed(system, own_address(), &secret)
        };
        let refusal = Server::load(&config).map(drop).expect_err("refused");
        let expected = Refusal::Wire(WireRefusal::CannotSteerSealed(system));
        assert!(matches!(refusal, ServerError::Refused(it) if it == expected));
    }
    let over_tcp = ServerConfig {
        tcp: true,
        ..sealed(SystemKind::Sphinx, own_address(), &secret)
    };
    assert_eq!(
        validate(&over_tcp.choice()),
        Err(Refusal::Wire(WireRefusal::SealedOverTcp))
    );
}
