//! How much of the bare AF_XDP transmit rate the client keeps with schedule, ledger and
//! intended-time accounting on.
//!
//! A veth pair between two namespaces; at the far end an XDP program drops every frame. Bare and
//! client take turns on the same device, with rings of the same sizes and the same datagrams in the
//! same order over the same queues: bare pushes datagrams that were made beforehand and kicks after
//! each batch; the client looks each up in a schedule that is far ahead of it, encodes it, remembers
//! it, and times it out. Rates are told by the clock and, since a busy machine takes time from both,
//! by the sending thread's CPU time, which includes the far end's softirq work. README.md keeps a
//! result. Needs root.
#![allow(missing_docs)]

#[path = "../src/tests/rig.rs"]
mod rig;

use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use loader::{Lossy, LossyConfig};
use model::{Arrivals, Op, Popularity, Schedule, Size, WorkloadSpec};
use packet::Addresses;
use pktio::client::{ClientConfig as PortConfig, ClientPort, Flow, Protocol, Station};
use rig::{CLIENT, QUEUES, Rig, SERVER};
use steerbench_loadgen::{Addressing, Client, ClientConfig, QueueChoice, TransportConfig};
use steering::rss::{DEFAULT_KEY, Indirection, Tuple, queue_of_flow};
use sys::link;

const PORT: u16 = 11_211;
const SOURCE_PORT: u16 = 16_384;
const RING: u32 = 4096;
/// Pushes between kicks, as in the client's loop.
const BATCH: usize = 64;
const ROUNDS: usize = 21;
const LENGTH_NS: u64 = 100_000_000;
/// More than any CPU here transmits, so that every request is overdue.
const RATE_RPS: f64 = 6e6;
/// Between the two, for the kernel to take the queues back.
const PAUSE: Duration = Duration::from_millis(60);

fn workload() -> WorkloadSpec {
    WorkloadSpec {
        keys: 100_000,
        key_size: Size::Fixed(16),
        value_size: Size::Fixed(64),
        popularity: Popularity::Zipf { theta: 0.99 },
        get_ratio: 1.0,
        keys_per_get: 1,
        consecutive: false,
        noreply_ratio: 0.0,
        arrivals: Arrivals::Poisson,
        pattern: None,
        rate_rps: RATE_RPS,
        flows: 1024,
        seed: 1,
    }
}

/// A datagram that was made beforehand.
struct Made {
    queue: usize,
    flow: Flow,
    payload: [u8; 30],
}

fn make(schedule: &Schedule) -> Vec<Made> {
    let indirection = Indirection::even(QUEUES);
    let (IpAddr::V4(client), IpAddr::V4(server)) = (CLIENT.addresses[0], SERVER.addresses[0])
    else {
        unreachable!("the first addresses are IPv4")
    };
    let addresses = Addresses::V4(client.octets(), server.octets());
    let mut key = Vec::new();
    let made = schedule.requests.iter().map(|planned| {
        assert_eq!(planned.op, Op::Get);
        let source_port = SOURCE_PORT + planned.flow;
        let tuple = Tuple {
            addresses,
            src_port: source_port,
            dst_port: PORT,
        };
        let mut payload = *b"\0\0\0\0\0\x01\0\0get 0123456789abcdef\r\n";
        payload[12..28].copy_from_slice(schedule.keyspace().key_bytes(planned.key, &mut key));
        Made {
            queue: usize::from(queue_of_flow(&DEFAULT_KEY, &indirection, &tuple)),
            flow: Flow {
                protocol: Protocol::V4,
                source_port,
                server_port: PORT,
            },
            payload,
        }
    });
    made.collect()
}

/// Frames that were sent, and what that took.
struct Sent {
    frames: u64,
    wall_ns: u64,
    cpu_ns: u64,
}

impl Sent {
    fn per_second(&self) -> f64 {
        self.frames as f64 * 1e9 / self.wall_ns as f64
    }

    fn per_cpu_second(&self) -> f64 {
        self.frames as f64 * 1e9 / self.cpu_ns as f64
    }
}

