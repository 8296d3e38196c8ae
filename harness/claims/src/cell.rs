//! What a number is taken of: trials of one system, or a cell of the notification probe.

use std::fmt;

use garde::Validate;
use serde::{Deserialize, Serialize};
use spec::{
    Bytes, Count, Counted, Disturb, Io, IpVersion, Mechanism, PeerPlacement, ProbeMode,
    ProcessorKind, Routing, Share, System, SystemKind, SystemSpec, Task, Trial, Wakeup,
};

/// What a number is taken of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// Trials of one system.
    Server(#[garde(dive)] ServerCell),
    /// A cell of the wakeup probe.
    Notification(#[garde(skip)] NotificationCell),
}

impl Cell {
    /// What its rates and ratios count.
    #[must_use]
    pub const fn counted(&self) -> Counted {
        match self {
            Self::Server(cell) => cell.system.counted(),
            Self::Notification(_) => Counted::Requests,
        }
    }
}

/// Trials of one system: those of its labels that fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct ServerCell {
    /// The system.
    #[garde(skip)]
    pub system: SystemKind,
    /// Its packet I/O; may be left out where the system has only one.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub io: Option<Io>,
    /// How its owners are woken. Default: the system's own way.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wakeup: Option<Wakeup>,
    /// The label, where several labels fit the rest. Trials with an option that changes how the system steers or
    /// serves ([`System::is_plain`]) are named by their label only; what stands under `with` has no need of one.
    #[garde(inner(length(min = 1)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Values of a sweep. What is not named here may vary, but not between compared cells.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "SweepValues::is_empty")]
    pub with: SweepValues,
}

/// Chosen values of a sweep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepValues {
    /// Zipf exponent; 0 is uniform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theta: Option<f64>,
    /// Share of gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub get_ratio: Option<f64>,
    /// Number of keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Count>,
    /// Source ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flows: Option<u16>,
    /// Keys per get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_get: Option<u16>,
    /// Owners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owners: Option<u16>,
    /// What is done to each frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor: Option<ProcessorKind>,
    /// Receive queues of each device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queues: Option<u16>,
    /// Length of a frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_size: Option<Bytes>,
    /// Frames that are sent together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u16>,
    /// Share of the frames that the link between two proxies loses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Share>,
    /// Frames that it loses together, on average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_burst: Option<u16>,
    /// Frames that a slice receives or sends at a time. Not named, it is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u16>,
    /// Where a slice's u-peer is. Not named, it is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<PeerPlacement>,
}

/// Where a place has what the link between two proxies loses, which is no part of what is done to frames.
pub(crate) const LOSS: &str = "/traffic/loss";
/// Likewise how many frames it loses together.
pub(crate) const LOSS_BURST: &str = "/traffic/loss_burst";

/// Whether nothing else is wanted than what was found.
fn is<T: PartialEq>(wanted: Option<T>, found: T) -> bool {
    wanted.is_none_or(|wanted| wanted == found)
}

/// Whether nothing else is wanted than what was found, if there is such a thing.
fn has<T: PartialEq>(wanted: Option<T>, found: Option<T>) -> bool {
    wanted.is_none() || wanted == found
}

/// Whether an option is what is wanted, or the default where nothing is; of a system that does not have the
/// option, whether nothing is wanted.
fn meant<T: PartialEq>(wanted: Option<T>, found: Option<T>, default: T) -> bool {
    match found {
        None => wanted.is_none(),
        Some(found) => found == wanted.unwrap_or(default),
    }
}

