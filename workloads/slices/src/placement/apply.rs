//! Makes a machine as the slices want it, and undoes it.
//!
//! Behind [`Host`], so that the order and the account are tested without a machine. Whatever a machine refuses
//! is recorded with its reason, and the rest is done all the same: a slice works without any of it, only its
//! packets change CPUs.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use sys::cpu::{self, CpuId};
use sys::device::Device;
use sys::ethtool::RssGuard;
use sys::journal::Journal;
use sys::napi::{self, NapiThread};
use sys::process::Identity;
use sys::sysctl::Guard;

use super::SliceCpus;
use super::settings::{Decision, Kind, Setting, decide};

/// The machine, as far as devices are told where to bring their packets.
pub trait Host {
    /// What a device says of itself.
    ///
    /// # Errors
    /// When there is no such device.
    fn describe(&mut self, device: &str) -> io::Result<Device>;

    /// Makes one setting, to be undone with the host.
    ///
    /// # Errors
    /// The machine's refusal.
    fn make(&mut self, device: &str, setting: &Setting) -> io::Result<()>;
}

/// What became of one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was made.
    Made(Setting),
    /// The device has no such setting.
    Skipped {
        /// Which.
        kind: Kind,
        /// Of this queue, or of the whole device.
        queue: Option<u16>,
        /// Why.
        reason: String,
    },
    /// The machine refused it.
    Refused {
        /// Which.
        setting: Setting,
        /// Why.
        reason: String,
    },
}

/// A device's setting and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The device.
    pub device: String,
    /// What became of it.
    pub outcome: Outcome,
}

impl Applied {
    /// Whether it puts a queue's packets on its k-peer.
    #[must_use]
    pub const fn holds_k_peer(&self) -> bool {
        match &self.outcome {
            Outcome::Made(Setting::Interrupt { .. } | Setting::NapiThread { .. }) => true,
            Outcome::Made(
                Setting::ReceiveSteering { .. }
                | Setting::TransmitSteering { .. }
                | Setting::Spread { .. },
            )
            | Outcome::Skipped { .. }
            | Outcome::Refused { .. } => false,
        }
    }
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.device)?;
        match &self.outcome {
            Outcome::Made(setting) => write!(f, "{setting:?}"),
            Outcome::Refused { setting, reason } => write!(f, "{setting:?} refused: {reason}"),
            Outcome::Skipped {
                kind,
                queue: None,
                reason,
            } => write!(f, "no {kind:?}: {reason}"),
            Outcome::Skipped {
                kind,
                queue: Some(queue),
                reason,
            } => {
                write!(f, "no {kind:?} of queue {queue}: {reason}")
            }
        }
    }
}

/// Tells every device where the packets of its queues belong. Queues on the same device must exist; those beyond the
/// number of slices are left alone.
///
/// # Errors
/// When a device is not there. Nothing else is an error: see what is returned.
pub fn apply<H: Host>(
    host: &mut H,
    devices: &[String],
    slices: &[SliceCpus],
) -> io::Result<Vec<Applied>> {
    let mut applied = Vec::new();
    for device in devices {
        for decision in decide(&host.describe(device)?, slices) {
            let outcome = match decision {
                Decision::Skip {
                    kind,
                    queue,
                    reason,
                } => Outcome::Skipped {
                    kind,
                    queue,
                    reason,
                },
                Decision::Make(setting) => match host.make(device, &setting) {
                    Ok(()) => Outcome::Made(setting),
                    Err(error) => {
                        let reason = error.to_string();
                        Outcome::Refused { setting, reason }
                    }
                },
            };
            let device = device.clone();
            applied.push(Applied { device, outcome });
        }
    }
    Ok(applied)
}

/// This machine, in the calling thread's network namespace. What was changed is put back, the last change first, when this
/// is dropped; with a journal it is put back after a crash as well.
#[derive(Debug, Default)]
pub struct Linux<'j> {
    journal: Option<&'j mut Journal>,
    undo: Vec<Undo>,
}

