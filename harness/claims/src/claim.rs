//! A claim as it is written.

use garde::Validate;
use serde::{Deserialize, Serialize};
use spec::SpecError;

use crate::need::Need;
use crate::rules;
use crate::test::Test;

/// A paper's statement and how it is tested: one YAML file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Its name: lower-case letters, digits and `-`, and the file's name without `.yaml`.
    #[garde(custom(rules::id))]
    pub id: String,
    /// The paper.
    #[garde(skip)]
    pub paper: Paper,
    /// Where the paper says it, such as `3.2`.
    #[garde(length(min = 1))]
    pub section: String,
    /// The figure or table that shows it.
    #[garde(inner(length(min = 1)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<String>,
    /// What it says, in one line.
    #[garde(custom(rules::line))]
    pub statement: String,
    /// The numbers that the paper gives.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<PaperNumber>,
    /// How the statement is read here: what stands for what, and why the limits are what they are.
    #[garde(length(min = 1))]
    pub reading: String,
    /// What the statement is about; decides which comparisons are fair.
    #[garde(skip)]
    pub subject: Subject,
    /// The spec whose runs can test it, as a path below `experiments/`.
    #[garde(custom(rules::experiment))]
    pub experiment: String,
    /// What a test needs beyond the cells that it names.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    /// The test; may only be absent where `needs` names what this version does not have.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Test>,
}

impl Claim {
    /// Reads a claim; `file_name` is for the messages only.
    ///
    /// # Errors
    /// Everything wrong with the text, each problem with its place.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, SpecError> {
        spec::read_document(text, file_name, rules::across)
    }
}

/// The papers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paper {
    /// Enberg, Rao, Tarkoma: Partition-Aware Packet Steering Using XDP and eBPF for Improving
    /// Application-Level Parallelism, ENCP 2019.
    Encp19,
    /// Marian, Lee, Weatherspoon: NetSlices: Scalable Multi-Core Packet Processing in User-Space,
    /// ANCS 2012.
    Netslices12,
    /// Lim, Han, Andersen, Kaminsky: MICA: A Holistic Approach to Fast In-Memory Key-Value Storage,
    /// NSDI 2014.
    Mica14,
    /// Jin and others: NetCache: Balancing Key-Value Stores with Fast In-Network Caching, SOSP 2017.
    Netcache17,
    /// Didona, Zwaenepoel: Size-aware Sharding For Improving Tail Latencies in In-memory Key-value
    /// Stores, NSDI 2019.
    Minos19,
    /// Ousterhout, Fried, Behrens, Belay, Balakrishnan: Shenango: Achieving High CPU Efficiency for
    /// Latency-sensitive Datacenter Workloads, NSDI 2019.
    Shenango19,
}

impl Paper {
    /// How it is cited.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Encp19 => "ENCP'19",
            Self::Netslices12 => "NetSlices'12",
            Self::Mica14 => "MICA, NSDI'14",
            Self::Netcache17 => "NetCache, SOSP'17",
            Self::Minos19 => "Minos, NSDI'19",
            Self::Shenango19 => "Shenango, NSDI'19",
        }
    }

    /// Authors and title.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Encp19 => {
                "Enberg, Rao, Tarkoma: Partition-Aware Packet Steering Using XDP and eBPF for \
                 Improving Application-Level Parallelism"
            }
            Self::Netslices12 => {
                "Marian, Lee, Weatherspoon: NetSlices: Scalable Multi-Core Packet Processing in \
                 User-Space"
            }
            Self::Mica14 => {
                "Lim, Han, Andersen, Kaminsky: MICA: A Holistic Approach to Fast In-Memory Key-Value \
                 Storage"
            }
            Self::Netcache17 => {
                "Jin, Li, Zhang, Soulé, Lee, Foster, Kim, Stoica: NetCache: Balancing Key-Value \
                 Stores with Fast In-Network Caching"
            }
            Self::Minos19 => {
                "Didona, Zwaenepoel: Size-aware Sharding For Improving Tail Latencies in In-memory \
                 Key-value Stores"
            }
            Self::Shenango19 => {
                "Ousterhout, Fried, Behrens, Belay, Balakrishnan: Shenango: Achieving High CPU \
                 Efficiency for Latency-sensitive Datacenter Workloads"
            }
        }
    }
}

/// A number of the paper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct PaperNumber {
    /// What it is the number of.
    #[garde(length(min = 1))]
    pub what: String,
    /// The number.
    #[garde(custom(rules::finite))]
    pub value: f64,
    /// Its unit.
    #[garde(length(min = 1))]
    pub unit: String,
}

/// What a statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Where requests are steered: systems are compared within one I/O, since kernel bypass must
    /// not be mistaken for steering.
    Steering,
    /// Kernel bypass: one system is compared over both kinds of I/O.
    Bypass,
    /// The time to notify a thread.
    Notification,
    /// What forwards frames: packet systems are compared as whole designs, whose I/O is part of what is
    /// compared.
    Forwarding,
}
