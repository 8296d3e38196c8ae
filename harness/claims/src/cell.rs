//! What a number is taken of: trials of one system, or a cell of the notification probe.

use std::fmt;

use garde::Validate;
use serde::{Deserialize, Serialize};
use spec::{Count, Io, Mechanism, ProbeMode, System, SystemKind, Task, Trial, Wakeup};

/// What a number is taken of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// Trials of one system.
    Server(#[garde(dive)] ServerCell),
    /// A cell of the wakeup probe.
    Notification(#[garde(skip)] NotificationCell),
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
    /// serves ([`System::is_plain`]) are named by their label only.
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
}

impl SweepValues {
    /// Whether nothing is chosen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn fit(&self, trial: &Trial) -> bool {
        fn is<T: PartialEq>(wanted: Option<T>, found: T) -> bool {
            wanted.is_none_or(|wanted| wanted == found)
        }
        let requests = match &trial.task {
            Task::Requests(workload) => {
                is(self.theta, workload.popularity.theta())
                    && is(self.get_ratio, workload.get_ratio)
                    && is(self.keys, workload.keys)
                    && is(self.flows, workload.flows)
                    && is(self.multi_get, workload.multi_get)
            }
            // Frames have no keys that could be as many as were named.
            Task::Frames(traffic) => {
                self.theta.is_none()
                    && self.get_ratio.is_none()
                    && self.keys.is_none()
                    && is(self.flows, traffic.flows)
                    && self.multi_get.is_none()
            }
        };
        requests && is(self.owners, trial.system.owners)
    }

    /// Where the chosen values stand in a trial's JSON.
    pub(crate) fn chosen(&self) -> Vec<&'static str> {
        let fields = [
            (self.theta.is_some(), "/workload/popularity"),
            (self.get_ratio.is_some(), "/workload/get_ratio"),
            (self.keys.is_some(), "/workload/keys"),
            (self.flows.is_some(), "/workload/flows"),
            (self.multi_get.is_some(), "/workload/multi_get"),
            (self.owners.is_some(), "/system/owners"),
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
    /// instrument and no system.
    #[must_use]
    pub fn fits(&self, trial: &Trial) -> bool {
        let system = &trial.system;
        trial.disturb.is_none()
            && system.system == self.system
            && system.io == self.io()
            && self.woken(system)
            && match &self.label {
                Some(label) => *label == system.label,
                None => system.is_plain(),
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
                write!(f, "{} over {}", cell.system, cell.io().name())?;
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
