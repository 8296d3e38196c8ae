//! Where claims come from: a folder of YAML files, or the copies that were built in.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use spec::SpecError;
use thiserror::Error;

use crate::claim::Claim;

/// Why there are no claims.
#[derive(Debug, Error)]
pub enum ClaimsError {
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Claims are wrong; the text has every problem with its place.
    #[error("{0}")]
    Wrong(String),
    /// The folder holds none.
    #[error("{0} holds no claims: a claim is a .yaml file, as docs/claims.md describes")]
    Empty(PathBuf),
}

/// A file of `experiments/claims` and its text.
macro_rules! shipped {
    ($file:literal) => {
        (
            $file,
            include_str!(concat!("../../../experiments/claims/", $file)),
        )
    };
}

/// The claims of `experiments/claims`, by file name, as they were when this program was built.
const SHIPPED: &[(&str, &str)] = &[
    shipped!("as-cheap-as-hardware-steering.yaml"),
    shipped!("batching-does-not-close-the-gap.yaml"),
    shipped!("bypass-lowers-cpu.yaml"),
    shipped!("clients-need-no-partitions.yaml"),
    shipped!("duplication-reaches-all-owners.yaml"),
    shipped!("hash-reuse.yaml"),
    shipped!("herd-exposes-partitions.yaml"),
    shipped!("higher-throughput.yaml"),
    shipped!("lower-median-latency.yaml"),
    shipped!("lower-tail-latency.yaml"),
    shipped!("mica-partitions-beat-concurrent-writes.yaml"),
    shipped!("mica-writes-cost-no-more.yaml"),
    shipped!("minos-lower-tail-latency.yaml"),
    shipped!("netcache-halves-latency-of-hits.yaml"),
    shipped!("netslice-added-round-trip-batched.yaml"),
    shipped!("netslice-added-round-trip-single.yaml"),
    shipped!("netslice-batches-close-the-chip-gap.yaml"),
    shipped!("netslice-batching-gain.yaml"),
    shipped!("netslice-click-below-pcap.yaml"),
    shipped!("netslice-copies-cost.yaml"),
    shipped!("netslice-cpu-knee.yaml"),
    shipped!("netslice-fault-isolation.yaml"),
    shipped!("netslice-fault-spares-kernel.yaml"),
    shipped!("netslice-ipsec-ahead-on-one-queue.yaml"),
    shipped!("netslice-ipsec-dispatching-scales-poorly.yaml"),
    shipped!("netslice-ipsec-linear-in-cores.yaml"),
    shipped!("netslice-ipsec-mmap-over-pcap.yaml"),
    shipped!("netslice-ipsec-near-kernel.yaml"),
    shipped!("netslice-ipsec-over-pcap.yaml"),
    shipped!("netslice-kernel-rate-of-one-queue.yaml"),
    shipped!("netslice-line-rate-on-all-queues.yaml"),
    shipped!("netslice-maelstrom-goodput.yaml"),
    shipped!("netslice-maelstrom-overhead.yaml"),
    shipped!("netslice-maelstrom-recovers.yaml"),
    shipped!("netslice-of-kernel-forwarding.yaml"),
    shipped!("netslice-os-default-suboptimal.yaml"),
    shipped!("netslice-over-pcap-mmap.yaml"),
    shipped!("netslice-pcap-mmap-over-pcap.yaml"),
    shipped!("netslice-pcap-variants-equal-on-all.yaml"),
    shipped!("netslice-placement-over-os-batched.yaml"),
    shipped!("netslice-placement-over-os-single.yaml"),
    shipped!("netslice-placement-over-same-cpu-batched.yaml"),
    shipped!("netslice-placement-over-same-cpu-single.yaml"),
    shipped!("netslice-same-chip-over-hyperthread.yaml"),
    shipped!("netslice-same-chip-over-other-chip.yaml"),
    shipped!("netslice-same-cpu-worst.yaml"),
    shipped!("netslice-shortest-frames-as-kernel.yaml"),
    shipped!("netslice-streamlined-path.yaml"),
    shipped!("notification-node-distance.yaml"),
    shipped!("notification-over-packet-gap.yaml"),
    shipped!("notification-remote-node.yaml"),
    shipped!("notification-same-node.yaml"),
    shipped!("offload-frees-host-cycles.yaml"),
    shipped!("parsing-is-expensive.yaml"),
    shipped!("partitioning-beats-sharing.yaml"),
    shipped!("polling-burns-cpu.yaml"),
    shipped!("polling-notifies-sooner.yaml"),
    shipped!("posix-sockets-configuration.yaml"),
    shipped!("several-keys-have-no-owner.yaml"),
    shipped!("shenango-latency-of-dedicated-cores.yaml"),
    shipped!("shenango-offload-ends-software-steering.yaml"),
    shipped!("size-aware-needs-queues.yaml"),
    shipped!("skew-overloads-owners.yaml"),
    shipped!("software-steering-hands-off.yaml"),
    shipped!("software-steering-notifies.yaml"),
    shipped!("steering-below-removes-handoffs.yaml"),
    shipped!("steering-below-removes-wakeups.yaml"),
    shipped!("steering-in-software-costs-cpu.yaml"),
];

