//! Packet steering by the kernel itself, per queue (Documentation/networking/scaling.rst).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cpu::{CpuId, format_mask};
use crate::error::{Doing, read_text};

/// A queue of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Queue {
    /// `rx-0`, `tx-0` ...
    pub name: String,
    /// CPUs to which received packets are passed on (RPS) or which send by this queue (XPS), as a mask
    /// in hexadecimal; none where the kernel has no such setting.
    pub cpus: Option<String>,
}

/// The queues of the device with this folder in sysfs, by name.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn of(folder: &Path) -> io::Result<Vec<Queue>> {
    let folder = folder.join("queues");
    let mut queues = Vec::new();
    for entry in fs::read_dir(&folder).doing(|| format!("read {}", folder.display()))? {
        let entry = entry?;
        let cpus = ["rps_cpus", "xps_cpus"]
            .iter()
            .find_map(|file| read_text(entry.path().join(file)).ok());
        queues.push(Queue {
            name: entry.file_name().to_string_lossy().into_owned(),
            cpus,
        });
    }
    queues.sort_by_key(|queue| by_number(&queue.name));
    Ok(queues)
}

/// Lets frames that `cpus` send leave by one queue (XPS), in the calling thread's network namespace. A device with a single queue has
/// no such setting, nor has a kernel without `CONFIG_XPS`: there nothing is done, and the device's description says so
/// ([`Queue::cpus`]).
///
/// # Errors
/// When there is no such queue, or the kernel refuses it.
pub fn send_by(device: &str, queue: u16, cpus: &[CpuId]) -> io::Result<()> {
    let folder = PathBuf::from(format!("/sys/class/net/{device}/queues/tx-{queue}"));
    fs::metadata(&folder).doing(|| format!("find {}", folder.display()))?;
    let path = folder.join("xps_cpus");
    match read_text(&path) {
        Ok(present) => {
            let mask = format_mask(&present, cpus);
            fs::write(&path, &mask).doing(|| format!("write {mask} to {}", path.display()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// `rx-10` after `rx-9`.
fn by_number(name: &str) -> (String, u32) {
    let (direction, number) = name.split_once('-').unwrap_or((name, ""));
    (direction.to_owned(), number.parse().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_come_in_the_order_of_their_numbers() {
        let tree = tempfile::tempdir().unwrap();
        for (queue, file) in [
            ("rx-10", "rps_cpus"),
            ("rx-9", "rps_cpus"),
            ("tx-0", "xps_cpus"),
        ] {
            let folder = tree.path().join("queues").join(queue);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(file), "3\n").unwrap();
        }
        let queues = of(tree.path()).unwrap();
        let names: Vec<_> = queues.iter().map(|queue| queue.name.as_str()).collect();
        assert_eq!(names, ["rx-9", "rx-10", "tx-0"]);
        assert!(
            queues
                .iter()
                .all(|queue| queue.cpus.as_deref() == Some("3"))
        );
    }
}
