//! What tells the lines of a figure apart, and what keeps trials off one axis.

use spec::IpVersion;

use super::names;
use super::swept::Swept;

/// What must be equal for two trials to share an axis. Settings are sorted by what was swept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Setting {
    pub(crate) fidelity: String,
    pub(crate) topology: String,
    pub(crate) swept: Swept,
    /// The recorded columns `keys`, `theta` and `get_ratio`.
    pub(super) workload: [String; 3],
    /// What packet systems forward, in place of a workload.
    pub(crate) traffic: Option<Traffic>,
}

/// What packet systems forward, from the recorded columns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Traffic {
    pub(crate) processor: String,
    /// Receive queues of each device.
    pub(crate) queues: u32,
    /// Length of a frame, link header included.
    pub(crate) frame_bytes: u32,
    /// The version of the Internet protocol.
    ip: IpVersion,
}

/// The names by which a sweep changes what [`Traffic`] says.
const TRAFFIC: [&str; 2] = ["queues", "frame_size"];

impl Traffic {
    /// Reads the columns; `None` where they are empty. Runs that have no version in theirs knew one.
    pub(super) fn parse(
        processor: &str,
        queues: &str,
        frame_bytes: &str,
        ip: &str,
    ) -> Option<Self> {
        Some(Self {
            processor: processor.to_owned(),
            queues: queues.parse().ok()?,
            frame_bytes: frame_bytes.parse().ok()?,
            ip: match ip {
                "" => IpVersion::V4,
                ip => ip.parse::<u8>().ok()?.try_into().ok()?,
            },
        })
    }

    /// UDP payload of a frame, bit.
    pub(crate) fn payload_bits(&self) -> f64 {
        f64::from(self.frame_bytes.saturating_sub(self.ip.headers())) * 8.0
    }

    fn describe_without(&self, axes: &[&str]) -> Vec<String> {
        let queues = match self.queues {
            1 => "1 queue".to_owned(),
            queues => format!("{queues} queues"),
        };
        let frames = format!("frames of {} B", self.frame_bytes);
        let shown = TRAFFIC.into_iter().zip([queues, frames]);
        let shown = shown.filter(|(name, _)| !axes.contains(name));
        let version = match self.ip {
            IpVersion::V4 => None,
            IpVersion::V6 => Some("IPv6".to_owned()),
        };
        std::iter::once(self.processor.clone())
            .chain(version)
            .chain(shown.map(|(_, text)| text))
            .collect()
    }
}

/// The names of the parts of [`Setting::workload`].
const WORKLOAD: [&str; 3] = ["keys", "theta", "get_ratio"];

impl Setting {
    /// Fidelity, topology and workload, in that order.
    pub(crate) fn describe(&self) -> String {
        self.describe_without(&[])
    }

    /// The same without the swept values called `axes`.
    pub(crate) fn describe_without(&self, axes: &[&str]) -> String {
        let Self {
            fidelity, topology, ..
        } = self;
        let workload = self.workload_without(axes);
        format!("topology {topology}, fidelity {fidelity} · {workload}")
    }

    /// What is asked of the systems, and what else was swept.
    pub(crate) fn workload(&self) -> String {
        self.workload_without(&[])
    }

    fn workload_without(&self, axes: &[&str]) -> String {
        let mut said = axes.to_vec();
        let mut parts = match &self.traffic {
            Some(traffic) => {
                said.extend(TRAFFIC);
                traffic.describe_without(axes)
            }
            None => {
                said.extend(WORKLOAD);
                let part =
                    |at: usize| (!axes.contains(&WORKLOAD[at])).then(|| self.workload[at].as_str());
                names::workload(part(0), part(1), part(2))
            }
        };
        parts.extend(self.swept.describe(&said));
        parts.join(", ")
    }
}

/// One line of a figure: a label on one kind of I/O.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    pub(crate) label: String,
    pub(crate) io: String,
}

impl Series {
    /// The label without a suffix that only repeats the I/O, as in `sphinx_udp` or `sphinx_xsk`.
    pub(crate) fn design(&self) -> &str {
        let suffixes: &[&str] = match self.io.as_str() {
            "af_xdp" => &["af_xdp", "afxdp", "xsk"],
            io => &[io],
        };
        let stem = |suffix: &&str| {
            let stem = self.label.strip_suffix(*suffix)?.strip_suffix(['_', '-'])?;
            (!stem.is_empty()).then_some(stem)
        };
        suffixes.iter().find_map(stem).unwrap_or(&self.label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_takes_the_place_of_a_workload() {
        let setting = Setting {
            fidelity: "veth".to_owned(),
            topology: "chain".to_owned(),
            swept: Swept::parse("queues 2, batch 16"),
            workload: Default::default(),
            traffic: Traffic::parse("router", "2", "1514", "4"),
        };
        assert_eq!(
            setting.workload(),
            "router, 2 queues, frames of 1514 B, batch 16"
        );
        let without = setting.describe_without(&["queues", "batch"]);
        assert_eq!(
            without,
            "topology chain, fidelity veth · router, frames of 1514 B"
        );
        assert_eq!(setting.traffic.clone().unwrap().payload_bits(), 11_776.0);
        assert_eq!(Traffic::parse("router", "2", "1514", ""), setting.traffic);
        assert_eq!(Traffic::parse("", "", "", ""), None);
        let v6 = Traffic::parse("router", "2", "1514", "6").unwrap();
        assert_eq!(v6.payload_bits(), 11_616.0);
        let described = v6.describe_without(&[]).join(", ");
        assert_eq!(described, "router, IPv6, 2 queues, frames of 1514 B");
    }

    #[test]
    fn a_suffix_that_repeats_the_io_is_no_part_of_the_design() {
        let design = |label: &str, io: &str| {
            let series = Series {
                label: label.to_owned(),
                io: io.to_owned(),
            };
            series.design().to_owned()
        };
        assert_eq!(design("sphinx_xsk", "af_xdp"), "sphinx");
        assert_eq!(design("sphinx-udp", "udp"), "sphinx");
        assert_eq!(design("sphinx_udp", "af_xdp"), "sphinx_udp");
        assert_eq!(design("udp", "udp"), "udp");
    }
}
