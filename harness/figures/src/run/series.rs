//! What tells the lines of a figure apart, and what keeps trials off one axis.

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
}

/// The names of the parts of [`Setting::workload`].
const WORKLOAD: [&str; 3] = ["keys", "theta", "get_ratio"];

impl Setting {
    /// Fidelity, topology and workload, in that order.
    pub(crate) fn describe(&self) -> String {
        self.describe_without("")
    }

    /// The same without the swept value called `axis`.
    pub(crate) fn describe_without(&self, axis: &str) -> String {
        let Self {
            fidelity, topology, ..
        } = self;
        let workload = self.workload_without(axis);
        format!("topology {topology}, fidelity {fidelity} · {workload}")
    }

    /// The keys, their popularity, the operations, and what else was swept.
    pub(crate) fn workload(&self) -> String {
        self.workload_without("")
    }

    fn workload_without(&self, axis: &str) -> String {
        let part = |at: usize| (WORKLOAD[at] != axis).then(|| self.workload[at].as_str());
        let mut parts = names::workload(part(0), part(1), part(2));
        parts.extend(self.swept.without(axis).describe(&WORKLOAD));
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
