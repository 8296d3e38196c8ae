//! What a client is told. The workload itself is a [`model::Schedule`].

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Configuration of a client. Everything is explicit or has the default that its field names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// How datagrams are sent and received.
    pub transport: TransportConfig,
    /// Address that requests come from.
    pub client: IpAddr,
    /// Address that requests go to; of the same family.
    pub server: IpAddr,
    /// Source port of flow 0; flow `f` uses `source_port + f`. Default 16384, so that a few
    /// thousand flows stay below Linux's ephemeral ports (32768).
    #[serde(default = "default_source_port")]
    pub source_port: u16,
    /// Destination port of each request.
    pub addressing: Addressing,
    /// How requests are written. Default ASCII.
    #[serde(default)]
    pub protocol: Protocol,
    /// A request is timed out when this long has passed since its actual send, ns. Default 100 ms.
    #[serde(default = "default_timeout_ns")]
    pub timeout_ns: u64,
    /// How long after the measure phase late requests are still sent, ns; what then remains is
    /// unsent. Default 100 ms.
    #[serde(default = "default_timeout_ns")]
    pub send_grace_ns: u64,
    /// After the last timeout, listen for late replies until none came for this long, ns. Skipped
    /// when nothing timed out. Default 100 ms.
    #[serde(default = "default_timeout_ns")]
    pub quiet_ns: u64,
    /// Bound on the listening for late replies, ns. Default 5 s.
    #[serde(default = "default_linger_ns")]
    pub linger_ns: u64,
    /// Width of the intervals that latency is also recorded by, ns. Default 100 ms.
    #[serde(default = "default_timeout_ns")]
    pub interval_ns: u64,
    /// Number of client threads; flows are split over them. Default 1.
    #[serde(default = "default_threads")]
    pub threads: u16,
    /// CPU of each thread; empty leaves placement to the scheduler. Default empty.
    #[serde(default)]
    pub cpus: Vec<u32>,
    /// What a thread does between sends. Default sleep.
    #[serde(default)]
    pub pacing: Pacing,
    /// What decides when a request is sent. Default the schedule.
    #[serde(default)]
    pub mode: Mode,
    /// What comes back is the request itself, as a reflector sends it, and must be that to the byte.
    /// Default no.
    #[serde(default)]
    pub echo: bool,
    /// How gets of several keys are sent. Default: each as one datagram.
    #[serde(default)]
    pub scatter: Option<Scatter>,
    /// What it shares with the server, where requests and replies are sealed. Default they are not.
    #[serde(default)]
    pub secret: Option<seal::Secret>,
    /// Report every request, not only their counts and histograms. Default no.
    #[serde(default)]
    pub trace: bool,
}

const fn default_source_port() -> u16 {
    16_384
}
const fn default_timeout_ns() -> u64 {
    100_000_000
}
const fn default_linger_ns() -> u64 {
    5_000_000_000
}
const fn default_threads() -> u16 {
    1
}
const fn default_mtu() -> u16 {
    1500
}
const fn default_rx_ring() -> u32 {
    4096
}
const fn default_tx_ring() -> u32 {
    2048
}

impl ClientConfig {
    /// A client with every default.
    #[must_use]
    pub const fn new(
        transport: TransportConfig,
        client: IpAddr,
        server: IpAddr,
        addressing: Addressing,
    ) -> Self {
        Self {
            transport,
            client,
            server,
            source_port: default_source_port(),
            addressing,
            protocol: Protocol::Ascii,
            timeout_ns: default_timeout_ns(),
            send_grace_ns: default_timeout_ns(),
            quiet_ns: default_timeout_ns(),
            linger_ns: default_linger_ns(),
            interval_ns: default_timeout_ns(),
            threads: default_threads(),
            cpus: Vec::new(),
            pacing: Pacing::Sleep,
            mode: Mode::Open,
            echo: false,
            scatter: None,
            secret: None,
            trace: false,
        }
    }

