//! The settings agent: what of the machine must be otherwise while a run lasts, and as it was afterwards, however the
//! run ends.

use std::io;

use anyhow::Result;
use protocol::Hello;
use sys::journal::Journal;
use sys::sysctl::{self, Guard};

/// Whether the scheduler shares a CPU among sessions first and among the threads of each after that.
///
/// With it the threads of a run, which are one session, weigh together as much as a single NAPI thread. On 6.18 it is
/// worse: while one of them is busy with many short calls and naps, kernel threads on its CPU get next to nothing, for
/// seconds. A paced generator at 50 000 frames/s then starved the receiver's NAPI thread; without it nothing was lost.
pub(crate) const AUTOGROUP: &str = "kernel.sched_autogroup_enabled";

/// Changes the settings, greets, and puts them back when its input ends. Who may not change them, or has a kernel
/// without them, runs with what there is; the run's record has it.
pub(super) fn hold() -> Result<()> {
    let held = match sysctl::read(AUTOGROUP).as_deref() {
        Ok("0") | Err(_) => None,
        Ok(_) => switch_off()?,
    };
    protocol::write_line(&mut io::stdout(), &Hello::of_this_process("settings"))?;
    io::copy(&mut io::stdin(), &mut io::sink())?;
    if let Some((guard, journal)) = held {
        let before = guard.old().to_owned();
        drop(guard);
        // Where it could not be put back, the journal lets the next run do so.
        if sysctl::read(AUTOGROUP)? == before {
            journal.clear()?;
        }
    }
    Ok(())
}

fn switch_off() -> Result<Option<(Guard, Journal)>> {
    let mut journal = Journal::open(&Journal::default_folder())?;
    match Guard::set(AUTOGROUP, "0", Some(&mut journal)) {
        Ok(guard) => Ok(Some((guard, journal))),
        // In a container /proc/sys is often mounted to be read only.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            journal.clear()?;
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
