//! What tells the lines of a figure apart, and what keeps trials off one axis.

/// What must be equal for two trials to share an axis.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Setting {
    pub(crate) fidelity: String,
    pub(crate) topology: String,
    pub(crate) workload: String,
}

impl Setting {
    /// Fidelity, topology and workload, in that order.
    pub(crate) fn describe(&self) -> String {
        let Self {
            fidelity,
            topology,
            workload,
        } = self;
        format!("topology {topology}, fidelity {fidelity} · {workload}")
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