    /// Whether the transport can carry what the mode and the threads make.
    pub(crate) fn check_transport(&self) -> Result<(), String> {
        let saturates = self.mode == Mode::Saturate;
        match self.transport {
            TransportConfig::Udp { .. } => Ok(()),
            TransportConfig::AfXdp { .. } if self.threads == 1 || saturates => Ok(()),
            // A reply comes back on the queue that the server chose, which may be any.
            TransportConfig::AfXdp { .. } => {
                Err("threads: one thread drives all queues of an AF_XDP client".into())
            }
            TransportConfig::Memory { .. } if saturates => {
                Err("mode: a generator saturates AF_XDP queues only".into())
            }
            TransportConfig::Memory { .. } if self.threads == 1 => Ok(()),
            TransportConfig::Memory { .. } => {
                Err("threads: one thread writes the requests of a region".into())
            }
        }
    }
}

/// How datagrams are sent and received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TransportConfig {
    /// Kernel UDP, one socket per flow.
    Udp {
        /// Receive buffer of each socket, bytes (beyond `rmem_max` with privilege).
        receive_buffer: u32,
    },
    /// AF_XDP, one socket per queue of the interface.
    AfXdp {
        /// Name of the interface in the client's namespace.
        interface: String,
        /// Number of its queues, all of which are bound.
        queues: u16,
        /// Which queue a request leaves by: the emulation of the server's NIC.
        queue_choice: QueueChoice,
        /// Link address of the client.
        client_mac: [u8; 6],
        /// Link address of the server.
        server_mac: [u8; 6],
        /// MTU of the interface, bytes. Default 1500.
        #[serde(default = "default_mtu")]
        mtu: u16,
        /// Entries of each RX ring, a power of two. Default 4096.
        #[serde(default = "default_rx_ring")]
        rx_ring: u32,
        /// Entries of each TX ring, a power of two. Default 2048.
        #[serde(default = "default_tx_ring")]
        tx_ring: u32,
    },
    /// Regions of shared memory, one for each partition's owner: no packets.
    Memory {
        /// Where the memory is found.
        path: PathBuf,
    },
}

/// How the queue of a transmitted datagram is chosen. On veth it is the server's receive queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum QueueChoice {
    /// Toeplitz over the transmitted addresses and ports, through an indirection table.
    Rss,
    /// By destination port: `(port - base) mod queues`, as Flow Director does for MICA.
    Port {
        /// The port of queue 0.
        base: u16,
    },
}

/// The UDP destination port of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Addressing {
    /// One port for all.
    Server {
        /// The port.
        port: u16,
    },
    /// Client-directed, as in MICA: `base_port +` the owner of the (first) key's partition.
    Partition {
        /// Port of owner 0.
        base_port: u16,
        /// Number of owners.
        owners: u16,
        /// Owner of each slot; absent means spread evenly. It can be stale by construction.
        #[serde(default)]
        table: Option<Vec<u16>>,
        /// What the client learns in mid-run; absent: nothing.
        #[serde(default)]
        learns: Option<Learns>,
    },
    /// Client-directed writes, as in MICA's CREW mode: a set goes to the owner of its key, gets go to
    /// all ports by turns.
    WritesByOwner {
        /// Port of owner 0.
        base_port: u16,
        /// Number of owners.
        owners: u16,
    },
    /// To all ports by turns, as in MICA's CRCW mode.
    Turns {
        /// The first port.
        base_port: u16,
        /// Number of ports.
        owners: u16,
    },
}

/// A partition table that a client is told in mid-run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learns {
    /// When: it addresses requests so that are due from then on, ns since the start of the trial.
    pub at_ns: u64,
    /// Owner of each slot.
    pub table: Vec<u16>,
}