fn thread_cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The rings alone.
fn bare(rig: &Rig, made: &[Made]) -> Sent {
    let station = |station: &rig::Station| match station.addresses {
        [IpAddr::V4(v4), IpAddr::V6(v6)] => Station {
            mac: station.mac,
            v4,
            v6,
        },
        _ => unreachable!("IPv4 first"),
    };
    let open = || {
        let ifindex = link::ifindex(CLIENT.device)?;
        let mut config = PortConfig::new(
            ifindex,
            QUEUES,
            station(&CLIENT),
            station(&SERVER),
            PORT..=PORT,
        );
        (config.rx_ring, config.tx_ring) = (RING, RING);
        ClientPort::open(&config)
    };
    let mut port = rig.client.run(open).expect("a thread").expect("sockets");
    let (start_ns, cpu_ns) = (sys::clock::now_ns(), thread_cpu_ns());
    let mut waiting = made.iter().cycle().peekable();
    let mut sent = 0u64;
    let mut now_ns = start_ns;
    while now_ns < start_ns + LENGTH_NS {
        for _ in 0..BATCH {
            let Some(next) = waiting.peek() else { break };
            if !port.queues[next.queue].push(next.flow, &next.payload) {
                break;
            }
            waiting.next();
            sent += 1;
        }
        for queue in &mut port.queues {
            queue.send().expect("the device is up");
        }
        now_ns = sys::clock::now_ns();
    }
    Sent {
        frames: sent,
        wall_ns: now_ns - start_ns,
        cpu_ns: thread_cpu_ns() - cpu_ns,
    }
}

/// The client with a schedule that is ahead of it.
fn client(rig: &Rig, schedule: &Schedule) -> Sent {
    let transport = TransportConfig::AfXdp {
        interface: CLIENT.device.to_owned(),
        queues: QUEUES,
        queue_choice: QueueChoice::Rss,
        client_mac: CLIENT.mac,
        server_mac: SERVER.mac,
        mtu: 1500,
        rx_ring: RING,
        tx_ring: RING,
    };
    let addressing = Addressing::Server { port: PORT };
    let (own, other) = (CLIENT.addresses[0], SERVER.addresses[0]);
    let mut config = ClientConfig::new(transport, own, other, addressing);
    config.source_port = SOURCE_PORT;
    // Requests time out while others are sent, and nobody waits for the last ones.
    config.timeout_ns = 10_000_000;
    (config.send_grace_ns, config.quiet_ns, config.linger_ns) = (0, 1, 1);
    let client = Client::new(config, schedule.clone()).expect("a valid client");
    let armed = rig.client.run(|| client.arm()).expect("a thread");
    let mut armed = armed.expect("sockets and programs");
    let start_ns = sys::clock::now_ns() + 5_000_000;
    let report = armed.run(start_ns, 0, LENGTH_NS).expect("a closed ledger");
    assert!(
        report.ledger.unsent > 0,
        "the schedule was not ahead of the client"
    );
    Sent {
        frames: report.ledger.sent,
        wall_ns: LENGTH_NS,
        cpu_ns: report.measured.used.sched.run_ns,
    }
}

fn main() {
    // `cargo test --benches` runs this too, and wants no measurement.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let Some(rig) = Rig::new() else { return };
    let mut drop_all = Lossy::load(&LossyConfig {
        frames: u64::MAX,
        first_port: PORT,
        ports: 1,
    })
    .expect("the program");
    let attach = || {
        let ifindex = link::ifindex(SERVER.device).expect("the device");
        drop_all.attach(ifindex)
    };
    let _attached = rig
        .server
        .run(attach)
        .expect("a thread")
        .expect("native XDP");
    let schedule = Schedule::generate(&workload(), LENGTH_NS).expect("a valid workload");
    let made = make(&schedule);
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        thread::sleep(PAUSE);
        let alone = bare(&rig, &made);
        thread::sleep(PAUSE);
        rounds.push((alone, client(&rig, &schedule)));
    }
    println!(
        "{ROUNDS} rounds of {} ms each, interleaved; middles, and the middle half of the ratios",
        LENGTH_NS / 1_000_000
    );
    table("a second", &rounds, Sent::per_second);
    table("a CPU second", &rounds, Sent::per_cpu_second);
}

fn table(of: &str, rounds: &[(Sent, Sent)], rate: fn(&Sent) -> f64) {
    let sorted = |value: &dyn Fn(&(Sent, Sent)) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(value).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    };
    let bare = sorted(&|(bare, _)| rate(bare));
    let client = sorted(&|(_, client)| rate(client));
    let ratio = sorted(&|(bare, client)| rate(client) / rate(bare));
    println!(
        "{of:<14} bare {:.3} M  client {:.3} M  client / bare {:.3} ({:.3} to {:.3})",
        bare[ROUNDS / 2] / 1e6,
        client[ROUNDS / 2] / 1e6,
        ratio[ROUNDS / 2],
        ratio[ROUNDS / 4],
        ratio[ROUNDS - 1 - ROUNDS / 4]
    );
}
