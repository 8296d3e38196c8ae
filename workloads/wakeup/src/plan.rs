//! Which cells a machine can measure, and why not the others. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};
use sys::cpu::{CpuId, PairClass, Topology};
use thiserror::Error;

/// A way to notify a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mechanism {
    /// eventfd(2): what the paper measures.
    Eventfd,
    /// futex(2) wait and wake on a word of shared memory.
    Futex,
    /// One byte through pipe(2).
    Pipe,
    /// A flag in shared memory that the reader polls: no kernel, but a CPU spent.
    Spin,
}

impl Mechanism {
    /// The name that specs and result files use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eventfd => "eventfd",
            Self::Futex => "futex",
            Self::Pipe => "pipe",
            Self::Spin => "spin",
        }
    }

    /// Whether the reader sleeps in the kernel.
    #[must_use]
    pub const fn sleeps(self) -> bool {
        match self {
            Self::Eventfd | Self::Futex | Self::Pipe => true,
            Self::Spin => false,
        }
    }
}

/// How notifications follow each other; see the crate's documentation for what exactly it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The reader is asleep.
    Idle,
    /// As soon as the last one was acknowledged.
    BackToBack,
}

impl Mode {
    /// The name that specs and result files use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::BackToBack => "back_to_back",
        }
    }
}

/// What to measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeSpec {
    /// Ways to notify.
    pub mechanisms: Vec<Mechanism>,
    /// How notifications follow each other.
    pub modes: Vec<Mode>,
    /// Samples per cell.
    pub samples: u64,
    /// Longest time of one cell in nanoseconds, its warm-up included.
    pub time_limit_ns: u64,
    /// Longest time of all cells together in nanoseconds, shared equally among them.
    pub total_limit_ns: Option<u64>,
}

/// Why a cell is not measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// A spinning reader holds the CPU that the writer needs.
    #[error(
        "a spinning reader on the writer's CPU keeps the writer from running: the time would be the scheduler's time slice"
    )]
    SpinOnOneCpu,
}

/// One mechanism between one pair of CPUs in one mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// How the reader is notified.
    pub mechanism: Mechanism,
    /// How notifications follow each other.
    pub mode: Mode,
    /// How the two CPUs lie to each other.
    pub pair_class: PairClass,
    /// The CPU that notifies.
    pub writer: CpuId,
    /// The CPU that is notified.
    pub reader: CpuId,
    /// Samples to take.
    pub samples: u64,
    /// Longest time in nanoseconds, warm-up included.
    pub time_limit_ns: u64,
    /// Why it is not measured; `None` when it is.
    pub refusal: Option<Refusal>,
}

impl Cell {
    /// The cell's name: `wakeup-eventfd-same_node-idle`.
    #[must_use]
    pub fn id(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mechanism, mode) = (self.mechanism.name(), self.mode.name());
        write!(f, "wakeup-{mechanism}-{}-{mode}", self.pair_class.name())
    }
}

/// The cells of a probe: every mechanism and mode for one pair of `allowed` CPUs of each class
/// that the machine has, the refused ones included.
#[must_use]
pub fn cells(spec: &ProbeSpec, topology: &Topology, allowed: &[CpuId]) -> Vec<Cell> {
    let pairs = topology.example_pairs(allowed);
    let mut cells = Vec::new();
    for (&pair_class, &(writer, reader)) in &pairs {
        for &mechanism in &spec.mechanisms {
            for &mode in &spec.modes {
                let alone = mechanism.sleeps() || pair_class != PairClass::SameCpu;
                cells.push(Cell {
                    mechanism,
                    mode,
                    pair_class,
                    writer,
                    reader,
                    samples: spec.samples,
                    time_limit_ns: spec.time_limit_ns,
                    refusal: (!alone).then_some(Refusal::SpinOnOneCpu),
                });
            }
        }
    }
    share_time(spec, &mut cells);
    cells
}

/// Holds the cells that run to an equal share of the time for all of them.
fn share_time(spec: &ProbeSpec, cells: &mut [Cell]) {
    let running = cells.iter().filter(|cell| cell.refusal.is_none()).count() as u64;
    let Some(share) = spec
        .total_limit_ns
        .and_then(|total| total.checked_div(running))
    else {
        return;
    };
    for cell in cells {
        cell.time_limit_ns = cell.time_limit_ns.min(share);
    }
}