/// Reads every `.yaml` file of a folder, in the order of their names.
///
/// # Errors
/// When the folder cannot be read or is empty, and everything wrong with every claim in it.
pub fn read_folder(folder: &Path) -> Result<Vec<Claim>, ClaimsError> {
    let refused = |path: &Path| {
        let path = path.to_owned();
        move |source| ClaimsError::Io { path, source }
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(refused(folder))? {
        let path = entry.map_err(refused(folder))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            files.push(path);
        }
    }
    files.sort();
    let texts: Vec<(String, String, String)> = files
        .iter()
        .map(|path| {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let text = fs::read_to_string(path).map_err(refused(path))?;
            Ok((stem.into_owned(), path.display().to_string(), text))
        })
        .collect::<Result<_, ClaimsError>>()?;
    if texts.is_empty() {
        return Err(ClaimsError::Empty(folder.to_owned()));
    }
    all(texts
        .iter()
        .map(|(stem, shown, text)| named(stem, shown, text)))
}

/// The claims that were built in: what a copy of the program far from the repository uses.
///
/// # Errors
/// As [`read_folder`]; a test holds that there are none.
pub fn shipped() -> Result<Vec<Claim>, ClaimsError> {
    all(SHIPPED.iter().map(|(file, text)| {
        let stem = file.strip_suffix(".yaml").unwrap_or(file);
        named(stem, &format!("experiments/claims/{file}"), text)
    }))
}

/// A claim, which is found by its id: the file has the same name.
fn named(stem: &str, shown: &str, text: &str) -> Result<Claim, String> {
    let claim = Claim::parse(text, shown).map_err(|error: SpecError| error.to_string())?;
    if claim.id != stem {
        return Err(format!(
            "{shown}: id: `{}` stands in a file called {stem}.yaml; both must be the same\n",
            claim.id
        ));
    }
    Ok(claim)
}

/// All claims, or everything wrong with any.
fn all(claims: impl Iterator<Item = Result<Claim, String>>) -> Result<Vec<Claim>, ClaimsError> {
    let (good, bad): (Vec<_>, Vec<_>) = claims.partition(Result::is_ok);
    let problems: Vec<String> = bad.into_iter().filter_map(Result::err).collect();
    if problems.is_empty() {
        Ok(good.into_iter().flatten().collect())
    } else {
        Err(ClaimsError::Wrong(problems.concat()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_built_in_is_what_the_folder_holds() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/claims");
        let from_folder = read_folder(&folder).unwrap_or_else(|error| panic!("{error}"));
        let built_in = shipped().unwrap_or_else(|error| panic!("{error}"));
        let ids = |claims: &[Claim]| -> BTreeSet<String> {
            claims.iter().map(|claim| claim.id.clone()).collect()
        };
        assert_eq!(ids(&built_in), ids(&from_folder), "add the file to SHIPPED");
        assert_eq!(built_in.len(), from_folder.len());
    }

    #[test]
    fn a_folder_is_read_whole_and_every_problem_is_told() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = read_folder(folder.path()).expect_err("empty");
        assert!(matches!(error, ClaimsError::Empty(_)), "{error}");
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect("writable");
        };
        let good = "id: a\npaper: encp19\nsection: '1'\nstatement: s\nreading: r\n\
                    subject: steering\nexperiment: x.yaml\nneeds: [{facility: a switch}]\n";
        write("a.yaml", good);
        assert_eq!(read_folder(folder.path()).expect("one claim").len(), 1);
        write("b.yaml", good);
        write("c.yaml", "id: 7 7\n");
        let error = read_folder(folder.path())
            .expect_err("two wrong")
            .to_string();
        assert!(
            error.contains("b.yaml: id: `a` stands in a file called b.yaml"),
            "{error}"
        );
        assert!(error.contains("c.yaml:1:"), "{error}");
    }
}
