//! What the system tests share: a small memcached client over UDP, configurations, and the model's
//! keys and values.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use kv::protocol::frame::{FrameHeader, HEADER_LEN};
use kv::server::{DispatcherConfig, Preload, ServerConfig, Steerer, XdpOptions};
use kv::systems::{FlowHash, IoKind, MultiKey, SystemKind, Wakeup};
use model::{Arrivals, KeySpace, Popularity, Size, WorkloadSpec};
use steering::PartitionTable;
use steering::hash::hash_bytes;

/// The port of every test server; tests on loopback differ by address.
pub(crate) const PORT: u16 = 11311;

/// Keys that are preloaded.
pub(crate) const KEYS: u32 = 1000;

/// Owners of every test server.
pub(crate) const OWNERS: u16 = 2;

/// How long a reply may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// A loopback address that no other test, and hardly any other process, uses.
pub(crate) fn own_address() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let pid = std::process::id().to_be_bytes();
    let test = NEXT.fetch_add(1, Ordering::Relaxed);
    IpAddr::V4(Ipv4Addr::new(127, 64 | (pid[2] & 63), pid[3], test))
}

/// The workload whose keys are preloaded.
pub(crate) fn workload() -> WorkloadSpec {
    WorkloadSpec {
        keys: KEYS,
        key_size: Size::Fixed(20),
        value_size: Size::Uniform { min: 10, max: 200 },
        popularity: Popularity::Uniform,
        get_ratio: 1.0,
        keys_per_get: 1,
        consecutive: false,
        noreply_ratio: 0.0,
        arrivals: Arrivals::Fixed,
        pattern: None,
        rate_rps: 1000.0,
        flows: 1,
        seed: 7,
    }
}

/// A server of two owners. They share a CPU where there is one only.
pub(crate) fn config(
    system: SystemKind,
    io: IoKind,
    wakeup: Wakeup,
    address: IpAddr,
) -> ServerConfig {
    let cpus = sys::cpu::affinity(None).expect("own affinity");
    // A dispatcher takes the last CPU.
    let dispatched = system == SystemKind::Shenango && cpus.len() > 1;
    let for_owners = cpus.len() - usize::from(dispatched);
    let cores = (0..usize::from(OWNERS))
        .map(|owner| cpus[owner % for_owners].0)
        .collect();
    let dispatcher = (system == SystemKind::Shenango).then(|| DispatcherConfig {
        cpu: cpus[cpus.len() - 1].0,
        steering: Steerer::Software,
    });
    ServerConfig {
        system,
        io,
        wakeup,
        engine: system.engines()[0],
        cores,
        interface: None,
        queues: u32::from(OWNERS),
        addresses: vec![address],
        port: PORT,
        tcp: false,
        memory_bytes: 128 << 20,
        preload: Some(Preload {
            workload: workload(),
        }),
        service: None,
        servers: 1,
        clusters: 1,
        large_owners: 1,
        slot_loads: false,
        flow_hash: FlowHash::Mix,
        multi_key: MultiKey::Handoff,
        backlog: 0,
        cache: None,
        responses: None,
        xdp: XdpOptions::default(),
        dispatcher,
        regions: None,
        hot_keys: 0,
        secret: None,
        rpc: None,
    }
}

/// The preloaded keys with their values.
pub(crate) fn items() -> Vec<(Vec<u8>, Vec<u8>)> {
    let space = KeySpace::new(&workload()).expect("a workload");
    let mut items = Vec::new();
    for id in 0..space.len() {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        space.key_bytes(id, &mut key);
        model::value_bytes(id, 0, space.value_len(id), &mut value);
        items.push((key, value));
    }
    items
}

/// The owner that the untouched partition table gives a key.
pub(crate) fn owner(key: &[u8]) -> u16 {
    PartitionTable::even(OWNERS).owner_of(hash_bytes(key))
}

/// A memcached client with one flow.
pub(crate) struct Client {
    socket: UdpSocket,
    server: IpAddr,
    by_partition: bool,
    next_id: u16,
    /// Datagrams sent so far.
    pub(crate) sent: u64,
}