/// What puts one setting back.
#[derive(Debug)]
enum Undo {
    File {
        _guard: Guard,
    },
    Rss {
        _guard: RssGuard,
    },
    Pinned {
        thread: Identity,
        before: Vec<CpuId>,
    },
}

impl<'j> Linux<'j> {
    /// This machine. In a network namespace that ends with its processes no journal is needed.
    #[must_use]
    pub const fn new(journal: Option<&'j mut Journal>) -> Self {
        Self {
            journal,
            undo: Vec::new(),
        }
    }
}

/// How long the kernel may take to show the thread of a NAPI instance that was just made.
const THREAD_PATIENCE: Duration = Duration::from_secs(1);

impl Linux<'_> {
    fn set(&mut self, path: String, value: &str) -> io::Result<()> {
        let guard = Guard::set_file(PathBuf::from(path), value, self.journal.as_deref_mut())?;
        self.undo.push(Undo::File { _guard: guard });
        Ok(())
    }

    fn thread_napi(&mut self, device: &str, queue: u16, cpu: CpuId) -> io::Result<()> {
        if !napi::is_threaded(device)? {
            self.set(format!("/sys/class/net/{device}/threaded"), "1")?;
        }
        let found = thread_of(device, queue)?;
        let thread = Identity::of(found.pid)?;
        let before = cpu::affinity(Some(found.pid))?;
        napi::pin(&found, cpu)?;
        self.undo.push(Undo::Pinned { thread, before });
        Ok(())
    }
}

fn thread_of(device: &str, queue: u16) -> io::Result<NapiThread> {
    let patience = Instant::now() + THREAD_PATIENCE;
    loop {
        let threads = napi::threads(device)?;
        if let Some(found) = threads
            .into_iter()
            .find(|one| one.queue == u32::from(queue))
        {
            return Ok(found);
        }
        if Instant::now() >= patience {
            let reason = format!("queue {queue} of {device} has no NAPI thread");
            return Err(io::Error::new(io::ErrorKind::NotFound, reason));
        }
        thread::sleep(Duration::from_millis(5));
    }
}

impl Host for Linux<'_> {
    fn describe(&mut self, device: &str) -> io::Result<Device> {
        Device::describe(device)
    }

    fn make(&mut self, device: &str, setting: &Setting) -> io::Result<()> {
        let mask_file =
            |queue: &str, file| format!("/sys/class/net/{device}/queues/{queue}/{file}");
        match setting {
            Setting::Interrupt { irq, cpu, .. } => self.set(
                format!("/proc/irq/{irq}/smp_affinity_list"),
                &cpu.to_string(),
            ),
            Setting::NapiThread { queue, cpu } => self.thread_napi(device, *queue, *cpu),
            Setting::ReceiveSteering { queue, mask } => {
                self.set(mask_file(&format!("rx-{queue}"), "rps_cpus"), mask)
            }
            Setting::TransmitSteering { queue, mask } => {
                self.set(mask_file(&format!("tx-{queue}"), "xps_cpus"), mask)
            }
            Setting::Spread { table } => {
                let guard = RssGuard::set(device, table, self.journal.as_deref_mut())?;
                self.undo.push(Undo::Rss { _guard: guard });
                Ok(())
            }
        }
    }
}

impl Drop for Linux<'_> {
    fn drop(&mut self) {
        while let Some(undo) = self.undo.pop() {
            undo.undo();
        }
    }
}

impl Undo {
    /// Files and tables are put back by their guards, as they are dropped.
    fn undo(self) {
        match self {
            Self::File { .. } | Self::Rss { .. } => {}
            // A thread that is gone took its affinity along.
            Self::Pinned { thread, before } => {
                if thread.is_alive()
                    && let Err(error) = cpu::set_affinity(Some(thread.pid), &before)
                {
                    tracing::warn!(%error, pid = thread.pid, "a NAPI thread could not be unpinned");
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