impl SweepValues {
    /// Whether nothing is chosen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn fit(&self, trial: &Trial) -> bool {
        self.fit_task(&trial.task)
            && is(self.owners, trial.system.owners)
            && is(self.queues, trial.topology.queues)
    }

    /// Whether a system's options are those that are named, and its defaults besides. A label stands for
    /// whatever it has.
    fn fit_options(&self, system: &System) -> bool {
        meant(self.batch, system.batch, SystemSpec::DEFAULT_BATCH)
            && meant(self.placement, system.placement, PeerPlacement::default())
            && meant(None, system.filters, true)
            && system.qdisc_bypass == system.system.default_qdisc_bypass()
            && meant(None, system.routing, Routing::default())
    }

    fn fit_task(&self, task: &Task) -> bool {
        match task {
            Task::Requests(workload) => {
                is(self.theta, workload.popularity.theta())
                    && is(self.get_ratio, workload.get_ratio)
                    && is(self.keys, workload.keys)
                    && is(self.flows, workload.flows)
                    && is(self.multi_get, workload.multi_get)
                    && self.processor.is_none()
                    && self.frame_size.is_none()
                    && self.burst.is_none()
                    && self.loss.is_none()
                    && self.loss_burst.is_none()
            }
            Task::Frames(traffic) => {
                let link = traffic.processor.code();
                has(self.loss, link.map(|link| link.loss))
                    && has(self.loss_burst, link.map(|link| link.burst))
                    && is(self.processor, traffic.processor.kind())
                    && is(self.frame_size, traffic.frame_size)
                    && is(self.burst, traffic.burst)
                    && is(self.flows, traffic.flows)
                    // Statements about frames are about those of IPv4.
                    && traffic.ip == IpVersion::V4
                    && self.theta.is_none()
                    && self.get_ratio.is_none()
                    && self.keys.is_none()
                    && self.multi_get.is_none()
            }
        }
    }

    /// Where the chosen values stand in a trial's JSON.
    pub(crate) fn chosen(&self) -> Vec<&'static str> {
        let fields = [
            (self.theta.is_some(), "/workload/popularity"),
            (self.get_ratio.is_some(), "/workload/get_ratio"),
            (self.keys.is_some(), "/workload/keys"),
            (self.flows.is_some(), "/workload/flows"),
            (self.flows.is_some(), "/traffic/flows"),
            (self.multi_get.is_some(), "/workload/multi_get"),
            (self.owners.is_some(), "/system/owners"),
            (self.processor.is_some(), "/traffic/processor"),
            (self.queues.is_some(), "/topology/queues"),
            (self.frame_size.is_some(), "/traffic/frame_size"),
            (self.burst.is_some(), "/traffic/burst"),
            (self.loss.is_some(), LOSS),
            (self.loss_burst.is_some(), LOSS_BURST),
        ];
        let chosen = fields.into_iter().filter(|(chosen, _)| *chosen);
        chosen.map(|(_, path)| path).collect()
    }

    fn text(&self) -> String {
        let fields = [
            self.theta.map(|value| format!("theta {value}")),
            self.get_ratio.map(|value| format!("get_ratio {value}")),
            self.keys.map(|value| format!("{value} keys")),
            self.flows.map(|value| format!("{value} flows")),
            self.multi_get.map(|value| format!("multi_get {value}")),
            self.owners.map(|value| format!("{value} owners")),
            self.processor.map(|value| value.name().to_owned()),
            self.queues.map(|value| format!("{value} queue(s)")),
            self.frame_size.map(|value| format!("frames of {value}")),
            self.burst.map(|value| format!("bursts of {value}")),
            self.loss.map(|value| format!("{value} lost")),
            self.loss_burst
                .map(|value| format!("lost in bursts of {value}")),
            self.batch.map(|value| format!("batch {value}")),
            self.placement.map(|value| format!("placement {value}")),
        ];
        let fields: Vec<String> = fields.into_iter().flatten().collect();
        fields.join(", ")
    }
}

impl ServerCell {
    /// The packet I/O, written or the only one.
    #[must_use]
    pub fn io(&self) -> Io {
        self.io.unwrap_or(self.system.ios()[0])
    }

    /// How owners are woken, written or by default.
    #[must_use]
    pub fn wakeup(&self) -> Option<Wakeup> {
        self.wakeup.or(self.system.default_wakeup())
    }

    /// Whether the trial's owners are woken so. Behind a cache stands a system that is woken in its own
    /// way.
    fn woken(&self, system: &System) -> bool {
        self.system.caches() || system.wakeup == self.wakeup()
    }

    /// Whether a trial is one of these. A trial with a known wrong never is: it tests the
    /// instrument and no system. One in which a slice is killed is of a system that is isolated, which is named by its
    /// label.
    #[must_use]
    pub fn fits(&self, trial: &Trial) -> bool {
        let system = &trial.system;
        !trial.disturb.is_some_and(Disturb::tests_the_instrument)
            && system.system == self.system
            && system.io == self.io()
            && self.woken(system)
            && match &self.label {
                Some(label) => *label == system.label,
                None => system.is_plain() && self.with.fit_options(system),
            }
            && self.with.fit(trial)
    }
}

/// A cell of the wakeup probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotificationCell {
    /// How the thread is notified.
    pub mechanism: Mechanism,
    /// How notifications follow each other.
    pub mode: ProbeMode,
    /// How the two CPUs lie to each other.
    pub pair: Pair,
}

/// How two CPUs lie to each other, in a paper's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pair {
    /// One CPU with itself.
    SameCpu,
    /// Two cores of one NUMA node: under one last-level cache where there are such, else under two.
    SameNode,
    /// Cores of two NUMA nodes.
    RemoteNode,
}

impl Pair {
    /// The probe's classes that are meant, the preferred one first.
    #[must_use]
    pub const fn classes(self) -> &'static [&'static str] {
        match self {
            Self::SameCpu => &["same_cpu"],
            Self::SameNode => &["same_llc", "same_node"],
            Self::RemoteNode => &["remote_node"],
        }
    }

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SameCpu => "on one CPU",
            Self::SameNode => "between two cores of one NUMA node",
            Self::RemoteNode => "between two NUMA nodes",
        }
    }
}

/// The names that result files use.
pub(crate) const fn mechanism_name(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::Eventfd => "eventfd",
        Mechanism::Futex => "futex",
        Mechanism::Pipe => "pipe",
        Mechanism::Spin => "spin",
    }
}

/// The names that result files use.
pub(crate) const fn mode_name(mode: ProbeMode) -> &'static str {
    match mode {
        ProbeMode::Idle => "idle",
        ProbeMode::BackToBack => "back_to_back",
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(cell) => {
                write!(f, "{}", cell.system)?;
                // Of a packet system its I/O is a part.
                if !cell.system.forwards() {
                    write!(f, " over {}", cell.io().name())?;
                }
                if let Some(wakeup) = cell.wakeup {
                    write!(f, ", {}", wakeup.name())?;
                }
                if let Some(label) = &cell.label {
                    write!(f, ", labelled {label}")?;
                }
                if !cell.with.is_empty() {
                    write!(f, ", {}", cell.with.text())?;
                }
                Ok(())
            }
            Self::Notification(cell) => write!(
                f,
                "{} {}, {}",
                mechanism_name(cell.mechanism),
                cell.pair.name(),
                mode_name(cell.mode)
            ),
        }
    }
}