impl Addressing {
    /// The ports that requests can go to, and replies come from.
    #[must_use]
    pub fn server_ports(&self) -> RangeInclusive<u16> {
        match self {
            Self::Server { port } => *port..=*port,
            Self::Partition {
                base_port,
                owners,
                table: _,
                learns: _,
            }
            | Self::WritesByOwner { base_port, owners }
            | Self::Turns { base_port, owners } => {
                *base_port..=base_port.saturating_add(owners.saturating_sub(1))
            }
        }
    }
}

/// A get of several keys sent as a datagram to each owner of some of them, by a client that knows the
/// partitions and gathers the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scatter {
    /// Number of owners, 1 to 64; slots are spread evenly over them.
    pub owners: u16,
    /// What each datagram asks for.
    pub holds: Holds,
}

/// What a datagram of a scattered get asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// The keys of the owner that it is meant for.
    OwnKeys,
    /// All keys, one of that owner's first; the owner answers its own.
    AllKeys,
}

/// How requests are written and replies read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// `get` and `set` lines.
    #[default]
    Ascii,
    /// `mg` and `ms`.
    Meta,
    /// The binary protocol.
    Binary,
    /// Calls of the RPC service.
    Rpc(Calls),
    /// Nothing that a server could answer: an id and a value's bytes, for an echo.
    Plain,
}

/// Which functions are called, for a get and for a set of the workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calls {
    /// `get` and `set`.
    Store,
    /// `add` of 0 and of 1.
    Count,
    /// `echo` of the key's value, and `spin`, which uses CPU time.
    Compute,
    /// `scan`, whose keys are neighbours, and `set`.
    Scan,
}

/// What decides when a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Mode {
    /// Open loop: the schedule's times.
    #[default]
    Open,
    /// Closed loop: requests are under way all the time, and the end of each (reply or timeout)
    /// sends the next. 1 is a ping-pong.
    Closed {
        /// How many, over all flows and threads.
        depth: u32,
    },
    /// As fast as one CPU a queue can make frames in the client's device; the schedule says only what
    /// is asked for and starts over when it is used up. No latencies; AF_XDP's transport only.
    Saturate,
    /// All requests at once, for a server that holds them in its sockets until all are there. They
    /// have no latencies, and wait for their replies without a timeout.
    Held {
        /// How many, over all flows and threads.
        requests: u32,
    },
}

impl Mode {
    /// The share of one of `threads` threads.
    #[must_use]
    pub const fn share(self, thread: u16, threads: u16) -> Self {
        match self {
            Self::Open | Self::Held { .. } | Self::Saturate => self,
            Self::Closed { depth } => {
                let (threads, thread) = (threads as u32, thread as u32);
                let one_more = thread < depth % threads;
                Self::Closed {
                    depth: depth / threads + one_more as u32,
                }
            }
        }
    }
}

/// What a client thread does between sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pacing {
    /// Sleeps until the next intended send or reply: the client shares its CPU.
    #[default]
    Sleep,
    /// Spins: exact times, for a CPU of its own.
    Spin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_its_default() {
        let text = r#"{
            "transport": {"udp": {"receive_buffer": 1000}},
            "client": "198.18.0.2",
            "server": "198.18.0.1",
            "addressing": {"partition": {"base_port": 11211, "owners": 2}}
        }"#;
        let read: ClientConfig = serde_json::from_str(text).unwrap();
        let expected = ClientConfig::new(
            TransportConfig::Udp {
                receive_buffer: 1000,
            },
            [198, 18, 0, 2].into(),
            [198, 18, 0, 1].into(),
            Addressing::Partition {
                base_port: 11211,
                owners: 2,
                table: None,
                learns: None,
            },
        );
        assert_eq!(read, expected);
        assert_eq!(read.addressing.server_ports(), 11211..=11212);
        let again = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<ClientConfig>(&again).unwrap(), read);
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert!(serde_json::from_str::<Pacing>("\"doze\"").is_err());
        let text = r#"{"udp": {"receive_buffer": 1, "queues": 2}}"#;
        assert!(serde_json::from_str::<TransportConfig>(text).is_err());
    }
}
