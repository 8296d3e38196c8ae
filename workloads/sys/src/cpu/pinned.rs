//! Threads that were pinned, and whether they still are.

use std::io;

use serde::{Deserialize, Serialize};

use super::{CpuId, affinity};

/// A pinned thread, and where it was found to be allowed since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// Which, for people.
    pub thread: String,
    /// The CPU that it was pinned to.
    pub cpu: CpuId,
    /// The CPUs that it may run on now; none when it is gone.
    pub allowed: Vec<CpuId>,
}

impl Pinned {
    /// Looks where a thread (`None`: the calling one) may run that was pinned to `cpu`.
    ///
    /// # Errors
    /// When its affinity cannot be read.
    pub fn look(thread: &str, tid: Option<u32>, cpu: CpuId) -> io::Result<Self> {
        let allowed = match affinity(tid) {
            Err(error) if is_gone(&error) => Vec::new(),
            allowed => allowed?,
        };
        Ok(Self {
            thread: thread.to_owned(),
            cpu,
            allowed,
        })
    }

    /// Whether somebody moved it, or ended it.
    #[must_use]
    pub fn moved(&self) -> bool {
        self.allowed != [self.cpu]
    }
}

/// sched_getaffinity gives ESRCH.
fn is_gone(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(std::error::Error::source);
    let errno = inner.and_then(|inner| inner.downcast_ref::<io::Error>()?.raw_os_error());
    errno == Some(libc::ESRCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_may_leave_its_cpu_was_moved() {
        let at = |allowed: &[u32]| Pinned {
            thread: "x".to_owned(),
            cpu: CpuId(1),
            allowed: allowed.iter().copied().map(CpuId).collect(),
        };
        assert!(!at(&[1]).moved());
        assert!(at(&[0]).moved() && at(&[0, 1]).moved());
        let gone = Pinned::look("gone", Some(u32::MAX >> 1), CpuId(0)).unwrap();
        assert!(gone.allowed.is_empty() && gone.moved());
        assert!(
            !Pinned::look("me", None, CpuId(0))
                .unwrap()
                .allowed
                .is_empty()
        );
    }
}