impl Client {
    pub(crate) fn new(local: IpAddr, server: IpAddr, system: SystemKind) -> Self {
        let socket = UdpSocket::bind(SocketAddr::new(local, 0)).expect("a client socket");
        socket
            .set_read_timeout(Some(Duration::from_millis(100)))
            .expect("a timeout");
        let by_partition = system.client_addresses_partition();
        Self {
            socket,
            server,
            by_partition,
            next_id: 1,
            sent: 0,
        }
    }

    /// The UDP port that it sends from.
    pub(crate) fn port_of_its_own(&self) -> u16 {
        self.socket.local_addr().expect("it is bound").port()
    }

    /// Sends a request that concerns `key`, and returns the whole reply.
    pub(crate) fn ask(&mut self, key: &[u8], request: &[u8]) -> Vec<u8> {
        self.ask_at(self.port(key), request)
    }

    /// Sends a request that is not to be answered.
    pub(crate) fn tell(&mut self, key: &[u8], request: &[u8]) {
        self.send(self.port(key), request);
    }

    /// Sends a request to a port of choice, and returns the whole reply.
    pub(crate) fn ask_at(&mut self, port: u16, request: &[u8]) -> Vec<u8> {
        let id = self.send(port, request);
        self.reply(id, SocketAddr::new(self.server, port))
    }

    /// Sends a datagram as it is.
    pub(crate) fn send_raw(&mut self, datagram: &[u8]) {
        self.sent += 1;
        self.socket
            .send_to(datagram, SocketAddr::new(self.server, PORT))
            .expect("send");
    }

    fn port(&self, key: &[u8]) -> u16 {
        if self.by_partition {
            PORT + owner(key)
        } else {
            PORT
        }
    }

    fn send(&mut self, port: u16, request: &[u8]) -> u16 {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        let mut datagram = FrameHeader {
            request_id: id,
            sequence: 0,
            total: 1,
        }
        .encode()
        .to_vec();
        datagram.extend_from_slice(request);
        self.sent += 1;
        self.socket
            .send_to(&datagram, SocketAddr::new(self.server, port))
            .expect("send");
        id
    }

    /// The reply, which must come from where the request went.
    fn reply(&mut self, id: u16, asked: SocketAddr) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        let mut parts: Vec<Option<Vec<u8>>> = Vec::new();
        let mut buffer = [0; 2048];
        while Instant::now() < deadline {
            let Ok((len, from)) = self.socket.recv_from(&mut buffer) else {
                continue;
            };
            let header = FrameHeader::decode(&buffer[..len]).expect("a frame header");
            if header.request_id != id {
                continue;
            }
            assert_eq!(from, asked, "a client takes replies from where it asked");
            parts.resize(usize::from(header.total), None);
            parts[usize::from(header.sequence)] = Some(buffer[HEADER_LEN..len].to_vec());
            if parts.iter().all(Option::is_some) {
                return parts.into_iter().flatten().flatten().collect();
            }
        }
        panic!("no reply to request {id} within {PATIENCE:?}");
    }
}

/// The reply to a get of one key that is there.
pub(crate) fn found(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut reply = value_lines(key, value);
    reply.extend_from_slice(b"END\r\n");
    reply
}

/// One key's part of a get's reply.
pub(crate) fn value_lines(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut reply = b"VALUE ".to_vec();
    reply.extend_from_slice(key);
    reply.extend_from_slice(format!(" 0 {}\r\n", value.len()).as_bytes());
    reply.extend_from_slice(value);
    reply.extend_from_slice(b"\r\n");
    reply
}

/// `verb key\r\n`.
pub(crate) fn line(verb: &str, key: &[u8]) -> Vec<u8> {
    let mut request = verb.as_bytes().to_vec();
    request.push(b' ');
    request.extend_from_slice(key);
    request.extend_from_slice(b"\r\n");
    request
}

/// A statistic out of the reply to `stats`.
pub(crate) fn statistic(stats: &[u8], name: &str) -> u64 {
    let text = String::from_utf8_lossy(stats);
    let prefix = format!("STAT {name} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&prefix));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .trim()
        .parse()
        .expect("a number")
}
