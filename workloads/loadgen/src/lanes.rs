//! Generators inside the kernel: each has a thread and a CPU of its own, for the CPU decides which queue of the far end
//! its frames come in by.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;

use sys::cpu::{CpuId, Pinned};

use crate::ClientError;

/// What came of a run.
pub(crate) struct Ran<R, T> {
    /// Of each lane, in their order.
    pub(crate) lanes: Vec<R>,
    /// Of whoever watched.
    pub(crate) watched: T,
    /// Where each lane's thread was allowed to run at its end.
    pub(crate) pinned: Vec<Pinned>,
}

/// Lets `work` run for each lane, whose number it is given, on a thread pinned to the lane's CPU; meanwhile `watch` runs
/// on the calling thread, which is told the threads' ids. None of them ends before it has returned: what an ended thread
/// used can no longer be read.
pub(crate) fn run<R: Send, T>(
    cpus: &[u32],
    work: impl Fn(usize) -> Result<R, ClientError> + Sync,
    watch: impl FnOnce(&[u32]) -> Result<T, ClientError>,
) -> Result<Ran<R, T>, ClientError> {
    let (tell, told) = channel();
    let work = &work;
    let watching = Mutex::new(());
    let over = &watching;
    thread::scope(|scope| {
        let held = watching.lock();
        let threads: Vec<_> = cpus
            .iter()
            .enumerate()
            .map(|(lane, &cpu)| {
                let tell = tell.clone();
                let on_its_cpu = move || {
                    let pin = format!("pinning a generator to CPU {cpu}");
                    sys::cpu::pin_current(CpuId(cpu)).map_err(ClientError::io(pin))?;
                    // The receiver waits for one id of each thread.
                    let _ = tell.send(rustix::thread::gettid().as_raw_pid().unsigned_abs());
                    let done = work(lane)?;
                    // Poisoned or not, the watch is over.
                    drop(over.lock());
                    let pinned = Pinned::look(&format!("generator on CPU {cpu}"), None, CpuId(cpu))
                        .map_err(ClientError::io("looking where a generator may run"))?;
                    Ok((done, pinned))
                };
                thread::Builder::new()
                    .name("generator".to_owned())
                    .spawn_scoped(scope, on_its_cpu)
                    .map_err(ClientError::io("starting a generator"))
            })
            .collect::<Result<_, ClientError>>()?;
        drop(tell);
        let ids: Vec<u32> = told.iter().take(cpus.len()).collect();
        let watched = watch(&ids);
        drop(held);
        let done: Vec<(R, Pinned)> = threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| ClientError::Panicked)?)
            .collect::<Result<_, ClientError>>()?;
        let (lanes, pinned) = done.into_iter().unzip();
        Ok(Ran {
            lanes,
            watched: watched?,
            pinned,
        })
    })
}
